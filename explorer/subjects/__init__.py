"""Subjects: networks with the data that they are explored on. Names load torch only when they need it."""

from importlib import import_module
from typing import Any

_PLACES = {
    "Subject": "subject",
    "evaluating": "subject",
    "load_subject": "loading",
    "bundled_subjects": "bundled",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
