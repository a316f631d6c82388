"""Names on disk: what is missing, what is partial, what is complete.

Everything is written under a name that ends in `.part` and renamed once it is whole, so that a name without the ending
is always a finished thing. Files are flushed to the disk before the rename: after a power cut a finished name never
holds half a file.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

STEP_NAMES = ("previews", "projection", "features", "neighbors", "statistics", "layout", "fidelity", "samples")
"""All steps of a study, in the order in which a build runs them."""

PART = ".part"
OLD = ".old"

State = Literal["missing", "partial", "complete"]


def state_of(path: Path) -> State:
    """Whether the thing called path is complete, partial (only its `.part` exists) or missing."""
    if path.exists():
        return "complete"
    return "partial" if with_ending(path, PART).exists() else "missing"


def with_ending(path: Path, ending: str) -> Path:
    """The neighbor of path whose name is longer by an ending."""
    return path.with_name(path.name + ending)


def step_of(name: str) -> str:
    """The step that makes the array or file of this name, e.g. features for `features/0000/units`."""
    return name.split("/")[0].split(".")[0]


@contextmanager
def written_folder(final: Path) -> Iterator[Path]:
    """A new folder to fill, which takes its final name when the block ends well and is dropped when it does not."""
    part = with_ending(final, PART)
    remove(part)
    part.mkdir()
    try:
        yield part
    except BaseException:
        remove(part)
        raise
    publish(part, final)


def write_file(final: Path, content: bytes) -> None:
    """Write a whole file, or leave the one that was there."""
    part = with_ending(final, PART)
    try:
        part.write_bytes(content)
        publish(part, final)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def publish(part: Path, final: Path) -> None:
    """Flush a finished part to the disk and give it its final name; a file of that name is replaced."""
    flush(part)
    part.replace(final)
    _flush_entry(final.parent)


def flush(path: Path) -> None:
    """Make sure that a file, or a folder with all that it holds, is on the disk and not only in memory."""
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            flush(inner)
    _flush_entry(path)


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush_entry(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder to flush it, and does not need to
        return
    # Windows flushes only what is open for writing.
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
