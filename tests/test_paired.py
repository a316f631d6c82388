"""Paired comparisons of the benchmarks: against permutations, against scipy, and where nothing is left to chance."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from benchmarks.paired import holm, paired_tests
from benchmarks.runs import Runs

CHANCES = some.lists(some.floats(0, 1), min_size=1, max_size=12)


def runs_of(**arms):
    """A table of one step from the values of each arm, seed by seed."""
    lines = [
        {"arm": arm, "seed": seed, "step": 20, "value": value}
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(lines)


def by_permutation(baseline, arm):
    """Chance of the mean difference if every seed's two values were exchanged at will: all 2^n exchanges."""
    differences = arm - baseline
    signs = np.array(list(product((-1, 1), repeat=len(differences))))
    means = np.abs((signs * differences).mean(1))
    return (means >= abs(differences.mean()) - 1e-12).mean()


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1, 0.4])
def test_the_chance_is_that_of_exchanging_the_values_of_a_seed(shift):
    """A test that assumes no normal law gives about the same p on data that have one."""
    random = np.random.default_rng(3)
    common = random.normal(0.6, 0.2, 14)
    baseline, arm = common + random.normal(0, 0.1, 14), common + shift + random.normal(0, 0.1, 14)
    found = paired_tests(runs_of(baseline=baseline, other=arm), [20]).iloc[0]
    assert found["p"] == pytest.approx(by_permutation(baseline, arm), abs=0.02)


def test_pairs_are_seeds_and_not_places():
    """Lines in another order, and a seed that one arm alone has, change nothing."""
    random = np.random.default_rng(0)
    runs = runs_of(baseline=random.normal(size=9), other=random.normal(size=8))
    found = paired_tests(runs.sample(frac=1, random_state=1), [20]).iloc[0]
    wide = runs.pivot_table("value", "seed", "arm").dropna()
    assert found["seeds"] == 8
    assert found["p"] == pytest.approx(stats.ttest_rel(wide["other"], wide["baseline"]).pvalue)
    assert found["difference"] == pytest.approx((wide["other"] - wide["baseline"]).mean())


def test_the_interval_leaves_zero_out_exactly_when_the_chance_is_below_one_in_twenty():
    """Interval and p are two sides of one test."""
    random = np.random.default_rng(5)
    for shift in np.linspace(0, 1, 25):
        found = paired_tests(runs_of(baseline=random.normal(size=10), other=shift + random.normal(size=10)), [20]).iloc[
            0
        ]
        assert (found["low"] > 0 or found["high"] < 0) == (found["p"] < 0.05)


def test_an_arm_like_the_baseline_has_no_difference():
    """Also where there is no spread to divide by."""
    same = [0.5, 0.7, 0.6]
    found = paired_tests(runs_of(baseline=same, twin=same, higher=np.add(same, 0.25)), [20]).set_index("arm")
    assert found.loc["twin", ["difference", "low", "high", "p"]].tolist() == [0, 0, 0, 1]
    assert found.loc["higher", "difference"] == pytest.approx(0.25)
    assert found.loc["higher", "p"] < 1e-6


@given(CHANCES)
def test_holm_is_between_one_test_and_all_of_them(chances):
    """Never smaller than p, never larger than Bonferroni's, and it keeps the order."""
    corrected = holm(chances)
    assert (corrected >= np.array(chances)).all() and (corrected <= 1).all()
    assert (corrected <= np.minimum(1, len(chances) * np.array(chances)) + 1e-12).all()
    order = np.argsort(chances, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


@given(CHANCES, some.floats(0.001, 0.5))
def test_holm_rejects_step_by_step(chances, level):
    """The definition: from the smallest on, as long as p is below level over the tests that are left."""
    order, rejected = np.argsort(chances, kind="stable"), set()
    for place, number in enumerate(order):
        if not chances[number] * (len(chances) - place) < level:
            break
        rejected.add(number)
    assert {number for number, one in enumerate(holm(chances)) if one < level} == rejected


def test_a_table_of_runs_goes_on_where_it_stopped(tmp_path):
    """What one process has added, the next one finds, line by line."""
    path, lines = tmp_path / "deep" / "runs.parquet", pd.DataFrame({"step": [10, 20], "value": [0.1, 0.2]})
    first = Runs(path, ("arm", "seed"))
    assert not first.has(arm="reward", seed=0)
    first.add(lines, arm="reward", seed=0)
    second = Runs(path, ("arm", "seed"))
    assert second.has(arm="reward", seed=0) and not second.has(arm="reward", seed=1)
    second.add(2 * lines, arm="reward", seed=1)
    told = Runs(path, ("arm", "seed")).table
    assert told["value"].tolist() == [0.1, 0.2, 0.2, 0.4] and told["seed"].tolist() == [0, 0, 1, 1]
