"""Groups of near duplicates as numbers and words: what they hold, and who stands out in them. No streamlit."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from explorer.records import Neighbors
from explorer.study.study import Study
from explorer.views.reading import class_name

if TYPE_CHECKING:
    from explorer.similarity.duplicates import DuplicateGroups


def stored_neighbors(study: Study) -> Neighbors | None:
    """The network's neighbors of all samples, memory-mapped; None while they are not computed, or of one sample."""
    names = [f"neighbors/network/{name}" for name in ("indices", "similarities")]
    if not set(names) <= set(study.manifest.arrays):
        return None
    indices, similarities = map(study.array, names)
    return Neighbors(indices, similarities) if indices.shape[1] else None


def given_values(study: Study) -> np.ndarray:
    """[n] int64 classes, or [n, c] targets, as given."""
    if study.task == "classification":
        return study.samples["label"].to_numpy()
    return study.samples[study.columns_of("target")].to_numpy(dtype=np.float64)


def usual_tolerance(targets: np.ndarray) -> float:
    """Half a standard deviation of the targets, in their unit; of several outputs the root of the mean variance."""
    return float(np.sqrt(np.nanvar(targets, axis=0).mean())) / 2


def passing_groups(groups: DuplicateGroups, passes: np.ndarray) -> np.ndarray:
    """Numbers of the groups of which at least one sample passes, rising."""
    return np.unique(groups.group[passes & (groups.group >= 0)])


def crossing_groups(groups: DuplicateGroups, is_train: np.ndarray) -> np.ndarray:
    """[g] bool, whether a group holds both training and held-out samples."""
    inside = groups.group >= 0
    trained = np.bincount(groups.group[inside & is_train], minlength=len(groups.sizes))
    return (trained > 0) & (trained < groups.sizes)


def ordered_rows(rows: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The samples of a group in an order that shows a conflict at once.

    Those with the rarest labels first, or with targets farthest from the group's median; equals by row.
    """
    values = given[rows]
    if given.ndim > 1:
        return rows[np.lexsort((rows, -np.nan_to_num(_distances(values))))]
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return rows[np.lexsort((rows, values, counts[places]))]


def odd_ones(rows: np.ndarray, given: np.ndarray, tolerance: float) -> np.ndarray:
    """Who stands out in a group.

    Returns:
        [m] bool: whose label is not the group's most frequent one (of equally frequent ones the smallest), or whose
        target is farther from the group's median than half of what is tolerated, in an output whose targets lie farther
        apart than tolerated. So somebody stands out in each group in conflict, and nobody in any other.
    """
    values = given[rows]
    if given.ndim > 1:
        values = values[:, np.isfinite(values).any(axis=0)]
        values = values[:, np.nanmax(values, axis=0) - np.nanmin(values, axis=0) > tolerance]
        return (np.abs(values - np.nanmedian(values, axis=0)) > tolerance / 2).any(axis=1)
    known = values[values >= 0]
    return (values >= 0) & (values != np.bincount(known).argmax()) if len(known) else np.zeros(len(rows), dtype=bool)


def labels_in_words(study: Study, given: np.ndarray) -> str:
    """What the labels of a group are: each class with its count, most frequent first, or the range of targets."""
    if given.ndim == 1:
        counts = Counter(given.tolist()).most_common()
        named = [f"{class_name(study, label)} × {count:,}" for label, count in counts[:4]]
        more = f", {len(counts) - 4} more" if len(counts) > 4 else ""
        return f"label{'s' * (len(counts) > 1)} {', '.join(named)}{more}"
    if not np.isfinite(given).any():
        return "no targets"
    low, high = np.nanmin(given, axis=0), np.nanmax(given, axis=0)
    spans = "; ".join(f"{one:.4g} to {other:.4g}" for one, other in zip(low, high, strict=True))
    return f"targets {spans}".replace("-", "−")


def _distances(targets: np.ndarray) -> np.ndarray:
    """[m] distance of targets from their median, in the output where it is largest; nan without a target."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an output that nobody has a target of has no median
        return np.nanmax(np.abs(targets - np.nanmedian(targets, axis=0)), axis=1)
