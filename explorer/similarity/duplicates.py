"""Near duplicates and isolated samples in the network's eyes, from stored neighbors. numpy only, no torch."""

from dataclasses import dataclass

import numpy as np

from explorer.errors import ShapeError
from explorer.records import Neighbors


@dataclass(frozen=True)
class DuplicateGroups:
    """Groups of near duplicates, the ones to look at first at the front: conflicting labels, then the largest."""

    group: np.ndarray
    """[n] int64 number of the group that a sample is in, counted from 0; -1 where it has no near duplicate."""
    sizes: np.ndarray
    """[g] int64 samples in each group, 2 or more."""
    conflicting: np.ndarray
    """[g] bool, whether two samples of the group carry labels that differ; False without labels."""

    def rows(self, number: int) -> np.ndarray:
        """int64 rows of one group, rising."""
        return np.flatnonzero(self.group == number)


def duplicate_groups(
    neighbors: Neighbors, bound: float, labels: np.ndarray | None = None, *, tolerance: float = 0.0
) -> DuplicateGroups:
    """Samples that are linked, directly or by way of others, by a similarity of at least bound.

    Two samples are linked when either stores the other among its neighbors, so a chain of near duplicates is one
    group even where its ends are not alike. A pair that neither stores, because both have more and closer neighbors
    than are stored, is linked only by way of these.

    Args:
        neighbors: [n, k] stored neighbors; places with index -1 or similarity nan link nobody.
        bound: similarity k^C in [-1, 1] from which on two samples count as near duplicates. Turning it up makes groups
            smaller and fewer.
        labels: [n] whole numbers, -1 for none; or [n] or [n, c] floating point targets, nan for none. None when they do
            not matter. Samples without a label conflict with nobody.
        tolerance: largest difference of targets, in their unit, that is no conflict. Classes differ or not.

    Returns:
        Groups in the order of attention: conflicting first, then larger first, then by their first row.

    Raises:
        ShapeError: neighbors are of one sample only, or labels do not have n entries.

    Cost: time O(n k) for each of some rounds, about log n of them; memory O(n k).

    >>> pairs = Neighbors(np.array([[1], [0], [0]]), np.array([[0.99], [0.99], [0.2]], dtype=np.float32))
    >>> duplicate_groups(pairs, 0.95, np.array([4, 7, 7])).group.tolist()
    [0, 0, -1]
    """
    _check(neighbors, labels)
    n = len(neighbors.indices)
    with np.errstate(invalid="ignore"):
        linked = (neighbors.similarities >= bound) & (neighbors.indices >= 0)
    left, place = np.nonzero(linked)
    roots = _components(n, left, neighbors.indices[left, place])
    members = np.bincount(roots, minlength=n)
    heads = np.flatnonzero(members > 1)  # first rows of the groups, rising
    conflicts = np.zeros(n, dtype=bool) if labels is None else _conflicts(roots, labels, tolerance)
    order = np.lexsort((heads, -members[heads], ~conflicts[heads]))
    heads = heads[order]
    numbers = np.full(n, -1, dtype=np.int64)
    numbers[heads] = np.arange(len(heads))
    return DuplicateGroups(numbers[roots], members[heads], conflicts[heads])


def nearest_similarity(neighbors: Neighbors) -> np.ndarray:
    """Similarity of each sample to the one that is most like it.

    Args:
        neighbors: [n, k], best first.

    Returns:
        [n] float32; small for samples that are like no other, nan for those without a gradient.

    Raises:
        ShapeError: neighbors are of one sample only.
    """
    _check(neighbors, None)
    return neighbors.similarities[:, 0]


def isolated_rows(closeness: np.ndarray, count: int) -> np.ndarray:
    """The samples that the network sees as most unlike all others, most isolated first.

    Args:
        closeness: [n] what small values of mean isolation: the soft density (samples), or nearest_similarity. nan is
            not ranked.
        count: how many; fewer come back when fewer have a value.

    Returns:
        [m] int64 rows; equal values in the order of rows.

    Cost: time O(n log n).

    >>> isolated_rows(np.array([3.0, np.nan, 1.0, 2.0]), 2).tolist()
    [2, 3]
    """
    order = np.argsort(closeness, kind="stable")  # nan last
    return order[: min(max(count, 0), int(np.isfinite(closeness).sum()))]


def _components(n: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """[n] the smallest row that each row is linked to: roots are handed along links and then followed to their own."""
    roots = np.arange(n)
    while True:
        one, other = roots[left], roots[right]
        low, high = np.minimum(one, other), np.maximum(one, other)
        open_links = low < high
        if not open_links.any():
            return roots
        left, right = left[open_links], right[open_links]
        np.minimum.at(roots, high[open_links], low[open_links])
        while (roots[roots] != roots).any():
            roots = roots[roots]


def _conflicts(roots: np.ndarray, labels: np.ndarray, tolerance: float) -> np.ndarray:
    """[n] bool, at the root of each group: whether the labels of its samples spread by more than is tolerated."""
    labels = np.asarray(labels)
    values = labels.reshape(len(labels), -1).astype(np.float64)
    if np.issubdtype(labels.dtype, np.integer):
        values, tolerance = np.where(values < 0, np.nan, values), 0.0
    conflicts = np.zeros(len(roots), dtype=bool)
    for column in values.T:
        known = np.isfinite(column)
        low, high = np.full(len(roots), np.inf), np.full(len(roots), -np.inf)
        np.minimum.at(low, roots[known], column[known])
        np.maximum.at(high, roots[known], column[known])
        conflicts |= high - low > tolerance
    return conflicts


def _check(neighbors: Neighbors, labels: np.ndarray | None) -> None:
    if neighbors.indices.ndim != 2:
        raise ShapeError(f"neighbors must be [n, k], found {list(neighbors.indices.shape)}. Pass those of all samples.")
    if labels is not None and len(labels) != len(neighbors.indices):
        raise ShapeError(
            f"labels must have one entry for each of {len(neighbors.indices)} samples, found {len(labels)}. Pass all."
        )
