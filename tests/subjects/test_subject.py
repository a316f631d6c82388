"""A subject: what it tells from what it is given, and what every reader of it may rely on."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects import evaluating


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        ([0, 1, 2] * 4, "classification"),
        (torch.arange(12) % 2 == 0, "classification"),
        (np.linspace(0, 1, 12), "regression"),
        (np.ones((12, 3), dtype=np.float32), "regression"),
    ],
)
def test_task_is_told_from_the_labels(make_subject, labels, task):
    """Whole numbers are classes, other numbers are targets."""
    assert make_subject(labels=labels).task == task


def test_a_given_task_wins_over_the_labels(make_subject):
    """Whole-number targets and classes written as floats are both possible when asked for."""
    counts = make_subject(labels=[3, 4, 5] * 4, task="regression")
    classes = make_subject(labels=[0.0, 1.0, 2.0] * 4, task="classification")
    assert counts.targets.dtype == np.float32
    assert classes.targets.dtype == np.int64


def test_labels_given_apart_and_labels_in_the_items_are_the_same(make_subject, inputs):
    """Where the labels come from makes no difference."""
    labels = [2, 0, 1] * 4
    apart = make_subject(labels=labels)
    inside = make_subject(labels=None, dataset=list(zip(inputs, labels, strict=True)))
    assert inside.task == apart.task
    np.testing.assert_array_equal(inside.targets, apart.targets)
    torch.testing.assert_close(inside.inputs(range(12)), apart.inputs(range(12)), rtol=0, atol=0)


def test_a_column_of_targets_is_a_vector(make_subject):
    """[n, 1] means the same as [n]; [n, c] keeps its columns."""
    assert make_subject(labels=np.ones((12, 1))).targets.shape == (12,)
    assert make_subject(labels=np.ones((12, 2))).targets.shape == (12, 2)


def test_inputs_come_in_the_order_that_was_asked_for(make_subject, inputs):
    """Row i is sample i, also when rows are shuffled or repeated."""
    rows = [7, 0, 7, 11]
    torch.testing.assert_close(make_subject().inputs(rows), inputs[rows], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (torch.ones(12, 5, dtype=torch.float64), torch.float32),
        (torch.ones(12, 5, dtype=torch.uint8), torch.float32),
        (np.ones((12, 5), dtype=np.int32), torch.int64),
        (np.ones((12, 5), dtype=">f8"), torch.float32),
        (np.broadcast_to(np.float32(1), (12, 5)), torch.float32),
    ],
    ids=["double", "bytes", "tokens", "big endian", "read-only"],
)
def test_inputs_are_floats_or_tokens(make_subject, values, expected):
    """Whatever the data set holds, networks get float32, or int64 where the numbers are tokens."""
    inputs = make_subject(dataset=values).inputs([0, 1])
    assert inputs.dtype == expected
    assert (inputs == 1).all()


def test_no_rows_are_an_empty_stack_of_the_right_shape(make_subject):
    """Asking for nothing gives nothing, with the axes of the inputs."""
    assert make_subject().inputs([]).shape == (0, 5)


def test_output_always_has_an_axis_for_the_outputs(make_subject, inputs):
    """A network that answers one number a sample has one output."""
    subject = make_subject(labels=np.ones(12), outputs=lambda model, samples: model(samples)[:, 0])
    output = subject.output(subject.model, inputs)
    assert output.shape == (12, 1)
    torch.testing.assert_close(output[:, 0], subject.model(inputs)[:, 0])


def test_output_is_usable_under_vmap(make_subject, inputs):
    """Mapped over single samples it gives what it gives for the batch."""
    subject = make_subject()
    mapped = torch.func.vmap(lambda sample: subject.output(subject.model, sample[None])[0])(inputs)
    torch.testing.assert_close(mapped, subject.output(subject.model, inputs))


def test_outputs_takes_what_is_needed_out_of_a_dictionary(make_subject, inputs):
    """A network with its own way to answer is measured through `outputs`."""

    class Answers(nn.Linear):
        def forward(self, samples):
            return {"logits": super().forward(samples), "embedding": samples}

    subject = make_subject(model=Answers(5, 3), outputs=lambda model, samples: model(samples)["logits"])
    assert subject.output(subject.model, inputs).shape == (12, 3)


def test_only_the_filter_leaves_parameters_out(make_subject, model):
    """Parameters that were frozen in training are measured like all others; filtered ones are not."""
    assert list(make_subject(parameters=lambda name: name == "weight").measured_parameters()) == ["weight"]
    frozen = make_subject(model=model.requires_grad_(False))
    assert list(frozen.measured_parameters()) == ["weight", "bias"]
    frozen.check()


def test_train_and_held_out_rows_part_the_samples(make_subject):
    """Every sample is in one of the two; without a split all are for training."""
    split = ["held-out" if row in (2, 5) else "train" for row in range(12)]
    subject = make_subject(split=split)
    assert subject.held_out_rows.tolist() == [2, 5]
    assert sorted([*subject.train_rows, *subject.held_out_rows]) == list(range(12))
    assert make_subject().train_rows.tolist() == list(range(12))


def test_evaluating_puts_every_mode_back(make_subject):
    """A network with some layers in training and others not is afterwards as it was, even after an error."""
    model = nn.Sequential(nn.Linear(5, 3), nn.Dropout(), nn.BatchNorm1d(3))
    model.train()
    model[2].eval()
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == before


def test_a_subject_cannot_be_changed(make_subject):
    """What a fingerprint was taken of stays what it was, also when the arrays that it was made from go on."""
    labels, ages = np.arange(12) % 3, np.arange(12)
    subject = make_subject(labels=labels, columns={"age": ages})
    before = subject.fingerprint()
    labels[0], ages[0] = 2, 99
    assert subject.targets[0] == subject.columns["age"][0] == 0
    assert subject.fingerprint() == before
    with pytest.raises(FrozenInstanceError):
        make_subject().name = "another"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": lambda samples: samples}, "must be a torch.nn.Module, found a function"),
        ({"dataset": iter([])}, "must have a length and items by number, found a list_iterator"),
        ({"dataset": []}, "at least 2 samples to compare, found 0"),
        ({"labels": None}, "expected labels, found none"),
        ({"labels": ["cat", "dog"] * 6}, "Number the classes from 0 and name them in class_names"),
        ({"labels": [[1], [1, 2]] * 6}, "labels must be an array of numbers"),
        ({"task": "ranking"}, "classification or regression, found 'ranking'"),
        ({"kind": "video"}, "kind must be one of image, row, point, signal, displacement, text, found 'video'"),
        ({"kind": "image"}, 'kind="image" does not suit inputs of shape [5]'),
    ],
)
def test_what_is_no_subject_is_refused_at_once(make_subject, changes, words):
    """What can be seen without reading the data is said when the subject is made."""
    with pytest.raises(SubjectError) as caught:
        make_subject(**changes)
    assert words in str(caught.value)
