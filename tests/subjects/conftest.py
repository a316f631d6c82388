import copy

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from explorer.subjects import Subject

SAMPLES, FEATURES, CLASSES = 12, 5, 3


@pytest.fixture
def inputs():
    return torch.randn(SAMPLES, FEATURES, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def model():
    layer = nn.Linear(FEATURES, CLASSES)
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(2)))
    return layer


@pytest.fixture
def make_subject(model, inputs):
    """Makes a sound classification subject of 12 samples, but for what is asked to differ."""

    def make(**changes):
        sound = {
            "name": "tiny",
            "model": copy.deepcopy(model),
            "dataset": TensorDataset(inputs.clone()),
            "labels": [row % CLASSES for row in range(SAMPLES)],
        }
        return Subject(**{**sound, **changes})

    return make
