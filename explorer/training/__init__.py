"""Training: from a subject to a trained network and the log of how it got there. Names load torch only when needed."""

from importlib import import_module
from typing import Any

_PLACES = {
    "Enforcement": "enforcement",
    "Pace": "enforcement",
    "similarity_loss": "loss",
    "train": "loop",
    "save_log": "saving",
    "save_weights": "snapshots",
    "Snapshots": "snapshots",
    "Move": "moves",
    "read_pairs": "pair_files",
    "rotated": "moves",
    "shifted": "moves",
    "unit_activity": "activity",
    "train_to_file": "saving",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
