"""Laws of lines on logarithmic axes: the slope is the power, and every name can be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.errors import ShapeError
from explorer.views.curves import NAME_HEIGHT, Curve, _moved_apart, log_curves, log_slope, stacked_curves

FREQUENCIES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])


@given(st.floats(-3, 3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_slope_of_a_power_law_is_its_power_in_any_units(power, factor, unit):
    """The slope of factor · across^p is p, whatever either is measured in."""
    assert log_slope(unit * FREQUENCIES, factor * FREQUENCIES**power) == pytest.approx(power, abs=1e-9)


def test_the_slope_is_that_of_the_least_squares_line():
    """Against numpy's polynomial fit, on numbers that follow no power law."""
    up = np.array([9.0, 7.0, 8.0, 2.0, 3.0])
    assert log_slope(FREQUENCIES, up) == pytest.approx(np.polyfit(np.log(FREQUENCIES), np.log(up), 1)[0])


@pytest.mark.parametrize(
    ("across", "up"), [([1, 2], [1, 0]), ([-1, 2], [1, 1]), ([2, 2], [1, 3]), ([1, 2], [1, 2, 3]), ([1], [1])]
)
def test_what_has_no_logarithm_has_no_slope(across, up):
    """Zero, negative numbers and a single place are refused with a way out."""
    with pytest.raises(ShapeError, match="Leave out"):
        log_slope(across, up)


def test_lines_and_bands_are_the_numbers():
    """The line goes through the medians; the band's outline is the lowest and the highest of each place."""
    up = 100 / FREQUENCIES
    figure = log_curves([Curve("soft", FREQUENCIES, up, 0.9 * up, 1.2 * up)], ("waves", "samples"))
    band, line = figure.data
    np.testing.assert_array_equal(line.x, FREQUENCIES)
    np.testing.assert_array_equal(line.y, up)
    np.testing.assert_allclose(band.y, [*(1.2 * up), *(0.9 * up[::-1])])
    low, high = figure.layout.yaxis.range
    assert low < np.log10(0.9 * up.min()) and np.log10(1.2 * up.max()) < high
    assert "soft from 100 to 6.25" in figure.layout.meta["alt"]


def test_every_line_is_named_at_its_end_once_and_names_are_text():
    """A name with markup in it stands there as it is."""
    curves = [Curve(name, FREQUENCIES, value / FREQUENCIES) for name, value in (("a <b>", 40.0), ("c", 39.0))]
    figure = log_curves(curves, ("waves", "samples"))
    names = [note for note in figure.layout.annotations if note.xanchor == "left" and note.x == 1]
    assert [note.text.split("</span> ")[1] for note in names] == ["a &lt;b&gt;", "c"]


def test_no_curve_and_no_zero_on_logarithmic_axes():
    """They would be drawn nowhere."""
    for curves in ([], [Curve("zero", FREQUENCIES, 0 * FREQUENCIES)]):
        with pytest.raises(ShapeError, match="logarithmic axes"):
            log_curves(curves, ("waves", "samples"))


@given(st.lists(st.floats(0, 300), min_size=1, max_size=14))
def test_names_never_write_over_each_other(places):
    """At least a line's height apart, in the order of the lines' ends, and none above the figure."""
    places = sorted(places, reverse=True)
    moved = _moved_apart(places, 300)
    assert len(moved) == len(places)
    assert (-np.diff(moved) >= NAME_HEIGHT - 1e-6).all()
    assert max(moved) <= 300


@given(st.lists(st.floats(0, 300), min_size=1, max_size=14))
def test_names_are_moved_no_farther_than_they_must(places):
    """Those that stand free stay; with room above, names together stay where their lines end on average."""
    places = sorted(places, reverse=True)
    moved = _moved_apart(places, 1000)
    if (-np.diff(places) >= NAME_HEIGHT).all():
        np.testing.assert_allclose(moved, places)
    assert np.mean(moved) == pytest.approx(np.mean(places), abs=1e-6)


def test_stacked_curves_share_one_axis_and_no_space():
    """Every quantity has its own strip, the first on top, over the same places."""
    across = np.linspace(0, 1, 50)
    figure = stacked_curves(across, [("one", across), ("other", -across), ("third", across**2)], "place")
    strips = [figure.layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3")]
    for upper, lower in zip(strips, strips[1:], strict=False):
        assert 0 <= lower[0] < lower[1] < upper[0] < upper[1] <= 1
    for trace in figure.data:
        np.testing.assert_array_equal(trace.x, across)
    assert [trace.yaxis for trace in figure.data] == ["y", "y2", "y3"]
