"""Builds that the app starts: child processes, so that neither a rerun nor a closed tab can harm one. No streamlit."""

import json
import subprocess
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from explorer.pages.children import last_words, start_child
from explorer.pages.library import LAST_WRITTEN
from explorer.study.lock import is_locked


@dataclass(frozen=True)
class Progress:
    """How far a build has come, as it last wrote it down."""

    state: str = "running"
    """none, running, failed, interrupted or done."""
    step: str = ""
    step_number: int = 1
    """Counted from 1."""
    steps: int = 8
    done: int = 0
    """Samples."""
    total: int = 0
    """Samples."""
    per_second: float = 0.0
    """Samples a second."""
    seconds_left: float | None = None
    """Of this step, at this speed."""
    message: str = ""
    """Why it failed."""

    @property
    def share(self) -> float:
        """How much of the whole is done, from 0 to 1; steps count alike although they do not take alike."""
        within = self.done / self.total if self.total else 0.0
        return min(max((self.step_number - 1 + within) / max(self.steps, 1), 0.0), 1.0)


class Builder:
    """Starts builds and tells how they are doing, also those that an earlier start of the app has left."""

    def __init__(self) -> None:
        self._children: dict[Path, subprocess.Popen] = {}

    def start(self, subject: str, folder: Path) -> None:
        """Begin or resume a build, unless one is at work already."""
        if self.progress(folder).state == "running":
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        words = ["-m", "explorer", "build", subject, "--study", str(folder)]
        self._children[folder] = start_child(words, _log(folder))

    def progress(self, folder: Path) -> Progress:
        """How the build of this folder is doing; `none` when nothing was ever begun."""
        written, has_result = _read_progress(folder), (folder / LAST_WRITTEN).is_file()
        child = self._children.get(folder)
        exit_code = child.poll() if child else None
        if has_result and not written:
            return Progress(state="done")
        if (child and exit_code is None) or (folder.is_dir() and is_locked(folder)):
            return Progress(**{**written, "state": "running"})
        if written.get("state") == "failed" or exit_code:
            return Progress(
                **{**written, "state": "failed", "message": written.get("message") or last_words(_log(folder), "build")}
            )
        if has_result:
            return Progress(state="done")
        return Progress(**{**written, "state": "interrupted" if folder.is_dir() else "none"})


@cache
def builder() -> Builder:
    """The one builder of this process."""
    return Builder()


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _read_progress(folder: Path) -> dict[str, Any]:
    known = {one.name for one in fields(Progress)}
    try:
        written = json.loads((folder / "progress.json").read_text("utf-8"))
        return {name: value for name, value in written.items() if name in known}
    except (OSError, ValueError, AttributeError):
        return {}
