"""Hugging Face data sets on disk (save_to_disk) as a data set: their Arrow files are read, nothing else of them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import TensorDataset

from explorer.errors import SubjectError
from explorer.subjects.picture_data import picture_fields
from explorer.subjects.row_data import table_fields
from explorer.subjects.tables import TableRule, plain_columns
from explorer.subjects.targets import coded_labels, split_words

if TYPE_CHECKING:
    import pyarrow as arrow

    from explorer.subjects.pictures import PictureRule, Source

STATE, SPLITS, INFO = "state.json", "dataset_dict.json", "dataset_info.json"
DICTIONARY_BATCH, RECORD_BATCH = 2, 3
"""Kinds of messages in a stream of Arrow that have a body."""
USUAL_LABELS = ("label", "labels", "target", "y")


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder was written by save_to_disk."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def arrow_fields(
    folder: Path,
    *,
    target: tuple[str, ...],
    ignore: tuple[str, ...],
    task: str | None,
    table_rule: TableRule,
    picture_rule: PictureRule | None,
    make_rule: Callable[..., PictureRule],
) -> dict[str, Any]:
    """What a Subject needs to know about a saved data set.

    Inputs are its one column of pictures; else its one column of lists of numbers, all of one shape; else all of its
    other columns, as a table. The target is the column named, else its class labels. Of several splits train is
    trained on and the others are held out.

    Raises:
        SubjectError: files are missing or damaged, or its columns do not tell what the inputs are.
    """
    try:
        table, split, features = _opened(folder)
    except SubjectError:
        raise
    except Exception as error:
        raise SubjectError(
            f"expected a data set saved by save_to_disk in {folder}, found {type(error).__name__}: {error}. "
            "Save it again."
        ) from error
    target = target or _told_target(table, features, folder)
    unknown = next((name for name in (*target, *ignore) if name not in table.column_names), None)
    if unknown is not None:
        raise SubjectError(
            f"{folder} has columns {', '.join(table.column_names)}, found none called {unknown!r}. Name one of these."
        )
    answers = plain_columns(table.select(list(target)), folder)
    inputs = table.drop_columns(list({*target, *ignore}))
    pictures = [name for name in inputs.column_names if _is_picture(features.get(name))]
    lists = [field.name for field in inputs.schema if _is_list(field.type)]
    if len(pictures) == 1:
        sources = _Pictures(inputs.column(pictures[0]), folder)
        names = [f"row {row}" for row in range(len(sources))]
        found = picture_fields(sources, names, picture_rule, make_rule)
    elif not pictures and len(lists) == 1:
        found = {"dataset": TensorDataset(torch.from_numpy(_stacked(inputs.column(lists[0]), lists[0], folder)))}
    elif not pictures and not lists:
        rows = plain_columns(inputs, folder).join(answers)
        found = table_fields(rows, str(folder), table_rule, target=target, ignore=(), split=None, task=task)
    else:
        raise SubjectError(
            f"{folder} must have one column of inputs, found {', '.join(pictures + lists)}. Leave out the others with "
            "--ignore."
        )
    labels, class_names = coded_labels(answers, task, str(folder))
    named = features.get(target[0], {}).get("names") if len(target) == 1 and task != "regression" else None
    if named is not None and not isinstance(named, list):
        raise SubjectError(f"{folder} must list the names of its classes, found {named!r:.80}. Save it again.")
    return {**found, "labels": labels, "class_names": named or class_names, "split": split}


def _opened(folder: Path) -> tuple[arrow.Table, np.ndarray | None, dict[str, Any]]:
    import pyarrow as arrow

    if not (folder / SPLITS).is_file():
        return _one_split(folder), None, _features(folder)
    names = json.loads((folder / SPLITS).read_text())["splits"]
    parts = [_one_split(_inside(folder, name)) for name in names]
    split = split_words([name for name, part in zip(names, parts, strict=True) for _ in range(len(part))])
    return arrow.concat_tables(parts), split if len(names) > 1 else None, _features(folder / names[0])


def _one_split(folder: Path) -> arrow.Table:
    import pyarrow as arrow

    state = json.loads((folder / STATE).read_text())
    tables = []
    for file in state["_data_files"]:
        # Mapped and not copied; written as a stream by save_to_disk.
        mapped = arrow.memory_map(str(_inside(folder, file["filename"])))
        if any(
            _is_compressed(message.metadata.to_pybytes()) for message in arrow.ipc.MessageReader.open_stream(mapped)
        ):
            raise SubjectError(
                f"the files of a data set must not be compressed, as they could fill the memory, found that "
                f"{file['filename']} in {folder} is. Save it again with save_to_disk."
            )
        mapped.seek(0)
        tables.append(arrow.ipc.open_stream(mapped).read_all())
    whole = arrow.concat_tables(tables).replace_schema_metadata(None)
    # Places and lengths in a stranger's file may point beyond it.
    whole.validate(full=True)
    return whole


def _is_compressed(head: bytes) -> bool:
    """Whether the body of a message of Arrow has to be unpacked, by its head, a FlatBuffer (format/Message.fbs)."""

    def field(table: int, number: int) -> int | None:
        names = table - struct.unpack_from("<i", head, table)[0]
        slot = 4 + 2 * number
        is_there = slot < struct.unpack_from("<H", head, names)[0]
        offset = struct.unpack_from("<H", head, names + slot)[0] if is_there else 0
        return table + offset if offset else None

    def follow(place: int) -> int:
        return place + struct.unpack_from("<I", head, place)[0]

    message = follow(0)
    kind, batch = head[field(message, 1)], follow(field(message, 2))
    if kind not in (DICTIONARY_BATCH, RECORD_BATCH):
        return False
    if kind == DICTIONARY_BATCH:
        batch = follow(field(batch, 1))
    return field(batch, 3) is not None


def _features(folder: Path) -> dict[str, Any]:
    features = json.loads((folder / INFO).read_text()).get("features") or {}
    return {name: one for name, one in features.items() if isinstance(one, dict)}


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise SubjectError(f"the files of a data set must lie inside {folder}, found {name!r}. Save it again.")
    return path


def _told_target(table: arrow.Table, features: dict[str, Any], folder: Path) -> tuple[str, ...]:
    classes = [name for name, one in features.items() if one.get("_type") == "ClassLabel"]
    usual = [name for name in USUAL_LABELS if name in table.column_names]
    if len(classes) == 1 or usual:
        return (classes[0] if len(classes) == 1 else usual[0],)
    raise SubjectError(
        f"{folder} must have a column of labels, found {', '.join(table.column_names)}. Name one with --target."
    )


def _is_picture(feature: Any) -> bool:
    return (feature or {}).get("_type") == "Image"


def _is_list(kind: arrow.DataType) -> bool:
    from pyarrow import types

    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


class _Pictures(Sequence):
    """The pictures of a column as bytes, taken out of the mapped file when they are asked for."""

    def __init__(self, column: arrow.ChunkedArray, folder: Path) -> None:
        self._column = column
        self._folder = folder

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row: int) -> Source:
        if row >= len(self):
            raise IndexError(row)
        content = self._column[row].as_py()
        if content is None or content.get("bytes") is None:
            raise SubjectError(
                f"pictures must be in the data set itself, found none in row {row} of {self._folder}. Save it with a "
                "recent version of datasets, which puts them in."
            )
        return content["bytes"]


def _stacked(column: arrow.ChunkedArray, name: str, folder: Path) -> np.ndarray:
    try:
        stacked = np.array(column.to_pylist())
    except ValueError as error:
        raise SubjectError(
            f"all rows of column {name!r} of {folder} must have one shape, found several. Pad or cut them."
        ) from error
    if stacked.dtype.kind not in "biuf":
        raise SubjectError(
            f"column {name!r} of {folder} must hold lists of numbers, found others or gaps. Convert it, or leave it "
            "out with --ignore."
        )
    return stacked
