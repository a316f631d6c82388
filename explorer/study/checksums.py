"""What a file of a study must be: its size, its checksum and, for an array, its shape and dtype."""

import errno
import hashlib
import mmap
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from explorer.errors import StudyMismatch

CHUNK_BYTES = 1 << 20
SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What a system says of itself and not of a file: too many files are open, or there is no memory."""


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


class ArrayFile:
    """A stored array that may be opened again and again: its file is verified until it is known, not each time."""

    def __init__(self, path: Path, entry: Entry) -> None:
        self._path = path
        self._entry = entry
        self._known: tuple[int, ...] | None = None
        self._offset = 0
        self._order: Literal["C", "F"] = "C"

    def again(self) -> np.ndarray | None:
        """The array, mapped as `open` does, if its file is still the one that was verified; else None."""
        with suppress(OSError), open(self._path, "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if _marks(state) == self._known:
                # As np.memmap, which takes three times as long: a pass over a study opens thousands of them.
                mapped = mmap.mmap(file.fileno(), state.st_size, access=mmap.ACCESS_READ)
                return np.ndarray(self._entry.shape, self._entry.dtype, mapped, self._offset, order=self._order)
        return None

    def open(self) -> np.ndarray:
        """Verify and memory-map the array, read-only and never unpickled; it takes an open file for as long as it is.

        Raises:
            StudyMismatch: the file is damaged, or its header says another shape or dtype than the entry.
            OSError: the system has no memory, or no more open files, to give.
        """
        before = _marks(self._path.stat()) if self._path.is_file() else None
        verify(self._path, self._entry)
        try:
            array = np.load(self._path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError, OverflowError, TypeError) as error:
            if is_scarce(error):
                raise
            raise StudyMismatch(f"it is not an array that can be read ({error})") from error
        if _marks(self._path.stat()) != before:
            raise StudyMismatch("it was replaced while it was read")
        if (tuple(array.shape), array.dtype.str) != (self._entry.shape, self._entry.dtype):
            expected = f"{list(self._entry.shape or ())} {self._entry.dtype}"
            raise StudyMismatch(f"expected an array {expected}, found {list(array.shape)} {array.dtype.str}")
        self._known, self._offset = before, array.offset
        self._order = "C" if array.flags.c_contiguous else "F"
        return array


def is_scarce(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that open files or memory ran out: the file itself may be whole."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in SCARCE):
            return True
        error = error.__cause__
    return False


def scarcity_of(path: Path, error: BaseException) -> str:
    """What to say of a file that could not be opened for want of memory or of open files."""
    return (
        f"expected to open {path}, found that the system has no more memory or open files to give ({error}). Close "
        "other programs, or allow more open files with `ulimit -n`: what is stored may well be whole."
    )


def _marks(state: os.stat_result) -> tuple[int, ...]:
    return state.st_ino, state.st_dev, state.st_size, state.st_mtime_ns
