"""Laws of the tables in assets/experiments that the page Training draws: they follow from their runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import enforcing, invariance

TABLES = Path(__file__).parents[1] / "assets" / "experiments"


def table(name):
    return pd.read_parquet(TABLES / f"{name}.parquet")


def assert_same(shipped, found):
    pd.testing.assert_frame_equal(shipped, found, check_exact=False, rtol=1e-9, atol=1e-12)


def test_the_tests_of_enforcing_are_those_of_its_runs():
    assert_same(table("enforcing-tests"), enforcing.tests_of(table("enforcing-runs")))


def test_the_tests_of_invariance_are_those_of_its_runs():
    assert_same(table("invariance-tests"), invariance.tests_of(table("invariance-runs")))


@pytest.mark.parametrize("setting", enforcing.SETTINGS, ids=lambda one: one.name)
def test_every_arm_was_run_to_its_end_with_every_seed(setting):
    """No arm is judged by fewer trainings than were planned, and none was left out for how it fell."""
    runs = table("enforcing-runs")
    own = runs[(runs["data"] == setting.data) & (runs["batch"] == setting.batch)]
    steps = np.arange(setting.every, setting.steps + 1, setting.every)
    for arm in setting.arms:
        for seed in range(setting.seeds):
            done = own[(own["arm"] == arm) & (own["seed"] == seed)]
            assert done["step"].tolist() == steps.tolist(), (arm, seed)


def test_the_published_protocol_has_twenty_seeds():
    tests = table("enforcing-tests")
    published = tests[(tests["data"] == "mnist") & (tests["batch"] == 2)]
    assert set(published["arm"]) == set(enforcing.TERMS)
    assert published["seeds"].min() >= 20


def test_equal_seeds_begin_with_equal_weights():
    """Arms are compared in pairs, so they must begin alike, and pairs of other seeds elsewhere."""
    first = enforcing.subject_of("mnist", None, 3).model.state_dict()
    again, other = (enforcing.subject_of("mnist", None, seed).model.state_dict() for seed in (3, 4))
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
