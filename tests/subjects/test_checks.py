"""check(): every way in which a subject can be unfit has its own sentence, and a fit one is left as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import SubjectError


class Raises:
    """A data set whose sample 9 cannot be read."""

    def __len__(self):
        return 12

    def __getitem__(self, row):
        if row == 9:
            raise OSError("truncated file")
        return torch.ones(5)


class Wanders(Raises):
    """A data set that augments at random."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(0)

    def __getitem__(self, row):
        return torch.randn(5, generator=self.generator)


class Answer(nn.Linear):
    """A network whose answer is passed through a function."""

    def __init__(self, change, outputs=3):
        super().__init__(5, outputs)
        self.change = change

    def forward(self, samples):
        return self.change(super().forward(samples))


def changed(tensor, place, value):
    copy = tensor.clone()
    copy[place] = value
    return copy


def with_weight(value):
    layer = nn.Linear(5, 3)
    with torch.no_grad():
        layer.weight[1, 2] = value
    return layer


NUMBERS = torch.arange(60.0).reshape(12, 5)
PROBLEMS = {
    "too few labels": ({"labels": [0, 1, 2]}, "expected 12 labels, one a sample, found 3"),
    "label missing": (
        {"labels": changed(torch.ones(12), 4, torch.nan)},
        "labels must be finite, found nan for sample 4",
    ),
    "negative class": (
        {"labels": changed(torch.ones(12).long(), 6, -1)},
        "classes count from 0, found -1 for sample 6",
    ),
    "class too large": (
        {"labels": changed(torch.ones(12).long(), 5, 3)},
        "tells 3 classes apart, numbered 0 to 2, found label 3 for sample 5",
    ),
    "broken class": (
        {"labels": changed(torch.ones(12), 2, 0.5), "task": "classification"},
        "whole numbers, found 0.5 for sample 2",
    ),
    "one-hot labels": ({"labels": np.eye(12, dtype=int)}, "pass labels.argmax(1)"),
    "too few class names": ({"class_names": ["a", "b"]}, "expected 3 class names, one a class, found 2"),
    "split of another length": ({"split": ["train"] * 3}, "split must hold one value for each of the 12 samples"),
    "unknown split": ({"split": ["train"] * 11 + ["test"]}, "split must be train or held-out, found test"),
    "column of another length": ({"columns": {"age": [1, 2]}}, "age must hold one value for each of the 12 samples"),
    "too few feature names": ({"feature_names": ["a"]}, "expected 5 feature names, one a feature, found 1"),
    "no parameter": ({"model": nn.Flatten()}, "a parameter to differentiate, found none among its 0"),
    "filter drops all": ({"parameters": lambda name: False}, "let the subject's parameters filter keep some"),
    "no axis filled": ({"dataset": torch.zeros(12, 0)}, "inputs must hold numbers, found none in the shape [0]"),
    "words that raise": (
        {"words": lambda tokens: 1 / 0},
        "words must draw every sample, found ZeroDivisionError: division by zero for sample 0",
    ),
    "lazy layer": ({"model": nn.LazyLinear(3)}, "the parameter weight has no shape yet"),
    "weight not finite": ({"model": with_weight(torch.nan)}, "found nan or infinity in the parameter weight"),
    "input not finite": (
        {"dataset": changed(NUMBERS, (7, 1), torch.inf)},
        "inputs must be finite, found nan or infinity in sample 7",
    ),
    "item raises": ({"dataset": Raises()}, "sample 9 could not be read: OSError: truncated file"),
    "item of another shape": (
        {"dataset": [torch.ones(5)] * 8 + [torch.ones(4)] * 4},
        "found [5] for sample 0 and [4] for sample 8",
    ),
    "item without numbers": (
        {"dataset": [torch.ones(5)] * 11 + [{"pixels": 1}]},
        "found a dict of 1 for sample 11",
    ),
    "random data": ({"dataset": Wanders()}, "Turn off augmentation and other random transforms"),
    "wrong input shape": ({"model": nn.Linear(4, 3)}, "the network must take inputs [12, 5] of float32, found"),
    "wrong input type": ({"dataset": NUMBERS.long()}, "the network must take inputs [12, 5] of int64, found"),
    "output not finite": (
        {"model": Answer(lambda x: x / 0)},
        "outputs must be finite, found nan or infinity for sample",
    ),
    "dictionary": ({"model": Answer(lambda x: {"logits": x})}, "found a dict with keys logits for 12 samples"),
    "tuple": ({"model": Answer(lambda x: (x, x))}, "found a tuple of 2 for 12 samples"),
    "class numbers": ({"model": Answer(lambda x: x.argmax(1))}, "found int64 [12] for 12 samples"),
    "one answer for all": ({"model": Answer(lambda x: x.sum(0))}, "found float32 [3] for 12 samples"),
    "pixels": ({"model": Answer(lambda x: x[..., None])}, "found float32 [12, 3, 1] for 12 samples"),
    "no gradient": ({"model": Answer(lambda x: x.detach())}, "Remove no_grad, detach or argmax"),
    "random network": ({"model": Answer(lambda x: nn.functional.dropout(x, training=True))}, "training=True"),
    "batch statistics": (
        {"model": Answer(lambda x: x - x.mean(0, keepdim=True))},
        "must not depend on the other samples of its batch",
    ),
    "too many outputs": ({"labels": np.linspace(0, 1, 12)}, "must give 1 output(s), one a target, found 3"),
    "too few outputs": ({"labels": np.ones((12, 4))}, "must give 4 output(s), one a target, found 3"),
    "counts taken for classes": ({"model": nn.Linear(5, 1)}, 'or pass task="regression"'),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_has_its_sentence(make_subject, problem):
    """What is wrong is named, with the row, the parameter or the shape, and the last sentence says what to do."""
    changes, words = PROBLEMS[problem]
    subject = make_subject(**changes)
    with pytest.raises(SubjectError) as caught:
        subject.check()
    message = str(caught.value)
    assert words in message
    assert message.endswith(".") and "\n" not in message.split(": ", 1)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"labels": np.linspace(0, 1, 12), "model": nn.Linear(5, 1)},
        {"labels": np.ones((12, 3))},
        {"labels": [0, 1] * 6, "model": nn.Linear(5, 1), "class_names": ["no", "yes"]},
        {"dataset": NUMBERS.long(), "model": nn.Sequential(nn.Embedding(60, 3), nn.Flatten(), nn.Linear(15, 3))},
        {"model": nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))},
    ],
    ids=["classes", "target", "targets", "two classes by one output", "tokens", "left in training mode"],
)
def test_a_fit_subject_passes(make_subject, changes):
    """Nothing is said of a subject that can be measured."""
    make_subject(**changes).check()


def test_check_leaves_the_model_as_it_was(make_subject):
    """Neither its mode nor its running statistics nor its gradients are changed."""
    model = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5), nn.BatchNorm1d(3)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    make_subject(model=model).check()
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_broken_samples_pass_and_are_answered_by_nothing(make_subject):
    """Their inputs may be nan; their outputs are zero without a gradient, and those of the others what they were."""
    inputs = changed(NUMBERS, 4, torch.nan)
    is_broken = np.arange(12) == 4
    subject, whole = make_subject(dataset=inputs, broken=is_broken), make_subject(dataset=NUMBERS)
    subject.check()
    model = subject.model.requires_grad_(True)
    outputs = subject.output(model, subject.inputs(range(12)))
    others = np.flatnonzero(~is_broken)
    assert torch.equal(outputs[others], whole.output(whole.model, whole.inputs(others)))
    assert not outputs[4].any()
    slopes = torch.autograd.grad(outputs[4].sum(), list(model.parameters()))
    assert not any(slope.any() for slope in slopes)
    assert subject.columns["broken"].tolist() == is_broken.tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"broken": [True] * 12}, "found that all are broken"),
        ({"broken": [True] * 3}, "broken must hold one value for each of the 12 samples"),
        ({"broken": np.arange(12) == 3}, "found nan or infinity in sample 4"),
    ],
)
def test_broken_samples_are_those_that_are_marked(make_subject, changes, words):
    """No more and no fewer."""
    subject = make_subject(dataset=changed(NUMBERS, 4, torch.nan), **changes)
    with pytest.raises(SubjectError, match=words):
        subject.check()
