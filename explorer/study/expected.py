"""What the arrays and notes of a study must be, so that every question to it makes sense.

A checksum says that a file is the one that was written; it does not say that whoever wrote it meant well. A study that
a stranger made is held against these rules before anything is computed from it.
"""

import re
from typing import Any

import numpy as np

from explorer.errors import StudyMismatch
from explorer.study.checksums import Entry

SHARD = re.compile(r"features/(\d{4,9})/(\w+)")
FEATURES = {
    "units": ("mp", "f"),
    "grams": ("mcc", "f"),
    "outputs": ("mo", "f"),
    "embedding": ("mh", "f"),
    "valid": ("m", "b"),
}
"""Axes and kind of number of each feature: a letter stands for one length, the same in all shards but for m."""
ARRAYS = {
    r"previews/inputs": ("nd", "f"),
    r"neighbors/(?:network|embedding|input)/indices": ("nk", "i"),
    r"neighbors/(?:network|embedding|input)/similarities": ("nk", "f"),
    r"layout/coordinates": ("n2", "f"),
    r"statistics/(?:neighbor|label)_mean": ("no", "f"),
    r"statistics/.*": ("n", "biuf"),
}
SHEET_PIXELS = 2**24
"""The most pixels of a sheet; a build makes sheets of at most 2**22."""


def check_arrays(arrays: dict[str, Entry], samples: int) -> None:
    """Hold dtypes and shapes, as the manifest tells them, against what the steps make of so many samples.

    Raises:
        StudyMismatch: at the first that differs.
    """
    for name, entry in arrays.items():
        rule = next((rule for form, rule in ARRAYS.items() if re.fullmatch(form, name)), None)
        if rule:
            _check_array(name, entry, *rule, {"n": samples})
    for kind in ("network", "embedding", "input"):
        _check_equal([f"neighbors/{kind}/{one}" for one in ("indices", "similarities")], arrays)
    _check_shards(arrays, samples)


def check_indices(name: str, array: np.ndarray, samples: int) -> None:
    """Make sure that neighbors are row numbers, or -1 for none."""
    if name.endswith("/indices") and array.size and not -1 <= array.min() <= array.max() < samples:
        raise StudyMismatch(f"expected row numbers from -1 to {samples - 1}, found {array.min()} to {array.max()}")


def check_notes(step: str, notes: dict[str, Any], samples: int) -> None:
    """Make sure that the notes of a step are what the questions to a study take from them.

    Raises:
        StudyMismatch: they are not.
    """
    if step == "previews":
        _check_sheets(notes.get("sheets"), samples)
    if step == "projection" and "unseen" in notes:
        unseen = notes["unseen"]
        is_unseen = isinstance(unseen, dict) and set(unseen) <= {"share", "power"}
        share, power = (unseen.get("share", 0.0), unseen.get("power", 1)) if is_unseen else (None, None)
        if not (_is_number(share) and 0 <= share <= 1 and type(power) is int and 1 <= power <= 64):
            raise StudyMismatch(f"projection: the note unseen has the unexpected value {str(unseen)[:80]}")
    for name in ("stationarity_residual", "threshold", "training_samples"):
        if notes.get(name) is not None and not (_is_number(notes[name]) and notes[name] >= 0):
            raise StudyMismatch(f"{step}: the note {name} has the unexpected value {str(notes[name])[:80]}")
    search = notes.get("search", {})
    if not (isinstance(search, dict) and all(_is_search(one) for one in search.values())):
        raise StudyMismatch(f"{step}: the note search has the unexpected value {str(search)[:80]}")
    if "mode" in notes and notes["mode"] not in ("all", "predicted", "contrast", "adversary"):
        raise StudyMismatch(f"{step}: the note mode has the unexpected value {str(notes['mode'])[:80]}")


def _check_shards(arrays: dict[str, Entry], samples: int) -> None:
    shards: dict[str, dict[int, tuple[str, Entry]]] = {kind: {} for kind in FEATURES}
    for name, entry in arrays.items():
        found = SHARD.fullmatch(name)
        if found and found[2] in FEATURES:
            shards[found[2]][int(found[1])] = (name, entry)
    lengths = {kind: [one.shape[:1] for _, (_, one) in sorted(found.items())] for kind, found in shards.items()}
    if not any(shards.values()):
        return
    for kind, found in shards.items():
        axes, numbers = FEATURES[kind]
        known: dict[str, int] = {}
        for number in range(max(map(len, shards.values()))):
            if number not in found:
                raise StudyMismatch(f"features must have {kind} in every shard, found none in shard {number}")
            known.pop("m", None)
            _check_array(*found[number], axes, numbers, known)
        if len({entry.dtype for _, entry in found.values()}) > 1:
            raise StudyMismatch(f"features must have one dtype for {kind} in all shards, found several")
        if lengths[kind] != lengths["units"] or sum(length for (length,) in lengths[kind]) != samples:
            raise StudyMismatch(f"features must have {kind} of {samples} samples over all shards, found other lengths")


def _check_array(name: str, entry: Entry, axes: str, kind: str, known: dict[str, int]) -> None:
    """Each letter of axes stands for one length, which `known` fixes or gets; a digit for itself."""
    shape, is_right = entry.shape, np.dtype(entry.dtype).kind in kind and len(entry.shape) == len(axes)
    for axis, length in zip(axes, shape, strict=False):
        expected = int(axis) if axis.isdigit() else known.setdefault(axis, length)
        is_right = is_right and length == expected and (length > 0 or axis == "m")
    if not is_right:
        told = ", ".join(str(known.get(axis, axis)) for axis in axes)
        raise StudyMismatch(f"{name} must be [{told}] of kind {kind}, found {list(shape)} {entry.dtype}")


def _check_equal(names: list[str], arrays: dict[str, Entry]) -> None:
    shapes = [arrays[name].shape if name in arrays else None for name in names]
    if shapes[0] != shapes[1]:
        raise StudyMismatch(f"{' and '.join(names)} must have one shape, found {shapes[0]} and {shapes[1]}")


def _check_sheets(sheets: Any, samples: int) -> None:
    names = {"width", "height", "columns", "per_sheet", "count"}
    is_right = isinstance(sheets, dict) and set(sheets) == names
    is_right = is_right and all(type(value) is int and 0 < value < 2**31 for value in sheets.values())
    if is_right:
        rows = -(-sheets["per_sheet"] // sheets["columns"])
        pixels = sheets["width"] * sheets["columns"] * sheets["height"] * rows
        is_right = pixels <= SHEET_PIXELS and sheets["count"] == -(-samples // sheets["per_sheet"])
    if not is_right:
        raise StudyMismatch(f"previews: the note sheets has the unexpected value {str(sheets)[:200]}")


def _is_search(found: Any) -> bool:
    numbers = ("recall_at_10", "recall_samples")
    return (
        isinstance(found, dict)
        and isinstance(found.get("index"), str)
        and (found["index"] == "flat" or all(_is_number(found.get(name)) for name in numbers))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
