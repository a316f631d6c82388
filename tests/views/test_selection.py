"""Laws of the selection: what is written into a URL is read back the same, and a filter lets through what it says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from explorer.errors import SettingsError
from explorer.views.selection import (
    MOST_CORNERS,
    MOST_ROWS,
    Among,
    Between,
    Equals,
    Filter,
    Inside,
    OneOf,
    Selection,
    lasso,
    one_of,
)

COLUMNS = some.sampled_from(["soft_density", "confidence", "x"])
NUMBERS = some.integers(-(10**5), 10**5).map(lambda number: number / 8)
BETWEEN = some.builds(Between, COLUMNS, NUMBERS, NUMBERS)
EQUALS = some.builds(Equals, some.sampled_from(["label", "split"]), some.sampled_from(["0", "3", "train", "held-out"]))


@given(some.integers(0, 10**9), some.lists(some.one_of(BETWEEN, EQUALS), max_size=3, unique_by=lambda one: one.column))
def test_a_selection_survives_the_url(sample, conditions):
    """Reading what was written gives the same selection."""
    chosen = Selection("mnist-noisy", sample, "confidence", Filter(tuple(conditions)))
    written = chosen.as_params()
    assert Selection.from_params(written).as_params() == written
    assert Selection.from_params(written).sample == sample


# Texts of strangers: all that separates or ends a condition, and what means something else before an equals sign.
TEXTS = some.text(max_size=12) | some.lists(
    some.sampled_from(["|", ";", "=", "..", ".", "%", "%7C", "%25", "lasso", "rows", ",", "_", " ", "é", "1", "a"]),
    max_size=6,
).map("".join)
NAMES = TEXTS.filter(bool)
ANY_NUMBER = some.floats(allow_nan=False)
ANY_CONDITION = some.one_of(
    some.builds(Between, NAMES, ANY_NUMBER, ANY_NUMBER),
    some.builds(Equals, NAMES, TEXTS),
    some.builds(one_of, NAMES, some.lists(TEXTS, min_size=1, max_size=8)),
    some.builds(lambda rows: Among(tuple(sorted(rows))), some.sets(some.integers(0, 10**9), min_size=1, max_size=30)),
    some.lists(some.tuples(NUMBERS, NUMBERS), min_size=3, max_size=9).map(
        lambda corners: lasso([(float(f"{x:.5g}"), float(f"{y:.5g}")) for x, y in corners])
    ),
)


@given(some.lists(ANY_CONDITION, max_size=4))
def test_every_condition_is_read_back_as_it_was_written(conditions):
    """Whatever columns and values spell, and to the last bit of a number."""
    chosen = Filter(tuple(conditions))
    assert Filter.parse(str(chosen)) == chosen
    assert Selection.from_params(Selection(filter=chosen).as_params()).filter == chosen


def test_one_of_several_values_lets_through_each_of_them():
    """In any order they are the same condition; a single value is an Equals."""
    samples = pd.DataFrame(
        {"label": [0, 1, 2, 1], "split": ["a|b", "c;d", None, "a|b"], "flag": [True, False, True, True]}
    )
    chosen = Filter.parse("label=2|1")
    assert chosen == Filter((OneOf("label", ("1", "2")),))
    assert chosen.mask(samples).tolist() == [False, True, True, True]
    assert one_of("split", ["a|b"]) == Equals("split", "a|b")
    assert Filter((one_of("split", ["a|b"]),)).mask(samples).tolist() == [True, False, False, True]
    assert Filter((one_of("split", ["c;d", "a|b"]),)).mask(samples).tolist() == [True, True, False, True]
    assert Filter.parse("flag=True").mask(samples).tolist() == [True, False, True, True]
    assert chosen.conditions[0].in_words() == "Label is 1 or 2"
    assert one_of("label", "12345").in_words() == "Label is one of 5"


def test_a_value_is_met_as_charts_write_it_and_a_missing_one_never():
    """Also a date without its time, and texts that read as a missing value does."""
    dates = pd.to_datetime(["2026-01-01", "2026-01-02", None, "2026-01-01"])
    samples = pd.DataFrame({"taken": dates, "split": ["nan", "None", None, "NaT"]})
    assert Equals("taken", str(dates[0])).mask(samples).tolist() == [True, False, False, True]
    missing = one_of("split", ["nan", "None", "NaT", "<NA>"])
    assert missing.mask(samples).tolist() == [True, True, False, True]
    assert Equals("taken", "NaT").mask(samples).tolist() == [False] * 4


def test_too_many_values_are_refused():
    """A link stays short enough to paste."""
    with pytest.raises(SettingsError, match="Clear the filter"):
        Filter.parse("label=" + "|".join(map(str, range(MOST_ROWS + 1))))


def test_nothing_chosen_leaves_the_url_empty():
    """A fresh start has a plain address."""
    assert Selection().as_params() == {}


@pytest.mark.parametrize("sample", ["", "-1", "1.5", "１２", "1e3", "abc", "9" * 40])
def test_a_sample_that_is_no_row_number_is_refused(sample):
    """Only plain digits are a row."""
    with pytest.raises(SettingsError, match="row number"):
        Selection.from_params({"sample": sample})


@pytest.mark.parametrize(
    "text", ["label", "=", "label=1..", "lasso=", "lasso=1,2_3,4", "lasso=1,2_3,4_5", "lasso=inf,0_1,1_0,1"]
)
def test_a_filter_that_cannot_be_read_is_refused(text):
    """The sentence says what to do."""
    with pytest.raises(SettingsError, match="Clear the filter"):
        Filter.parse(text).mask(pd.DataFrame({"x": [0.0], "y": [0.0]}))


def test_all_conditions_hold_together_and_one_column_has_one():
    """A filter is an intersection; a new condition on a column takes the place of the old one."""
    samples = pd.DataFrame({"label": [0, 1, 1, 2], "confidence": [0.1, 0.5, np.nan, 0.9]})
    chosen = Filter().having(Equals("label", "1")).having(Between("confidence", 0.4, 1.0))
    assert chosen.mask(samples).tolist() == [False, True, False, False]
    assert chosen.having(Equals("label", "2")).mask(samples).tolist() == [False, False, False, True]
    assert chosen.without("confidence").mask(samples).tolist() == [False, True, True, False]


def test_a_filter_on_a_column_that_the_study_has_not_is_refused():
    """A link from another study says so instead of showing everything or nothing."""
    with pytest.raises(SettingsError, match="Clear the filter"):
        Filter((Equals("flipped", "True"),)).mask(pd.DataFrame({"label": [1]}))


def test_a_lasso_holds_the_points_that_winding_around_it_says():
    """Even-odd rule against the angle that the corners turn around each point (a star is a hard case for neither)."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radii = np.where(np.arange(12) % 2, 1.0, 2.5)
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    places = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    mask = Inside(tuple(map(tuple, corners))).mask(pd.DataFrame(places, columns=["x", "y"]))
    towards = np.arctan2(*(corners[None] - places[:, None]).transpose(2, 0, 1)[::-1])
    turns = np.angle(np.exp(1j * np.diff(np.concatenate([towards, towards[:, :1]], axis=1), axis=1))).sum(axis=1)
    np.testing.assert_array_equal(mask, np.abs(turns) > np.pi)


def test_a_long_lasso_is_thinned_for_the_link():
    """However long the line, the link stays short enough to send."""
    line = [(float(np.cos(t)), float(np.sin(t))) for t in np.linspace(0, 6, 5000)]
    assert len(lasso(line).corners) <= MOST_CORNERS
    assert len(str(lasso(line))) < 1500


def test_rows_named_one_by_one_let_through_these():
    """Read back from the URL in rising order, each once; a row that the study does not have is nobody's."""
    chosen = Filter.parse("rows=5,1,5,99")
    assert str(chosen) == "rows=1,5,99"
    assert np.flatnonzero(chosen.mask(pd.DataFrame({"x": np.zeros(7)}))).tolist() == [1, 5]
    assert chosen.on("rows") == Among((1, 5, 99))
    assert Among((3,)).in_words() == "Sample 3" and Among((1, 5)).in_words() == "2 chosen samples"


@pytest.mark.parametrize(
    "text", ["", "a", "1,", "-1", "1.5", "1..5", "１", "1,2 ", "9" * 20, ",".join(["1"] * (MOST_ROWS + 1))]
)
def test_rows_that_are_none_or_too_many_are_refused(text):
    """A link stays short, and a range of rows is no list of rows."""
    with pytest.raises(SettingsError, match="Clear the filter"):
        Filter.parse(f"rows={text}")


@pytest.mark.parametrize(
    ("text", "words"),
    [("5..inf", "at least 5"), ("-inf..0.25", "at most 0.25"), ("1..2", "from 1 to 2"), ("-inf..inf", "is a number")],
)
def test_a_range_with_an_open_end_is_told_without_infinity(text, words):
    (condition,) = Filter.parse(f"suspicion={text}").conditions
    assert condition.in_words() == f"Suspicion {words}"
