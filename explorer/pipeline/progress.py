"""How far a build has come: on the terminal, and in a file that another process can read."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from explorer.study.steps import PART, with_ending

NAME = "progress.json"
SECONDS_BETWEEN_UPDATES = 0.2
BAR_WIDTH = 24


@dataclass(frozen=True)
class Advance:
    """Where a build stands."""

    step: str
    step_number: int
    """Counted from 1."""
    steps: int
    """Steps of a whole build."""
    done: int
    """Samples."""
    total: int
    """Samples."""
    seconds: float
    """Since the step began in this run."""
    resumed_at: int = 0
    """What was done before this run."""
    is_finished: bool = False
    """Whether the step is complete and part of the study."""
    note: str = ""
    """What happened just now, in a sentence; empty when there is nothing to say."""

    @property
    def per_second(self) -> float:
        """Samples a second in this run."""
        return (self.done - self.resumed_at) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """At this speed; None until something is done."""
        return (self.total - self.done) / self.per_second if self.done > self.resumed_at else None


Watcher = Callable[[Advance], None]
"""Is told of every advance of a build."""


class Meter:
    """Measures how fast one step goes, and tells its watchers."""

    def __init__(self, watchers: Sequence[Watcher], step: str, step_number: int, steps: int, total: int) -> None:
        self._watchers = watchers
        self._started_at = time.perf_counter()
        self._now = Advance(step, step_number, steps, done=0, total=total, seconds=0.0)
        self._tell()

    @property
    def seconds(self) -> float:
        """Since the step began in this run."""
        return time.perf_counter() - self._started_at

    def resume(self, done: int) -> None:
        """So many samples were done before this run."""
        self._tell(done=done, resumed_at=done)

    def advance(self, done: int) -> None:
        """So many samples are done now."""
        self._tell(done=done)

    def finish(self) -> None:
        """The step is complete and part of the study."""
        self._tell(done=self._now.total, is_finished=True)

    def say(self, note: str) -> None:
        """Something happened that whoever waits should know."""
        self._tell(note=note)

    def _tell(self, note: str = "", **changes: Any) -> None:
        self._now = replace(self._now, seconds=self.seconds, note=note, **changes)
        for watcher in self._watchers:
            watcher(self._now)


def peak_memory_bytes() -> int:
    """The most memory that this process has held so far; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class ProgressFile:
    """Keeps `progress.json` in a study while it is being built; gone once the build is done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._last: dict[str, Any] = {}
        self._written_at = 0.0

    def __call__(self, advance: Advance) -> None:
        """Note an advance: a new step at once, others not more often than a reader could see."""
        names = ("step", "step_number", "steps", "done", "total", "per_second", "seconds_left")
        is_new_step = self._last.get("step") != advance.step
        self._last = {"unit": "samples", **{name: getattr(advance, name) for name in names}}
        # A step that says nothing until it is done would otherwise be shown as the one before it.
        if is_new_step or advance.note or time.monotonic() - self._written_at >= SECONDS_BETWEEN_UPDATES:
            self._write("running", advance.note)

    def stop(self, state: Literal["failed", "interrupted"], message: str) -> None:
        """Leave word of why the build ended before its time."""
        self._write(state, message)

    def remove(self) -> None:
        """The build is done: the study speaks for itself."""
        self._path.unlink(missing_ok=True)

    def _write(self, state: str, message: str) -> None:
        about = {"message": message, "pid": os.getpid(), "updated_at": datetime.now(UTC).isoformat()}
        part = with_ending(self._path, PART)
        part.write_text(json.dumps({"state": state, **self._last, **about}))
        part.replace(self._path)  # a reader sees the former file or this one, never half of one
        self._written_at = time.monotonic()


class ProgressPrinter:
    """Draws a bar on a terminal; writes one line a step anywhere else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._drawn_at = 0.0

    def __call__(self, advance: Advance) -> None:
        """Show an advance."""
        if advance.note:
            self._say(f"{_head(advance)} {advance.note}", end="\n")
        elif advance.is_finished:
            self._say(_finished_line(advance), end="\n")
        elif self._is_terminal and time.monotonic() - self._drawn_at >= SECONDS_BETWEEN_UPDATES:
            self._say(_bar(advance), end="")
            self._drawn_at = time.monotonic()

    def _say(self, line: str, end: str) -> None:
        start = "\r\x1b[K" if self._is_terminal else ""
        print(f"{start}{line}", end=end, file=self._stream, flush=True)


def _head(advance: Advance) -> str:
    return f"[{advance.step_number}/{advance.steps}] {advance.step:<10}"


def _finished_line(advance: Advance) -> str:
    return f"{_head(advance)} {advance.total:,} samples in {_duration(advance.seconds)}"


def _bar(advance: Advance) -> str:
    filled = round(BAR_WIDTH * advance.done / max(1, advance.total))
    left = "" if advance.seconds_left is None else f" · {_duration(advance.seconds_left)} left"
    return (
        f"{_head(advance)} {'━' * filled}{'·' * (BAR_WIDTH - filled)} {advance.done:,}/{advance.total:,} "
        f"samples · {advance.per_second:,.0f}/s{left}"
    )


def _duration(seconds: float) -> str:
    """Seconds in words: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
