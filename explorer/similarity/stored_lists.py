"""Lists of an index that take more than memory: filled shard by shard, merged into one file, and read from there."""

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.similarity.search import ready_faiss

if TYPE_CHECKING:
    import faiss

DATA = "index.ivfdata"
"""The file of the lists, beside the index that they belong to."""
_NUMBER_BYTES = 8  # of a sample, beside its code


class StoredLists:
    """The lists of one index on the disk. Answers are those of lists in memory: the same codes in the same order."""

    def __init__(self, index: "faiss.IndexIVF", folder: Path, held: int) -> None:
        """Take over an index that is trained and empty.

        Args:
            index: by lists; its samples are added by the caller, who calls spill after each block.
            folder: for shards and for merged lists; nothing in it is removed but what was put there.
            held: bytes of lists that stay in memory until they are written as a shard.
        """
        self._index, self._folder, self._held = index, folder, held
        self._shards: list[Path] = []
        self._lists: Path | None = None

    def spill(self, least: int | None = None) -> None:
        """Write the samples that are in memory as a shard once they take more than was allowed.

        Args:
            least: bytes from which on they are written; None takes what was allowed.
        """
        if self._index.ntotal * bytes_each(self._index) < (self._held if least is None else least):
            return
        path = self._folder / f"shard-{len(self._shards)}.faiss"
        write_index(self._index, path)
        self._shards.append(path)
        self._empty()

    def merge(self) -> None:
        """Put all shards into one file and let the index read from there.

        Raises:
            OSError: the disk, or a quota, has no room for a second copy of the shards.

        Cost: reads and writes every sample once; memory of what the system likes to keep of the two files.
        """
        faiss = ready_faiss()
        self.spill(least=1)
        self._lists = self._folder / f"lists-{len(self._shards)}.ivfdata"
        # FAISS makes the file anew, with holes, and maps it: whether there is room must be known before.
        _allocate(self._lists, sum(path.stat().st_size for path in self._shards), "lists")
        lists = faiss.OnDiskInvertedLists(self._index.nlist, self._index.code_size, str(self._lists))
        # Written a moment ago by this process: an index of anybody else is never read, faiss does not check it.
        shards = [faiss.read_index(str(path), faiss.IO_FLAG_MMAP) for path in self._shards]
        sources = faiss.InvertedListsPtrVector()
        for shard in shards:
            sources.push_back(shard.invlists)
        with _unprinted():
            self._index.ntotal = lists.merge_from_multiple(sources.data(), sources.size())
        self._index.replace_invlists(lists, True)
        lists.this.disown()

    def add_more(self) -> None:
        """Let the index take further samples, to be merged with all others, of which the shards are left."""
        self._empty()
        self._lists.unlink()

    def publish(self, folder: Path) -> None:
        """Give the merged lists their final name in a folder, under which the index written beside it finds them."""
        os.replace(self._lists, folder / DATA)
        self._lists = folder / DATA
        ready_faiss().downcast_InvertedLists(self._index.invlists).filename = DATA

    def _empty(self) -> None:
        fresh = ready_faiss().ArrayInvertedLists(self._index.nlist, self._index.code_size)
        self._index.replace_invlists(fresh, True)  # gives back the memory, which reset would keep
        fresh.this.disown()
        self._index.ntotal = 0


def bytes_each(index: "faiss.IndexIVF") -> int:
    """Bytes that a sample takes in the lists of an index: its code and its number."""
    return index.code_size + _NUMBER_BYTES


def can_store_lists() -> bool:
    """Whether this system's FAISS reads lists from a file; it does not on Windows."""
    return hasattr(ready_faiss(), "OnDiskInvertedLists")


def write_index(index: "faiss.Index", path: Path) -> None:
    """Write an index; its lists too, unless they are published beside it.

    Raises:
        OSError: it could not be written to its end.
    """
    try:
        ready_faiss().write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} could not be written ({error})") from error


def array_on_disk(path: Path, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """A writable array of zeros in a file, for results that take more than memory.

    Raises:
        OSError: the disk, or a quota, has no room for it.
    """
    _allocate(path, int(np.prod(shape)) * np.dtype(dtype).itemsize, "results")
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def _allocate(path: Path, needed: int, what: str) -> None:
    """Make a file of zeros with room for all of it: a mapped file that cannot grow would end the process wordlessly."""
    free = shutil.disk_usage(path.parent).free
    told = f"{needed} bytes of {what}, {free} free"
    if needed > free:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {told}")
    with path.open("wb") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(1, needed))
            else:
                file.truncate(needed)
        except OSError as error:  # a quota, which nothing tells beforehand
            raise OSError(error.errno, f"{error.strerror}: {told} on the disk") from error


@contextmanager
def _unprinted() -> Iterator[None]:
    """Without what FAISS prints, in C, whether it is asked to or not: the standard output belongs to the caller."""
    try:
        library, own = ctypes.CDLL(None), os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    library.fflush(None)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        library.fflush(None)
        os.dup2(own, 1)
        os.close(own)
        os.close(nowhere)
