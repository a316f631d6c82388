"""Which samples are held out and which labels are made wrong: exact shares, by a fixed seed."""

import numpy as np

from explorer.errors import SettingsError

TRAIN = "train"
HELD_OUT = "held-out"


def stratified_split(strata: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """Hold out the same share of every stratum.

    Args:
        strata: [n] whole numbers, for instance classes; all equal for a plain random split.
        share: dimensionless, 0 < share < 1. The count of each stratum is rounded.
        seed: chooses the samples.

    Returns:
        [n] str, train or held-out.

    >>> stratified_split(np.array([0, 0, 1, 1]), share=0.5, seed=0).tolist().count("held-out")
    2
    """
    generator = np.random.default_rng(seed)
    split = np.full(len(strata), TRAIN, dtype="<U8")
    for stratum in np.unique(strata):
        rows = generator.permutation(np.flatnonzero(strata == stratum))
        split[rows[: round(share * len(rows))]] = HELD_OUT
    return split


def flip_labels(labels: np.ndarray, rows: np.ndarray, *, share: float, classes: int, seed: int) -> np.ndarray:
    """Give a share of some samples another class, each other class being equally likely.

    Args:
        labels: [n] int64 classes from 0. Not modified.
        rows: [m] the samples that may be changed; exactly round(share * m) of them are.
        share: dimensionless, 0 <= share <= 1.
        classes: how many classes there are, at least 2.
        seed: chooses samples and classes.

    Returns:
        [n] int64, the labels with the changes.
    """
    if classes < 2:
        raise SettingsError(f"labels can be flipped between at least 2 classes, found {classes}. Use more classes.")
    generator = np.random.default_rng(seed)
    changed = generator.choice(rows, size=round(share * len(rows)), replace=False)
    flipped = labels.copy()
    # A step of 1 to classes - 1 around the circle of classes never comes back to the same class.
    flipped[changed] = (labels[changed] + generator.integers(1, classes, size=len(changed))) % classes
    return flipped
