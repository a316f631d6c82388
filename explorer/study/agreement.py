"""How far two measurements of the same samples agree about who is near whom. Numpy, no torch.

Two spaces of one study are compared (the network's own similarity with that of its last layer, or of the plain
inputs), or two studies of the same samples: two rounds, two checkpoints, two architectures.
"""

import numpy as np
import pandas as pd

from explorer.errors import ShapeError, StudyMismatch
from explorer.study.study import Study

ROWS_AT_ONCE = 4096
OTHERS = 1000
"""Similarities are ranked against so many seeded samples: enough for a correlation to two digits."""
QUERIES = 200
"""So many seeded samples stand for the whole study where a number needs similarities and not only neighbors."""
SEED = 0


def neighbor_overlap(mine: np.ndarray, theirs: np.ndarray, k: int) -> np.ndarray:
    """How many of the k nearest neighbors two lists share, for every sample; their order plays no part.

    From 0 to k. By chance two lists of a study of n samples would share about k²/n.

    Args:
        mine: [n, ≥ k] whole numbers, row numbers of neighbors, best first; -1 is no neighbor.
        theirs: [n, ≥ k], of the same samples.
        k: how many of the first places are compared, at least 1.

    Returns:
        [n] float64; nan where either list is empty.

    Raises:
        ShapeError: the lists are not of the same samples, or hold fewer than k places.

    Cost: time O(n k²), memory O(n).

    >>> neighbor_overlap(np.array([[1, 2], [2, 0]]), np.array([[2, 1], [3, 0]]), k=2).tolist()
    [2.0, 1.0]
    """
    if (
        mine.ndim != 2
        or theirs.ndim != 2
        or len(mine) != len(theirs)
        or not 1 <= k <= min(mine.shape[1], theirs.shape[1])
    ):
        raise ShapeError(
            f"two lists of neighbors must both be [n, k] with at least {k} ≥ 1 places, found {list(mine.shape)} and "
            f"{list(theirs.shape)}. Take both of the same samples, and a smaller k."
        )
    shared = np.empty(len(mine))
    for start in range(0, len(mine), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        left, right = np.asarray(mine[rows, :k]), np.asarray(theirs[rows, :k])
        is_shared = (left[:, :, None] == right[:, None, :]).any(2) & (left >= 0)
        has_none = (left < 0).all(1) | (right < 0).all(1)
        shared[rows] = np.where(has_none, np.nan, is_shared.sum(1))
    return shared


def rank_correlation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of two tables, row by row.

    1: both put the entries of the row in one order; 0: unrelated; −1: opposite orders. Equal entries share their rank.

    Args:
        left: [q, m] floating point; an entry that is nan in either table is left out of both.
        right: [q, m].

    Returns:
        [q] float64; nan where fewer than two entries are left or all are equal.

    Raises:
        ShapeError: the tables are not of one shape.

    Cost: time O(q m log m).

    >>> rank_correlation(np.array([[1.0, 2.0, 9.0]]), np.array([[0.1, 0.2, 0.3]])).tolist()
    [1.0]
    """
    if left.shape != right.shape or left.ndim != 2:
        raise ShapeError(
            f"a rank correlation needs two tables of one shape [q, m], found {list(left.shape)} and "
            f"{list(right.shape)}. Compare the same samples."
        )
    is_unknown = ~(np.isfinite(left) & np.isfinite(right))
    ranks = [pd.DataFrame(np.where(is_unknown, np.nan, one)).rank(axis=1).to_numpy() for one in (left, right)]
    known = (~is_unknown).sum(1, keepdims=True)
    centered = [np.nan_to_num(one - np.nansum(one, 1, keepdims=True) / np.maximum(known, 1)) for one in ranks]
    sizes = np.sqrt((centered[0] ** 2).sum(1) * (centered[1] ** 2).sum(1))
    return np.divide((centered[0] * centered[1]).sum(1), sizes, out=np.full(len(left), np.nan), where=sizes > 0)


def similarity_agreement(
    study: Study, by: str, other: Study, other_by: str, rows: np.ndarray | None = None
) -> np.ndarray:
    """Whether two measurements order the other samples alike, seen from each of some samples.

    Unlike the overlap of neighbors it looks at near and far samples alike.

    Args:
        study: the one.
        by: network, embedding or input.
        other: another study of the same samples (see same_samples), or the same study.
        other_by: how the other one compares.
        rows: [q] row numbers; QUERIES seeded ones when None.

    Returns:
        [q] float64, Spearman's rank correlation with OTHERS seeded samples, the sample itself left out.

    Raises:
        ShapeError: the studies differ in length or a row is out of range.

    Cost: time O(q m d) with m = OTHERS, after the checksums of what is read.
    """
    if study.n != other.n:
        raise ShapeError(f"two studies of the same samples are needed, found {study.n} and {other.n} samples.")
    random = np.random.default_rng(SEED)
    others = _seeded(random, study.n, OTHERS)
    queries = _seeded(random, study.n, QUERIES) if rows is None else np.asarray(rows)
    left, right = study.similarity(queries, others, by), other.similarity(queries, others, other_by)
    left[queries[:, None] == others] = np.nan
    return rank_correlation(left, right)


def same_samples(study: Study, other: Study) -> str:
    """What shows that row i is the same sample in two studies.

    Returns:
        inputs: the stored inputs are the same to the last bit; pictures: they are drawn as the same pictures, although
        the networks read them differently; labels: only the given labels agree, row by row, in a mixed order.

    Raises:
        StudyMismatch: nothing shows it.

    Cost: reads the manifests; the tables only when neither inputs nor pictures agree.
    """
    if study.n != other.n:
        raise StudyMismatch(
            f'study "{other.name}" must measure the same samples as "{study.name}", found {other.n:,} samples instead '
            f"of {study.n:,}. Choose a study of the same data set with the same limit."
        )
    mine, theirs = study.manifest, other.manifest
    if _checksums(mine.arrays, "previews/inputs") == _checksums(theirs.arrays, "previews/inputs"):
        return "inputs"
    is_drawn = study.subject["kind"] == other.subject["kind"] == "image"
    if is_drawn and _checksums(mine.files, "previews/sheet") == _checksums(theirs.files, "previews/sheet"):
        return "pictures"
    if _are_labels_alike(study, other):
        return "labels"
    raise StudyMismatch(
        f'study "{other.name}" must measure the same samples as "{study.name}", found other inputs, other pictures and '
        "other labels. Choose a study of the same data set, in the same order."
    )


def _seeded(random: np.random.Generator, n: int, most: int) -> np.ndarray:
    """[min(n, most)] row numbers, rising."""
    return np.sort(random.choice(n, min(n, most), replace=False))


def _checksums(entries: dict, beginning: str) -> list[str]:
    return [entries[name].sha256 for name in sorted(entries) if name.startswith(beginning)]


def _are_labels_alike(study: Study, other: Study) -> bool:
    columns = study.columns_of("label") + study.columns_of("target")
    if not columns or not set(columns) <= set(other.samples):
        return False
    mine, theirs = (one.samples[columns].to_numpy(dtype=float) for one in (study, other))
    # Labels in sorted order are alike for any two data sets with as many samples of each class.
    changes = (mine[1:] != mine[:-1]).any(1).sum()
    return bool(changes > 0.1 * len(mine)) and np.array_equal(mine, theirs, equal_nan=True)
