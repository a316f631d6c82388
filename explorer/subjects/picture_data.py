"""Folders of pictures as a data set: which files, in which order, with which labels, and which cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from explorer.errors import SubjectError
from explorer.subjects.pictures import PictureRule, Source, is_picture, picture_facts
from explorer.subjects.tables import read_separated
from explorer.subjects.targets import split_words

KEPT_BYTES = 2**29
"""Decoded pictures that stay in memory, so that several passes over a small folder decode it once: 512 MiB."""
NAMED = 5
"""Broken pictures that are named in a message."""

Progress = Callable[[int, int], None]
"""(samples read, samples in all)."""


class PictureData:
    """A map-style data set of pictures, decoded when they are asked for. Broken ones are nan."""

    def __init__(self, sources: Sequence[Source], rule: PictureRule, names: Sequence[str]) -> None:
        self.rule = rule
        self._sources = sources
        self._names = names
        self._kept: dict[int, Tensor] = {}
        self._room = KEPT_BYTES
        self._broken: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, row: int) -> Tensor:
        if row in self._broken:
            return torch.full((self.rule.channels, *self.rule.size), torch.nan)
        found = self._kept.get(row)
        if found is None:
            found = self.rule.read(self._sources[row])
            if found.nbytes <= self._room:
                self._room -= found.nbytes
                self._kept[row] = found
        return found

    def __getstate__(self) -> dict[str, Any]:
        # Another process decodes what it needs; sending it all pictures would take longer.
        return {**self.__dict__, "_kept": {}, "_room": KEPT_BYTES}

    def look_through(self, skip_broken: bool, progress: Progress | None) -> np.ndarray | None:
        """Decode every picture once; those that fit into KEPT_BYTES stay in memory.

        Args:
            skip_broken: whether broken pictures keep their rows and are left out of every number.
            progress: is told of every picture.

        Returns:
            [n] bool, which are broken; None where none is.

        Raises:
            SubjectError: pictures are broken and may not be skipped, or all of them are; the first are named.
        """
        for row in range(len(self)):
            try:
                self[row]
            except SubjectError as error:
                self._broken[row] = str(error)
            if progress is not None:
                progress(row + 1, len(self))
        if not self._broken:
            return None
        if len(self._broken) == len(self) or not skip_broken:
            raise SubjectError(self._complaint())
        return np.isin(np.arange(len(self)), list(self._broken))

    def _complaint(self) -> str:
        rows = list(self._broken)
        named = ", ".join(self._names[row] for row in rows[:NAMED])
        more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        skipping = " Or add --skip-broken, with which they keep their rows and are left out of every number."
        return (
            f"{len(rows)} of {len(self)} pictures cannot be read: {named}{more}. {self._broken[rows[0]]}"
            f"{'' if len(rows) == len(self) else skipping}"
        )


def picture_fields(
    sources: Sequence[Source], names: Sequence[str], rule: PictureRule | None, make_rule: Callable[..., PictureRule]
) -> dict[str, Any]:
    """What a Subject needs to know about pictures: dataset, kind, picture, read and a description.

    Args:
        sources: the pictures, in the order of their rows.
        names: what to call each in a message.
        rule: how they become numbers; None finds out whether they have colors.
        make_rule: makes the rule from channels.

    Raises:
        SubjectError: pictures are of several sizes and none is asked for; two of them are named.

    Cost: reads the head of every picture.
    """
    facts = [_facts(source) for source in sources]
    known = [fact for fact in facts if fact is not None]
    if rule is None:
        rule = make_rule(channels=1 if all(is_grey for _, is_grey in known) else 3)
    _check_sizes(facts, rule, names)
    words = rule.in_words()
    if rule.size is None:
        # Where no head can be read the size does not matter: looking through tells that all are broken.
        rule = replace(rule, size=known[0][0] if known else (1, 1))
    return {
        "dataset": PictureData(sources, rule, names),
        "kind": "image",
        "picture": rule.drawn,
        "read": lambda path: rule.read(path)[None],
        "description": words,
    }


def listed_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures of a folder and their classes: the names of its subfolders, in sorted order like the files in them.

    Files that are not named like pictures, and what is hidden (its name, or a folder's, begins with a dot), are passed
    over. A link that leads out of the folder is
    refused.
    """
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not _is_hidden(one.name))
    pairs = [(file, one.name) for one in classes for file in _pictures_in(one)]
    if not pairs:
        raise SubjectError(
            f"expected pictures in the subfolders of {folder}, one subfolder a class, found none. Sort them so, or add "
            "--labels FILE.csv with columns file and label."
        )
    for file, _ in pairs:
        _checked_inside(folder, file)
    return [file for file, _ in pairs], [name for _, name in pairs]


def listed_table(
    folder: Path, labels: Path, target: Sequence[str], split: str | None
) -> tuple[list[Path], pd.DataFrame, np.ndarray | None]:
    """The pictures that a CSV names in its column file, their labels as columns, and train or held-out.

    Raises:
        SubjectError: a column or a file is missing, or a file lies outside the folder.
    """
    try:
        # Every word as it stands: a class may be called NA.
        table = read_separated(labels, dtype=str, keep_default_na=False)
    except SubjectError:
        raise
    except Exception as error:
        raise SubjectError(
            f"expected a CSV file with columns file and label in {labels}, found {type(error).__name__}: {error}. "
            "Save it again."
        ) from error
    for name in ("file", *target, *([split] if split else [])):
        if name not in table.columns:
            raise SubjectError(f"{labels} needs a column {name!r}, found {', '.join(map(str, table.columns))}. Add it.")
    files = [_listed_file(folder, name, labels) for name in table["file"]]
    return files, table[list(target)], None if split is None else split_words(table[split])


def _listed_file(folder: Path, name: str, labels: Path) -> Path:
    file = folder / name
    try:
        if _checked_inside(folder, file).is_file():
            return file
    except SubjectError:
        raise
    except (OSError, ValueError):
        pass  # too long for a name, or none at all
    raise SubjectError(f"{labels} names {name[:80]!r}, found no such file. Take the line out, or add the picture.")


def _pictures_in(folder: Path) -> list[Path]:
    found = [
        file
        for file in folder.rglob("*")
        if is_picture(file) and file.is_file() and not any(map(_is_hidden, file.relative_to(folder).parts))
    ]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _checked_inside(folder: Path, file: Path) -> Path:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise SubjectError(f"pictures must lie inside {folder}, found {file}. Copy it there.")
    return file


def _facts(source: Source) -> tuple[tuple[int, int], bool] | None:
    try:
        return picture_facts(source)
    except SubjectError:
        return None  # told with the others that are broken


def _check_sizes(facts: Sequence[tuple[tuple[int, int], bool] | None], rule: PictureRule, names: Sequence[str]) -> None:
    sizes = [(fact[0], name) for fact, name in zip(facts, names, strict=True) if fact is not None]
    other = next((one for one in sizes if one[0] != sizes[0][0]), None)
    if rule.size is None and other is not None:
        (height, width), (rows, columns) = sizes[0][0], other[0]
        raise SubjectError(
            f"all pictures must have one size, found {height} × {width} for {sizes[0][1]} and {rows} × {columns} for "
            f"{other[1]} (height × width). Add --size HEIGHT WIDTH to scale and cut them."
        )
