"""Hard and power counts of neighbors, for every threshold and exponent of the paper at once. Numpy, no torch.

The counts are over similarities as the study shows them: a sample counts as one for itself, also where its stored
features see only part of its gradient.
"""

from dataclasses import dataclass

import numpy as np

from explorer.study.study import Study

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.925, 0.95, 0.975, 0.99)
EXPONENTS = (2, 3, 4)
"""Those of the paper's experiments."""
PAIRS = 5 * 10**7
"""Up to so many pairs of samples all are compared; beyond, each sample with a seeded part of all."""
LEAST_OTHERS = 1000
BLOCK_ROWS, READ_ROWS = 512, 2**16
SEED = 0


@dataclass(frozen=True)
class Counts:
    """How many neighbors each sample has, counted in several ways. In samples, the sample itself included."""

    hard: np.ndarray
    """[thresholds, n] float64: samples with a similarity above each of THRESHOLDS; nan where there is no gradient."""
    power: np.ndarray
    """[exponents, n] float64: sum of the positive similarities, raised to each of EXPONENTS; nan likewise."""
    among: int
    """How many samples each one was compared with: n when all counts are exact, else they are in proportion. A hard
    count below the number of stored neighbors is exact in any case."""


def neighbor_counts(study: Study, pairs: int = PAIRS) -> Counts:
    """The hard and power counts of all samples.

    Args:
        study: its features and neighbors must be there.
        pairs: how many pairs of samples may be compared.

    Raises:
        StepMissing: the features or the neighbors have not been computed yet.

    Cost: time O(n m d) with m samples compared, n m ≤ pairs or m = LEAST_OTHERS; memory O(m d) and a block.
    Paper: N_τ(x) = #{i : k^C(x, x_i) > τ} and N⁺_α(x) = Σ_i [k^C > 0] k^C(x, x_i)^α.
    """
    n, known = study.n, study.rows("valid")
    among = n if n * n <= pairs else min(n, max(LEAST_OTHERS, pairs // n))
    others = np.random.default_rng(SEED).choice(n, among, replace=False)
    others = np.sort(others[known[others]])
    counts = _sums(study, np.arange(n), others)
    compared = len(others) - np.isin(np.arange(n), others)
    scale = np.where(known, (known.sum() - 1) / np.maximum(compared, 1), np.nan)
    counts = Counts(1 + counts.hard * scale, 1 + counts.power * scale, among)
    if among < n:
        _correct_small(counts.hard, study)
    return counts


def counts_of(study: Study, row: int) -> Counts:
    """The counts of one sample among all, exact; its arrays are [thresholds, 1] and [exponents, 1].

    Cost: time O(n d), memory O(d) a sample of one block.
    """
    known = study.rows("valid")
    others = np.flatnonzero(known)
    blocks = [others[start : start + READ_ROWS] for start in range(0, len(others), READ_ROWS)]
    sums = [_sums(study, np.array([row]), block) for block in blocks if known[row]]
    own = 1.0 if known[row] else np.nan
    hard = sum((one.hard for one in sums), np.full((len(THRESHOLDS), 1), own))
    return Counts(hard, sum((one.power for one in sums), np.full((len(EXPONENTS), 1), own)), study.n)


def _sums(study: Study, rows: np.ndarray, others: np.ndarray) -> Counts:
    """Counts of some samples among some others; a sample that is among them itself does not count."""
    hard = np.empty((len(THRESHOLDS), len(rows)), dtype=np.float64)
    power = np.empty((len(EXPONENTS), len(rows)), dtype=np.float64)
    column_of = np.full(study.n, -1)
    column_of[others] = np.arange(len(others))
    for start in range(0, len(rows), BLOCK_ROWS):
        here = slice(start, start + BLOCK_ROWS)
        similarities = np.nan_to_num(np.clip(study.similarity(rows[here], others), 0, 1))  # no direction, no share
        own = column_of[rows[here]]
        similarities[own >= 0, own[own >= 0]] = 0
        for place, threshold in enumerate(THRESHOLDS):
            hard[place, here] = np.add.reduce((similarities > threshold).view(np.uint8), axis=1, dtype=np.int64)
        raised = similarities.copy()
        for place in range(len(EXPONENTS)):  # 2, 3, 4: one more factor each is far quicker than a power
            raised *= similarities
            power[place, here] = raised.sum(1)
    return Counts(hard, power, len(others))


def _correct_small(hard: np.ndarray, study: Study) -> None:
    """Replace estimates by what the stored neighbors know: whoever has fewer than are stored has all of them stored."""
    stored = study.array("neighbors/network/similarities")
    for place, threshold in enumerate(THRESHOLDS):
        near = (stored > threshold).sum(1)
        corrected = np.where(near < stored.shape[1], 1 + near, np.maximum(hard[place], stored.shape[1] + 1))
        hard[place] = np.where(np.isnan(hard[place]), np.nan, corrected)
