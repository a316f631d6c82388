"""Laws of capture and recapture: what a review has seen, and what it has left."""

import math

import numpy as np
import pytest

from explorer.study.coverage import coverage, expected_left

EVEN = np.linspace(0, 1, 101)


def listed(n, errors, power, seed=0):
    """Suspicions 0 to 1 of n samples, and which are wrong: errors lie where u^power of planted ones, evenly u, do."""
    suspicion = np.linspace(0, 1, n)
    above = np.random.default_rng(seed).random(errors) ** (1 / power)
    wrong = np.zeros(n, dtype=bool)
    wrong[((1 - above) * (n - 1)).round().astype(int)] = True
    return suspicion, wrong


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_top_of_the_list_covers_the_planted_errors_above_it(share):
    """A share of samples from the top covers the same share of errors that are spread evenly."""
    suspicion = np.linspace(0, 1, 2001)
    assert coverage(suspicion, suspicion > 1 - share, EVEN) == pytest.approx(share, abs=0.001)


def test_all_reviewed_is_all_covered_and_none_is_none():
    """Whatever was planted where, with and without what was found."""
    suspicion, wrong = listed(500, 60, 2)
    every, none = np.ones(500, dtype=bool), np.zeros(500, dtype=bool)
    for planted in (EVEN, EVEN**0.1, np.ones(101), np.zeros(101)):
        assert coverage(suspicion, every, planted) == pytest.approx(1)
        assert coverage(suspicion, every, planted, wrong) == pytest.approx(1)
        assert coverage(suspicion, none, planted) == coverage(suspicion, none, planted, wrong) == 0


def test_a_review_in_any_order_covers_what_lies_where_it_looked():
    """Every third sample of the upper half covers a third of the errors planted there."""
    suspicion = np.linspace(0, 1, 3000)
    reviewed = (suspicion > 0.5) & (np.arange(3000) % 3 == 0)
    assert coverage(suspicion, reviewed, 0.5 + EVEN / 2) == pytest.approx(1 / 3, abs=0.001)


def test_reviewing_more_covers_more():
    """Step by step from the top."""
    suspicion, _ = listed(300, 30, 1)
    steps = [coverage(suspicion, suspicion > bound, EVEN**0.3) for bound in np.linspace(1, 0, 30)]
    assert (np.diff(steps) >= 0).all()


def test_shuffled_samples_and_ties_change_nothing():
    """Only who has which suspicion counts; samples of one suspicion are taken together."""
    suspicion, wrong = listed(400, 50, 2)
    suspicion = suspicion.round(2)
    reviewed = np.random.default_rng(1).random(400) < suspicion
    expected = coverage(suspicion, reviewed, EVEN**0.5, wrong & reviewed)
    order = np.random.default_rng(2).permutation(400)
    shuffled = coverage(suspicion[order], reviewed[order], EVEN**0.5, (wrong & reviewed)[order])
    assert shuffled == pytest.approx(expected)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_errors_that_come_up_later_than_planted_ones_are_allowed_for(power):
    """After half of the list the number left is right within a quarter, whatever the power."""
    suspicion, wrong = listed(20_000, 2000, power)
    reviewed = suspicion > 0.5
    found = int((wrong & reviewed).sum())
    left = expected_left(found, coverage(suspicion, reviewed, EVEN, wrong & reviewed))
    assert left == pytest.approx(wrong.sum() - found, rel=0.25)


def test_without_what_was_found_errors_that_come_later_are_underestimated():
    """The caution of the docstring: taken at face value, planted errors promise too much."""
    suspicion, wrong = listed(20_000, 2000, 2)
    reviewed = suspicion > 0.5
    found = int((wrong & reviewed).sum())
    assert expected_left(found, coverage(suspicion, reviewed, EVEN)) < 0.7 * (wrong.sum() - found)


def test_samples_that_are_not_ranked_do_not_count():
    """A row of nan, reviewed and wrong or not, changes nothing; with such rows alone nothing is known."""
    suspicion, wrong = listed(100, 20, 1)
    reviewed = suspicion > 0.5
    more = coverage(np.append(suspicion, np.nan), np.append(reviewed, True), EVEN, np.append(wrong & reviewed, True))
    assert more == coverage(suspicion, reviewed, EVEN, wrong & reviewed)
    assert math.isnan(coverage(np.full(3, np.nan), np.ones(3, dtype=bool), EVEN))
    assert math.isnan(coverage(suspicion, reviewed, []))


def test_what_is_left_completes_what_was_found():
    """Found over all is the coverage; nothing is left once all is covered; nothing is known before."""
    assert expected_left(30, 0.75) / 40 == pytest.approx(0.25)
    assert expected_left(12, 1.0) == 0
    assert math.isnan(expected_left(0, 0.0)) and math.isnan(expected_left(0, float("nan")))
