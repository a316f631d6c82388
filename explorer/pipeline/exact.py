"""Questions to a finished study that need its network again: exact similarities, and fidelity on more rows."""

import numpy as np

from explorer import features
from explorer.errors import StudyError, StudyMismatch
from explorer.pipeline.features import stored_projection, told_fidelity
from explorer.study.study import Study
from explorer.subjects import Subject, load_subject


def measured_subject(study: Study) -> Subject:
    """The subject that a study was made of, loaded again.

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
    return checked_subject(study, load_subject(reference))


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
    return features.exact_similarity(subject, stored_projection(study), rows_a, rows_b, study.settings)


def measured_fidelity(study: Study, rows: int) -> dict[str, float | int | None]:
    """Features against exact gradients on some rows that the projection was not fitted to.

    Cost: loads the network; exact gradients of the rows.
    """
    return told_fidelity(measured_subject(study), stored_projection(study), study.settings, rows)
