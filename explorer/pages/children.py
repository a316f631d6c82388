"""Child processes that the app starts, builds and trainings, and what they said when they ended. No streamlit."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def start_child(words: Sequence[str], log: Path) -> subprocess.Popen:
    """Run python with these words in a process that outlives a closed tab; what it says on stderr goes to the log."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,  # Ctrl-C in the app's terminal must not kill it halfway
        )


def last_words(log: Path, what: str) -> str:
    """The last error that a child wrote; where there is none, that it stopped, and where to read more.

    Args:
        log: as given to start_child.
        what: what the child was at, such as `build`.
    """
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return told[-1] if told else f"The {what} stopped before it was done. What it said is in `{log}`."
