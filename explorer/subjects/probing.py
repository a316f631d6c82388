"""New inputs out of a user's file, read as the subject's own samples were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from explorer.errors import SubjectError
from explorer.subjects.arrays import read_array, read_arrays
from explorer.subjects.pictures import PictureRule, is_picture
from explorer.subjects.reading import survey_rows
from explorer.subjects.subject import Subject
from explorer.subjects.tables import read_table

RANGES = ((1.0, 1.0), (255.0, 255.0))
"""Largest value that inputs may have, and what the shares of a picture are then multiplied by."""
SURVEYED = 512
"""Samples from which the range of a subject's pictures is told."""


def read_inputs_of(subject: Subject, path: str | Path) -> Tensor:
    """New inputs for a subject's network, out of a file.

    A subject that says itself how a file becomes inputs (`Subject.read`) is asked. Otherwise the kind of file decides:

    - a picture: for inputs [h, w], [1, h, w] or [3, h, w] whose values run from 0 to 1 or from 0 to 255; made grey or
      colored and scaled and cut to that size, as PictureRule says;
    - .npy, or .npz with one array or one called x: one input or several, in the network's own numbers;
    - .csv, .tsv or .parquet: a row an input, in the network's own numbers; columns by feature name, or by place where
      the subject names no features.

    Args:
        subject: tells the shape and type of its inputs.
        path: the file. Nothing in it is unpickled.

    Returns:
        [m, ...] with m at least 1, as subject.inputs gives them.

    Raises:
        SubjectError: the file cannot be read, or holds something else; the message names it and what is expected.
    """
    path = Path(path)
    if not path.is_file():
        raise SubjectError(f"expected inputs in a file, found none at {path}. Check the path.")
    # Arrays are the network's own numbers for every subject.
    is_array = path.suffix.lower() in (".npy", ".npz")
    found = _by_kind(subject, path) if subject.read is None or is_array else _by_subject(subject, path)
    return _fitting(subject, found, path)


def _by_subject(subject: Subject, path: Path) -> Tensor:
    try:
        return subject.read(path)
    except SubjectError:
        raise
    except Exception as error:
        raise SubjectError(
            f"{subject.name} could not read {path}: {type(error).__name__}: {error}. Mend the file, or the subject's "
            "read function."
        ) from error


def _by_kind(subject: Subject, path: Path) -> Tensor:
    suffix = path.suffix.lower()
    if is_picture(path):
        return _picture(subject, path)
    if suffix == ".npy":
        return _tensor(read_array(path), path)
    if suffix == ".npz":
        return _tensor(_only(read_arrays(path), path), path)
    if suffix in (".csv", ".tsv", ".parquet"):
        return _rows(subject, read_table(path), path)
    raise SubjectError(
        f"inputs are read from pictures, .npy, .npz, .csv, .tsv and .parquet, found {path.name!r}. "
        "Save them as one of these."
    )


def _picture(subject: Subject, path: Path) -> Tensor:
    shape = subject.input_shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise SubjectError(
            f"{subject.name} takes inputs of shape {list(shape)}, found a picture in {path}. "
            "Pass an .npy file with inputs of that shape, or give the subject read=lambda path: ... that makes them."
        )
    rule = PictureRule(channels=shape[0] if len(shape) == 3 else 1, size=(shape[-2], shape[-1]))
    return (rule.shares(path) * _scale(subject)).reshape(1, *shape)


def _scale(subject: Subject) -> float:
    values = subject.inputs(survey_rows(len(subject), SURVEYED)).double()
    values = values[values.isfinite()]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    for largest, scale in RANGES:
        if low >= 0 and high <= largest:
            return scale
    raise SubjectError(
        f"pictures of {subject.name} became numbers from {low:.3g} to {high:.3g}, expected 0 to 1 or 0 to 255: how is "
        "not known. Give the subject read=lambda path: ... that reads a picture, or pass an .npy file of inputs."
    )


def _rows(subject: Subject, table: pd.DataFrame, path: Path) -> Tensor:
    names = subject.feature_names
    if names is not None:
        missing = [name for name in names if name not in table.columns]
        if missing:
            raise SubjectError(
                f"rows of {subject.name} have {len(names)} columns, found none called {missing[0]!r} in {path}. "
                f"Name them {', '.join(names[:4])}{', …' if len(names) > 4 else ''}."
            )
        table = table[names]
    for name in table.columns:
        if table[name].dtype.kind not in "biuf":
            raise SubjectError(f"column {name!r} of {path} must hold numbers, found {table[name].dtype}. Number it.")
    return _tensor(table.to_numpy(dtype=np.float32), path)


def _only(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    if "x" not in arrays and len(arrays) != 1:
        raise SubjectError(f"{path} must hold an array called x, found {', '.join(arrays) or 'none'}. Name it x.")
    return arrays["x"] if "x" in arrays else next(iter(arrays.values()))


def _tensor(values: np.ndarray, path: Path) -> Tensor:
    if values.dtype.kind not in "biuf":
        raise SubjectError(f"inputs must be numbers, found {values.dtype} in {path}. Save a plain array of numbers.")
    array = np.array(values)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def _is_alike(shape: Sequence[int], own: Sequence[int]) -> bool:
    """Whether one is the other, flat or without its axes of length 1. Axes in another order are another thing."""
    is_flat = len(shape) == 1 or len(own) == 1
    return math.prod(shape) == math.prod(own) and (
        is_flat or [side for side in shape if side > 1] == [side for side in own if side > 1]
    )


def _fitting(subject: Subject, found: Tensor, path: Path) -> Tensor:
    """The inputs with a sample axis and the subject's shape and dtype, or a sentence."""
    own = subject.inputs([0])
    shape = own.shape[1:]
    if not isinstance(found, Tensor):
        raise SubjectError(f"read must return a tensor, found a {type(found).__name__} for {path}. Convert it.")
    if found.shape == shape:
        found = found[None]
    elif _is_alike(found.shape[1:], shape):
        found = found.reshape(len(found), *shape)
    if found.shape[1:] != shape or not len(found):
        raise SubjectError(
            f"inputs of {subject.name} have shape {list(shape)}, found {list(found.shape)} in {path}. "
            "Pass one input, or several along a first axis."
        )
    if own.dtype == torch.int64 and found.is_floating_point() and not torch.equal(found, found.round()):
        raise SubjectError(f"inputs of {subject.name} are whole numbers, found others in {path}. Pass whole numbers.")
    found = found.detach().cpu().to(own.dtype)
    broken = ~found.isfinite().flatten(1).all(1)
    if broken.any():
        raise SubjectError(
            f"inputs must be finite, found nan or infinity in input {int(broken.nonzero()[0])} of {path}. Fill the gap."
        )
    return found
