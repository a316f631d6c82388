"""Labels as the rest of the house expects them: classes or targets, one a sample."""

import numpy as np

from explorer.errors import SubjectError

TASKS = ("classification", "regression")


def told_task(labels: np.ndarray, task: str | None) -> str:
    """What the labels ask for: whole numbers are classes, other numbers are targets.

    >>> told_task(np.array([0, 1]), None), told_task(np.array([0.5, 1.0]), None)
    ('classification', 'regression')
    """
    if task is None:
        return "regression" if labels.dtype.kind == "f" else "classification"
    if task not in TASKS:
        raise SubjectError(f"task must be {' or '.join(TASKS)}, found {task!r}. Choose one or leave it out.")
    return task


def told_targets(labels: np.ndarray, task: str, samples: int) -> np.ndarray:
    """Labels in the one form that all else relies on.

    Args:
        labels: [n] or [n, c] numbers.
        task: classification or regression.
        samples: n, how many there must be.

    Returns:
        int64 [n] for classification, else float32 [n] or [n, c] with c > 1.

    Raises:
        SubjectError: not one label a sample, a label that is not finite, or classes that are not whole numbers.
    """
    if labels.ndim == 0 or len(labels) != samples:
        found = len(labels) if labels.ndim else "a single number"
        raise SubjectError(f"expected {samples} labels, one a sample, found {found}. Pass as many labels as samples.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.flatnonzero(~np.isfinite(labels.reshape(samples, -1)).all(1))[0])
        raise SubjectError(f"labels must be finite, found {labels[row]} for sample {row}. Mend it or leave it out.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # [n]
    return _classes(labels) if task == "classification" else _values(labels)


def _classes(labels: np.ndarray) -> np.ndarray:
    if labels.ndim != 1:
        raise SubjectError(
            f"classes must be one whole number a sample, found labels of shape {list(labels.shape)}. "
            "For one-hot labels pass labels.argmax(1)."
        )
    classes = labels.astype(np.int64)
    if (classes != labels).any():
        row = int(np.flatnonzero(classes != labels)[0])
        raise SubjectError(
            f"classes must be whole numbers, found {labels[row]} for sample {row}. Number them from 0, "
            'or pass task="regression".'
        )
    if classes.min() < 0:
        row = int(classes.argmin())
        raise SubjectError(f"classes count from 0, found {classes[row]} for sample {row}. Number them from 0.")
    return classes


def _values(labels: np.ndarray) -> np.ndarray:
    if labels.ndim > 2:
        raise SubjectError(
            f"targets must be [n] or [n, c], found {list(labels.shape)}. Flatten what belongs to one sample."
        )
    return labels.astype(np.float32)
