"""Laws of the approximate search, against the exact one."""

import faiss
import numpy as np
import pytest

from explorer.similarity.approximate import RECALL
from explorer.similarity.neighbors import find_neighbors, find_stored_neighbors, unit_rows

N, WIDTH, K = 3000, 24, 12


@pytest.fixture(scope="module")
def units():
    """3,000 samples in 60 loose groups; the last 100 repeat the first ones, two have no direction."""
    random = np.random.default_rng(0)
    rows = unit_rows(random.normal(size=(60, WIDTH))[random.integers(0, 60, N)] + 0.4 * random.normal(size=(N, WIDTH)))
    rows[-100:] = rows[:100]
    rows[[7, 2950]] = 0
    return rows


def approximate(units, seed=0, **bounds):
    return find_stored_neighbors(lambda rows: units[rows], len(units), units.shape[1], K, seed=seed, **bounds)


@pytest.fixture(scope="module")
def found(units):
    return approximate(units, most=1000)


def recall(found, exact, count=10):
    """Share of the exact nearest that are among as many found."""
    kept = exact.indices[:, 0] >= 0
    pairs = zip(found.indices[kept, :count], exact.indices[kept, :count], strict=True)
    return np.mean([len(set(mine) & set(theirs)) / count for mine, theirs in pairs])


def test_the_recall_that_is_told_is_the_recall_that_all_samples_have(units, found):
    """Measured on 256 samples, true for 3,000, and as high as promised."""
    neighbors, facts = found
    true = recall(neighbors, find_neighbors(units, K))
    assert facts["index"] == "ivf-sq8" and facts["recall_samples"] == 256
    assert true > 0.96
    assert facts["recall_at_10"] == pytest.approx(true, abs=0.02)


def test_similarities_are_those_of_the_stored_features(units, found):
    """Bytes choose the candidates, the features give the numbers: falling, and exact for whoever is found."""
    neighbors = found[0]
    known = neighbors.indices >= 0
    products = np.einsum("nd,nkd->nk", units.astype(np.float64), units[neighbors.indices].astype(np.float64))
    assert np.allclose(neighbors.similarities[known], products[known], rtol=0, atol=1e-6)
    assert (np.diff(neighbors.similarities[known.all(axis=1)], axis=1) <= 0).all()


def test_nobody_is_its_own_neighbor_and_duplicates_are(units, found):
    """A sample leaves itself out by its row; its duplicate comes first; a zero row has and is no neighbor."""
    neighbors = found[0]
    assert not (neighbors.indices == np.arange(N)[:, None]).any()
    repeated = np.delete(np.arange(100), [7, 50])
    assert np.array_equal(neighbors.indices[repeated, 0], N - 100 + repeated)
    assert (neighbors.indices[[7, 2950]] == -1).all()
    assert not np.isin([7, 2950], neighbors.indices).any()


def test_the_same_seed_finds_the_same(units, found):
    """To the last bit."""
    again = approximate(units, most=1000)
    assert np.array_equal(again[0].indices, found[0].indices)
    assert again[1] == found[1]


@pytest.mark.parametrize("most", [N, 1000])
def test_the_kept_index_answers_for_every_usable_sample_under_its_number(units, most):
    """Exact or not, all samples but those of no direction are in it, also duplicates."""
    kept = []
    neighbors, facts = approximate(units, most=most, keep=kept.append)
    index = kept[0]
    assert index.ntotal == N - 2
    similarities, samples = index.search(units, 2)
    usable = units.any(axis=1)
    found_itself = (samples[usable] == np.flatnonzero(usable)[:, None]).any(axis=1)
    assert found_itself.mean() == 1 if facts["index"] == "flat" else found_itself.mean() > 0.95
    assert set(samples[3]) == {3, N - 97}
    tolerance = 1e-5 if facts["index"] == "flat" else 0.02  # a byte a number
    assert similarities[3] == pytest.approx([1, 1], abs=tolerance)


def test_the_bounds_count_different_samples_and_their_bytes(units):
    """2,900 directions of 2,998 samples: one more than allowed, or more bytes, and the search is approximate."""
    assert approximate(units, most=2900)[1]["index"] == "flat"
    assert approximate(units, most=2899)[1]["index"] == "ivf-sq8"
    assert approximate(units, most_bytes=4 * WIDTH * 2900)[1]["index"] == "flat"
    assert approximate(units, most_bytes=4 * WIDTH * 2900 - 1)[1]["index"] == "ivf-sq8"


def test_an_exact_search_keeps_equal_samples_in_lists_where_a_copy_of_all_does_not_fit(units):
    """Neighbors to the last bit, and an index of every sample, a byte a number."""
    kept = []
    found, facts = approximate(units, most_bytes=4 * WIDTH * 2998 - 1, keep=kept.append)
    exact = find_neighbors(units, K)
    assert facts["index"] == "flat" and np.array_equal(found.indices, exact.indices)
    assert isinstance(kept[0], faiss.IndexIVFScalarQuantizer) and kept[0].ntotal == N - 2


@pytest.mark.parametrize("different", [1, 2, 5, 8, 12, 20])
@pytest.mark.parametrize("words", [{"most": 0}, {"most_bytes": 0}])
def test_a_handful_of_directions_is_found_whole_beyond_any_bound(different, words):
    """Fewer than lists, probes and candidates were made for, some of them once and some often: the exact answer."""
    random = np.random.default_rng(different)
    directions = unit_rows(random.normal(size=(different, 3)))
    units = np.concatenate([directions, directions[random.integers(0, -(-different // 2), 200)]])
    neighbors, facts = approximate(units, **words)
    assert np.array_equal(neighbors.indices, find_neighbors(units, K).indices)
    assert facts["recall_at_10"] == 1


def test_rows_without_structure_are_found_as_well_as_crowds():
    """The same in all directions, so that near ones lie in any list: as many are looked into as it takes."""
    rows = unit_rows(np.random.default_rng(3).normal(size=(2000, 64)))
    found, facts = approximate(rows, most=0)
    assert facts["probes"] > facts["lists"] / 2
    assert facts["recall_at_10"] >= RECALL
    assert recall(found, find_neighbors(rows, K)) > 0.96


@pytest.mark.parametrize("free", [0, 10**4, 10**12])
def test_how_much_memory_is_free_changes_no_answer(units, free, monkeypatch, tmp_path):
    """Neither who is found nor whether all pairs are compared, be it in memory or in files that nobody sees."""
    monkeypatch.setattr("explorer.similarity.neighbors.available_memory", lambda: free)
    kept = []
    found, facts = approximate(units, folder=tmp_path, keep=kept.append)
    assert facts["index"] == "flat" and isinstance(kept[0], faiss.IndexIDMap)
    exact = find_neighbors(units, K)
    assert np.array_equal(found.indices, exact.indices)
    assert np.array_equal(found.similarities, exact.similarities, equal_nan=True)
    assert not list(tmp_path.iterdir())


def test_no_usable_sample_is_no_error():
    """Nothing to index: flat, and nobody has a neighbor."""
    neighbors, facts = approximate(np.zeros((4, 3), dtype=np.float32))
    assert (neighbors.indices == -1).all() and facts["distinct"] == 0


@pytest.mark.parametrize("most", [N, 1000])
def test_an_estimate_ranks_more_candidates_than_are_kept(units, most):
    """Ranked by a number that turns the order of near products around: the kept ones are the best of a wider circle."""

    def farther(rows, near, products):
        assert near.shape[1] == 4 * K
        return -products

    neighbors, _ = approximate(units, most=most, estimate=farther)
    wide = find_neighbors(units, 4 * K)
    known = np.flatnonzero(wide.indices[:, 0] >= 0)
    assert (np.diff(neighbors.similarities[known], axis=1) <= 0).all()
    if most == N:
        assert np.allclose(neighbors.similarities[known], -wide.similarities[known, ::-1][:, :K], rtol=0, atol=1e-7)


def test_many_copies_of_one_sample_take_no_more_than_a_few():
    """2,000 equal samples among 50 others: the first rows stay, as for any equals."""
    random = np.random.default_rng(2)
    units = unit_rows(np.concatenate([np.tile(random.normal(size=(1, 8)), (2000, 1)), random.normal(size=(50, 8))]))
    found = find_neighbors(units, 5)
    assert found.indices[1999].tolist() == [0, 1, 2, 3, 4]
    assert found.indices[0].tolist() == [1, 2, 3, 4, 5]
