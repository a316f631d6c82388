"""Laws of two numbers against each other: every sample is drawn once, few or many, and corners do not overlap."""

from itertools import combinations

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.views.planes import CORNERS, POINTS, corner_plane, corner_rule, plane

TITLES = ("count (samples)", "variance")
RANDOM = np.random.default_rng(11)


def test_few_samples_are_points_that_know_their_row():
    """A point carries the row of its sample, also when rows without a number were left out before it."""
    across, up = RANDOM.random(50), RANDOM.random(50)
    across[3], up[8] = np.nan, np.inf
    points = plane(across, up, TITLES).data[0]
    rows = np.asarray(points.customdata)
    assert set(rows) == set(range(50)) - {3, 8}
    np.testing.assert_array_equal(points.x, across[rows])
    np.testing.assert_array_equal(points.y, up[rows])


@pytest.mark.parametrize("n", [POINTS + 1, 100_000])
def test_many_samples_are_counted_and_none_is_lost(n):
    """Beyond POINTS the figure has a fixed size, whatever n; its cells sum to n and a lone sample stays visible."""
    across, up = RANDOM.normal(size=n), RANDOM.integers(0, 5, n) / 5
    across[0], up[0] = 40.0, 1.0
    figure = plane(across, up, TITLES)
    grid = figure.data[0]
    assert grid.type == "heatmap"
    counts = np.asarray(grid.customdata)
    assert counts.sum() == n
    assert counts.size < 2000
    assert np.isfinite(np.asarray(grid.z)[counts == 1]).all()
    assert np.isnan(np.asarray(grid.z)[counts == 0]).all()


@pytest.mark.parametrize("n", [30, POINTS + 1])
def test_the_ring_stands_on_the_chosen_sample(n):
    """The chosen sample is marked at its own numbers, in points and in the grid."""
    across, up = RANDOM.random(n), RANDOM.random(n)
    ring = plane(across, up, TITLES, row=17).data[-1]
    assert (ring.x[0], ring.y[0], ring.customdata[0]) == (across[17], up[17], 17)
    across[17] = np.nan
    assert len(plane(across, up, TITLES, row=17).data) == 1


def test_lists_that_do_not_fit_are_refused():
    """Two columns of different samples make no plane."""
    with pytest.raises(ShapeError, match="one length"):
        plane(np.zeros(3), np.zeros(4), TITLES)
    with pytest.raises(ShapeError, match="both numbers"):
        plane(np.array([np.nan, 1.0]), np.array([1.0, np.nan]), TITLES)


def test_no_sample_stands_in_two_corners():
    """Corners are apart, and what they hold is what their borders say."""
    counts, variances = RANDOM.random(1000) * 80, RANDOM.random(1000) * 0.9
    counts[5] = np.nan
    rule = corner_rule(counts, 0.9)
    inside = [rule.holds(corner, counts, variances) for corner in CORNERS]
    assert all(not (one & other).any() for one, other in combinations(inside, 2))
    assert not any(one[5] for one in inside)
    assert rule.mixed == pytest.approx(0.45)
    many = sum(one for one, corner in zip(inside, CORNERS, strict=True) if corner.many)
    np.testing.assert_array_equal(many.astype(bool), counts >= rule.many)
    assert np.mean(counts[np.isfinite(counts)] <= rule.few) == pytest.approx(0.1, abs=0.01)


def test_corners_are_named_where_they_are():
    """Each name stands on its own side of the figure, and a name that is a guess ends in a question mark."""
    counts, variances = RANDOM.random(200), RANDOM.random(200)
    figure = corner_plane(counts, variances, TITLES, corner_rule(counts, 1.0))
    placed = {note.text: (note.x, note.y) for note in figure.layout.annotations}
    for corner in CORNERS:
        assert placed[corner.name] == (int(corner.many), int(corner.mixed))
        assert corner.name.endswith("?") == (corner.name != "typical")
    borders = [shape.x0 for shape in figure.layout.shapes] + [shape.y0 for shape in figure.layout.shapes]
    assert all(any(np.isclose(border, at) for at in borders) for border in np.quantile(counts, [0.1, 0.9]))
    assert 0.5 in borders
