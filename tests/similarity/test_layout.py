"""Laws of the map: similar samples stand together, and the same arguments draw the same map."""

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.records import Neighbors
from explorer.similarity.layout import fitted_rows, lay_out, principal_coordinates
from explorer.similarity.memberships import fuzzy_graph
from explorer.similarity.neighbors import find_neighbors, unit_rows
from explorer.similarity.placing import neighbors_kept

GROUPS = 4


@pytest.fixture(scope="module")
def crowd():
    """300 samples in four groups: unit rows, groups, neighbors."""
    generator = np.random.default_rng(0)
    groups = generator.integers(0, GROUPS, 300)
    units = unit_rows(3 * generator.normal(size=(GROUPS, 12))[groups] + generator.normal(size=(300, 12)))
    return units, groups, find_neighbors(units, 20)


@pytest.fixture(scope="module")
def coordinates(crowd):
    units, _, neighbors = crowd
    return lay_out(neighbors, seed=1, start=principal_coordinates(units))


def same_group_nearby(coordinates, groups):
    """Share of samples whose nearest one on the map is of their group."""
    distances = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.mean(groups[distances.argmin(axis=1)] == groups)


def test_similar_samples_stand_together(crowd, coordinates):
    """The nearest sample on the map is of the same group, from either start."""
    _, groups, neighbors = crowd
    assert same_group_nearby(coordinates, groups) > 0.98
    assert same_group_nearby(lay_out(neighbors, seed=1), groups) > 0.98


def test_the_same_arguments_draw_the_same_map(crowd, coordinates):
    """To the last bit; another seed draws another one."""
    units, _, neighbors = crowd
    start = principal_coordinates(units)
    assert np.array_equal(lay_out(neighbors, seed=1, start=start), coordinates)
    assert not np.array_equal(lay_out(neighbors, seed=2, start=start), coordinates)


def test_coordinates_are_finite_float32(coordinates):
    """[n, 2]."""
    assert coordinates.shape == (300, 2) and coordinates.dtype == np.float32
    assert np.isfinite(coordinates).all()


def test_samples_without_neighbors_have_no_place_and_move_nobody(crowd):
    """They get nan; the map of the others is the one without them."""
    units, _, _ = crowd
    with_bad = np.insert(units, [0, 100], 0, axis=0)
    bad = [0, 101]
    start = np.insert(principal_coordinates(units), [0, 100], np.nan, axis=0)
    mixed = lay_out(find_neighbors(with_bad, 20), seed=3, start=start)
    clean = lay_out(find_neighbors(units, 20), seed=3, start=principal_coordinates(units))
    assert np.isnan(mixed[bad]).all()
    assert np.array_equal(np.delete(mixed, bad, axis=0), clean)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 14])
def test_a_handful_of_samples_is_placed(n):
    """Fewer samples than neighbors asked for still get distinct, finite places."""
    units = unit_rows(np.random.default_rng(n).normal(size=(n, 5)))
    for start in (None, principal_coordinates(units)):
        coordinates = lay_out(find_neighbors(units, 15), seed=0, start=start)
        assert np.isfinite(coordinates).all()
        assert len(np.unique(coordinates, axis=0)) == n


def test_identical_samples_are_placed():
    """All similarities one, all starting points the same: still a map."""
    units = np.tile(unit_rows(np.ones((1, 4))), (30, 1))
    coordinates = lay_out(find_neighbors(units, 10), seed=0, start=principal_coordinates(units))
    assert np.isfinite(coordinates).all()


@pytest.mark.slow
@pytest.mark.parametrize("duplicates", [1, 3])
def test_the_graph_is_the_one_that_umap_makes(duplicates):
    """Our memberships against UMAP's own, with and without duplicates among the samples."""
    from umap.umap_ import fuzzy_simplicial_set

    units = np.repeat(unit_rows(np.random.default_rng(4).normal(size=(90 // duplicates, 6))), duplicates, axis=0)
    neighbors = find_neighbors(units, 14)
    indices = np.concatenate([np.arange(90)[:, None], neighbors.indices], axis=1)
    distances = np.concatenate([np.zeros((90, 1), dtype=np.float32), 1 - neighbors.similarities], axis=1)
    expected, _, _ = fuzzy_simplicial_set(
        np.empty((90, 1)), 15, np.random.RandomState(0), "cosine", knn_indices=indices, knn_dists=distances
    )
    ours = fuzzy_graph(neighbors, np.arange(90), 14).toarray()
    assert np.allclose(ours, expected.toarray(), rtol=0, atol=1e-3)  # UMAP stops its search for the scale at 1e-5


def test_principal_coordinates_keep_the_most_variance(crowd):
    """No other plane through the mean holds more; a flip of all signs changes nothing but signs."""
    units, _, _ = crowd
    centered = units - units.mean(axis=0)
    leading = np.linalg.svd(centered, compute_uv=False)[:2]
    assert np.allclose(np.linalg.norm(principal_coordinates(units), axis=0), leading, rtol=1e-4)
    assert np.allclose(principal_coordinates(-units), -principal_coordinates(units), atol=1e-5)


def test_principal_coordinates_leave_bad_rows_out():
    """Zero and non-finite rows get nan; a single direction gives a line."""
    units = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [np.nan, 0.0]])
    coordinates = principal_coordinates(units)
    assert np.isnan(coordinates[[1, 3]]).all()
    assert np.allclose(np.abs(coordinates[[0, 2]]), [[1, 0], [1, 0]])
    assert np.allclose(principal_coordinates(np.array([[1.0], [-1.0]]))[:, 1], 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"neighbors": Neighbors(np.array([1]), np.array([0.5]))}, "\\[n, k\\]"),
        ({"near": 1}, "at least 2"),
        ({"start": np.zeros((3, 2))}, "start must be"),
        ({"start": np.full((2, 2), np.nan)}, "finite"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments, words):
    """The message says what was found."""
    pair = Neighbors(np.array([[1], [0]]), np.array([[0.5], [0.5]]))
    with pytest.raises(ShapeError, match=words):
        lay_out(**{"neighbors": pair, "seed": 0, **arguments})


@pytest.fixture(scope="module")
def large_crowd():
    """1,200 samples on a curve of groups, two without neighbors: neighbors and starting points."""
    generator = np.random.default_rng(5)
    centers = np.cumsum(generator.normal(size=(24, 10)), axis=0)
    units = unit_rows(centers[generator.integers(0, 24, 1200)] + 0.6 * generator.normal(size=(1200, 10)))
    units[[3, 900]] = 0
    return find_neighbors(units, 50), principal_coordinates(units)


@pytest.fixture(scope="module")
def partly_fitted(large_crowd):
    """The map fitted to every fourth, and the rows that it was fitted to."""
    neighbors, start = large_crowd
    fitted = fitted_rows(neighbors, 2, most=10)
    return lay_out(neighbors, 2, start=start, fitted=fitted), fitted


def test_fitted_rows_of_which_no_two_are_neighbors_fit_all():
    """The map is then that of all samples."""
    near = Neighbors(np.array([[1, 2], [0, 2], [0, 1], [0, 1], [1, 2]]), np.full((5, 2), 0.5, dtype=np.float32))
    assert np.array_equal(lay_out(near, 0, fitted=np.array([3, 4])), lay_out(near, 0))


def test_every_fourth_is_fitted_beyond_the_bound_and_all_up_to_it(large_crowd):
    """Seeded, rising, none without neighbors; so many as the bound says when that is more."""
    neighbors, _ = large_crowd
    fitted = fitted_rows(neighbors, 2, most=10)
    assert len(fitted) == 1198 // 4 and (np.diff(fitted) > 0).all()
    assert not np.isin([3, 900], fitted).any()
    assert np.array_equal(fitted, fitted_rows(neighbors, 2, most=10))
    assert len(fitted_rows(neighbors, 2, most=1197)) == 1197
    assert fitted_rows(neighbors, 2, most=1198) is None


def test_newcomers_stand_near_their_own_neighbors(large_crowd, partly_fitted):
    """Of whoever stands nearest on the map, as many are neighbors of a placed sample as of a fitted one."""
    neighbors, start = large_crowd
    coordinates, fitted = partly_fitted
    placed = np.setdiff1d(np.flatnonzero(np.isfinite(coordinates[:, 0])), fitted)
    shares = {name: neighbors_kept(coordinates, neighbors, rows) for name, rows in (("f", fitted), ("p", placed))}
    assert shares["p"] > 0.95 * shares["f"]
    whole = neighbors_kept(lay_out(neighbors, 2, start=start), neighbors, placed)
    assert shares["p"] > 0.9 * whole
    at_random = coordinates.copy()
    at_random[placed] = np.random.default_rng(0).permutation(coordinates[placed])
    assert shares["p"] > 3 * neighbors_kept(at_random, neighbors, placed)


def test_the_fitted_stay_where_a_map_of_them_alone_puts_them(large_crowd, partly_fitted):
    """Newcomers move nobody: with no round of improvement after the fit, or many."""
    neighbors, start = large_crowd
    coordinates, fitted = partly_fitted
    only = Neighbors(neighbors.indices.copy(), neighbors.similarities.copy())
    others = np.setdiff1d(np.arange(len(coordinates)), fitted)
    only.indices[others], only.similarities[others] = -1, np.nan
    alone = lay_out(only, 2, start=start, fitted=fitted)
    assert np.array_equal(alone[fitted], coordinates[fitted])
    assert np.isnan(alone[others]).all()


def test_a_map_of_some_is_repeatable_and_leaves_only_the_lonely_out(large_crowd, partly_fitted):
    """To the last bit; nan where there are no neighbors, and nowhere else."""
    neighbors, start = large_crowd
    coordinates, fitted = partly_fitted
    assert np.array_equal(lay_out(neighbors, 2, start=start, fitted=fitted), coordinates, equal_nan=True)
    assert np.flatnonzero(np.isnan(coordinates[:, 0])).tolist() == [3, 900]


def test_whoever_no_fitted_sample_is_near_to_is_placed_by_way_of_others_or_of_the_start():
    """A chain of which only the first ones are fitted, and a pair apart from all."""
    chain = np.arange(12)
    indices = np.stack([np.clip(chain - 1, 0, None), np.clip(chain + 1, None, 11)], axis=1)
    indices[0], indices[11] = [1, 2], [10, 9]
    indices = np.concatenate([indices, [[13, -1], [12, -1]]])
    similarities = np.where(indices >= 0, 0.9, np.nan).astype(np.float32)
    start = np.stack([np.arange(14.0), np.zeros(14)], axis=1)
    neighbors, fitted = Neighbors(indices, similarities), np.arange(4)
    assert np.isfinite(lay_out(neighbors, 0, fitted=fitted)).all()
    coordinates = lay_out(neighbors, 0, start=start, fitted=fitted)
    assert np.isfinite(coordinates).all()
    assert np.array_equal(coordinates[12:], coordinates[[11, 11]])


def test_what_is_kept_is_a_share_of_the_nearest():
    """On a line whose neighbors are those on both sides all is kept; with neighbors drawn elsewhere, nothing."""
    line = np.stack([np.arange(30.0), np.zeros(30)], axis=1)
    inner = np.arange(5, 25)
    beside = np.stack([np.arange(30) - 1, np.arange(30) + 1], axis=1).clip(0, 29)
    likeness = np.ones(beside.shape, dtype=np.float32)
    assert neighbors_kept(line, Neighbors(beside, likeness), inner) == 1
    assert neighbors_kept(line, Neighbors((beside + 15) % 30, likeness), inner) == 0
