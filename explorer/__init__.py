"""See your data as a trained network sees it: which samples are alike to it, and what that says about labels.

import explorer
subject = explorer.load_subject("mnist")
study = explorer.build(subject, "studies/mnist")
study.neighbors(17)

Names are loaded when they are first used: opening a finished study loads no torch.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from explorer.study.study import Study

_PLACES = {
    "Subject": "subjects.subject",
    "Settings": "records",
    "Study": "study.study",
    "Neighbors": "records",
    "load_subject": "subjects.loading",
    "build": "pipeline.build",
    "probe": "pipeline.probe",
}
__all__ = sorted([*_PLACES, "open_study"])  # noqa: PLE0604


def open_study(path: "str | Path") -> "Study":
    """Open a study, ready to answer also what needs its network, which is loaded only then.

    That is `exact_similarity`, `exact_neighbors`, `layer_shares` and `similarity_gradient`. A subject of the user's own
    file is loaded by running that file: open only studies that you trust.

    Raises:
        StudyNotFound: there is no study at path.
        StudyMismatch: its manifest is damaged or of a newer format.
    """
    from explorer.study.study import Study

    return Study.open(path, exact=_exact_similarity, shares=_layer_shares, slopes=_similarity_gradient)


def _exact_similarity(study: "Study", rows_a: "np.ndarray", rows_b: "np.ndarray") -> "np.ndarray":
    from explorer.pipeline.exact import exact_similarity

    return exact_similarity(study, rows_a, rows_b)


def _layer_shares(study: "Study", row_a: int, row_b: int) -> "tuple[list[str], np.ndarray]":
    from explorer.pipeline.exact import layer_shares

    return layer_shares(study, row_a, row_b)


def _similarity_gradient(study: "Study", row_a: int, row_b: int) -> "np.ndarray":
    from explorer.pipeline.exact import similarity_gradient

    return similarity_gradient(study, row_a, row_b)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
