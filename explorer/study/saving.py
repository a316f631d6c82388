"""Arrays onto the disk, with an error when the disk is full: numpy's own save and its memory maps do not notice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a whole array as .npy, as numpy.save would.

    Raises:
        OSError: it could not be written to its end.
    """
    with written_array(path, array.shape, array.dtype) as append:
        append(array)


@contextmanager
def written_array(path: Path, shape: Sequence[int], dtype: np.dtype) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an array as .npy piece by piece; never more than a piece is in memory.

    Args:
        path: the file; replaced when there is one.
        shape: of the whole array.
        dtype: of the whole array.

    Yields:
        What is to be called with one piece after the other, in the order of the first axis.

    Raises:
        OSError: it could not be written to its end.
    """
    kind = np.dtype(dtype)
    head = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": tuple(int(length) for length in shape)}
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, head)
        yield lambda piece: file.write(np.ascontiguousarray(piece, dtype=kind).reshape(-1).view(np.uint8)) and None
