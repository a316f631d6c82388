"""Splits and flips: exact shares, and nothing changed that may not be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from explorer.errors import SettingsError
from explorer.subjects.splits import HELD_OUT, flip_labels, stratified_split

seeds = some.integers(0, 2**32)
shares = some.floats(0.05, 0.95)


@given(labels=some.lists(some.integers(0, 4), min_size=1, max_size=60), share=shares, seed=seeds)
def test_every_class_is_held_out_in_the_same_share(labels, share, seed):
    """Of every class the rounded share is held out, whatever the order of the samples."""
    labels = np.array(labels)
    split = stratified_split(labels, share=share, seed=seed)
    for label in np.unique(labels):
        own = split[labels == label]
        assert (own == HELD_OUT).sum() == round(share * len(own))


@given(share=some.floats(0, 1), classes=some.integers(2, 6), seed=seeds)
def test_exactly_the_share_is_flipped_and_only_where_allowed(share, classes, seed):
    """A flipped label is another class that exists; the rows that may not change do not."""
    labels = np.arange(40) % classes
    rows = np.arange(5, 35)
    flipped = flip_labels(labels, rows, share=share, classes=classes, seed=seed)
    assert (flipped != labels).sum() == round(share * 30)
    np.testing.assert_array_equal(np.delete(flipped, rows), np.delete(labels, rows))
    assert flipped.min() >= 0 and flipped.max() < classes


def test_a_flip_goes_to_every_other_class_alike():
    """No class is favored: of 9,000 flips from one class, each of three others gets a third, within 5 sigma."""
    flipped = flip_labels(np.zeros(9000, dtype=int), np.arange(9000), share=1, classes=4, seed=0)
    counts = np.bincount(flipped, minlength=4)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 3000).max() < 5 * np.sqrt(9000 * (1 / 3) * (2 / 3))


def test_the_seed_decides():
    """One seed gives one split and one set of flips, another seed another."""
    labels = np.arange(200) % 10
    first, again, other = (stratified_split(labels, share=0.2, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    first, again, other = (flip_labels(labels, np.arange(200), share=0.1, classes=10, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_one_class_cannot_be_flipped():
    """There is no other class to flip to."""
    with pytest.raises(SettingsError, match="at least 2 classes, found 1"):
        flip_labels(np.zeros(4, dtype=int), np.arange(4), share=0.5, classes=1, seed=0)
