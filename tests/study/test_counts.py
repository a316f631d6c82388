"""Laws of hard and power counts: they count pairs, they nest, and estimates stay near what they estimate."""

import numpy as np
import pytest
from pages.screen import copied, made_up_study
from twins import without_direction

from explorer.study.counts import EXPONENTS, THRESHOLDS, counts_of, neighbor_counts
from explorer.study.study import Study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study.open(made_up_study(tmp_path_factory.mktemp("counts") / "study"))


@pytest.fixture(scope="module")
def similarities(study):
    return study.similarity(np.arange(study.n), np.arange(study.n)).astype(np.float64)


def test_counts_are_those_of_all_pairs(study, similarities):
    """Threshold by threshold and exponent by exponent, over the similarities that the study shows."""
    counts = neighbor_counts(study)
    assert counts.among == study.n
    for threshold, found in zip(THRESHOLDS, counts.hard, strict=True):
        np.testing.assert_array_equal(found, (similarities > threshold).sum(1))
    for exponent, found in zip(EXPONENTS, counts.power, strict=True):
        np.testing.assert_allclose(found, (similarities.clip(0) ** exponent).sum(1), rtol=1e-5)


def test_the_hard_count_is_the_one_in_the_table(tiny_study):
    """Two programs count above the build's threshold, and agree."""
    threshold = tiny_study.manifest.steps["statistics"].notes["threshold"]
    counts = neighbor_counts(tiny_study).hard[THRESHOLDS.index(threshold)]
    np.testing.assert_array_equal(counts, tiny_study.samples["hard_density"])


def test_stricter_counts_are_smaller_and_nobody_is_without_itself(study):
    """N_τ falls with τ, N⁺_α with α; both are at least one."""
    counts = neighbor_counts(study)
    for family in (counts.hard, counts.power):
        assert (np.diff(family, axis=0) <= 1e-6).all()
        assert (family >= 1).all()


def test_the_counts_of_one_sample_are_its_own_among_all(study):
    """The short way and the long way agree."""
    counts, own = neighbor_counts(study), counts_of(study, 11)
    np.testing.assert_array_equal(own.hard[:, 0], counts.hard[:, 11])
    np.testing.assert_allclose(own.power[:, 0], counts.power[:, 11], rtol=1e-5)


def test_estimates_are_exact_where_neighbors_are_stored_and_near_elsewhere(study, monkeypatch):
    """With few pairs allowed, small hard counts stay exact, larger ones exceed the stored number, sums are near."""
    monkeypatch.setattr("explorer.study.counts.LEAST_OTHERS", 120)
    exact, estimate = neighbor_counts(study), neighbor_counts(study, pairs=1)
    assert estimate.among == 120
    stored = study.settings.neighbors
    is_small = exact.hard <= stored
    assert is_small.any() and not is_small.all()
    np.testing.assert_array_equal(estimate.hard[is_small], exact.hard[is_small])
    assert (estimate.hard[~is_small] > stored).all()
    # Half of the others are looked at: a mean over all samples is off by much less than one sample's estimate.
    np.testing.assert_allclose(estimate.power.mean(1), exact.power.mean(1), rtol=0.15)


def test_a_sample_without_gradient_is_left_out(study, monkeypatch):
    """It has no count, and nobody counts it."""
    known = np.arange(study.n) != 5
    rows = study.rows
    blind = Study.open(study.path)
    monkeypatch.setattr(
        blind,
        "rows",
        lambda name, wanted=None: (
            (known if wanted is None else known[wanted])
            if name == "valid"
            else rows(name, wanted) * known[wanted][:, None]
        ),
    )
    counts = neighbor_counts(blind)
    assert np.isnan(counts.hard[:, 5]).all() and np.isnan(counts.power[:, 5]).all()
    assert np.isnan(counts_of(blind, 5).hard).all()
    others = np.flatnonzero(known)
    expected = (study.similarity(others, others) > THRESHOLDS[0]).sum(1)
    np.testing.assert_array_equal(counts.hard[0, others], expected)


def test_a_sample_without_a_direction_takes_nothing_from_the_others(study, tmp_path):
    """It is similar to nobody: its own counts are one, and all others lose at most what it had added."""
    other = Study.open(without_direction(copied(study.path, tmp_path / "other"), 4))
    before, after = neighbor_counts(study), neighbor_counts(other)
    for had, has in ((before.hard, after.hard), (before.power, after.power)):
        assert has[:, 4] == pytest.approx(1)
        assert np.isfinite(has).all()
        others = np.arange(study.n) != 4
        assert (has[:, others] <= had[:, others] + 1e-6).all()
        assert (has[:, others] >= had[:, others] - 1 - 1e-6).all()
