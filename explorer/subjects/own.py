"""The user's own data and network without a line of code: asked for in the words of the command line."""

from __future__ import annotations

import shlex
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import SubjectError
from explorer.subjects.arrow_data import arrow_fields, is_saved_dataset
from explorer.subjects.models import EXPORTED, make_model, resolved_model
from explorer.subjects.picture_data import PictureData, Progress, listed_folder, listed_table, picture_fields
from explorer.subjects.pictures import PictureRule
from explorer.subjects.reading import count_samples
from explorer.subjects.row_data import archive_fields, table_fields
from explorer.subjects.subject import Subject
from explorer.subjects.tables import SUFFIXES, TableRule, read_table
from explorer.subjects.targets import coded_labels, numbered_classes, told_targets, told_task

MANY, SWITCH = "many", "switch"
FOR_ALL = ("data", "model", "weights", "name", "task")
FOR_PICTURES = ("size", "channels", "mean", "std", "skip_broken")
FOR_TABLES = ("categories", "missing", "standardize")
MOST_CLASSES = 100_000
"""A number beyond is hardly a class, and a network that tells so many apart would fill the memory."""


def _option(takes: Any, default: Any = None) -> Any:
    return field(default=default, metadata={"takes": takes})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for. Each field but data is an option of the same name on the command line."""

    data: Path
    """A folder of pictures, a data set saved by Hugging Face, .npz, .csv, .tsv or .parquet."""
    model: str = _option(str, MISSING)
    """See make_model."""
    weights: Path | None = _option(Path)
    """See load_state."""
    name: str | None = _option(str)
    """Title of the study; the name of the data when left out."""
    task: str | None = _option(str)
    """classification or regression; told by the labels when left out."""
    target: tuple[str, ...] = _option(MANY, ())
    """The column of labels, or several columns of targets."""
    split: str | None = _option(str)
    """A column that says train, or anything else for held out."""
    labels: Path | None = _option(Path)
    """CSV with columns file and label (or those that target names), for a folder of pictures."""
    size: tuple[int, ...] | None = _option(int)
    """Height and width that pictures are scaled and cut to; one number for both."""
    channels: int | None = _option(int)
    """1 or 3; told by the pictures when left out: 1 when all are grey."""
    mean: tuple[float, ...] | None = _option(float)
    std: tuple[float, ...] | None = _option(float)
    skip_broken: bool = _option(SWITCH, False)
    """Whether broken pictures keep their rows and are left out of every number."""
    ignore: tuple[str, ...] = _option(MANY, ())
    """Columns that are no features."""
    categories: str = _option(str, "one-hot")
    missing: str = _option(str, "refuse")
    standardize: bool = _option(SWITCH, False)

    def reference(self) -> str:
        """The words that ask for the same again, from any folder; what load_subject takes."""
        words = [str(self.data)]
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "data" or value is None or value == one.default:
                continue
            items = [str(item) for item in (value if isinstance(value, tuple) else (value,))]
            if value is True:
                words.append(_flag(one.name))
            elif any(item.startswith("-") for item in items):
                words += [f"{_flag(one.name)}={item}" for item in items]
            else:
                words += [_flag(one.name), *items]
        return shlex.join(words)


def asked_subject(words: str) -> Asked | None:
    """What some words ask for: `DATA --model SPEC …`; None when they name no model.

    Raises:
        SubjectError: an option is unknown, has no value or one of the wrong type.
    """
    try:
        found = shlex.split(words)
    except ValueError:
        return None
    named = [number for number, word in enumerate(found) if word.startswith("--")]
    if not named or named[0] != 1 or not any(word.partition("=")[0] == "--model" for word in found):
        return None
    given: dict[str, list[str]] = {}
    for word in found[1:]:
        if word.startswith("--"):
            flag, has_value, value = word[2:].partition("=")
            name = flag.replace("-", "_")
            given.setdefault(name, []).extend([value] if has_value else [])
        else:
            given[name].append(word)
    known = {one.name: one.metadata["takes"] for one in fields(Asked) if one.name != "data"}
    for name in given:
        if name not in known:
            raise SubjectError(
                f"data may have the options {', '.join(map(_flag, known))}, found {_flag(name)}. Use these."
            )
    values = {name: _value(name, known[name], items) for name, items in given.items()}
    return Asked(data=Path(found[0]).resolve(), **values)


def own_subject(asked: Asked, progress: Progress | None = None) -> Subject:
    """The subject that was asked for, with a reference that makes it again from any folder.

    Args:
        asked: data, network and how to read them.
        progress: (samples read, samples in all), while pictures are looked through.

    Raises:
        SubjectError: data or network cannot be used; the message names the file and what to do.
    """
    paths = {name: value.resolve() for name in ("weights", "labels") if (value := getattr(asked, name)) is not None}
    asked = replace(asked, model=resolved_model(asked.model), **paths)
    found = _fields(asked)
    told = [f"Read from {asked.data.name}.", found.pop("description", "")]
    if asked.weights is None and not asked.model.endswith(EXPORTED):
        told.append("No weights were given: the network is as its function makes it.")
    # Before the pictures are looked through, which may take long: a wrong word is told at once.
    model = make_model(asked.model, asked.weights, _facts(found, asked.task))
    if isinstance(found["dataset"], PictureData):
        found["broken"] = found["dataset"].look_through(asked.skip_broken, progress)
    return Subject(
        name=asked.name or asked.data.stem,
        model=model,
        task=asked.task,
        description=" ".join(filter(None, told)),
        reference=asked.reference(),
        **found,
    )


def _fields(asked: Asked) -> dict[str, Any]:
    data, suffix = asked.data, asked.data.suffix.lower()
    if data.is_dir():
        if is_saved_dataset(data):
            _check_used(asked, "a saved data set", ("target", "ignore", *FOR_PICTURES, *FOR_TABLES))
            return _saved(asked)
        listed = ("labels", "target", "split") if asked.labels is not None else ()
        _check_used(asked, f"a folder of pictures {'with' if listed else 'without'} --labels", (*listed, *FOR_PICTURES))
        return _folder(asked)
    if not data.is_file():
        raise SubjectError(f"expected a folder or a file at {data}, found none. Check the path.")
    if suffix == ".npz":
        _check_used(asked, "arrays in a .npz", ())
        return archive_fields(data, asked.task)
    if suffix in SUFFIXES:
        _check_used(asked, "a table", ("target", "ignore", "split", *FOR_TABLES))
        rule, table = _table_rule(asked), read_table(data)
        return table_fields(
            table, str(data), rule, target=asked.target, ignore=asked.ignore, split=asked.split, task=asked.task
        )
    raise SubjectError(
        f"data must be a folder of pictures, a saved data set, .npz, {', '.join(SUFFIXES)}, found {data.name!r}. "
        "Convert it, or write a function that returns a Subject."
    )


def _check_used(asked: Asked, what: str, used: tuple[str, ...]) -> None:
    """Refuse an option that would change nothing, since whoever gives it believes that it does."""
    for one in fields(asked):
        if one.name not in (*FOR_ALL, *used) and getattr(asked, one.name) != one.default:
            raise SubjectError(f"{_flag(one.name)} is not for {what}, found it with {asked.data.name}. Leave it out.")


def _folder(asked: Asked) -> dict[str, Any]:
    split = None
    if asked.labels is None:
        files, classes = listed_folder(asked.data)
        labels, class_names = numbered_classes(classes)
    else:
        target = asked.target or ("label",)
        files, columns, split = listed_table(asked.data, asked.labels, target, asked.split)
        labels, class_names = coded_labels(columns, asked.task, str(asked.labels))
    names = [file.relative_to(asked.data).as_posix() for file in files]
    found = picture_fields(files, names, *_picture_rules(asked))
    return {**found, "labels": labels, "class_names": class_names, "split": split, "columns": {"file": names}}


def _saved(asked: Asked) -> dict[str, Any]:
    rule, make_rule = _picture_rules(asked)
    return arrow_fields(
        asked.data,
        target=asked.target,
        ignore=asked.ignore,
        task=asked.task,
        table_rule=_table_rule(asked),
        picture_rule=rule,
        make_rule=make_rule,
    )


def _picture_rules(asked: Asked) -> tuple[PictureRule | None, Any]:
    """The rule, if it is told how many channels there are, and what makes it once they are known."""
    size = asked.size
    if size is not None and len(size) > 2:
        raise SubjectError(f"a size is height and width, found {len(size)} numbers. Pass one or two.")
    size = None if size is None else (size[0], size[-1])
    make_rule = partial(PictureRule, size=size, mean=asked.mean, std=asked.std)
    return (None if asked.channels is None else make_rule(channels=asked.channels)), make_rule


def _table_rule(asked: Asked) -> TableRule:
    return TableRule(categories=asked.categories, missing=asked.missing, standardize=asked.standardize)


def _facts(found: dict[str, Any], task: str | None) -> dict[str, int]:
    """What a function may ask for when it makes the network."""
    dataset, given = found["dataset"], np.asarray(found["labels"])
    samples, task = count_samples(dataset), told_task(given, task)
    labels = told_targets(given, task, samples)
    if task == "regression":
        classes = 1 if labels.ndim == 1 else labels.shape[1]
    else:
        classes = len(found.get("class_names") or ()) or max(2, int(labels.max()) + 1)
    if classes > max(MOST_CLASSES, samples):
        raise SubjectError(
            f"labels of {samples:,} samples may number {MOST_CLASSES:,} classes, found {classes:,}. Number them from "
            "0, or add --task regression."
        )
    if isinstance(dataset, PictureData):
        return {"classes": classes, "channels": dataset.rule.channels}
    item = dataset[0][0] if isinstance(dataset[0], tuple) else dataset[0]
    shape = tuple(item.shape)
    return {"classes": classes, "channels" if len(shape) > 1 else "features": shape[0] if shape else 1}


def _value(name: str, takes: Any, items: list[str]) -> Any:
    if takes == SWITCH:
        if items:
            raise SubjectError(f"{_flag(name)} takes nothing, found {items[0]!r}. Leave it out.")
        return True
    if not items:
        raise SubjectError(f"{_flag(name)} needs a value, found none. Add it.")
    if takes == MANY:
        return tuple(items)
    if takes in (int, float):
        try:
            values = tuple(takes(item) for item in items)
        except ValueError as error:
            raise SubjectError(f"{_flag(name)} must be a number, found {items}. Pass numbers.") from error
        return values[0] if name == "channels" else values
    if len(items) > 1:
        raise SubjectError(f"{_flag(name)} takes one value, found {', '.join(items)}. Quote what has spaces in it.")
    return takes(items[0])


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
