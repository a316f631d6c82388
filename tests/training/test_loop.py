"""The training loop: what it minimizes, what it may look at, and that a seed decides all."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from explorer.errors import SubjectError
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.training import train


def new_model(*layers, seed=0):
    model = nn.Sequential(*layers)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) / 4)
    return model


def line_subject(targets, **changes):
    """40 samples of two features, and a linear network: least squares has a closed form."""
    sound = {
        "name": "line",
        "model": new_model(nn.Linear(2, 1)),
        "dataset": TensorDataset(torch.randn(40, 2, generator=torch.Generator().manual_seed(3))),
        "labels": targets,
    }
    return Subject(**{**sound, **changes})


def noisy_line():
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(40, 2, generator=generator)
    return inputs @ torch.tensor([2.0, -1.0]) + 0.5 + 0.3 * torch.randn(40, generator=generator)


def classes_subject(**changes):
    """60 samples in three well-parted clouds."""
    labels = np.arange(60) % 3
    noise = torch.randn(60, 2, generator=torch.Generator().manual_seed(5)) / 4
    centers = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    sound = {
        "name": "clouds",
        "model": new_model(nn.Linear(2, 3)),
        "dataset": TensorDataset(centers[labels] + noise),
        "labels": labels,
        "split": np.where(np.arange(60) % 5 == 0, "held-out", "train"),
    }
    return Subject(**{**sound, **changes})


def weights_of(subject):
    return torch.cat([value.detach().flatten() for value in subject.model.parameters()])


def test_squared_loss_finds_the_least_squares_line():
    """Trained long enough, a linear network is the solution of the normal equations."""
    targets = noisy_line()
    subject = line_subject(targets)
    train(subject, Recipe(epochs=150, loss="l2", learning_rate=0.1, batch_size=40), device="cpu")
    design = np.column_stack([subject.inputs(range(40)).numpy(), np.ones(40)])
    expected = np.linalg.lstsq(design, targets.numpy(), rcond=None)[0]
    np.testing.assert_allclose(weights_of(subject).numpy(), expected, atol=1e-3)


def test_absolute_loss_finds_the_median():
    """With inputs of zero the bias alone is fitted: to the mean by l2, to the median by l1."""
    targets = torch.tensor([0.0, 0.1, 0.2, 0.3, 9.0])
    found = {}
    for loss in ("l1", "l2"):
        subject = line_subject(targets, dataset=TensorDataset(torch.zeros(5, 2)))
        train(subject, Recipe(epochs=150, loss=loss, learning_rate=0.2, batch_size=5), device="cpu")
        found[loss] = subject.model[0].bias.item()
    assert found["l1"] == pytest.approx(0.2, abs=0.02)
    assert found["l2"] == pytest.approx(1.92, abs=0.02)


def test_classes_that_can_be_told_apart_are():
    """Three clouds are learned, also on the samples that were not shown."""
    log = train(classes_subject(), Recipe(epochs=20, loss="cross-entropy", learning_rate=0.1), device="cpu")
    assert log.train_accuracy.iloc[-1] == log.held_out_accuracy.iloc[-1] == 1.0
    assert log.loss.iloc[-1] < log.loss.iloc[0] / 4


def test_one_output_tells_two_classes_apart():
    """A network with a single logit is trained on classes 0 and 1."""
    labels = (torch.randn(40, 2, generator=torch.Generator().manual_seed(3))[:, 0] > 0).long()
    log = train(line_subject(labels), Recipe(epochs=60, loss="cross-entropy", learning_rate=0.2), device="cpu")
    assert log.train_accuracy.iloc[-1] >= 0.95


def test_held_out_samples_are_never_learned_from():
    """Their labels and inputs can be anything: the weights come out the same."""
    recipe = Recipe(epochs=3, loss="cross-entropy", batch_size=8)
    subject = classes_subject()
    inputs, labels = subject.inputs(range(60)), subject.targets.copy()
    inputs[subject.held_out_rows], labels[subject.held_out_rows] = 100.0, 0
    other = classes_subject(dataset=TensorDataset(inputs), labels=labels)
    for one in (subject, other):
        train(one, recipe, device="cpu")
    assert torch.equal(weights_of(subject), weights_of(other))


def test_a_seed_decides_all():
    """The same seed gives the same weights and log to the last bit, dropout included; another seed gives others."""

    def run(seed):
        subject = classes_subject(model=new_model(nn.Linear(2, 16), nn.Dropout(0.5), nn.Linear(16, 3)))
        log = train(subject, Recipe(epochs=3, loss="cross-entropy", batch_size=8), seed=seed, device="cpu")
        return weights_of(subject), log.drop(columns="seconds")

    (first, first_log), (again, again_log), (other, _) = run(1), run(1), run(2)
    assert torch.equal(first, again)
    assert first_log.equals(again_log)
    assert not torch.equal(first, other)


def test_training_leaves_the_random_state_alone():
    """Neither torch's nor numpy's numbers are used up."""
    subject = classes_subject(model=new_model(nn.Linear(2, 4), nn.Dropout(), nn.Linear(4, 3)))
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 (the global one)
    train(subject, Recipe(epochs=1, loss="cross-entropy"), device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002 (the global one)


def test_the_log_has_an_epoch_a_row():
    """Epochs from 1, time that only grows, and the measures of the task on both parts."""
    told = []
    recipe = Recipe(epochs=4, loss="cross-entropy")
    log = train(classes_subject(), recipe, device="cpu", progress=lambda *news: told.append(news))
    assert log.columns.tolist() == ["epoch", "loss", "train_accuracy", "held_out_accuracy", "seconds"]
    assert log.epoch.tolist() == [1, 2, 3, 4]
    assert log.seconds.is_monotonic_increasing
    assert [(done, total) for done, total, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1][2] == log.iloc[-1].to_dict()


def test_the_last_row_is_about_the_final_network():
    """What is logged is measured after the epoch, in evaluation mode, on every sample."""
    subject = classes_subject(model=new_model(nn.Linear(2, 16), nn.Dropout(0.9), nn.Linear(16, 3)))
    log = train(subject, Recipe(epochs=5, loss="cross-entropy", learning_rate=0.05), device="cpu")
    assert not any(module.training for module in subject.model.modules())
    right = (subject.model(subject.inputs(range(60))).argmax(1).numpy() == subject.targets)[subject.train_rows]
    assert log.train_accuracy.iloc[-1] == pytest.approx(right.mean())


def test_without_held_out_samples_there_is_no_column_for_them():
    """What does not apply is absent."""
    log = train(line_subject(noisy_line()), Recipe(epochs=1, loss="l2"), device="cpu")
    assert log.columns.tolist() == ["epoch", "loss", "train_rmse", "seconds"]


def test_the_step_size_decays_to_nothing():
    """With decay the weights hardly move in the last epoch; without it they go on."""
    moved = {}
    for decay in (True, False):
        subject, places = line_subject(noisy_line()), []
        train(
            subject,
            Recipe(epochs=20, loss="l1", learning_rate=0.05, batch_size=8, decay=decay),
            device="cpu",
            progress=lambda *_, kept=places, trained=subject: kept.append(weights_of(trained).clone()),
        )
        moved[decay] = (places[-1] - places[-2]).norm().item()
    assert moved[True] < moved[False] / 10


def test_a_last_batch_of_one_sample_does_not_stop_batch_normalization():
    """9 samples by 4 are three batches of 3, none of a single sample."""
    subject = line_subject(
        noisy_line()[:9],
        dataset=TensorDataset(torch.randn(9, 2, generator=torch.Generator().manual_seed(3))),
        model=nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)),
    )
    log = train(subject, Recipe(epochs=1, loss="l2", batch_size=4), device="cpu")
    assert np.isfinite(log.loss).all()


def test_a_loss_that_is_no_number_stops_the_training():
    """It is said in which epoch, and what to do."""
    subject = line_subject(noisy_line(), model=new_model(nn.Linear(2, 1)))
    with pytest.raises(SubjectError, match="must stay finite, found .* in epoch 1. Lower the learning rate"):
        train(subject, Recipe(epochs=2, loss="l2", learning_rate=1e30, decay=False, batch_size=4), device="cpu")


def test_without_training_samples_there_is_nothing_to_train():
    """A split that holds everything out is named, not divided by."""
    with pytest.raises(SubjectError, match="expected samples to train on, found none"):
        train(classes_subject(split=["held-out"] * 60), Recipe(epochs=1, loss="cross-entropy"), device="cpu")
