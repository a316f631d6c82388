"""Laws of figures of two studies: everybody is counted once in each, and the same place means the same number."""

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.views.overlaid import against, overlaid_histograms, shared_bars
from explorer.views.theme import SELECTED

RANDOM = np.random.default_rng(8)
NAMES = ("one", "other <b>")


def steps(outline):
    """The heights of a line of steps."""
    return np.asarray(outline.y)[1:-1:2]


def test_both_histograms_count_everybody_over_the_same_bins():
    """Bars and line sum to the samples of their own study, extremes included, and begin at the same edges."""
    one, other = RANDOM.normal(size=400), RANDOM.normal(2, 1, size=300)
    one[0], other[0], other[1] = 1e6, np.nan, np.inf
    bars, outline = overlaid_histograms((one, other), NAMES, "count").data[:2]
    assert np.sum(bars.y) == 400
    assert steps(outline).sum() == 298
    np.testing.assert_allclose(np.asarray(bars.customdata)[:, 0], np.asarray(outline.x)[0:-2:2])
    assert bars.customdata[-1][1] < 10


def test_equal_studies_have_equal_heights():
    """The line runs along the tops of the bars."""
    values = RANDOM.gamma(2, size=500)
    bars, outline = overlaid_histograms((values, values.copy()), NAMES, "count").data[:2]
    np.testing.assert_array_equal(bars.y, steps(outline))
    constant = overlaid_histograms((np.ones(5), np.ones(5)), NAMES, "count").data
    assert (np.sum(constant[0].y), steps(constant[1]).sum()) == (5, 5)


def test_the_sample_is_marked_in_both_and_named():
    """Two marks at its two values; none where it has no value. Names are shown as they are, whatever they contain."""
    one, other = RANDOM.random(50), RANDOM.random(50)
    figure = overlaid_histograms((one, other), NAMES, "count", row=7)
    assert [mark.x[0] for mark in figure.data[2:]] == [
        pytest.approx(np.clip(numbers[7], *np.quantile(np.concatenate([one, other]), [0.002, 0.998])))
        for numbers in (one, other)
    ]
    assert all("<b>" not in trace.name for trace in figure.data)
    assert "Sample 7" in figure.layout.meta["alt"]
    other[7] = np.nan
    assert len(overlaid_histograms((one, other), NAMES, "count", row=7).data) == 3


def test_a_column_without_a_value_is_refused():
    """There is nothing to lay over each other."""
    with pytest.raises(ShapeError, match="finite value each"):
        overlaid_histograms((np.ones(3), np.full(3, np.nan)), NAMES, "count")


def test_the_line_of_no_change_is_the_diagonal():
    """Every point of it has the same number in both studies, within what both have; none where they do not meet."""
    one, other = RANDOM.random(60), RANDOM.random(60) + 0.5
    figure = against((one, other), NAMES, "count", row=3)
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1) == (line.y0, line.y1)
    assert other.min() == line.x0 < line.x1 == one.max()
    np.testing.assert_array_equal(figure.data[0].x, one)
    assert (figure.data[-1].x[0], figure.data[-1].y[0]) == (one[3], other[3])
    assert len(against((one, other + 9), NAMES, "count").layout.shapes) == 0


def test_shared_neighbors_have_a_bar_for_each_number():
    """From none to all; who has no neighbors is in no bar; only the chosen sample's bar is colored."""
    shared = np.array([0, 3, 3, np.nan, 10])
    bars = shared_bars(shared, 10, value=3).data[0]
    assert list(bars.x) == list(range(11))
    assert list(bars.y) == [1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1]
    assert [place for place, color in enumerate(bars.marker.color) if color == SELECTED] == [3]
    assert SELECTED not in shared_bars(shared, 10).data[0].marker.color
