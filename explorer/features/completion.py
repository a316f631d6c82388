"""Fit what features leave unseen: how much of it near samples share, told by exact similarities of fresh samples."""

from dataclasses import replace

import numpy as np

from explorer.features.exact import exact_similarity
from explorer.features.projection import Projection
from explorer.features.shards import Measurer
from explorer.records import Settings, Unseen
from explorer.subjects import Subject

FITTED_ROWS = 128
"""Samples whose pairs are compared."""
FEWEST_ROWS = 16
"""With fewer to spare, nothing is fitted and inner products stay as they are."""
POWERS = (1, 2, 4, 8)


def fresh_rows(projection: Projection, count: int, seed: int) -> np.ndarray:
    """The samples among `count` that a projection was not fitted to, in random order."""
    fresh = np.setdiff1d(np.arange(count), projection.rows)
    return np.random.default_rng(seed).permutation(fresh)


def with_unseen(subject: Subject, projection: Projection, settings: Settings) -> Projection:
    """The projection, able to complete inner products of its features.

    Args:
        subject: what it was fitted to.
        projection: a calibrated projection, on the CPU.
        settings: seed, limit, device, batch size.

    Returns:
        The same with `unseen`, and with the samples that it was fitted to among its rows, so that fidelity is measured
        on others. Unchanged where too few samples are left for both.

    Cost: exact gradients of FITTED_ROWS samples.
    """
    count = min(len(subject), settings.limit or len(subject))
    # Half of what is left, at most: fidelity is to be measured on samples that played no part.
    fresh = fresh_rows(projection, count, settings.seed)
    rows = np.sort(fresh[: min(FITTED_ROWS, len(fresh) // 2)])
    if len(rows) < FEWEST_ROWS:
        return projection
    features = Measurer(subject, projection, replace(settings, storage="float32")).measure(rows)
    rows, units = rows[features.valid], features.units[features.valid]
    exact = exact_similarity(subject, projection, rows, rows, settings)
    taken = tuple(sorted({*projection.rows, *rows.tolist()}))
    return replace(projection, unseen=fitted_unseen(units, exact), rows=taken)


def fitted_unseen(units: np.ndarray, exact: np.ndarray) -> Unseen:
    """The completion that leaves the smallest squared error over all pairs.

    Args:
        units: [m, d] features.
        exact: [m, m] their exact similarities.
    """
    pairs = np.triu_indices(len(units), 1)
    units = units.astype(np.float64)
    energies = np.square(units).sum(1)
    products, first, second = (units @ units.T)[pairs], energies[pairs[0]], energies[pairs[1]]
    missing = exact[pairs] - products

    def trial(power: int) -> tuple[float, float, int]:
        added = Unseen(1.0, power).completed(products, first, second) - products
        size = np.square(added).sum()
        share = float(np.clip((added * missing).sum() / size, 0, 1)) if size > 0 else 0.0
        return float(np.square(missing - share * added).sum()), share, power

    _, share, power = min(trial(power) for power in POWERS)
    return Unseen(share, power)
