"""The studies that this app may open, and those that are open. No streamlit: pages and routes share it."""

import sys
import threading
from functools import cache
from pathlib import Path

from explorer.errors import StepMissing, StudyError, StudyNotFound
from explorer.study.lock import is_locked
from explorer.study.manifest import NAME
from explorer.study.selections import NAME as SELECTIONS
from explorer.study.study import Study

STUDIES = Path("studies")
LAST_WRITTEN = "samples.parquet"
"""A build writes this last: a study that has it can be shown."""
LONGEST_PATH = 4096


class Library:
    """Studies under one root, the one named on the command line, and those whose folder a visitor has typed.

    Nothing else can be reached: a name in a link or a route is looked up, never used as a path.
    """

    def __init__(self, root: Path, named: Path | None = None) -> None:
        self.root = root.resolve()
        self.named = named
        self._adopted: dict[str, Path] = {}
        self._open: dict[str, tuple[object, Study]] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Names of all studies that can be shown, the one from the command line first."""
        found = sorted(entry.parent.name for entry in self.root.glob(f"*/{LAST_WRITTEN}"))
        typed = [name for name, folder in list(self._adopted.items()) if (folder / LAST_WRITTEN).is_file()]
        named = [self.named.name] if self.named and (self.named / LAST_WRITTEN).is_file() else []
        return list(dict.fromkeys(named + found + typed))

    def unfinished(self) -> list[Path]:
        """Folders under the root in which a build has begun and none has ended."""
        begun = {entry.parent for name in (NAME, "progress.json") for entry in self.root.glob(f"*/{name}")}
        return sorted(folder for folder in begun if not (folder / LAST_WRITTEN).is_file())

    def adopt(self, typed: str) -> str:
        """Take in a study by its folder, wherever it lies, for as long as this process runs.

        Args:
            typed: the folder; `~` stands for the visitor's home.

        Returns:
            The name under which it is now known.

        Raises:
            StudyNotFound, StudyMismatch: there is no study in this folder, or it is damaged.
            StepMissing: it is not finished.
            StudyError: another study here has the same name.
        """
        folder = _folder(typed)
        missing = Study.open(folder).steps_missing
        if missing or not (folder / LAST_WRITTEN).is_file():
            raise StepMissing(_unfinished(folder, missing))
        with self._lock:
            if folder.name in self.names() and self.path(folder.name).resolve() != folder:
                raise StudyError(
                    f'expected a folder with a name of its own, found another study "{folder.name}" at '
                    f"{self.path(folder.name)}. Rename one of the folders, or start the app with "
                    f"`streamlit run app.py -- {folder}`."
                )
            self._adopted[folder.name] = folder
        return folder.name

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
            raise StudyNotFound(self._absent(name))
        if self.named and name == self.named.name:
            return self.named
        return self._adopted.get(name, self.root / name)

    def _absent(self, name: str) -> str:
        """Why a study cannot be shown, and what to do."""
        known = ", ".join(self.names()) or "none"
        begun = {folder.name: folder for folder in self.unfinished()}
        if name in begun and is_locked(begun[name]):
            return f'study "{name}" is being built right now; its table comes last. Wait for it on the page Studies.'
        if name in begun:
            return f'study "{name}" is not finished. Run the build that began it again, into {begun[name]}.'
        if name in self._open:
            return (
                f'study "{name}" was open here, and its folder {self._open[name][1].path} has been removed or renamed '
                f"since. Put it back, or choose another on the page Studies (there: {known})."
            )
        return f"expected one of the studies ({known}), found {name[:80]!r}. Choose one of these."

    def open(self, name: str) -> Study:
        """The study, opened once for as long as its manifest and its named selections stay the same.

        A failed load is not remembered.

        Raises:
            StudyNotFound, StudyMismatch, StepMissing: as Study.open.
        """
        path = self.path(name)
        stamp = (path, _stamp(path / "manifest.json"), _stamp(path / SELECTIONS))
        with self._lock:
            known = self._open.get(name)
            if known is None or known[0] != stamp:
                known = self._open[name] = (stamp, Study.open(path))
            return known[1]


@cache
def library() -> Library:
    """The library of this process: `streamlit run app.py -- STUDY` names a study, any other stands in studies/."""
    return Library(STUDIES, Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)


def _folder(typed: str) -> Path:
    if not typed.strip() or len(typed) > LONGEST_PATH:
        raise StudyNotFound("expected the path of a study's folder, found none. Type or paste it.")
    try:
        folder = Path(typed.strip().strip("\"'")).expanduser().resolve()
        folder = folder.parent if folder.name == NAME else folder
        folder.is_dir()  # raises for a name that no disk can hold
        return folder
    except (OSError, ValueError, RuntimeError) as error:
        raise StudyNotFound(f"expected the path of a folder, found {typed[:80]!r} ({error}). Type another.") from error


def _unfinished(folder: Path, missing: list[str]) -> str:
    if is_locked(folder):
        return f"the study in {folder} is still being built: {', '.join(missing)} to come. Open it when it is done."
    return (
        f"the study in {folder} is not finished: {', '.join(missing)} to come. "
        f"Run the build that began it again, into the same folder."
    )


def _stamp(manifest: Path) -> tuple[int, int]:
    try:
        state = manifest.stat()
    except OSError:
        return (0, 0)
    return (state.st_mtime_ns, state.st_size)
