"""The studies that this app may open, and those that are open. No streamlit: pages and routes share it."""

import sys
import threading
from functools import cache
from pathlib import Path

from explorer.errors import StudyNotFound
from explorer.study.study import Study

STUDIES = Path("studies")
LAST_WRITTEN = "samples.parquet"
"""A build writes this last: a study that has it can be shown."""


class Library:
    """Studies under one root, plus the one that was named on the command line. Nothing else can be reached."""

    def __init__(self, root: Path, named: Path | None = None) -> None:
        self.root = root.resolve()
        self.named = named
        self._open: dict[str, tuple[object, Study]] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Names of all studies that can be shown, the one from the command line first."""
        found = sorted(entry.parent.name for entry in self.root.glob(f"*/{LAST_WRITTEN}"))
        named = [self.named.name] if self.named and (self.named / LAST_WRITTEN).is_file() else []
        return list(dict.fromkeys(named + found))

    @property
    def waiting(self) -> Path | None:
        """The folder from the command line while there is nothing to show in it; None otherwise."""
        return self.named if self.named and not (self.named / LAST_WRITTEN).is_file() else None

    @property
    def first(self) -> str | None:
        """The study to begin with: the one from the command line or, when none was named, any."""
        return None if self.waiting else next(iter(self.names()), None)

    def path(self, name: str) -> Path:
        """The folder of a study.

        Raises:
            StudyNotFound: the name is not one of `names`, whatever it is; it is never used as a path.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise StudyNotFound(f"expected one of the studies ({known}), found {name[:80]!r}. Choose one of these.")
        return self.named if self.named and name == self.named.name else self.root / name

    def open(self, name: str) -> Study:
        """The study, opened once for as long as its manifest stays the same. A failed load is not remembered.

        Raises:
            StudyNotFound, StudyMismatch, StepMissing: as Study.open.
        """
        path = self.path(name)
        stamp = (path, _stamp(path / "manifest.json"))
        with self._lock:
            known = self._open.get(name)
            if known is None or known[0] != stamp:
                known = self._open[name] = (stamp, Study.open(path))
            return known[1]


@cache
def library() -> Library:
    """The library of this process: `streamlit run app.py -- STUDY` names a study, any other stands in studies/."""
    return Library(STUDIES, Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)


def _stamp(manifest: Path) -> tuple[int, int]:
    try:
        state = manifest.stat()
    except OSError:
        return (0, 0)
    return (state.st_mtime_ns, state.st_size)
