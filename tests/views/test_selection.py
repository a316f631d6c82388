"""Laws of the selection: what is written into a URL is read back the same, and a filter lets through what it says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from explorer.errors import SettingsError
from explorer.pages.selection import MOST_CORNERS, MOST_ROWS, Among, Between, Equals, Filter, Inside, Selection, lasso

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
