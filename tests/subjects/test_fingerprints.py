"""The fingerprint changes with what is measured, and with nothing else."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset


def nudged_model(model):
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.bias[1] = torch.nextafter(other.bias[1], torch.tensor(torch.inf))
    return other


def nudged_inputs(inputs):
    other = inputs.clone()
    other[11, 4] = torch.nextafter(other[11, 4], torch.tensor(torch.inf))
    return TensorDataset(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, inputs: {"model": nudged_model(model)},
        lambda model, inputs: {"dataset": nudged_inputs(inputs)},
        lambda model, inputs: {"dataset": TensorDataset(inputs.flip(0))},
        lambda model, inputs: {"labels": [0, 1, 2] * 3 + [0, 1, 1]},
        lambda model, inputs: {"labels": [0.0, 1.0, 2.0] * 4},
        lambda model, inputs: {"name": "other"},
        lambda model, inputs: {"class_names": ["a", "b", "c"]},
        lambda model, inputs: {"feature_names": list("vwxyz")},
        lambda model, inputs: {"split": ["train"] * 12},
        lambda model, inputs: {"columns": {"age": np.arange(12)}},
        lambda model, inputs: {"parameters": lambda name: name == "bias"},
        lambda model, inputs: {"model": nn.Sequential(copy.deepcopy(model), nn.ReLU())},
    ],
    ids=[
        "one weight, by the last bit", "one input, by the last bit", "order of samples", "one label", "task", "name",
        "class names", "feature names", "split", "column", "measured parameters", "layer without weights",
    ],
)  # fmt: skip
def test_it_changes_with_what_is_measured(make_subject, model, inputs, change):
    """The smallest change of anything that a study is made from is seen."""
    assert make_subject(**change(model, inputs)).fingerprint() != make_subject().fingerprint()


def test_it_changes_with_nothing_else(make_subject, model, inputs):
    """How the same things were handed over, described or used before makes no difference."""
    used = copy.deepcopy(model).eval()
    used(inputs).sum().backward()
    labels = torch.arange(12) % 3
    other = make_subject(
        model=used,
        dataset=[(sample.double().numpy(), 0) for sample in inputs],
        labels=labels,
        description="another sentence",
        reference="elsewhere.py:make",
        picture=lambda sample: np.zeros((4, 4), dtype=np.uint8),
    )
    assert other.fingerprint() == make_subject().fingerprint()


def test_types_without_a_numpy_twin_are_covered(make_subject, model):
    """Half-precision weights have a fingerprint of their own, and one bit of them counts."""
    rounded = copy.deepcopy(model).bfloat16()
    other = copy.deepcopy(rounded)
    with torch.no_grad():
        other.bias[0] *= 2
    prints = {make_subject(model=one).fingerprint() for one in (model, rounded, other)}
    assert len(prints) == 3


PROGRAM = """
import torch
from explorer.subjects import Subject
model = torch.nn.Linear(2, 2)
torch.nn.init.ones_(model.weight), torch.nn.init.zeros_(model.bias)
subject = Subject(name="é", model=model, dataset=torch.eye(2), labels=[0, 1], columns={"b": ["x", "y"], "a": [1, 2]})
fingerprint = subject.fingerprint()
"""


def test_it_is_the_same_in_every_process():
    """Neither the order of hashing nor anything else of a process enters."""
    here = {}
    exec(PROGRAM, here)
    there = subprocess.run(
        [sys.executable, "-c", PROGRAM + "print(fingerprint)"],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert len(here["fingerprint"]) == 64
    assert here["fingerprint"] == there.stdout.strip()
