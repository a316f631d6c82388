"""Laws of histograms and bars: nothing is counted twice or lost, and marks stand where the numbers are."""

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explorer.errors import ShapeError
from explorer.views.charts import (
    bars,
    bin_examples,
    count_bins,
    factor_histogram,
    histogram,
    plain,
    round_bins,
    similarity_histogram,
)
from explorer.views.theme import SELECTED

VALUES = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))
RANDOM = np.random.default_rng(5)


def lines(figure: go.Figure) -> list[float]:
    return [shape.x0 for shape in figure.layout.shapes]


def notes(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]


@given(VALUES, st.sampled_from([count_bins, round_bins]))
def test_every_finite_value_is_counted_once(values, binned):
    """Counts sum to n, and each value lies between the edges of the one bin that it is placed in."""
    bins = binned(values, 8)
    assert bins.counts.sum() == len(values)
    places = bins.place(values)
    assert (places >= 0).all()
    assert (bins.edges[places] <= values).all()
    assert (values <= bins.edges[places + 1]).all()
    np.testing.assert_array_equal(np.bincount(places, minlength=len(bins.counts)), bins.counts)


def test_values_that_are_not_finite_belong_to_no_bin():
    """NaN and infinity are neither counted nor placed, and do not move the edges."""
    bins = count_bins(np.array([0.0, np.nan, 1.0, np.inf, -np.inf]), 4)
    assert bins.counts.sum() == 2
    assert (bins.edges[0], bins.edges[-1]) == (0.0, 1.0)
    np.testing.assert_array_equal(bins.place(np.array([np.nan, np.inf, -np.inf])), -1)


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan, np.inf]), np.zeros((2, 2))])
def test_nothing_to_count_is_an_error_with_a_way_out(values):
    """A figure of nothing would be an empty frame; the caller is told to leave it out."""
    with pytest.raises(ShapeError, match="Leave the figure out"):
        count_bins(values)


@given(VALUES)
def test_an_example_lies_in_its_bin_and_none_is_nearer_to_the_middle(values):
    """The picture above a bar shows a sample of that bar, the most typical one; empty bins show none."""
    bins = count_bins(values, 6)
    examples, places = bin_examples(values, bins), bins.place(values)
    for place, row in enumerate(examples):
        inside = np.flatnonzero(places == place)
        assert (row >= 0) == (len(inside) > 0)
        if row >= 0:
            middle = bins.edges[place : place + 2].mean()
            assert row in inside
            assert abs(values[row] - middle) <= np.abs(values[inside] - middle).min()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 37.0, 1e5])
def test_round_edges_can_be_said_aloud(scale):
    """Edges are multiples of 1, 2 or 5 times a power of ten."""
    bins = round_bins(RANDOM.random(200) * scale)
    step = bins.edges[1] - bins.edges[0]
    mantissa = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(mantissa - one) for one in (1, 2, 5)) < 1e-6
    np.testing.assert_allclose(bins.edges / step, np.round(bins.edges / step), atol=1e-6)
    assert 6 <= len(bins.counts) <= 25


def test_bars_are_the_counts_and_the_marker_stands_at_the_value():
    """What is drawn is what was counted; the marked line has the sample's own value, not its bin's."""
    values = RANDOM.normal(size=500)
    bins = count_bins(values, 20)
    figure = histogram(bins, "number", value=values[7], value_name="sample 7", limit=0.25, limit_name="limit")
    np.testing.assert_array_equal(figure.data[0].y, bins.counts)
    assert sorted(lines(figure)) == sorted([values[7], 0.25])
    assert {"sample 7", "limit"} <= set(notes(figure))
    low, high = figure.layout.xaxis.range
    assert low <= bins.edges[0] and bins.edges[-1] <= high


def test_a_marker_beyond_the_bars_is_still_in_view():
    """The axis reaches as far as its marks."""
    figure = histogram(count_bins(np.linspace(0, 1, 50)), "number", value=3.0)
    assert figure.layout.xaxis.range[1] >= 3.0


@pytest.mark.parametrize("value", [None, np.nan])
def test_a_sample_without_a_value_is_not_marked(value):
    """No number, no line: a marker at a made-up place would lie."""
    assert lines(histogram(count_bins(np.linspace(0, 1, 9)), "number", value=value)) == []


def test_pictures_stand_above_the_bars_that_they_belong_to():
    """One picture for each bin that has one, centered on it."""
    bins = count_bins(np.array([0.1, 0.2, 2.9]), 3, span=(0.0, 3.0))
    figure = histogram(bins, "number", pictures=["data:,a", None, "data:,b"])
    assert [(image.source, image.x) for image in figure.layout.images] == [("data:,a", 0.5), ("data:,b", 2.5)]


def test_the_nearest_neighbors_stand_in_the_colored_bars():
    """Every similarity that reaches the k-th neighbor's lies in a bar of the color of the chosen."""
    similarities = np.clip(RANDOM.normal(0.5, 0.2, 400), -1, 1).astype(np.float32)
    threshold = float(np.sort(similarities)[-10])
    figure = similarity_histogram(similarities, threshold, 10)
    bar = figure.data[0]
    assert bar.y.sum() == 400
    edges = np.append(bar.customdata[:, 0], bar.customdata[-1, 1])
    near = np.searchsorted(edges[:-1], similarities[similarities >= threshold].astype(float), side="right") - 1
    assert {bar.marker.color[place] for place in near} == {SELECTED}
    assert lines(figure) == [pytest.approx(threshold)]


def test_identical_samples_stand_in_the_last_bar():
    """A data set of copies has similarities of one, and a hair above by rounding: all are counted, and colored."""
    bar = similarity_histogram(np.array([1.0, 1.0, 1.0 + 1e-7]), 1.0 + 1e-7, 3).data[0]
    assert bar.y[-1] == 3
    assert bar.marker.color[-1] == SELECTED


def test_negative_similarities_are_in_view():
    """The axis starts at the lowest similarity when that is below zero, and ends at one."""
    figure = similarity_histogram(np.array([-0.4, 0.1, 0.9]), 0.9, 1)
    low, high = figure.layout.xaxis.range
    assert low <= -0.4 and high >= 1.0
    assert figure.data[0].y.sum() == 3


def test_the_floor_is_marked_even_when_no_factor_reaches_it():
    """Factors far above the floor must look far above it."""
    figure = factor_histogram(np.array([0.3, 0.4, 0.5]), 0.02, 0.4)
    assert set(lines(figure)) == {0.02, 0.4}
    assert figure.layout.xaxis.range[0] <= 0.02


def test_names_from_outside_are_shown_and_never_read_as_markup():
    """Plotly reads a part of HTML; a class named like a tag keeps its name."""
    name = '<a href="x">&amp;</a>'
    figure = bars([name, name], [1.0, 2.0], "count")
    assert all("<" not in text for text in [*figure.layout.yaxis.ticktext, *figure.data[0].hovertext])
    assert len(figure.data[0].x) == 2
    assert plain("a & b") == "a &amp; b"


def test_every_figure_says_in_words_what_it_shows():
    """Those who cannot see the figure learn the count, the fullest bar and the marked value."""
    figure = histogram(count_bins(np.arange(10.0), 5), "weight (kg)", value=3.25, value_name="sample 3")
    assert "10 samples" in figure.layout.meta["alt"]
    assert "sample 3 at 3.25" in figure.layout.meta["alt"]
    assert "cat 2; dog 1" in bars(["cat", "dog"], [2, 1], "count").layout.meta["alt"]
