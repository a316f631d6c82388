"""Labels as the rest of the house expects them: classes or targets, one a sample."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from explorer.errors import SubjectError
from explorer.subjects.splits import HELD_OUT, TRAIN

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


def coded_labels(columns: pd.DataFrame, task: str | None, source: str) -> tuple[np.ndarray, list[str] | None]:
    """Labels out of columns of a table, and the names of classes.

    Several columns are targets. Whole numbers are classes as they are numbered (targets, for task="regression"); other
    numbers are targets; words are classes, numbered in sorted order.

    Args:
        columns: one column, or a column a target; numbers or texts.
        task: classification, regression, or None to be told by the column.
        source: where the labels come from, for messages.

    Returns:
        [n] or [n, c] numbers, and one name a class where classes are words.

    Raises:
        SubjectError: a label is missing, or is a word where targets are asked for.
    """
    gaps = (columns.isna() | (columns == "")).any(axis=1)
    if gaps.any():
        raise SubjectError(
            f"every sample needs a label, found none in row {int(gaps.to_numpy().argmax())} of {source}. Fill the gap "
            "or leave the row out."
        )
    if columns.shape[1] > 1 or task == "regression":
        parts = [_as_numbers(columns[name]) for name in columns]
        if any(part is None for part in parts):
            name = columns.columns[[part is None for part in parts].index(True)]
            raise SubjectError(f"targets must be numbers, found others in column {name!r} of {source}. Number them.")
        return np.stack(parts, axis=1).astype(np.float64), None
    values = columns.iloc[:, 0]
    numbers = _as_numbers(values)
    if numbers is None:
        return numbered_classes(values.astype(str))
    is_whole = values.dtype.kind in "biu" or (task == "classification" and bool((numbers % 1 == 0).all()))
    is_whole = is_whole or (
        values.dtype.kind not in "f" and all(str(value).lstrip("+-").isdecimal() for value in values)
    )
    return (numbers.astype(np.int64) if is_whole else numbers), None


def numbered_classes(words: Iterable[str]) -> tuple[np.ndarray, list[str]]:
    """Classes by name, numbered in sorted order: int64 [n], and the names.

    >>> numbered_classes(["dog", "cat", "dog"])[0].tolist()
    [1, 0, 1]
    """
    names, numbers = np.unique(np.array(list(words), dtype=str), return_inverse=True)
    return numbers.astype(np.int64), names.tolist()


def split_words(words: Sequence[str]) -> np.ndarray:
    """[n] str, train or held-out, from the words that people use: train and training, anything else is held out."""
    return np.array([TRAIN if str(word).lower() in ("train", "training") else HELD_OUT for word in words])


def _as_numbers(values: pd.Series) -> np.ndarray | None:
    if values.dtype.kind in "biuf":
        return values.to_numpy(dtype=np.float64)
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return None
