"""The arrays and files of a study: nothing is read that the manifest does not name, nothing trusted unverified."""

import mmap
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from explorer.errors import StepMissing, StudyError, StudyMismatch
from explorer.study.checksums import ArrayFile, Entry, is_scarce, scarcity_of, verify
from explorer.study.expected import check_indices
from explorer.study.manifest import Manifest
from explorer.study.steps import STEP_NAMES, step_of

Found = TypeVar("Found")

KEPT_BYTES = 2**28
"""Up to so many bytes of arrays that follow each other stay mapped once read; of more, only what is being read."""
OPEN_SHARDS = 64
"""So many arrays of shards stay open; the system allows a process some thousand open files, and each takes one."""


class Shelf:
    """What lies in a study folder, opened when it is first asked for."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._arrays: dict[str, np.ndarray] = {}
        self._recent: dict[str, np.ndarray] = {}
        self._files: dict[str, ArrayFile] = {}
        self._lock = threading.Lock()
        self._verified: set[str] = set()
        self._shards: dict[str, list[str]] = {}
        self._runs: dict[str, tuple[np.ndarray, bool]] = {}

    def array(self, name: str) -> np.ndarray:
        """A stored array, memory-mapped and read-only. Of those of shards only the last ones asked for stay open."""
        if step_of(name) == "features":
            return self._shard(name)
        if name not in self._arrays:
            self._arrays[name] = self._opened(name)
        return self._arrays[name]

    def _shard(self, name: str) -> np.ndarray:
        with self._lock:
            array = self._recent.pop(name, None)
        array = self._opened(name) if array is None else array
        with self._lock:
            self._recent[name] = array  # the last one is the youngest
            while len(self._recent) > OPEN_SHARDS:
                del self._recent[next(iter(self._recent))]
        return array

    def _opened(self, name: str) -> np.ndarray:
        known = self._files.get(name)
        array = None if known is None else known.again()
        if array is None:
            entry, path = self._entry(name, self._manifest.arrays), self._folder / f"{name}.npy"
            file = ArrayFile(path, entry)
            array = self._trusted(path, lambda: self._checked(name, file.open()))
            self._files[name] = file
        return array

    def file(self, name: str) -> Path:
        """Path of a stored file that is not an array."""
        path = self._folder / name
        if name not in self._verified or not path.is_file():
            entry = self._entry(name, self._manifest.files)
            self._trusted(path, lambda: verify(path, entry))
            self._verified.add(name)
        return path

    def read(self, name: str, read: Callable[[Path], Found]) -> Found:
        """What a reader makes of a stored file; it raises StudyMismatch when it cannot."""
        path = self.file(name)
        return self._trusted(path, lambda: read(path))

    def shards(self, name: str) -> list[str]:
        """Names of the arrays that hold one kind of feature, shard after shard."""
        if name not in self._shards:  # looked up once: a read of some rows must not take time in proportion to all
            found = [one for one in self._manifest.arrays if one.startswith("features/") and one.endswith(f"/{name}")]
            if not found:
                self._entry(f"features/0000/{name}", self._manifest.arrays)
            self._shards[name] = sorted(found, key=lambda one: int(one.split("/")[1]))
        return self._shards[name]

    def gather(self, names: list[str], rows: np.ndarray) -> np.ndarray:
        """Rows of several arrays that follow each other, copied into one; touches only the arrays that hold them."""
        first = self._entry(names[0], self._manifest.arrays)
        starts, is_large = self._run(names)
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[order], starts)
        gathered = np.empty((len(rows), *first.shape[1:]), dtype=first.dtype)
        for shard in np.flatnonzero(ends[1:] > ends[:-1]):
            here, array = order[ends[shard] : ends[shard + 1]], self.array(names[shard])
            gathered[here] = array[rows[here] - starts[shard]]
            if is_large:
                _release(array)
        return gathered

    def _run(self, names: list[str]) -> tuple[np.ndarray, bool]:
        """The first row of each of the arrays that follow each other, and whether they are large."""
        if names[0] not in self._runs:
            entries = [self._entry(name, self._manifest.arrays) for name in names]
            starts = np.cumsum([0, *(entry.shape[0] for entry in entries)])
            self._runs[names[0]] = starts, sum(entry.bytes for entry in entries) > KEPT_BYTES
        return self._runs[names[0]]

    def verify(self) -> None:
        """Open every array and every file once."""
        for name in self._manifest.arrays:
            self.array(name)
        for name in self._manifest.files:
            self.file(name)

    def require_step(self, step: str) -> None:
        """Raise StepMissing, with the command that resumes the build, when a step is not done."""
        if step not in self._manifest.steps:
            raise StepMissing(
                f'study "{self._manifest.name}" has no {step} yet: its build has not finished. '
                f"Run `{self._build}` to resume."
            )

    def _entry(self, name: str, entries: dict[str, Entry]) -> Entry:
        if name not in entries:
            if step_of(name) in STEP_NAMES:
                self.require_step(step_of(name))
            raise StudyError(
                f'expected one of {", ".join(sorted(entries))} in study "{self._manifest.name}", found no {name}. '
                "Name one that it has."
            )
        return entries[name]

    def _trusted(self, path: Path, read: Callable[[], Found]) -> Found:
        try:
            self._check_place(path)
            return read()
        except (StudyMismatch, OSError) as error:
            if is_scarce(error):
                raise StudyError(scarcity_of(path, error)) from error
            step = step_of(path.relative_to(self._folder).as_posix())
            raise StudyMismatch(
                f'study "{self._manifest.name}" is damaged at {path}: {error}. '
                f"Run `{self._build} --redo {step}` to make it anew."
            ) from error

    def _check_place(self, path: Path) -> None:
        # A link could make a stranger's study show what else lies on this machine.
        if path.exists() and path.resolve() != self._folder.resolve() / path.relative_to(self._folder):
            raise StudyMismatch("expected a file in the folder of the study, found a link to another place")

    def _checked(self, name: str, array: np.ndarray) -> np.ndarray:
        check_indices(name, array, self._manifest.subject["samples"])
        return array

    @property
    def _build(self) -> str:
        subject = self._manifest.subject
        words = (subject["reference"] or subject["name"], "--study", str(self._folder))
        return f"python -m explorer build {shlex.join(words)}"


def _release(array: np.ndarray) -> None:
    """Give back the memory that a mapped array's pages take; they are read again when they are asked for."""
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)
