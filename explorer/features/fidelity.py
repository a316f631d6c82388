"""How faithful the features are: against full gradients, on samples that the projection was not fitted to."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy import stats

from explorer.features.completion import fresh_rows
from explorer.features.density import exact_soft_density
from explorer.features.exact import exact_similarity
from explorer.features.projection import Projection
from explorer.features.shards import Measurer, ShardFeatures
from explorer.records import Settings
from explorer.similarity.density import soft_density
from explorer.subjects import Subject

RECALLED = 10
COUNTED = 4
"""The soft count takes linear time, so it is compared on so many times the rows."""


def fidelity_rows(projection: Projection, count: int, rows: int, seed: int) -> np.ndarray:
    """Up to `rows` random samples of `count`, none of which the projection was fitted to, in random order."""
    fresh = fresh_rows(projection, count, seed)
    return (fresh if len(fresh) > 2 else np.random.default_rng(seed).permutation(count))[:rows]


def fidelity_report(
    subject: Subject,
    projection: Projection,
    settings: Settings,
    rows: int = 256,
    among: np.ndarray | None = None,
) -> dict[str, float | int]:
    """Features against exact gradients on some samples, all pairs among them.

    Args:
        subject: the measured subject, or another data set for the same network.
        projection: fitted to it.
        settings: seed, limit, device, batch size.
        rows: how many samples to compare; fewer when there are not so many outside the calibration.
        among: row numbers to choose from; None takes those that the projection was not fitted to.

    Returns:
        rmse of k^C over pairs; pearson and spearman correlation over pairs; recall_at_10, the share of each sample's
        ten nearest by full gradients that are among its ten nearest by features; rows, how many were compared;
        storage_rmse, what the type of the stored features adds to the error (0 for float32);
        soft_density_spearman, the rank correlation of the soft counts over COUNTED times as many samples, and
        soft_density_rows, how many those were. A number that so few samples cannot tell is nan.

    Cost: exact gradients of the rows, O(rows^2 q).
    """
    if among is None:
        among = fidelity_rows(
            projection, min(len(subject), settings.limit or len(subject)), len(subject), settings.seed
        )
    counted = np.sort(among[: COUNTED * rows])
    measured = Measurer(subject, projection, replace(settings, storage="float32")).measure(counted)
    chosen = np.isin(counted, among[:rows]) & measured.valid
    unrounded = estimated(measured.units[chosen], projection)
    measured = replace(measured, units=measured.units.astype(settings.storage).astype(np.float32))
    approximate = estimated(measured.units[chosen], projection)
    rounding = float(np.sqrt(np.mean((approximate - unrounded) ** 2)))
    np.fill_diagonal(approximate, 1.0)
    exact = exact_similarity(subject, projection, counted[chosen], counted[chosen], settings)
    told = {**compared(approximate, exact), "storage_rmse": rounding}
    return {**told, **_compared_counts(subject, projection, settings, counted, measured)}


def estimated(units: np.ndarray, projection: Projection) -> np.ndarray:
    """What a study shows as similarity of all pairs of some samples, [m, m]."""
    energies = np.square(units).sum(1)
    return projection.unseen.completed(units @ units.T, energies[:, None], energies)


def _compared_counts(
    subject: Subject, projection: Projection, settings: Settings, rows: np.ndarray, measured: ShardFeatures
) -> dict[str, float | int]:
    counts = soft_density(torch.from_numpy(measured.units[measured.valid]).double(), whole_self=True).numpy()
    exact = exact_soft_density(subject, projection, rows, settings, measured.grams)[measured.valid]
    return {"soft_density_spearman": rank_correlation(counts, exact), "soft_density_rows": len(exact)}


def compared(approximate: np.ndarray, exact: np.ndarray) -> dict[str, float | int]:
    """What fidelity_report says of pairs, from two [n, n] matrices of similarities; nan where n is too small."""
    pairs = np.triu_indices(len(exact), 1)
    nearest = min(RECALLED, len(exact) - 1)
    return {
        "rmse": float(np.sqrt(np.mean((approximate[pairs] - exact[pairs]) ** 2))) if len(exact) > 1 else np.nan,
        "pearson": _correlation(stats.pearsonr, approximate[pairs], exact[pairs]),
        "spearman": rank_correlation(approximate[pairs], exact[pairs]),
        "recall_at_10": _recall(approximate, exact, nearest) if len(exact) - 1 > RECALLED else np.nan,
        "rows": len(exact),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two lists, in [-1, 1]; nan where there is no spread to correlate."""
    return _correlation(stats.spearmanr, first, second)


def _correlation(measure: Callable, first: np.ndarray, second: np.ndarray) -> float:
    """A correlation, nan where there is no spread to correlate."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(measure(first, second).statistic)


def _recall(approximate: np.ndarray, exact: np.ndarray, nearest: int) -> float:
    found, truth = (_nearest(matrix, nearest) for matrix in (approximate, exact))
    return float(np.mean([len(np.intersect1d(*pair)) / nearest for pair in zip(found, truth, strict=True)]))


def _nearest(matrix: np.ndarray, count: int) -> np.ndarray:
    """[n, count] the most similar others of each row."""
    alone = np.where(np.eye(len(matrix), dtype=bool), -np.inf, matrix)
    return np.argpartition(-alone, count - 1, axis=1)[:, :count]
