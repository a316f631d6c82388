"""Curves of arms: what is drawn is what was given, and an alternative text says it in words."""

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.views.curves import Curve, arm_curves

STEPS = np.array([10.0, 20.0, 30.0])


def curves(*ends):
    """Straight lines from zero to each end, with bands of one tenth."""
    found = []
    for number, end in enumerate(ends):
        up = np.linspace(0, end, 3)
        found.append(Curve(f"arm {number}", STEPS, up, up - 0.1, up + 0.1))
    return found


def test_lines_and_bands_are_the_numbers_that_were_given():
    """Bands first, so that no band hides a line."""
    figure = arm_curves(curves(0.5, -0.2), ("steps", "difference"))
    bands, lines = figure.data[:2], figure.data[2:]
    for one, band, end in zip(lines, bands, (0.5, -0.2), strict=True):
        np.testing.assert_allclose(one.y, np.linspace(0, end, 3))
        np.testing.assert_allclose(np.asarray(band.y).max(), max(0, end) + 0.1)
    low, high = figure.layout.yaxis.range
    assert low < -0.3 and high > 0.6


def test_every_arm_is_named_at_its_end_and_in_words():
    """Names do not write over each other, and a reader who sees nothing is told where each arm begins and ends."""
    figure = arm_curves(curves(0.5, 0.5, 0.49), ("steps", "accuracy"), percent=True)
    names = [one for one in figure.layout.annotations if "</span> arm" in one.text]
    span = figure.layout.yaxis.range[1] - figure.layout.yaxis.range[0]
    drawn = figure.layout.height - 90
    places = sorted(one.y / span * drawn + one.yshift for one in names)
    assert len(names) == 3 and np.diff(places).min() >= 16.9
    assert "arm 0 from 0.0 % to 50.0 %" in figure.layout.meta["alt"]


@pytest.mark.parametrize("odd", [[], [Curve("arm", STEPS, np.array([0.1, np.nan, 0.2]))]])
def test_nothing_and_nan_are_refused(odd):
    """In place of an empty figure."""
    with pytest.raises(ShapeError, match="finite numbers"):
        arm_curves(odd, ("steps", "accuracy"))


def test_a_single_point_is_drawn():
    """One epoch is a curve too."""
    figure = arm_curves([Curve("arm", np.array([3.0]), np.array([0.5]))], ("epoch", "accuracy"))
    assert figure.layout.xaxis.range[0] < 3 < figure.layout.xaxis.range[1]
