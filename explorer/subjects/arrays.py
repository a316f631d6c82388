"""Arrays from .npy and .npz files: numbers only, nothing unpickled, no more memory than the file can fill."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from explorer.errors import SubjectError

MOST_BYTES = 16 * 2**30
"""What the arrays of a file may take unpacked; a bomb says more."""
NUMBERS = "biuf"


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped.

    Raises:
        SubjectError: the file is damaged, holds Python objects (which would have to be unpickled) or says that it is
            larger than it is.
    """
    try:
        with open(path, "rb") as file:
            _check_head(file, path.stat().st_size, f"{path}", NUMBERS)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy parses heads by means that raise many kinds
        raise _unreadable(path, error) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz archive by name; numbers, or texts.

    Raises:
        SubjectError: as read_array, or they would take more than MOST_BYTES.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > MOST_BYTES:
                raise SubjectError(
                    f"{path} may unpack to {MOST_BYTES / 2**30:.0f} GiB, found {unpacked / 2**30:.0f} GiB. Split it."
                )
            return {
                member.filename.removesuffix(".npy"): _member(archive, member, path)
                for member in members
                if member.filename.endswith(".npy")
            }
    except Exception as error:
        raise _unreadable(path, error) from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> np.ndarray:
    name = f"{member.filename} of {path}"
    with archive.open(member) as file:
        head = io.BytesIO(file.read(min(member.file_size, 2**16)))
        _check_head(head, member.file_size, name, NUMBERS + "US")
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _check_head(file: BinaryIO | io.BytesIO, size: int, name: str, kinds: str) -> None:
    """Refuse what is no plain array, and what would take more memory than the file has bytes."""
    version = npy.read_magic(file)
    reader: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = reader(file)
    if dtype.hasobject:
        raise SubjectError(
            f"{name} holds Python objects, expected numbers: reading them could run a stranger's code. "
            "Save a plain array, for instance numpy.asarray(values, dtype=numpy.float32)."
        )
    # Of more than 64 bits: torch has no such floats.
    if dtype.kind not in kinds or dtype.names or (dtype.kind == "f" and dtype.itemsize > 8):
        raise SubjectError(f"{name} must hold numbers, found {dtype}. Save a plain array of numbers.")
    needed = dtype.itemsize * int(np.prod(shape, dtype=object))
    if needed < 0 or file.tell() + needed > size:
        raise SubjectError(
            f"{name} should hold an array of shape {list(shape)}, found only {size:,} bytes. Save it again."
        )


def _unreadable(path: Path, error: Exception) -> SubjectError:
    if isinstance(error, SubjectError):
        return error
    found = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
    return SubjectError(f"expected arrays saved by numpy in {path}, found {found}. Save them again.")
