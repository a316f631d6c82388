"""One build at a time on one study: a lock that the operating system holds, so that a killed build never leaves one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from explorer.errors import StudyError

NAME = "build.lock"
PATIENCE_SECONDS = 0.5
"""A page that looks whether a build is at work holds the lock for a moment; a build waits that long for it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a study folder while the block runs.

    Raises:
        StudyError: another process holds it.
    """
    with held(folder / NAME, PATIENCE_SECONDS) as is_held:
        if not is_held:
            raise StudyError(
                f"expected {folder} for this build alone, found another build at work on it. "
                "Wait for the other one, or stop it: this one can then go on where it ended."
            )
        yield


@contextmanager
def held(path: Path, patience_seconds: float) -> Iterator[bool]:
    """Hold the lock of one file while the block runs, which is told whether it does.

    Args:
        path: of the file, made where there is none; nothing is written into it.
        patience_seconds: how long to wait for another process or thread that holds it.

    Raises:
        OSError: the file cannot be opened for writing.
    """
    with path.open("a+b") as file:
        yield _taken(file, patience_seconds)


def is_locked(folder: Path) -> bool:
    """Whether a build is at work on a study folder right now."""
    try:
        with (folder / NAME).open("r+b") as file:
            return not _taken(file, patience_seconds=0.0)
    except OSError:  # no build was ever here, or none can be because the folder cannot be written
        return False


def _taken(file: IO[bytes], patience_seconds: float) -> bool:
    """Take the lock, which ends when the file is closed, also when the process is killed."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            _take(file)
            return True
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)


def _take(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
