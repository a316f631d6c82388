"""Filling a study, step by step, so that a kill at any moment loses at most the shard at work.

A step fills `NAME.part`. To commit it, the manifest that will be true afterwards is written first, as `commit.json`;
then the folders change names; then `commit.json` becomes `manifest.json`. `recover` finishes a commit that was cut off,
so that a study is always what its manifest says.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from explorer.study.checksums import Entry, describe
from explorer.study.manifest import NAME, Manifest, StepRecord, read_manifest
from explorer.study.steps import OLD, PART, publish, remove, with_ending, write_file

JOURNAL = "commit.json"
KEY_FILE = "key"


class StudyWriter:
    """The one hand that writes into a study folder. Hold the lock of the folder while using it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> "StudyWriter":
        """Begin a study in a folder that exists and holds none."""
        write_file(folder / NAME, manifest.to_json())
        return cls(folder, manifest)

    @classmethod
    def resume(cls, folder: Path) -> "StudyWriter":
        """Go on with a study; a commit that was cut off is finished first."""
        recover(folder)
        return cls(folder, read_manifest(folder))

    def part(self, step: str, key: str, *, resume: bool = False) -> Path:
        """The folder in which a step is being made.

        What is in it is dropped, unless the step can resume and it was begun under the same key.
        """
        folder = with_ending(self.folder / step, PART)
        if not resume or _key_of(folder) != key:
            remove(folder)
            folder.mkdir()
            write_file(folder / KEY_FILE, key.encode())
        return folder

    def drop_parts(self) -> None:
        """Forget all that was begun and not committed."""
        for leftover in self.folder.glob(f"*{PART}"):
            remove(leftover)

    def commit(
        self, step: str, record: StepRecord, made: str | None, *, followers: Iterable[str] = (), **facts: Any
    ) -> None:
        """Make a finished step part of the study, in place of its former result.

        Args:
            step: name of the step.
            record: what to remember of it.
            made: name of the folder or file that the step filled under its `.part` name; None when it made none.
            followers: steps made from this one. They are forgotten when the result differs from the former one.
            facts: fields of the manifest that the step also sets.
        """
        entries = {} if made is None else self._entries(made)
        before = self.manifest.steps.get(step)
        is_same = before is not None and before.notes == record.notes and self.manifest.entries(step) == entries
        after = replace(self.manifest, **facts).with_step(step, record, entries)
        for follower in () if is_same else followers:
            after = after.without_step(follower)
        write_file(self.folder / JOURNAL, after.to_json())
        recover(self.folder)
        self.manifest = after

    def _entries(self, made: str) -> dict[str, Entry]:
        part = with_ending(self.folder / made, PART)
        if part.is_file():
            return {made: describe(part)}
        paths = [path for path in sorted(part.rglob("*")) if path.is_file() and path != part / KEY_FILE]
        # What a worker that was written off is still writing is no part of the result.
        paths = [path for path in paths if not any(one.endswith(PART) for one in path.relative_to(part).parts)]
        names = [f"{made}/{path.relative_to(part).as_posix()}" for path in paths]
        return {name.removesuffix(".npy"): describe(path) for name, path in zip(names, paths, strict=True)}


def recover(folder: Path) -> None:
    """Finish the commit that was at work in a study folder, if there is one."""
    journal = folder / JOURNAL
    if journal.exists():
        before, after = read_manifest(folder), Manifest.from_json(journal.read_bytes())
        for step, record in after.steps.items():
            if (record, after.entries(step)) != (before.steps.get(step), before.entries(step)):
                for made in {name.split("/")[0] for name in after.entries(step)}:
                    _swap(folder / made)
        publish(journal, folder / NAME)
    for former in folder.glob(f"*{OLD}"):
        remove(former)


def _swap(final: Path) -> None:
    # Every line may be the last one that runs: each leaves a state from which the next call goes on.
    part = with_ending(final, PART)
    if not part.exists():
        return
    if part.is_dir():
        remove(part / KEY_FILE)
    if final.exists():
        former = with_ending(final, OLD)
        remove(former)
        final.replace(former)
    publish(part, final)


def _key_of(part: Path) -> str | None:
    try:
        return (part / KEY_FILE).read_text()
    except FileNotFoundError:
        return None
