"""Is one network better than another by more than chance? Held against slow and obvious ways to tell."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from explorer.training.comparison import compared_answers, compared_errors

PAIRS = some.lists(some.tuples(some.booleans(), some.booleans(), some.booleans()), min_size=1, max_size=60)


def at_least_as_uneven(won, lost):
    """Sum of the binomial probabilities of all splits that are as improbable as this one, for a fair coin."""
    total = won + lost
    ways = [comb(total, one) for one in range(total + 1)]
    return sum(way for way in ways if way <= ways[won]) / 2**total


def is_tail(won, total, share, upper):
    """Probability of a count as far out as this one when the share is as given."""
    counts = range(won, total + 1) if upper else range(won + 1)
    return sum(comb(total, one) * share**one * (1 - share) ** (total - one) for one in counts)


@given(PAIRS)
def test_shares_and_counts_are_those_of_the_samples(pairs):
    """Counted one by one; the probability is that of McNemar's test, added up coin by coin."""
    own, control, retrained = (np.array(column) for column in zip(*pairs, strict=True))
    found = compared_answers("held_out", own, control, retrained)
    assert found.samples == len(pairs)
    assert (found.own, found.control, found.retrained) == (own.mean(), control.mean(), retrained.mean())
    assert found.only_control == sum(one and not other for _, one, other in pairs)
    assert found.only_retrained == sum(other and not one for _, one, other in pairs)
    assert found.probability == pytest.approx(at_least_as_uneven(found.only_retrained, found.only_control))


@given(PAIRS)
def test_the_interval_holds_the_difference_and_turns_with_the_networks(pairs):
    """Within −1 and 1; exchanging the two networks mirrors it."""
    own, control, retrained = (np.array(column) for column in zip(*pairs, strict=True))
    found, turned = (compared_answers("held_out", own, *two) for two in ((control, retrained), (retrained, control)))
    ends = np.array([-1, found.low, found.difference, found.high, 1])
    assert (np.diff(ends) >= -1e-12).all()  # to rounding
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize(("won", "lost", "both"), [(12, 8, 980), (30, 8, 3962), (5, 0, 10), (0, 7, 0), (1, 1, 3)])
def test_the_ends_of_the_interval_are_where_the_tails_are_a_fortieth(won, lost, both):
    """Clopper and Pearson: at either end the seen split is as far out as 2.5 % of the time."""
    control = np.array([False] * won + [True] * lost + [True] * both)
    retrained = np.array([True] * won + [False] * lost + [True] * both)
    found = compared_answers("untouched", control, control, retrained)
    n, total = len(control), won + lost
    low, high = ((end * n / total + 1) / 2 for end in (found.low, found.high))
    assert low == pytest.approx(0) if not won else is_tail(won, total, low, upper=True) == pytest.approx(0.025)
    assert high == pytest.approx(1) if not lost else is_tail(won, total, high, upper=False) == pytest.approx(0.025)


def test_networks_that_agree_on_all_samples_are_not_known_to_be_equal():
    """The interval shrinks with the samples and never is nothing."""
    widths = [compared_answers("held_out", *[np.ones(n, dtype=bool)] * 3).high for n in (10, 100, 1000)]
    assert widths[0] > widths[1] > widths[2] > 0
    assert (1 - widths[1]) ** 100 == pytest.approx(0.025)


def test_errors_are_roots_of_means():
    """The numbers of a plain calculation, also when a network makes no error at all."""
    control, retrained = np.array([1.0, 4.0, 9.0]), np.zeros(3)
    found = compared_errors("held_out", control, control, retrained)
    assert (found.control, found.retrained) == (pytest.approx(np.sqrt(14 / 3)), 0.0)
    assert found.low < found.difference < found.high
    assert (found.only_control, found.only_retrained, found.probability) == (None, None, None)


def test_the_interval_of_errors_is_that_of_a_bootstrap():
    """Drawing the samples again and again gives the same two ends, to the noise of the draws."""
    random = np.random.default_rng(0)
    control = random.normal(size=400) ** 2
    retrained = 0.8 * control + 0.1 * random.normal(size=400) ** 2
    found = compared_errors("held_out", control, control, retrained)
    draws = random.integers(0, 400, (4000, 400))
    differences = np.sqrt(retrained[draws].mean(1)) - np.sqrt(control[draws].mean(1))
    low, high = np.quantile(differences, [0.025, 0.975])
    width = high - low
    assert found.low == pytest.approx(low, abs=width / 10) and found.high == pytest.approx(high, abs=width / 10)


def test_one_sample_proves_nothing():
    """There is no spread to measure chance with."""
    one = compared_errors("held_out", np.array([4.0]), np.array([4.0]), np.array([1.0]))
    assert not one.is_beyond_chance
    assert not compared_answers("held_out", *(np.array([value]) for value in (True, False, True))).is_beyond_chance
