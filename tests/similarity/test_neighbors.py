"""Laws of the neighbors, against a sort of all pairs."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.errors import ShapeError
from explorer.similarity.neighbors import find_neighbors, find_stored_neighbors, unit_rows


def draw_units(n, d=8, seed=0):
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)))


def assert_same_neighbors(found, expected):
    """Rows, order, and similarities as the oracle lists them; -1 and nan beyond."""
    for indices, similarities, pairs in zip(found.indices, found.similarities, expected, strict=True):
        pairs = pairs or []
        rest = len(indices) - len(pairs)
        assert indices.tolist() == [row for row, _ in pairs] + [-1] * rest
        assert np.allclose(similarities[: len(pairs)], [value for _, value in pairs], rtol=0, atol=1e-6)
        assert np.isnan(similarities[len(pairs) :]).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 1000))
def test_neighbors_are_those_of_a_sort_of_all_pairs(n, k, seed):
    """For any number of samples and neighbors, with empty places when there are too few samples."""
    units = draw_units(n, seed=seed)
    assert_same_neighbors(find_neighbors(units, k), oracles.nearest(units, k))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 80), st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
def test_duplicates_are_neighbors_of_each_other_in_the_order_of_rows_and_never_of_themselves(n, k, distinct, seed):
    """Many equal similarities: the first rows stay, and the sample itself is left out by its row."""
    units = draw_units(distinct, seed=seed)[np.random.default_rng(seed).integers(0, distinct, n)]
    found = find_neighbors(units, k)
    assert_same_neighbors(found, oracles.nearest(units, k))
    assert not (found.indices == np.arange(n)[:, None]).any()


def test_identical_samples_take_the_first_rows():
    """A network that sees one sample everywhere."""
    found = find_neighbors(np.tile(draw_units(1), (300, 1)), 3)
    assert found.indices[0].tolist() == [1, 2, 3]
    assert found.indices[2].tolist() == [0, 1, 3]
    assert found.indices[299].tolist() == [0, 1, 2]
    assert found.similarities.max() <= 1


def test_more_samples_than_one_chunk_are_all_answered():
    """Chunks of queries do not show."""
    units = draw_units(300, d=16)
    assert_same_neighbors(find_neighbors(units, 5), oracles.nearest(units, 5))


def test_invalid_samples_have_no_neighbors_and_are_none():
    """Zero, non-finite and masked rows: -1 and nan, and the others as without them."""
    units = draw_units(50)
    units[3], units[10, 2] = 0, np.nan
    valid = np.isfinite(units).all(axis=1) & units.any(axis=1)
    assert_same_neighbors(find_neighbors(units, 6), oracles.nearest(units, 6, valid=valid))
    valid[20] = False
    found = find_neighbors(units, 6, valid=valid)
    assert_same_neighbors(found, oracles.nearest(units, 6, valid=valid))
    assert not np.isin(found.indices, [3, 10, 20]).any()


def test_no_valid_sample_leaves_all_places_empty():
    """A network without gradients has no neighbors, and that is no error."""
    found = find_neighbors(np.zeros((4, 3), dtype=np.float32), 2)
    assert (found.indices == -1).all() and np.isnan(found.similarities).all()


def test_queries_may_find_every_sample():
    """New inputs have no row of their own to leave out; a bad one has no neighbors."""
    units, queries = draw_units(40), draw_units(6, seed=9)
    queries[0] = units[7]
    found = find_neighbors(units, 4, queries=queries)
    assert_same_neighbors(found, oracles.nearest(units, 4, queries=queries))
    assert found.indices[0, 0] == 7
    queries[1] = np.nan
    assert (find_neighbors(units, 4, queries=queries).indices[1] == -1).all()


def test_similarities_fall_and_stay_within_one():
    """Best first, in [-1, 1], as float32, with int64 rows."""
    found = find_neighbors(np.repeat(draw_units(20), 2, axis=0), 39)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert found.similarities.max() <= 1 and found.similarities.min() >= -1
    assert found.similarities.dtype == np.float32 and found.indices.dtype == np.int64


def test_shuffling_the_samples_renames_their_neighbors():
    """Without ties, who is near whom does not depend on the order."""
    units, order = draw_units(60), np.random.default_rng(1).permutation(60)
    shuffled = find_neighbors(units[order], 5)
    assert np.array_equal(order[shuffled.indices], find_neighbors(units, 5).indices[order])


def listed(values, k):
    """The oracle's answer by whole matrices, for sizes at which a loop over pairs is too slow."""
    products = (values.astype(np.float64) @ values.T.astype(np.float64)).clip(-1, 1).astype(np.float32)
    np.fill_diagonal(products, -np.inf)
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(products, order, axis=1)


CROWDS = {
    "one dimension": lambda random: unit_rows(random.normal(size=(3000, 1))),
    "many duplicates": lambda random: draw_units(150)[random.integers(0, 150, 3000)],
    "a few duplicates": lambda random: draw_units(2900, d=24)[random.integers(0, 2900, 3000)],
    "few values": lambda random: unit_rows(np.eye(40)[random.integers(0, 40, (3000, 3))].sum(axis=1)),
    "all within rounding": lambda random: unit_rows(np.ones(8) + 3e-4 * random.normal(size=(2000, 8))),
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_crowds_of_equals_are_ordered_by_row(crowd):
    """More equals than candidates: still the answer of a sort of all pairs, in float64 rounded to float32."""
    units = CROWDS[crowd](np.random.default_rng(5))
    found = find_neighbors(units, 20)
    indices, similarities = listed(units, 20)
    # Where float64 itself rounds differently, two neighbors may change places; their similarities may not.
    assert np.mean(found.indices == indices) > 0.999
    assert np.allclose(found.similarities, similarities, rtol=0, atol=1e-7)


def test_near_ties_lose_no_true_neighbor():
    """Samples on a circle, so close that float32 products cannot order them: the worst one kept is as good as it
    gets.
    """
    angles = np.linspace(0, 0.5, 4000)
    units = unit_rows(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    found = find_neighbors(units, 30)
    assert np.allclose(found.similarities, listed(units, 30)[1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_stored_features_are_read_block_by_block_and_found_as_in_memory(dtype):
    """Exact up to the bound, whatever the width of the stored numbers; only the valid samples are compared."""
    units = draw_units(400, d=12).astype(dtype)
    units[5] = 0
    valid = np.arange(400) != 17
    found, facts = find_stored_neighbors(lambda rows: units[rows], 400, 12, 7, valid=valid)
    expected = find_neighbors(units, 7, valid=valid)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.similarities, expected.similarities, equal_nan=True)
    assert facts == {"index": "flat", "distinct": 398, "recall_at_10": 1.0}


def test_unit_rows_have_length_one_and_bad_rows_are_zero():
    """Directions stay, lengths go, even very large and very small ones."""
    values = np.array([[3e300, 4e300], [3e-300, 4e-300], [0, 0], [np.nan, 1], [np.inf, 1]])
    expected = [[0.6, 0.8], [0.6, 0.8], [0, 0], [0, 0], [0, 0]]
    assert np.allclose(unit_rows(values), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: find_neighbors(np.ones(3), 2), "\\[n, d\\]"),
        (lambda: find_neighbors(np.eye(3), 0), "k = 0"),
        (lambda: find_neighbors(np.eye(3), 1, queries=np.eye(4)), "4 columns"),
        (lambda: find_neighbors(2 * np.eye(3), 1), "length 2 in row 0"),
        (lambda: find_neighbors(np.eye(3), 1, valid=np.ones(2, dtype=bool)), "valid"),
        (lambda: find_neighbors(np.full((2, 2), np.nan), 1, valid=np.ones(2, dtype=bool)), "row 0 with nan"),
        (lambda: find_neighbors(np.eye(3), 1, queries=2 * np.eye(3)), "queries must be rows of length 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what was found."""
    with pytest.raises(ShapeError, match=words):
        call()
