"""The door of a study folder for a build: what may be written where, and by whom."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError, StudyError
from explorer.pipeline import progress
from explorer.records import Settings
from explorer.study import lock, manifest
from explorer.study.manifest import Manifest, read_manifest
from explorer.study.steps import PART
from explorer.study.writer import StudyWriter

OWN_NAMES = {name + ending for name in (manifest.NAME, progress.NAME, lock.NAME) for ending in ("", PART)}
"""What a build that was stopped at once may have left."""


@contextmanager
def opened_folder(folder: Path, new_manifest: Callable[[], Manifest]) -> Iterator[StudyWriter]:
    """A study folder to write into, held alone; made when there is none.

    When the block ends because the subject or the settings cannot be used, a folder that was made here is gone again,
    unless a step was finished in it: then the build can go on once the reason is mended.

    Args:
        folder: an existing study, an empty folder, or a place where one can be made.
        new_manifest: what a new study begins with; called before anything is written.

    Raises:
        StudyError: the folder holds something else, cannot be written, or another build is at work on it.
    """
    _check_content(folder)
    is_new = not (folder / manifest.NAME).exists()
    first = new_manifest() if is_new else read_manifest(folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    writer: StudyWriter | None = None
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with lock.locked(folder):
                is_new = not (folder / manifest.NAME).exists()  # another build may have begun it meanwhile
                writer = StudyWriter.create(folder, first) if is_new else StudyWriter.resume(folder)
                yield writer
        except ExplorerError:
            if is_new and not (writer and writer.manifest.steps):
                _undo(folder, missing)
            raise


def settings_for(folder: Path, **given: Any) -> Settings:
    """The settings for a build: those of the study in the folder, or the defaults, with what was given in place.

    Args:
        folder: a study, or a place where there is none yet.
        given: fields of Settings; None stands for a field that was not given.
    """
    own = Settings()
    if (folder / manifest.NAME).exists():
        stored = read_manifest(folder).settings
        kept = [one.name for one in fields(Settings) if one.metadata.get("changes_result", True)]
        own = replace(own, **{name: getattr(stored, name) for name in kept})
    return replace(own, **{name: value for name, value in given.items() if value is not None})


def _check_content(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"expected a folder for the study, found the file {folder}. Name another place.")
    if not folder.exists() or (folder / manifest.NAME).exists():
        return
    with _explained(folder):
        others = sorted(path.name for path in folder.iterdir() if path.name not in OWN_NAMES)
    if others:
        named = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        raise StudyError(
            f"expected a study or an empty folder, found other things in {folder} ({named}). "
            "Nothing was written. Name a new folder."
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except ExplorerError:
        raise
    except OSError as error:
        raise StudyError(
            f"expected a folder that can be written at {folder}, found: {error.strerror or error}. "
            "Make room or name another place."
        ) from error


def _undo(folder: Path, missing: list[Path]) -> None:
    if folder in missing:
        shutil.rmtree(folder)
    else:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for place in missing[1:]:
        with suppress(OSError):  # something else has come to live there
            place.rmdir()
