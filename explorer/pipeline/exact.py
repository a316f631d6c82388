"""Questions to a finished study that need its network again: what full gradients say, and fidelity on more rows."""

import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from explorer.errors import StudyError, StudyMismatch
from explorer.features import attribution, exact
from explorer.pipeline.features import stored_projection, told_fidelity
from explorer.study.study import Study
from explorer.subjects import Subject, load_subject

KEPT = 2
"""Subjects that stay loaded, so that a second question does not wait for the network again."""


@dataclass(frozen=True)
class _Wanted:
    """A subject by where it is loaded from and what it must be; equal for every opening of the same study."""

    reference: str
    fingerprint: str
    study: Study = field(compare=False)


def measured_subject(study: Study) -> Subject:
    """The subject that a study was made of, loaded again; the last KEPT of a process stay loaded.

    Raises:
        StudyError: it was passed as a Python object, which only Python can pass again.
        StudyMismatch: it is not what it was: weights, labels or inputs have changed.
    """
    reference = study.subject["reference"]
    if reference is None:
        raise StudyError(
            f'study "{study.name}" was built from a Subject made in Python, expected one that can be loaded again. '
            "Build from a function with `python -m explorer build path/to/file.py:function`, or ask the study that "
            "explorer.build returned."
        )
    _check_reference(study, reference)
    return _loaded(_Wanted(reference, study.subject["fingerprint"], study))


def _check_reference(study: Study, reference: str) -> None:
    """A build writes down where the user's own file lies; a stranger's study could name one that came with it."""
    folder, words = study.path.resolve(), [reference]
    if "--model" in reference:
        with suppress(ValueError):  # what cannot be read is refused when it is loaded
            words = [word.removeprefix("--model=") for word in shlex.split(reference)]
    for file in (Path(word.rpartition(":")[0]) for word in words):
        if file.suffix == ".py" and (not file.is_absolute() or folder in (file, *file.resolve().parents)):
            raise StudyError(
                f'study "{study.name}" names {file} to load its network, expected an absolute path outside of the '
                "study: a file that came with a study may be a stranger's code, and was not run. Build the study again "
                "from a file that you trust."
            )


@lru_cache(maxsize=KEPT)
def _loaded(wanted: _Wanted) -> Subject:
    # Checked in here: a subject that has changed is not kept, so that restoring it helps at once.
    return checked_subject(wanted.study, load_subject(wanted.reference))


def checked_subject(study: Study, subject: Subject) -> Subject:
    """The same subject, if it is the one that a study was made of; else StudyMismatch."""
    if subject.fingerprint() != study.subject["fingerprint"]:
        raise StudyMismatch(
            f'study "{study.name}" was made of another version of {study.subject["name"]}: expected the same weights, '
            "labels and inputs, found others. Build a new study, or restore the subject as it was."
        )
    return subject


def exact_similarity(
    study: Study, rows_a: np.ndarray, rows_b: np.ndarray, subject: Subject | None = None
) -> np.ndarray:
    """The network's similarity k^C from full gradients, [a, b] float32.

    Args:
        study: a study whose projection is done.
        rows_a: [a] row numbers.
        rows_b: [b] row numbers.
        subject: what the study was made of; loaded by its reference when left out.

    Cost: loads the network; one backward pass a row and output, and O(a b) inner products layer by layer.
    """
    subject = measured_subject(study) if subject is None else subject
    return exact.exact_similarity(subject, stored_projection(study), rows_a, rows_b, study.settings)


def layer_shares(study: Study, row_a: int, row_b: int, subject: Subject | None = None) -> tuple[list[str], np.ndarray]:
    """What each layer adds to the exact k^C of two samples: names [l], and shares [l] float64 that add up to it.

    Args:
        study: a study whose projection is done.
        row_a: the one sample.
        row_b: the other.
        subject: what the study was made of; loaded by its reference when left out.

    Cost: loads the network; one backward pass for either row and each output.
    """
    subject = measured_subject(study) if subject is None else subject
    return attribution.layer_shares(subject, stored_projection(study), row_a, row_b, study.settings)


def similarity_gradient(study: Study, row_a: int, row_b: int, subject: Subject | None = None) -> np.ndarray:
    """The derivative of the exact k^C of two samples by the first one's input, float32 in the input's shape.

    Args:
        study: a study whose projection is done.
        row_a: the sample whose input is varied.
        row_b: the sample that it is compared with.
        subject: what the study was made of; loaded by its reference when left out.

    Raises:
        EngineError: the inputs are not floating point, or the network cannot be differentiated twice.

    Cost: loads the network; one double backward pass for each output.
    """
    subject = measured_subject(study) if subject is None else subject
    return attribution.similarity_gradient(subject, stored_projection(study), row_a, row_b, study.settings)


def measured_fidelity(study: Study, rows: int) -> dict[str, float | int | None]:
    """Features against exact gradients on some rows that the projection was not fitted to.

    Cost: loads the network; exact gradients of the rows.
    """
    return told_fidelity(measured_subject(study), stored_projection(study), study.settings, rows)
