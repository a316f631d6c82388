"""Registration: maps that move exactly, labels that are wrong as said, and a split that shares no pixel."""

import numpy as np
import pytest
import torch

from explorer.subjects import load_subject
from explorer.subjects.patches import REACH, SIDE, choose_places, map_patches, maps, photographs
from explorer.subjects.registration import (
    FARTHEST,
    NOISE,
    SEARCH,
    AlignmentNetwork,
    annotations,
    patches_at,
    registration_subject,
)


@pytest.fixture(scope="module")
def some_places():
    return choose_places(40, held_out=False, generator=np.random.default_rng(5))


@pytest.mark.parametrize("moved", [(0, 0), (3, 0), (0, -4), (-5, 2), (REACH, -REACH)])
def test_a_displaced_map_is_the_map_of_another_place(some_places, moved):
    """Moving the map right by a and down by d shows what lies a further left and d further up: nothing wraps around."""
    across, down = moved
    elsewhere = some_places - np.array([0, down, across])
    found = map_patches(some_places, np.tile(moved, (len(some_places), 1)))
    np.testing.assert_array_equal(found, map_patches(elsewhere, np.zeros((len(some_places), 2))))
    for patch, (number, row, column) in zip(found, elsewhere, strict=True):
        np.testing.assert_array_equal(patch, maps()[number][:, row : row + SIDE, column : column + SIDE])


def test_between_whole_pixels_a_map_is_interpolated(some_places):
    """At (1/4, 1/2) it is the mean of the four whole displacements around, weighted by how close they are."""
    at = {
        step: map_patches(some_places, np.tile(step, (len(some_places), 1)))
        for step in [(0, 0), (1, 0), (0, 1), (1, 1), (0.25, 0.5)]
    }
    mean = 0.375 * at[0, 0] + 0.125 * at[1, 0] + 0.375 * at[0, 1] + 0.125 * at[1, 1]
    np.testing.assert_allclose(at[0.25, 0.5], mean, atol=1e-6)


def test_the_photograph_stays_where_it_is(some_places):
    """Displacements change the two channels of the map and no other."""
    still, moved = (patches_at(some_places, np.full((len(some_places), 2), by)) for by in (0.0, 3.0))
    assert torch.equal(still[:, :3], moved[:, :3])
    assert (still[:, 3:] != moved[:, 3:]).flatten(1).any(1).all()
    assert still.min() >= 0 and still.max() <= 1


def test_a_map_is_no_grey_copy():
    """Its shades rank the pixels otherwise than their brightness does, and its lines are a small part of it."""
    for photograph, (lines, shades) in zip(photographs(), maps(), strict=True):
        ranks = [np.argsort(np.argsort(one.ravel(), kind="stable")) for one in (photograph.sum(2), shades)]
        assert abs(np.corrcoef(*ranks)[0, 1]) < 0.7
        assert set(np.unique(lines)) == {0, 1} and lines.mean() < 0.3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_label_noise_is_as_it_is_said_to_be(seed):
    """Label minus truth is centered, has the stated deviation both ways, and knows nothing of the truth."""
    own = annotations(seed)
    noise, n = own.labels - own.truth, len(own.truth)
    np.testing.assert_allclose(noise.mean(0), 0, atol=4 * NOISE / n**0.5)
    np.testing.assert_allclose(noise.std(0), NOISE, rtol=4 / (2 * n) ** 0.5)
    correlations = np.corrcoef(np.column_stack([noise, own.truth]).T) - np.eye(4)
    assert np.abs(correlations).max() < 4.5 / n**0.5
    assert np.abs(own.truth).max() <= FARTHEST


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_held_out_patches_share_no_pixel_with_training_patches(seed):
    """Neither in the photograph nor in all that a displaced map can show of the surroundings."""
    own = annotations(seed)
    seen = {part: [np.zeros(one.shape[:2], dtype=bool) for one in photographs()] for part in ("train", "held-out")}
    for part, (number, row, column) in zip(own.split, own.places, strict=True):
        top, left = row - REACH, column - REACH
        assert top >= 0 and left >= 0
        seen[part][number][top : row + SIDE + REACH + 1, left : column + SIDE + REACH + 1] = True
    assert not any((one & other).any() for one, other in zip(*seen.values(), strict=True))
    assert (own.split == "held-out").sum() * 5 == len(own.split)
    assert len(np.unique(own.places, axis=0)) == len(own.places)


def test_the_network_compares_at_every_displacement():
    """Its answer is the softmax mean of inner products of features, taken one displacement at a time."""
    torch.manual_seed(1)
    model, inputs = AlignmentNetwork().double(), torch.rand(2, 5, SIDE, SIDE, dtype=torch.float64)
    side = SIDE - 2 * SEARCH
    with torch.no_grad():
        photograph = model.photograph(inputs[:, :3, SEARCH - 2 : 2 - SEARCH, SEARCH - 2 : 2 - SEARCH])
        photograph = photograph - photograph.mean((2, 3), keepdim=True)
        drawn, answers = model.map(inputs[:, 3:]), model(inputs)
    steps = range(-SEARCH, SEARCH + 1)
    for place in range(2):
        weights = {}
        for across in steps:
            for down in steps:
                window = drawn[place, :, SEARCH + down :, SEARCH + across :][:, :side, :side]
                weights[across, down] = float((window * photograph[place]).sum()) / side
        largest = max(weights.values())
        total = sum(np.exp(one - largest) for one in weights.values())
        mean = sum(np.exp(one - largest) / total * np.array(step) for step, one in weights.items())
        np.testing.assert_allclose(answers[place].numpy(), mean, atol=1e-9)


def test_the_subject_knows_the_truth_and_the_network_does_not():
    """Columns hold the truth; labels are off it by the distances in label_error; making it twice gives the same."""
    subject = registration_subject(AlignmentNetwork())
    truth = np.column_stack([subject.columns["true_0"], subject.columns["true_1"]])
    np.testing.assert_allclose(
        np.linalg.norm(subject.targets - truth, axis=1), subject.columns["label_error"], atol=1e-5
    )
    again = registration_subject(subject.model)
    assert subject.fingerprint() == again.fingerprint()
    assert subject.thumbnail(0).shape == (96, 96, 3)


def test_the_shipped_network_is_closer_to_the_truth_than_its_labels():
    """Median error at most 0.35 deviations of the label noise, on patches it was trained on and on others."""
    subject = load_subject("registration")
    truth = np.column_stack([subject.columns["true_0"], subject.columns["true_1"]])
    with torch.no_grad():
        answers = torch.cat(
            [subject.output(subject.model, part) for part in subject.inputs(range(len(subject))).split(500)]
        )
    errors = np.linalg.norm(answers.numpy() - truth, axis=1)
    for rows in (subject.train_rows, subject.held_out_rows):
        assert np.median(errors[rows]) <= 0.35 * NOISE
