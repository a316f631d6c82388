"""One small subject of every kind, as a visitor's file would hold them: for tests that show new inputs to a study."""

import numpy as np
import torch
from torch import nn

from explorer.records import Settings
from explorer.subjects import Subject

SAMPLES = 48
SETTINGS = Settings(dim=12, neighbors=6, shard_size=20, calibration=16, device="cpu")
"""Narrow, so that features see only part of the gradients."""
KINDS = ("pictures", "line", "pair", "tokens")


def _numbers(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _network(*layers):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(*(layer() for layer in layers)).eval()


def pictures() -> Subject:
    """Classification of grey pictures by a convolution; every fifth label is wrong."""
    truth = torch.arange(SAMPLES) % 3
    shapes = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    inputs = (shapes[truth] + 0.1 * _numbers(SAMPLES, 1, 6, 6)).clamp(0, 1)
    model = _network(lambda: nn.Conv2d(1, 4, 3), nn.Tanh, nn.Flatten, lambda: nn.Dropout(0.5), lambda: nn.Linear(64, 3))
    labels = torch.where(torch.arange(SAMPLES) % 5 == 0, (truth + 1) % 3, truth)
    return Subject(name="pictures", model=model, dataset=inputs, labels=labels, class_names=["a", "<b>", "c"])


def line() -> Subject:
    """Regression of one number from rows with names."""
    inputs = _numbers(SAMPLES, 4)
    model = _network(lambda: nn.Linear(4, 16), nn.Tanh, lambda: nn.Linear(16, 1))
    names = ["age", "weight", "<i>", "dose"]
    return Subject(name="line", model=model, dataset=inputs, labels=inputs.sum(1), feature_names=names)


def pair() -> Subject:
    """Regression of two numbers from pairs of grey pictures, [2, 5, 5], as in a registration."""
    inputs = _numbers(SAMPLES, 2, 5, 5)
    model = _network(nn.Flatten, lambda: nn.Linear(50, 10), nn.Tanh, lambda: nn.Linear(10, 2))
    return Subject(name="pair", model=model, dataset=inputs, labels=inputs.flatten(1)[:, :2])


def tokens() -> Subject:
    """Classification of five tokens into two classes by one output."""
    inputs = torch.randint(0, 30, (SAMPLES, 5), generator=torch.Generator().manual_seed(2))
    model = _network(
        lambda: nn.Embedding(30, 6), nn.Flatten, lambda: nn.Linear(30, 8), nn.Tanh, lambda: nn.Linear(8, 1)
    )
    return Subject(name="tokens", model=model, dataset=inputs, labels=(inputs[:, 0] > 15).long())


def unlike_all(subject: Subject, count: int = 3) -> np.ndarray:
    """Inputs that no sample has."""
    own = subject.inputs(range(count)).numpy()
    return own[:, ::-1].copy() if own.dtype == np.int64 else own[::-1] + np.float32(0.05)
