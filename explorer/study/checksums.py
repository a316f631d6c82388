"""What a file of a study must be: its size, its checksum and, for an array, its shape and dtype."""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import StudyMismatch

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file as the manifest names it."""

    bytes: int
    """Size of the file in bytes, header included."""
    sha256: str
    """Checksum of the whole file, 64 hexadecimal digits."""
    shape: tuple[int, ...] | None = None
    """Shape of an array; None for a file that is not an array."""
    dtype: str | None = None
    """numpy's name for the dtype of an array, e.g. `<f4`."""

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON values; what does not apply is left out."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        return {**values, "shape": list(self.shape)} if self.shape is not None else values


def describe(path: Path) -> Entry:
    """The entry of a file that has just been written. Reads the whole file."""
    size, checksum = path.stat().st_size, sha256_of(path)
    if path.suffix != ".npy":
        return Entry(size, checksum)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Entry(size, checksum, tuple(array.shape), array.dtype.str)


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def verify(path: Path, entry: Entry) -> None:
    """Hold a file against its entry; reads the whole file.

    Raises:
        StudyMismatch: the file is missing, shorter or longer, or holds other bytes.
    """
    if not path.is_file():
        raise StudyMismatch(f"expected a file of {entry.bytes} bytes, found none")
    found = path.stat().st_size
    if found != entry.bytes:
        raise StudyMismatch(f"expected {entry.bytes} bytes, found {found}: it was cut short or replaced")
    if sha256_of(path) != entry.sha256:
        raise StudyMismatch("its bytes are not those that were written: the checksum differs")


def open_array(path: Path, entry: Entry) -> np.ndarray:
    """Memory-map a verified array, read-only and never unpickled.

    Raises:
        StudyMismatch: the file is damaged, or its header says another shape or dtype than the entry.
    """
    state = path.stat() if path.is_file() else None
    verify(path, entry)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError, TypeError) as error:
        raise StudyMismatch(f"it is not an array that can be read ({error})") from error
    if _is_other(state, path.stat()):
        raise StudyMismatch("it was replaced while it was read")
    if (tuple(array.shape), array.dtype.str) != (entry.shape, entry.dtype):
        expected, found = f"{list(entry.shape or ())} {entry.dtype}", f"{list(array.shape)} {array.dtype.str}"
        raise StudyMismatch(f"expected an array {expected}, found {found}")
    return array


def _is_other(before: os.stat_result, after: os.stat_result) -> bool:
    names = ("st_ino", "st_dev", "st_size", "st_mtime_ns")
    return any(getattr(before, name) != getattr(after, name) for name in names)
