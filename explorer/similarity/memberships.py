"""Who is near whom, as UMAP says it: a membership from 0 to 1 for each pair of neighbors. numpy only, no torch."""

import warnings
from types import ModuleType

import numpy as np
from scipy.sparse import coo_array, csr_array

from explorer.records import Neighbors

SPREAD = 1.0
NEAREST_DISTANCE = 0.1
_BISECTIONS = 64


def ready_umap() -> ModuleType:
    """UMAP's functions, imported when they are used: that takes seconds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        import umap.umap_
    return umap.umap_


def nearest_among(neighbors: Neighbors, rows: np.ndarray, places: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k neighbors of some samples that belong to a selection.

    Args:
        neighbors: [n, s] of all samples.
        rows: [m] samples.
        places: [n] place of each sample in the selection, -1 for the others.
        k: how many; fewer are found where fewer of the s belong.

    Returns:
        near: [m, k] places in the selection; 0 where there is none.
        distances: [m, k] float64, one minus the similarity and not negative; infinite where there is none.
    """
    indices, similarities = np.asarray(neighbors.indices[rows]), np.asarray(neighbors.similarities[rows])
    near = np.where(indices >= 0, places[indices], -1)
    if (near < 0).any():
        first = np.argsort(near < 0, axis=1, kind="stable")[:, :k]
        near, similarities = (np.take_along_axis(each, first, axis=1) for each in (near, similarities))
    near, similarities = near[:, :k], similarities[:, :k]
    distances = np.where(near >= 0, 1 - similarities.astype(np.float64), np.inf).clip(min=0)
    return near.clip(min=0), distances


def fuzzy_graph(neighbors: Neighbors, rows: np.ndarray, k: int) -> csr_array:
    """UMAP's symmetric graph of memberships among some samples, [m, m].

    Equal to umap.umap_.fuzzy_simplicial_set, which spends five seconds compiling what numpy does in milliseconds.

    Args:
        neighbors: [n, s] of all samples.
        rows: [m] the samples, rising; neighbors outside are passed over.
        k: how many neighbors each sample joins, itself not counted.

    Cost: time O(m (s + k)), memory O(m (s + k)).
    """
    places = np.full(len(neighbors.indices), -1)
    places[rows] = np.arange(len(rows))
    near, distances = nearest_among(neighbors, rows, places, k)
    heads = np.repeat(np.arange(len(rows)), near.shape[1])
    graph = coo_array((memberships(distances).ravel(), (heads, near.ravel())), shape=(len(rows), len(rows))).tocsr()
    return (graph + graph.T - graph * graph.T).tocsr()


def memberships(distances: np.ndarray) -> np.ndarray:
    """[m, k] from distances beyond the nearest one, each row's scale chosen so that memberships sum to log₂(k + 1)."""
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest[~np.isfinite(nearest)] = 0.0
    beyond = (distances - nearest[:, None]).clip(min=0)
    target = np.log2(distances.shape[1] + 1)
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    scale = np.ones(len(distances))
    for _ in range(_BISECTIONS):
        too_large = np.exp(-beyond / scale[:, None]).sum(axis=1) > target
        high, low = np.where(too_large, scale, high), np.where(too_large, low, scale)
        scale = np.where(np.isinf(high), 2 * low, (low + high) / 2)
    own = np.where(np.isfinite(distances), distances, 0.0).sum(axis=1) / (distances.shape[1] + 1)
    usual = np.where(nearest > 0, own, own.mean())
    return np.exp(-beyond / np.maximum(scale, 1e-3 * usual)[:, None])
