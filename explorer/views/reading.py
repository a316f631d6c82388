"""Numbers and classes of a sample, in the words that every page shows. No streamlit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explorer.columns import COLUMNS, Column
from explorer.study.given import Label, numbers_of
from explorer.study.study import Study
from explorer.views.remembered import remembered

_UNIT = re.compile(r"\s*\((?P<unit>[^)]*)\)$")


@dataclass(frozen=True)
class Reading:
    """One value of one sample, ready to be written on screen."""

    column: str
    title: str
    text: str
    """The value with its unit, such as `31.2 samples`; an em dash when there is none."""
    help: str
    percentile: float | None
    """Share of the other samples with a smaller value, in percent; None for classes, flags and text."""
    place: str
    """The percentile in words; empty when there is none."""


def read_value(study: Study, column: str, row: int) -> Reading:
    """One value of one sample with its title, unit, help and percentile.

    Cost: time O(n log n) for the first percentile of a column, then O(log n); the sorted column is kept in memory.
    """
    words = COLUMNS.get(column, Column(column.replace("_", " ").capitalize(), ""))
    values, kind = _values(study, column), kind_of(study, column)
    unit = _UNIT.search(words.title)
    text = _write(study, kind, values.iloc[row])
    percentile = _percentile(study, column, row) if kind in ("number", "share") else None
    return Reading(
        column=column,
        title=_UNIT.sub("", words.title),
        text=_with_unit(text, unit["unit"]) if unit else text,
        help=words.help,
        percentile=percentile,
        place=place_in_words(percentile),
    )


def _with_unit(text: str, unit: str) -> str:
    if text == "—":
        return text
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def write_value(study: Study, column: str, value: Any) -> str:
    """A value as text, without unit: classes by name, flags as yes and no, numbers to three or four digits."""
    return _write(study, kind_of(study, column), value)


def write_rows(study: Study, name: str, rows: Sequence[int]) -> list[str]:
    """What some samples have in a column, or in all of `name_0`, `name_1`, … where a network has several outputs.

    Cost: much less than write_value for each of the rows.
    """
    written = []
    for column in _columns_of(study, name):
        kind, values = kind_of(study, column), _values(study, column).to_numpy()[list(rows)]
        written.append([_write(study, kind, value) for value in values])
    return [", ".join(texts) for texts in zip(*written, strict=True)] if written else [""] * len(rows)


def class_name(study: Study, label: Any) -> str:
    """The name of a class, or its number where classes have no names; an em dash for none (missing or negative)."""
    names = study.class_names
    if pd.isna(label) or int(label) < 0:
        return "—"
    return str(names[int(label)]) if names and int(label) < len(names) else str(int(label))


def label_text(study: Study, label: Label) -> str:
    """A label as people read it: a class by name, targets in six digits."""
    if study.task == "classification":
        return class_name(study, label)
    return ", ".join(f"{one:.6g}".replace("-", "−") for one in np.atleast_1d(numbers_of(label)))


def kind_of(study: Study, column: str) -> str:
    """How a column is read here: number, share, class, flag or text.

    A regression's prediction is a number although a classification's is a class.
    """
    kind = COLUMNS[column].kind if column in COLUMNS else None
    if kind == "class" and study.task != "classification":
        return "number"
    if kind is not None:
        return kind
    values = _values(study, column)
    if pd.api.types.is_bool_dtype(values):
        return "flag"
    return "number" if pd.api.types.is_numeric_dtype(values) else "text"


def columns_of_kind(study: Study, *kinds: str) -> list[str]:
    """The study's columns of these kinds, in the order of COLUMNS; own columns of the subject come last."""
    known = [name for name in COLUMNS if name in study.samples]
    own = [name for name in study.samples if name not in COLUMNS]
    return [name for name in known + own if kind_of(study, name) in kinds]


def _write(study: Study, kind: str, value: Any) -> str:
    if pd.isna(value):
        return "—"
    if kind == "class":
        return class_name(study, value)
    if kind == "flag":
        return "yes" if value else "no"
    if kind == "text":
        return str(value)
    return _write_share(float(value)) if kind == "share" else _write_number(float(value))


def _percentile(study: Study, column: str, row: int) -> float | None:
    value = float(_values(study, column).iloc[row])
    if not np.isfinite(value):
        return None
    ordered = _ordered(study, column)
    return 100 * float(np.searchsorted(ordered, ordered.dtype.type(value))) / max(len(ordered) - 1, 1)


@remembered(most=32)
def _columns_of(study: Study, name: str) -> list[str]:
    return study.columns_of(name)


@remembered(most=64)
def _values(study: Study, column: str) -> pd.Series:
    """A column. Making a table to take it from costs more than all else that is done with one of its values."""
    return study.samples[column]


@remembered(most=32)
def _ordered(study: Study, column: str) -> np.ndarray:
    """The finite values of a column, rising; kept, since every panel asks again for the same few columns."""
    values = _values(study, column).to_numpy()
    return np.sort(values[np.isfinite(values)])


def place_in_words(percentile: float | None) -> str:
    """A percentile among samples as a person would say it; empty for none."""
    if percentile is None:
        return ""
    if percentile >= 100:
        return "higher than all other samples"
    return f"higher than {int(percentile)} % of samples" if percentile >= 1 else "among the lowest 1 % of samples"


def _write_share(value: float) -> str:
    # Rounding to 1.000 or 0.000 would claim a certainty that softmax never has.
    if 0.9995 <= value < 1:
        return "> 0.999"
    if 0 < value < 0.0005:
        return "< 0.001"
    return f"{value:.3f}".replace("-", "−")


def _write_number(value: float) -> str:
    if not np.isfinite(value):
        return "—"
    size = abs(value)
    text = f"{value:,.0f}" if size >= 1000 or value == int(value) else f"{value:.3g}"
    if size and (size < 1e-4 or size >= 1e9):
        text = f"{value:.1e}"
    return text.replace("-", "−")
