"""The fingerprint of a subject: by it a study knows whether it is still looking at the same thing."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from explorer.subjects.reading import input_batches, survey_rows

if TYPE_CHECKING:
    from explorer.subjects.subject import Subject


def fingerprint_of(subject: Subject) -> str:
    """sha256 over names, modules, weights, labels, columns and inputs, as 64 hex digits.

    Left out is what does not change a measurement or cannot be read: the description, the reference, the source text
    of functions.
    """
    digest = hashlib.sha256()
    _add_text(digest, _names(subject))
    for name, value in subject.model.state_dict().items():
        if isinstance(value, Tensor):
            _add_array(digest, f"weight {name}", _raw_bytes(value))
    _add_array(digest, "targets", subject.targets)
    if subject.split is not None:
        _add_text(digest, subject.split.tolist())
    for name, values in sorted(subject.columns.items()):
        _add_text(digest, [name, values.tolist()])
    _add_text(digest, ["inputs", list(subject.input_shape)])
    for _, inputs in input_batches(subject.dataset, survey_rows(len(subject))):
        digest.update(_little_endian(inputs.numpy()).tobytes())
    return digest.hexdigest()


def _names(subject: Subject) -> list[Any]:
    return [
        [subject.name, subject.task, len(subject), subject.class_names, subject.feature_names],
        # Types and not repr(model), whose wording changes with the version of torch.
        [[name, type(module).__qualname__] for name, module in subject.model.named_modules()],
        [[name, str(value.dtype), list(value.shape)] for name, value in subject.measured_parameters().items()],
    ]


def _raw_bytes(tensor: Tensor) -> np.ndarray:
    # Bytes, since numpy has no bfloat16.
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _add_text(digest: Any, value: Any) -> None:
    digest.update(json.dumps(value, ensure_ascii=False, default=str).encode() + b"\n")


def _add_array(digest: Any, name: str, array: np.ndarray) -> None:
    _add_text(digest, [name, array.dtype.str[1:], list(array.shape)])
    digest.update(_little_endian(array).tobytes())


def _little_endian(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
