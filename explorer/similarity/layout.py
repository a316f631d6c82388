"""A map of the samples: their neighbors, handed to UMAP. numpy only, no torch; UMAP is imported when it is used."""

import numpy as np
from scipy.sparse import csr_array

from explorer.errors import ShapeError
from explorer.records import Neighbors
from explorer.similarity.distinct import Read, blocks
from explorer.similarity.memberships import NEAREST_DISTANCE, SPREAD, fuzzy_graph, ready_umap
from explorer.similarity.placing import place_others

FITTED = 2**18
"""Up to so many samples the map is fitted to all of them."""
FITTED_SHARE = 4
"""Beyond, to every fourth at least, so that a dozen of fifty stored neighbors are fitted as well."""
_REPULSIONS = 5
_EPOCHS_OVER_PLACING = 3  # as in UMAP's own transform


def lay_out(
    neighbors: Neighbors,
    seed: int,
    *,
    start: np.ndarray | None = None,
    near: int = 15,
    epochs: int = 200,
    fitted: np.ndarray | None = None,
) -> np.ndarray:
    """Coordinates on a plane that keep similar samples together.

    Only who is close to whom means something: directions, gaps and areas are a hint at best. The same arguments give
    the same map on the same machine.

    Args:
        neighbors: [n, k] of all samples; no second search is made.
        seed: of the starting noise and of the pairs that are pushed apart.
        start: [n, 2] coordinates to start from, such as principal_coordinates, which keeps the large picture; None
            starts at random.
        near: how many samples count as close, the sample itself included; clipped to what neighbors hold. Turning it
            up shows larger structures.
        epochs: rounds of improvement, in proportion to the time.
        fitted: rising rows of the samples that the map is fitted to, see fitted_rows; the others are placed among them,
            see place_others. None fits all, and so do rows of which no two are neighbors.

    Returns:
        [n, 2] float32; nan for samples without neighbors.

    Raises:
        ShapeError: neighbors are not [n, k], near is below 2, or start is not [n, 2] and finite where there are
            neighbors.

    Cost: time O(n · near · epochs), memory O(n · near), with n the fitted ones; a third of the time for each placed one
    and no memory beyond its place. 1 s for 5,000 samples, after 3 to 4 s of import and compilation
    in each process, and once for each installation some 20 s in which UMAP's own code is compiled.

    >>> nobody = Neighbors(np.full((1, 3), -1), np.full((1, 3), np.nan))
    >>> lay_out(nobody, seed=0).tolist()
    [[nan, nan]]
    """
    if neighbors.indices.ndim != 2 or near < 2:
        raise ShapeError(
            f"lay_out needs neighbors [n, k] and near of at least 2, found {list(neighbors.indices.shape)} and {near}. "
            "Pass the neighbors of all samples."
        )
    everyone = _with_neighbors(neighbors)
    coordinates = np.full((len(neighbors.indices), 2), np.nan, dtype=np.float32)
    if len(everyone):
        generator = np.random.RandomState(seed)  # the kind that UMAP's functions expect
        rows, graph = _joined(neighbors, everyone, fitted, near - 1)
        origin = _starting_points(start, rows, everyone, len(coordinates), generator)
        coordinates[rows] = _improved(graph, origin, epochs, generator)
        others = np.setdiff1d(everyone, rows, assume_unique=True)
        place_others(coordinates, others, neighbors, near - 1, epochs // _EPOCHS_OVER_PLACING, generator, start)
    return coordinates


def _joined(
    neighbors: Neighbors, everyone: np.ndarray, fitted: np.ndarray | None, near: int
) -> tuple[np.ndarray, csr_array]:
    """The samples to fit and their graph: those of fitted with a neighbor among them, for nothing would hold others."""
    if fitted is not None:
        rows = np.intersect1d(everyone, fitted)
        graph = fuzzy_graph(neighbors, rows, near)
        is_joined = np.diff(graph.indptr) > 0
        if is_joined.any():
            return rows[is_joined], graph[is_joined][:, is_joined]
    return everyone, fuzzy_graph(neighbors, everyone, near)


def fitted_rows(neighbors: Neighbors, seed: int, *, most: int = FITTED) -> np.ndarray | None:
    """Seeded rows, rising, of the samples that a map should be fitted to; None when that is all of them.

    Args:
        neighbors: [n, k] of all samples.
        seed: draws them.
        most: up to so many samples with neighbors all are fitted; beyond, so many or a FITTED_SHARE-th of all.
    """
    everyone = _with_neighbors(neighbors)
    if len(everyone) <= most:
        return None
    count = max(most, len(everyone) // FITTED_SHARE)
    return np.sort(np.random.default_rng(seed).choice(everyone, count, replace=False))


def principal_coordinates(units: np.ndarray) -> np.ndarray:
    """The two directions in which unit features vary most: a start for lay_out.

    Args:
        units: [n, d] numbers; zero and non-finite rows are left out. Not modified.

    Returns:
        [n, 2] float32; nan for rows that were left out, 0 where there is no second direction.

    Cost: time O(n d² + d³), memory O(n + d²).
    """
    return stored_principal_coordinates(lambda rows: units[rows], len(units), units.shape[1])


def stored_principal_coordinates(read: Read, count: int, width: int) -> np.ndarray:
    """As principal_coordinates, for features that are read from where they are stored, twice.

    Args:
        read: gives the rows of row numbers.
        count: n, how many samples there are.
        width: d, the columns of a row.

    Cost: time O(n d² + d³), memory O(n + d²) and one block.
    """
    usable = np.zeros(count, dtype=bool)
    origin, total, second = None, np.zeros(width), np.zeros((width, width))
    for rows in blocks(count, width):
        values = read(rows).astype(np.float64)
        usable[rows] = np.isfinite(values).all(axis=1) & values.any(axis=1)
        values = values[usable[rows]]
        if origin is None and len(values):
            origin = values[0].copy()  # sums of differences from a sample keep digits that sums of samples lose
        if len(values):
            values -= origin
            total += values.sum(axis=0)
            second += values.T @ values
    coordinates = np.full((count, 2), np.nan, dtype=np.float32)
    if origin is not None:
        mean = total / usable.sum()
        directions = _leading(second - usable.sum() * np.outer(mean, mean))
        coordinates[usable] = 0.0
        for rows in blocks(count, width):
            kept = usable[rows]
            centered = read(rows)[kept].astype(np.float64) - origin - mean
            coordinates[rows[kept], : directions.shape[1]] = centered @ directions
    return coordinates


def _with_neighbors(neighbors: Neighbors) -> np.ndarray:
    """Rows of the samples that have a neighbor: the first place is filled first."""
    return np.flatnonzero(neighbors.indices[:, 0] >= 0)


def _leading(second: np.ndarray) -> np.ndarray:
    """[d, 2] or [d, 1] the directions in which most lies."""
    directions = np.linalg.eigh(second)[1][:, ::-1][:, :2]
    # eigh leaves the sign of a direction open; the largest entry is made positive so that maps do not flip.
    largest = np.abs(directions).argmax(axis=0)
    return directions * np.sign(directions[largest, np.arange(directions.shape[1])])


def _starting_points(
    start: np.ndarray | None,
    rows: np.ndarray,
    everyone: np.ndarray,
    count: int,
    generator: np.random.RandomState,
) -> np.ndarray:
    """[m, 2] float32 within ±10, with a little noise because UMAP cannot part samples that start in one place."""
    if start is None:
        return generator.uniform(-10, 10, size=(len(rows), 2)).astype(np.float32)
    start = np.asarray(start, dtype=np.float64)
    if start.shape != (count, 2) or not np.isfinite(start[everyone]).all():
        raise ShapeError(
            f"start must be {[count, 2]} and finite for samples with neighbors, found {list(start.shape)}. "
            "Make it with principal_coordinates from the units that the neighbors were found in."
        )
    points = start[rows] - start[rows].mean(axis=0)
    points = 10 * points / max(np.abs(points).max(), np.finfo(np.float32).tiny)
    return (points + generator.normal(scale=1e-4, size=points.shape)).astype(np.float32)


def _improved(graph: csr_array, points: np.ndarray, epochs: int, generator: np.random.RandomState) -> np.ndarray:
    """UMAP's optimization of the points, on one thread because only that is repeatable."""
    umap = ready_umap()
    a, b = umap.find_ab_params(SPREAD, NEAREST_DISTANCE)
    coordinates, _ = umap.simplicial_set_embedding(
        data=None,
        graph=graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=_REPULSIONS,
        n_epochs=epochs,
        init=points,
        random_state=generator,
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
    )
    return coordinates
