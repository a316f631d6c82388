"""Laws of near duplicates and isolated samples, against a walk from sample to sample."""

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.records import Neighbors
from explorer.similarity.duplicates import duplicate_groups, isolated_rows, nearest_similarity


def draw_neighbors(n=120, k=4, seed=0):
    """Random neighbors with symmetric similarities where both are stored, some places empty."""
    generator = np.random.default_rng(seed)
    whole = generator.uniform(-0.2, 1, (n, n)).astype(np.float32)
    whole = (whole + whole.T) / 2
    np.fill_diagonal(whole, -np.inf)
    indices = np.argsort(-whole, axis=1)[:, :k]
    similarities = np.take_along_axis(whole, indices, 1)
    indices[::7, k // 2 :], similarities[::7, k // 2 :] = -1, np.nan
    indices.flags.writeable = similarities.flags.writeable = False  # as a study on disk gives them
    return Neighbors(indices, similarities)


def walked_groups(neighbors, bound):
    """Sets of rows that can be reached from one another, one step at a time."""
    steps = {row: set() for row in range(len(neighbors.indices))}
    for row, (theirs, similarities) in enumerate(zip(neighbors.indices, neighbors.similarities, strict=True)):
        for other, similarity in zip(theirs, similarities, strict=True):
            if other >= 0 and similarity >= bound:
                steps[row].add(int(other))
                steps[int(other)].add(row)
    groups, seen = [], set()
    for row in steps:
        reached, waiting = set(), [row]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += steps[one]
        if row not in seen and len(reached) > 1:
            groups.append(reached)
        seen |= reached
    return groups


@pytest.mark.parametrize("bound", [0.5, 0.9, 0.93, 0.96, 2.0])
def test_groups_are_what_can_be_reached_by_links_above_the_bound(bound):
    """The same sets of rows as a walk finds, and -1 for everybody else."""
    for seed in range(5):
        neighbors = draw_neighbors(seed=seed)
        found = duplicate_groups(neighbors, bound)
        groups = {frozenset(found.rows(number).tolist()) for number in range(len(found.sizes))}
        assert groups == {frozenset(group) for group in walked_groups(neighbors, bound)}
        assert (found.group == -1).sum() == len(neighbors.indices) - found.sizes.sum()


def test_conflicting_groups_come_first_and_then_the_largest():
    """Each conflict is two different labels in the group; one that has none is never a conflict."""
    neighbors = draw_neighbors()
    labels = np.random.default_rng(1).integers(-1, 3, len(neighbors.indices))
    found = duplicate_groups(neighbors, 0.96, labels)
    for number, (size, conflicting) in enumerate(zip(found.sizes, found.conflicting, strict=True)):
        theirs = labels[found.rows(number)]
        assert size == len(theirs)
        assert conflicting == (len(set(theirs[theirs >= 0])) > 1)
    order = [(not conflicting, -size) for conflicting, size in zip(found.conflicting, found.sizes, strict=True)]
    assert order == sorted(order) and len({one for one, _ in order}) == 2


def test_a_long_chain_is_one_group():
    """Each sample is linked to the next only; both ends are in one group, whatever the order of rows."""
    n = 5000
    order = np.random.default_rng(0).permutation(n)
    indices = np.full((n, 1), -1)
    indices[order[:-1], 0] = order[1:]
    found = duplicate_groups(Neighbors(indices, np.full((n, 1), 0.99, dtype=np.float32)), 0.95)
    assert found.sizes.tolist() == [n] and (found.group == 0).all()


def test_a_link_that_only_one_of_two_stores_counts():
    """The other may have closer neighbors than it stores."""
    neighbors = Neighbors(np.array([[1], [2], [1]]), np.array([[0.97], [0.99], [0.99]], dtype=np.float32))
    assert duplicate_groups(neighbors, 0.95).group.tolist() == [0, 0, 0]


def test_targets_conflict_when_they_differ_by_more_than_is_tolerated():
    """In any column; nan conflicts with nobody."""
    pairs = Neighbors(np.array([[1], [0], [3], [2]]), np.ones((4, 1), dtype=np.float32))
    targets = np.array([[1.0, -5.0], [1.0, -5.5], [2.0, 0.0], [np.nan, np.nan]])
    assert duplicate_groups(pairs, 0.9, targets).conflicting.tolist() == [True, False]
    assert duplicate_groups(pairs, 0.9, targets, tolerance=0.5).conflicting.tolist() == [False, False]


def test_isolated_samples_are_those_with_the_least_closeness():
    """Rising, nan left out, and the nearest neighbor is the first stored one."""
    neighbors = draw_neighbors()
    closeness = nearest_similarity(neighbors)
    np.testing.assert_array_equal(closeness, np.nanmax(neighbors.similarities, axis=1))
    closeness = np.where(np.arange(len(closeness)) % 10, closeness, np.nan)
    rows = isolated_rows(closeness, 20)
    assert len(rows) == 20 and np.isfinite(closeness[rows]).all() and (np.diff(closeness[rows]) >= 0).all()
    assert closeness[rows].max() <= np.nanmin(np.delete(closeness, rows))
    assert len(isolated_rows(closeness, 10**6)) == np.isfinite(closeness).sum()


def test_no_samples_and_no_links_are_no_groups():
    """Empty answers, not errors."""
    nobody = Neighbors(np.full((3, 2), -1), np.full((3, 2), np.nan, dtype=np.float32))
    found = duplicate_groups(nobody, 0.5, np.zeros(3, dtype=np.int64))
    assert found.group.tolist() == [-1, -1, -1] and len(found.sizes) == len(found.conflicting) == 0
    assert len(isolated_rows(nearest_similarity(nobody), 5)) == 0


def test_what_does_not_fit_is_refused_in_words():
    """The message names the argument."""
    with pytest.raises(ShapeError, match="neighbors"):
        duplicate_groups(draw_neighbors().of(3), 0.9)
    with pytest.raises(ShapeError, match="labels"):
        duplicate_groups(draw_neighbors(), 0.9, np.zeros(3, dtype=np.int64))
