"""What must hold before a subject is measured, each broken rule in a sentence that says what to do."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import SubjectError
from explorer.subjects.reading import input_batches, survey_rows
from explorer.subjects.splits import HELD_OUT, TRAIN

if TYPE_CHECKING:
    from explorer.subjects.subject import Subject

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which cannot be written."""
TRIED = 64
"""Samples that the network is run on."""
READ_AGAIN = 8
"""Samples that are read twice."""
ROUNDING = 1e-2
"""Relative difference of two outputs that another order of sums can explain, even where a GPU rounds to few digits."""


def check_subject(subject: Subject) -> None:
    """Make sure that a subject can be measured: cheap rules first, then its samples, then its network.

    The model is run in evaluation mode, wherever it lies, and its own mode is put back.

    Raises:
        SubjectError: at the first broken rule.
    """
    _check_lengths(subject)
    _check_words(subject)
    _check_parameters(subject)
    _check_inputs(subject)
    _check_repeatable(subject)
    _check_drawing(subject)
    _check_network(subject)


def _check_lengths(subject: Subject) -> None:
    samples = len(subject.targets)
    for name, values in {"split": subject.split, **subject.columns}.items():
        if values is not None and values.shape != (samples,):
            raise SubjectError(
                f"{name} must hold one value for each of the {samples} samples, found shape {list(values.shape)}. "
                "Pass one value a sample."
            )
    found = set() if subject.split is None else set(subject.split.tolist())
    if found - {TRAIN, HELD_OUT}:
        raise SubjectError(
            f"split must be {TRAIN} or {HELD_OUT}, found {', '.join(sorted(found - {TRAIN, HELD_OUT}))}. Rename them."
        )
    features = int(np.prod(subject.input_shape))
    if subject.feature_names is not None and len(subject.feature_names) != features:
        raise SubjectError(
            f"expected {features} feature names, one a feature, found {len(subject.feature_names)}. Name each feature."
        )


def _check_words(subject: Subject) -> None:
    """All of them are written into the study: a half of a character or an object could only fail there, at the end."""
    words = {
        "name": [subject.name],
        "description": [subject.description],
        "class_names": subject.class_names or (),
        "feature_names": subject.feature_names or (),
        "columns": list(subject.columns),
    }
    for name, values in subject.columns.items():
        if values.dtype.kind in "OU":
            words[f"the column {name!r}"] = [one for one in values.tolist() if one is not None and one == one]
        elif values.dtype.kind not in "biufMm":
            raise SubjectError(f"columns must be numbers or texts, found {values.dtype} in {name!r}. Convert it.")
    for where, texts in words.items():
        wrong = [one for one in texts if not isinstance(one, str) or SURROGATE.search(one)]
        if wrong:
            raise SubjectError(f"{where} must hold texts that UTF-8 can write, found {str(wrong[0])!r:.80}. Rename it.")


def _whole_rows(subject: Subject, most: int) -> np.ndarray:
    """An even selection of the samples that are not broken."""
    rows = np.arange(len(subject)) if subject.broken is None else np.flatnonzero(~subject.broken)
    if not len(rows):
        raise SubjectError("samples must be readable, found that all are broken. Mend some.")
    return rows[survey_rows(len(rows), most)]


def _check_parameters(subject: Subject) -> None:
    parameters = subject.measured_parameters()
    if not parameters:
        found = len(list(subject.model.parameters()))
        raise SubjectError(
            f"the network must have a parameter to differentiate, found none among its {found}. "
            "Pass a network that has weights, and let the subject's parameters filter keep some."
        )
    for name, value in subject.model.named_parameters():
        if isinstance(value, nn.UninitializedParameter):
            raise SubjectError(
                f"the parameter {name} has no shape yet. Run the network once before making the subject."
            )
        if not torch.isfinite(value).all():
            raise SubjectError(
                f"weights must be finite, found nan or infinity in the parameter {name}. Train the network again."
            )


def _check_inputs(subject: Subject) -> None:
    shape = subject.input_shape
    if not all(shape):
        raise SubjectError(f"inputs must hold numbers, found none in the shape {list(shape)}. Leave no axis empty.")
    for rows, inputs in input_batches(subject.dataset, survey_rows(len(subject))):
        if inputs.shape[1:] != shape:
            raise SubjectError(
                f"all inputs must have one shape, found {list(shape)} for sample 0 and {list(inputs.shape[1:])} for "
                f"sample {rows[0]}. Resize or pad them in the data set."
            )
        row = _first_not_finite(inputs, rows, subject.broken)
        if row is not None:
            raise SubjectError(
                f"inputs must be finite, found nan or infinity in sample {row}. Fill the gap, leave the sample out, or "
                "mark it in broken=[...]."
            )


def _check_repeatable(subject: Subject) -> None:
    rows = _whole_rows(subject, READ_AGAIN)
    differs = (subject.inputs(rows) != subject.inputs(rows)).reshape(len(rows), -1).any(1)
    if differs.any():
        raise SubjectError(
            f"the data set must give the same item every time, found two different ones for sample "
            f"{rows[int(differs.nonzero()[0])]}. Turn off augmentation and other random transforms."
        )


def _check_drawing(subject: Subject) -> None:
    """The subject's own functions draw every sample; one that raises would only do so once the study has begun."""
    for name in ("picture", "words"):
        draw = getattr(subject, name)
        if draw is None:
            continue
        for row in _whole_rows(subject, READ_AGAIN):
            try:
                draw(subject.inputs([row])[0])
            except Exception as error:
                raise SubjectError(
                    f"{name} must draw every sample, found {type(error).__name__}: {error} for sample {row}. Mend it, "
                    "or leave it out."
                ) from error


def _check_network(subject: Subject) -> None:
    from explorer.subjects.subject import evaluating

    rows = _whole_rows(subject, TRIED)
    inputs = subject.inputs(rows).to(next(subject.model.parameters()).device)
    with evaluating(subject.model):
        with torch.no_grad():
            outputs = _outputs(subject, inputs)
            again = _outputs(subject, inputs)
            alone = _outputs(subject, inputs[:1])
        row = _first_not_finite(outputs, rows)
        if row is not None:
            raise SubjectError(f"outputs must be finite, found nan or infinity for sample {row}. Check the weights.")
        _check_steady(outputs, again, alone)
        _check_differentiable(subject, inputs[:1])
    _check_outputs_suit(subject, outputs.shape[1])


def _outputs(subject: Subject, inputs: Tensor) -> Tensor:
    try:
        return subject.output(subject.model, inputs)
    except SubjectError:
        raise
    except Exception as error:
        expected = f"the network must take inputs {list(inputs.shape)} of {str(inputs.dtype).removeprefix('torch.')}"
        raise SubjectError(
            f"{expected}, found {type(error).__name__}: {error}. Make data set and network agree, or give the subject "
            "outputs=lambda model, inputs: ... that prepares the inputs."
        ) from error


def _check_steady(outputs: Tensor, again: Tensor, alone: Tensor) -> None:
    tolerance = ROUNDING * float(outputs.abs().max())
    if float((outputs - again).abs().max()) > tolerance:
        raise SubjectError(
            "the network must give the same output every time, found two different ones for the same samples in "
            "evaluation mode. Turn off what is random in it, such as functional.dropout with training=True."
        )
    if float((outputs[:1] - alone).abs().max()) > tolerance:
        raise SubjectError(
            "the output of a sample must not depend on the other samples of its batch, found that it does. "
            "Keep running statistics in normalization layers (track_running_stats=True)."
        )


def _check_differentiable(subject: Subject, inputs: Tensor) -> None:
    # A copy, since the gradient is also taken of what was frozen in training.
    model = copy.deepcopy(subject.model).eval().requires_grad_(True)
    parameters = [model.get_parameter(name) for name in subject.measured_parameters()]
    with torch.enable_grad():
        outputs = subject.output(model, inputs)
        slopes = [None]
        if outputs.requires_grad:
            slopes = torch.autograd.grad(outputs.sum(), parameters, allow_unused=True)
    if all(slope is None for slope in slopes):
        raise SubjectError(
            "outputs must be differentiable with respect to the parameters, found no gradient. "
            "Remove no_grad, detach or argmax from the network."
        )


def _check_outputs_suit(subject: Subject, outputs: int) -> None:
    if subject.task == "regression":
        values = 1 if subject.targets.ndim == 1 else subject.targets.shape[1]
        if outputs != values:
            raise SubjectError(
                f"the network must give {values} output(s), one a target, found {outputs}. "
                'For class numbers pass whole-number labels or task="classification".'
            )
        return
    # One output alone tells two classes apart.
    classes = max(outputs, 2)
    row = int(subject.targets.argmax())
    if subject.targets[row] >= classes:
        raise SubjectError(
            f"the network tells {classes} classes apart, numbered 0 to {classes - 1}, found label "
            f"{subject.targets[row]} for sample {row}. Number the classes from 0"
            + (', or pass task="regression".' if outputs == 1 else ".")
        )
    if subject.class_names is not None and len(subject.class_names) != classes:
        raise SubjectError(
            f"expected {classes} class names, one a class, found {len(subject.class_names)}. Name each class."
        )


def _first_not_finite(values: Tensor, rows: np.ndarray, excused: np.ndarray | None = None) -> int | None:
    found = rows[(~torch.isfinite(values).reshape(len(rows), -1).all(1)).numpy(force=True)]
    found = found if excused is None else found[~excused[found]]
    return int(found[0]) if len(found) else None
