"""The command that measures data of one's own, put together from what was typed. No streamlit, and nothing is run."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from explorer.pages.children import REPOSITORY

PICTURES, TABLE, ARRAYS, SAVED, FUNCTION = (
    "A folder of pictures",
    "A table",
    "Arrays (.npz)",
    "A saved Hugging Face data set",
    "A Python function",
)
KINDS = (PICTURES, TABLE, ARRAYS, SAVED, FUNCTION)


@dataclass(frozen=True, kw_only=True)
class Own:
    """What was typed; empty where nothing was."""

    kind: str = PICTURES
    data: str = ""
    """Folder or file; for a Python function path/file.py:function."""
    model: str = ""
    weights: str = ""
    labels: str = ""
    """CSV of picture labels."""
    target: str = ""
    """Names of columns, separated by commas."""
    ignore: str = ""
    size: int = 0
    """Pixels a side; 0 leaves pictures as they are."""
    standardize: bool = False
    task: str = ""
    """classification or regression."""
    name: str = ""
    """Of the study's folder; that of the data when empty."""


def own_command(own: Own, root: Path) -> str:
    """The two lines to paste into a terminal: they work from any folder, with the Python that runs the app.

    Args:
        own: what was typed; words in capitals stand where something is still to be filled in.
        root: the folder of studies that the app looks into.
    """
    name = own.name.strip() or default_name(own)
    data = _placed(own.data) if own.kind == FUNCTION else _resolved(own.data)
    words = [sys.executable, "-m", "explorer", "build", data or _missing(own.kind)]
    if own.kind != FUNCTION:
        words += ["--model", _placed(own.model) or "FILE.py:FUNCTION"]
        words += _option("--weights", _resolved(own.weights))
    if own.kind == PICTURES:
        words += _option("--labels", _resolved(own.labels))
    if own.kind in (PICTURES, SAVED) and own.size:
        words += ["--size", str(own.size)]
    if own.kind in (TABLE, SAVED):
        words += _option("--target", *_columns(own.target)) or (["--target", "COLUMN"] if own.kind == TABLE else [])
        words += _option("--ignore", *_columns(own.ignore))
    if own.kind == TABLE and own.standardize:
        words.append("--standardize")
    if own.kind != FUNCTION:
        words += _option("--task", own.task)
    return f"cd {_quoted([str(REPOSITORY)])}\n{_quoted([*words, '--study', str(root / name)])}"


def default_name(own: Own) -> str:
    """A name for the study, after the data."""
    place = own.data.strip().rpartition(":")[0] if own.kind == FUNCTION else own.data.strip()
    return Path(place).stem or "mine"


def complaints(own: Own) -> list[str]:
    """What will not work as it was typed, a sentence each; nothing about what is still empty."""
    said = []
    files = {"model": _file_in(own.model.strip()), "weights": _file(own.weights), "labels": _file(own.labels)}
    data = _file(own.data) if own.kind != FUNCTION else None
    for meaning, file in {"data": data or _file_in(own.data.strip()), **files}.items():
        if file is not None and not _is_there(file):
            said.append(f"There is no {file} on this machine: check the {meaning}.")
    if data is not None and _is_there(data) and data.is_dir() != (own.kind in (PICTURES, SAVED)):
        said.append(
            f"{data} is a {'folder' if data.is_dir() else 'file'}: choose another kind of data, or another path."
        )
    if own.kind == FUNCTION and own.data.strip() and ".py:" not in own.data:
        said.append("A function is named with its file: path/to/file.py:function.")
    if any(mark in own.name for mark in "/\\\0") or own.name.strip() in (".", ".."):
        said.append("The study's name becomes a folder: leave slashes out.")
    return said


def _file_in(typed: str) -> Path | None:
    """The file that some words name, if they name one: not a module, and not an architecture of timm."""
    if not typed:
        return None
    place, colon, _ = typed.rpartition(":")
    if colon and len(place) > 1 and not place.endswith(".py"):
        return None
    return Path(_resolved(place if colon and place.endswith(".py") else typed))


def _placed(typed: str) -> str:
    """The same with an absolute path, so that it is found from any folder; a module or timm:NAME stays as it is."""
    typed = typed.strip()
    file = _file_in(typed)
    if file is None:
        return typed
    place, _, function = typed.rpartition(":")
    return f"{file}:{function}" if place.endswith(".py") else str(file)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):  # a name that no disk can hold
        return False


def _file(typed: str) -> Path | None:
    return Path(_resolved(typed)) if typed.strip() else None


def _resolved(path: str) -> str:
    """A path made absolute; empty when nothing was typed."""
    path = path.strip()
    if not path:
        return ""
    try:
        return str(Path(path).expanduser().resolve())
    except (OSError, ValueError, RuntimeError):
        return path


def _missing(kind: str) -> str:
    return {PICTURES: "FOLDER", TABLE: "TABLE.csv", ARRAYS: "ARRAYS.npz", SAVED: "FOLDER"}.get(kind, "FILE.py:FUNCTION")


def _option(flag: str, *values: str) -> list[str]:
    return [flag, *values] if any(values) else []


def _columns(typed: str) -> list[str]:
    return [name.strip() for name in typed.split(",") if name.strip()]


def _quoted(words: Sequence[str]) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
