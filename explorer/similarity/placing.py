"""Places on a finished map for samples that it was not fitted to. numpy only, no torch; UMAP is imported when used."""

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from explorer.records import Neighbors
from explorer.similarity.memberships import NEAREST_DISTANCE, SPREAD, memberships, nearest_among, ready_umap

_AT_ONCE = 2**16  # newcomers that are placed at a time
_RATE = 0.25  # of the first step of the fit, as in UMAP's own transform
_REPULSIONS = 5


def place_others(
    coordinates: np.ndarray,
    others: np.ndarray,
    neighbors: Neighbors,
    k: int,
    epochs: int,
    generator: np.random.RandomState,
    start: np.ndarray | None = None,
) -> None:
    """Give places to samples beside those that have one, which stay where they are.

    As UMAP's transform: the mean of the neighbors that have a place, weighted by membership, then a few rounds of the
    same optimization in which only the newcomers move. Newcomers do not push each other apart. Who has no neighbor with
    a place waits for one that gets it; who is left then stands beside the sample that is nearest in start.

    Args:
        coordinates: [n, 2] float32; nan where there is no place yet. Filled in.
        others: [m] rising rows to be placed.
        neighbors: [n, s] of all samples.
        k: how many neighbors with a place a newcomer listens to.
        epochs: rounds of improvement.
        generator: draws what pushes a newcomer away.
        start: [n, 2] where the samples lie roughly; None draws a place for whoever is left.

    Cost: time O(m (s + k · epochs)), memory O(n) and some 100 MiB.
    """
    waiting = others
    while len(waiting):
        known = np.flatnonzero(np.isfinite(coordinates[:, 0]))
        places = np.full(len(coordinates), -1)
        places[known] = np.arange(len(known))
        fixed, left = coordinates[known], []
        for first in range(0, len(waiting), _AT_ONCE):
            rows = waiting[first : first + _AT_ONCE]
            near, distances = nearest_among(neighbors, rows, places, k)
            is_heard = np.isfinite(distances[:, 0])
            if is_heard.any():
                coordinates[rows[is_heard]] = _placed(fixed, near[is_heard], distances[is_heard], epochs, generator)
            left.append(rows[~is_heard])
        left = np.concatenate(left)
        if len(left) == len(waiting):
            coordinates[left] = fixed[_stand_ins(known, left, start, generator)]
            return
        waiting = left


def neighbors_kept(coordinates: np.ndarray, neighbors: Neighbors, rows: np.ndarray) -> float:
    """Share of the nearest samples on the map that are among the neighbors of a sample, over some samples.

    As many on the map are looked at as there are neighbors. 1 would be a map without any loss, which a plane can not
    be; samples at random have (neighbors stored) / n.

    Args:
        coordinates: [n, 2]; nan for samples without a place.
        neighbors: [n, s].
        rows: [q] samples with a place.

    Cost: time O(n log n + q s), memory O(n).
    """
    known = np.flatnonzero(np.isfinite(coordinates[:, 0]))
    count = min(neighbors.indices.shape[1] + 1, len(known))
    near = known[KDTree(coordinates[known]).query(coordinates[rows], count)[1].reshape(len(rows), -1)]
    shares = [
        np.isin(mine[mine != row], neighbors.indices[row]).sum() / max(1, (neighbors.indices[row] >= 0).sum())
        for row, mine in zip(rows, near, strict=True)
    ]
    return float(np.mean(shares)) if shares else float("nan")


def _placed(
    fixed: np.ndarray, near: np.ndarray, distances: np.ndarray, epochs: int, generator: np.random.RandomState
) -> np.ndarray:
    """[m, 2] float32 places of newcomers among fixed ones, all of whom have at least one neighbor there."""
    weights = memberships(distances)
    ends = np.arange(len(near) + 1) * near.shape[1]
    graph = csr_array((weights.ravel(), near.ravel(), ends), shape=(len(near), len(fixed)))
    points = ((graph @ fixed) / weights.sum(axis=1)[:, None]).astype(np.float32)
    if epochs < 1:
        return points
    heads, kept = np.repeat(np.arange(len(near)), near.shape[1]), weights.ravel() >= weights.max() / epochs
    umap = ready_umap()
    a, b = umap.find_ab_params(SPREAD, NEAREST_DISTANCE)
    return umap.optimize_layout_euclidean(
        points,
        fixed.copy(),
        heads[kept].astype(np.int32),
        near.ravel()[kept].astype(np.int32),
        epochs,
        len(fixed),
        umap.make_epochs_per_sample(weights.ravel()[kept], epochs),
        a,
        b,
        generator.randint(np.iinfo(np.int32).min + 1, np.iinfo(np.int32).max - 1, 3).astype(np.int64),
        initial_alpha=_RATE,
        negative_sample_rate=_REPULSIONS,
        parallel=False,
        move_other=False,
    )


def _stand_ins(
    known: np.ndarray, left: np.ndarray, start: np.ndarray | None, generator: np.random.RandomState
) -> np.ndarray:
    """[m] places in known of the samples beside which those stand that nobody with a place is near to."""
    if start is None:
        return generator.randint(0, len(known), len(left))
    return KDTree(start[known]).query(start[left])[1]
