"""Samples out of any map-style data set: stacked inputs and labels, with errors that name the row."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.errors import SubjectError

SURVEY = 10_000
"""How many samples are read where looking at all of a larger data set would take too long."""
BATCH = 256
"""Samples held at once while a whole data set is read."""


def count_samples(dataset: Any) -> int:
    """The number of samples n of a map-style data set.

    Raises:
        SubjectError: it has no length or no items by number, or fewer than two.
    """
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise SubjectError(
            f"the data set must have a length and items by number, found a {type(dataset).__name__}. "
            "Wrap it, for instance in torch.utils.data.TensorDataset or a list."
        )
    if len(dataset) < 2:
        raise SubjectError(f"a subject needs at least 2 samples to compare, found {len(dataset)}. Add samples.")
    return len(dataset)


def survey_rows(count: int, most: int = SURVEY) -> np.ndarray:
    """All row numbers, or an even selection of `most` of them.

    >>> survey_rows(5).tolist(), survey_rows(9, most=3).tolist()
    ([0, 1, 2, 3, 4], [0, 4, 8])
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.int64)


def read_inputs(dataset: Any, rows: Sequence[int] | np.ndarray) -> Tensor:
    """The inputs of some rows, stacked: [m, ...] float32 or int64, on the CPU.

    Raises:
        SubjectError: a row does not exist, cannot be read, or has another shape than sample 0; the row is named.
    """
    wanted = [_checked_row(row, len(dataset)) for row in rows]
    tensors = [_input_tensor(_split_item(read_item(dataset, row), row)[0], row) for row in wanted]
    if not tensors:
        return _input_tensor(_split_item(read_item(dataset, 0), 0)[0], 0)[None][:0]
    for row, tensor in zip(wanted, tensors, strict=True):
        if tensor.shape != tensors[0].shape:
            raise SubjectError(
                f"all inputs must have one shape, found {list(tensors[0].shape)} for sample {wanted[0]} and "
                f"{list(tensor.shape)} for sample {row}. Resize or pad them in the data set."
            )
    return torch.stack(tensors)


def input_batches(dataset: Any, rows: np.ndarray) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Rows and their inputs, a few at a time, so that a large data set never lies in memory whole."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        yield batch, read_inputs(dataset, batch)


def item_label(dataset: Any, row: int) -> np.ndarray:
    """The label that comes with one item.

    Raises:
        SubjectError: the items are inputs without labels.
    """
    label = _split_item(read_item(dataset, row), row)[1]
    if label is None:
        raise SubjectError(
            f"expected labels, found none: sample {row} is an input alone. "
            "Pass labels=[...], one a sample, or let the data set return (input, label)."
        )
    return array_of(label, f"the label of sample {row}")


def read_labels(dataset: Any) -> np.ndarray:
    """The labels that come with the items, all of them: [n] or [n, c]."""
    labels = [item_label(dataset, row) for row in range(len(dataset))]
    for row, label in enumerate(labels):
        if label.shape != labels[0].shape:
            raise SubjectError(
                f"all labels must have one shape, found {list(labels[0].shape)} for sample 0 and "
                f"{list(label.shape)} for sample {row}. Pass labels=[...] of one shape."
            )
    return np.stack(labels)


def read_item(dataset: Any, row: int) -> Any:
    """One item as the data set gives it.

    Raises:
        SubjectError: the data set raised; the message names the row and what was raised.
    """
    try:
        return dataset[row]
    except Exception as error:
        raise SubjectError(
            f"sample {row} could not be read: {type(error).__name__}: {error}. Mend the data set or leave it out."
        ) from error


def array_of(values: Any, meaning: str) -> np.ndarray:
    """A copy of the numbers of a tensor, array, series, list or single number.

    Raises:
        SubjectError: they are not numbers, or not of one shape.
    """
    try:
        array = np.array(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    except (TypeError, ValueError) as error:
        raise SubjectError(
            f"{meaning} must be an array of numbers, found {error}. Pass one number a sample."
        ) from error
    if array.dtype.kind not in "biuf":
        raise SubjectError(
            f"{meaning} must be numbers, found {array.dtype}. Number the classes from 0 and name them in class_names."
        )
    return array


def _checked_row(row: Any, count: int) -> int:
    if not 0 <= int(row) < count:
        raise SubjectError(f"rows run from 0 to {count - 1}, found {int(row)}. Choose one of these.")
    return int(row)


def _split_item(item: Any, row: int) -> tuple[Any, Any]:
    if isinstance(item, tuple | list):
        if len(item) == 1:
            return item[0], None
        if len(item) == 2:
            return item[0], item[1]
    elif isinstance(item, Tensor | np.ndarray | np.number | int | float):
        return item, None
    found = f"{type(item).__name__} of {len(item)}" if hasattr(item, "__len__") else type(item).__name__
    raise SubjectError(
        f"items must be an input or an (input, label) pair of tensors or arrays, found a {found} for sample {row}. "
        "Convert them in the data set."
    )


def _input_tensor(value: Any, row: int) -> Tensor:
    if not isinstance(value, Tensor | np.ndarray | np.number | int | float):
        raise SubjectError(
            f"inputs must be tensors or arrays, found a {type(value).__name__} for sample {row}. "
            "Convert them in the data set, pictures for instance with torchvision's ToTensor."
        )
    if not isinstance(value, Tensor):
        # A copy, since torch warns of arrays that it could not write to.
        array = np.array(value)
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype(np.float64)  # torch has no floats of more than 64 bits
        value = torch.from_numpy(array.astype(array.dtype.newbyteorder("="))) if array.dtype.kind in "biuf" else array
    if not isinstance(value, Tensor) or value.is_complex():
        raise SubjectError(
            f"inputs must be real numbers, found {value.dtype} for sample {row}. Convert them in the data set."
        )
    tensor = value.detach().cpu()
    is_token = not tensor.is_floating_point() and tensor.dtype not in (torch.uint8, torch.int8, torch.bool)
    return tensor.to(torch.int64 if is_token else torch.float32)
