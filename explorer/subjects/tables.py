"""Tables as inputs of a network: columns of numbers and words out of CSV and Parquet, coded by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explorer.errors import SubjectError

SUFFIXES = (".csv", ".tsv", ".parquet")
CATEGORIES = ("one-hot", "ordinal")
MISSING = ("refuse", "mean", "zero")
MOST_BYTES = 8 * 2**30
"""What a table may take in memory; a bomb takes more."""
MOST_WORDS = 1000
"""Different words of one column that become columns of their own."""


def read_table(path: Path) -> pd.DataFrame:
    """The columns of a .csv, .tsv or .parquet file: numbers, booleans and texts.

    In CSV the first line names the columns; empty cells and the words that pandas takes for missing (NA, nan, null …)
    are missing.

    Raises:
        SubjectError: the file is damaged, too large, or has columns that are neither numbers nor texts, such as
            pickled objects, which are not unpickled.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SubjectError(f"a table must be one of {', '.join(SUFFIXES)}, found {path.name!r}. Save it as one.")
    try:
        table = _parquet(path) if suffix == ".parquet" else _separated(path, "\t" if suffix == ".tsv" else ",")
    except SubjectError:
        raise
    except Exception as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise SubjectError(f"expected a table in {path}, found {found}. Save it again.") from error
    return table


def read_separated(path: Path, separator: str = ",", **how: Any) -> pd.DataFrame:
    """The columns of a text file whose first line names them.

    Args:
        path: the file, in UTF-8.
        separator: what stands between cells.
        how: further arguments of pandas.read_csv.

    Raises:
        SubjectError: it is too large, separated by semicolons, names a column twice, or has lines with more cells than
            names. Whatever pandas raises where the file is damaged otherwise.
    """
    if path.stat().st_size > MOST_BYTES:
        raise SubjectError(f"{path} may take {MOST_BYTES / 2**30:.0f} GiB, found more. Split it.")
    # Never unpacked: a compressed file of a few kilobytes could fill the memory.
    plain = {"sep": separator, "compression": None, "encoding": "utf-8-sig"}
    # The names as they stand: pandas numbers those that are there twice.
    named = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **plain).iloc[0]
    if len(named) == 1 and ";" in named[0]:
        raise SubjectError(f"cells of {path} must be separated by {separator!r}, found semicolons. Save it so.")
    _check_names([name for name in named if name], path)
    try:
        pd.read_csv(path, header=None, nrows=2, **plain)
    except pd.errors.ParserError as error:
        # pandas would take the first cells for names of rows, and put every other cell under its neighbor's name.
        raise SubjectError(
            f"lines of {path} may have as many cells as the first one has names, {len(named)}, found more. Name every "
            "column, or take out what stands after the last one."
        ) from error
    return pd.read_csv(path, low_memory=False, **plain, **how)


def _check_names(names: Sequence[str], path: Path) -> None:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise SubjectError(f"columns of {path} need names of their own, found {twice!r} twice. Rename one.")


def _separated(path: Path, separator: str) -> pd.DataFrame:
    table = read_separated(path, separator)
    names = [str(name) for name in table.columns]
    if names and all(_is_number(name) for name in names):
        raise SubjectError(f"the first line of {path} must name the columns, found numbers alone. Add such a line.")
    return table.set_axis(names, axis=1)


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path) as file:
        head = file.metadata
        told = sum(head.row_group(number).total_byte_size for number in range(head.num_row_groups))
        if max(told, head.num_rows * head.num_columns * 8) > MOST_BYTES:
            raise SubjectError(f"{path} may unpack to {MOST_BYTES / 2**30:.0f} GiB, found more. Split it.")
        return plain_columns(file.read(), path)


def plain_columns(table: object, path: Path) -> pd.DataFrame:
    """An Arrow table of numbers, booleans and texts as a DataFrame; what Arrow says about pandas in it is ignored."""
    import pyarrow as arrow
    from pyarrow import types

    _check_names(table.column_names, path)
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if types.is_dictionary(kind):
            column = column.cast(kind.value_type)  # noqa: PLW2901
            kind = kind.value_type
        is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        if not (is_number or types.is_decimal(kind) or types.is_string(kind) or types.is_large_string(kind)):
            raise SubjectError(
                f"column {name!r} of {path} must hold numbers or texts, found {kind}. Convert it, or leave it out of "
                "the file."
            )
        if types.is_decimal(kind):
            column = column.cast(arrow.float64())  # noqa: PLW2901
        columns[name] = column.to_pandas()
    return pd.DataFrame(columns)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class TableRule:
    """How columns become inputs.

    A column of numbers is one feature; booleans are 0 and 1. A column of words becomes, one-hot, a column a word, in
    sorted order, all of them 0 where it is missing; ordinal, the place of the word among the sorted words, -1 where it
    is missing.
    """

    categories: str = "one-hot"
    """one-hot or ordinal."""
    missing: str = "refuse"
    """What takes the place of a missing number: nothing (an error names the row), its column's mean, or zero."""
    standardize: bool = False
    """Whether columns of numbers get mean 0 and deviation 1 over all rows of the table."""

    def __post_init__(self) -> None:
        for name, choices in {"categories": CATEGORIES, "missing": MISSING}.items():
            if getattr(self, name) not in choices:
                raise SubjectError(
                    f"{name} must be one of {', '.join(choices)}, found {getattr(self, name)!r}. Choose one of these."
                )


@dataclass(frozen=True)
class _Column:
    """What was learned about one column of the table, so that other rows are coded alike."""

    name: str
    words: Sequence[str] = ()
    """Sorted; none for a column of numbers."""
    fill: float | None = None
    shift: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Coding:
    """The columns of a table as features, fitted to its rows and usable on further ones."""

    rule: TableRule
    columns: list[_Column] = field(default_factory=list)

    @classmethod
    def fitted(cls, table: pd.DataFrame, rule: TableRule) -> Coding:
        """Learn words, means and deviations from all rows of the feature columns of a table."""
        if not len(table.columns):
            raise SubjectError("a table needs columns beside its target, found none. Add some, or ignore fewer.")
        return cls(rule, [_column(table[name], rule) for name in table.columns])

    @property
    def feature_names(self) -> list[str]:
        """One name a feature: the column's, or column=word."""
        return [name for column in self.columns for name in self._names(column)]

    def features(self, table: pd.DataFrame, source: str) -> np.ndarray:
        """[n, f] float32 of rows of this or another table with the same columns.

        Args:
            table: has all the columns that the coding was fitted to; others are ignored.
            source: where the rows come from, for messages.

        Raises:
            SubjectError: a column is missing, holds another kind of value, a new word, or a gap that the rule refuses.
        """
        return np.concatenate([self._coded(table, column, source) for column in self.columns], axis=1)

    def _names(self, column: _Column) -> list[str]:
        if column.words and self.rule.categories == "one-hot":
            return [f"{column.name}={word}" for word in column.words]
        return [column.name]

    def _coded(self, table: pd.DataFrame, column: _Column, source: str) -> np.ndarray:
        if column.name not in table.columns:
            raise SubjectError(f"expected a column {column.name!r} in {source}, found none. Add it.")
        values = table[column.name]
        return self._numbers(values, column, source) if not column.words else self._words(values, column, source)

    def _numbers(self, values: pd.Series, column: _Column, source: str) -> np.ndarray:
        if not is_numeric(values):
            word = next(word for word, gap in zip(_as_words(values), values.isna(), strict=True) if not gap)
            raise SubjectError(f"column {column.name!r} of {source} must hold numbers, found {word!r}. Mend it.")
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        gaps = ~np.isfinite(numbers)
        if gaps.any() and column.fill is None:
            raise SubjectError(
                f"column {column.name!r} of {source} must be complete, found a gap or infinity in row "
                f"{int(gaps.argmax())}. Fill it, or build with --missing mean or --missing zero."
            )
        numbers = np.where(gaps, column.fill if column.fill is not None else 0.0, numbers)
        return ((numbers - column.shift) / column.scale).astype(np.float32)[:, None]

    def _words(self, values: pd.Series, column: _Column, source: str) -> np.ndarray:
        place = {word: number for number, word in enumerate(column.words)}
        words = _as_words(values)
        unknown = next((word for word in words if word is not None and word not in place), None)
        if unknown is not None:
            raise SubjectError(
                f"column {column.name!r} of {source} may hold {', '.join(map(repr, column.words[:4]))}"
                f"{', …' if len(place) > 4 else ''}, found {unknown!r}. Use the words that the network knows."
            )
        codes = np.array([-1 if word is None else place[word] for word in words], dtype=np.int64)
        if self.rule.categories == "ordinal":
            return codes.astype(np.float32)[:, None]
        return (codes[:, None] == np.arange(len(place))).astype(np.float32)


def is_numeric(values: pd.Series) -> bool:
    """Whether a column holds numbers or booleans, apart from gaps."""
    return values.dtype.kind in "biuf" or values.isna().all()


def _column(values: pd.Series, rule: TableRule) -> _Column:
    name = str(values.name)
    if not is_numeric(values):
        words = sorted({word for word in _as_words(values) if word is not None})
        if rule.categories == "one-hot" and len(words) > MOST_WORDS:
            raise SubjectError(
                f"column {name!r} may hold {MOST_WORDS:,} different words, found {len(words):,}. Leave it out with "
                f"--ignore {name}, or number them with --categories ordinal."
            )
        return _Column(name, words)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    mean = float(finite.mean()) if len(finite) else 0.0
    fill = {"refuse": None, "mean": mean, "zero": 0.0}[rule.missing]
    if not rule.standardize:
        return _Column(name, fill=fill)
    full = np.where(np.isfinite(numbers), numbers, 0.0 if fill is None else fill)
    return _Column(name, fill=fill, shift=float(full.mean()), scale=float(full.std()) or 1.0)


def _as_words(values: pd.Series) -> list[str | None]:
    return [None if gap else str(word) for word, gap in zip(values, values.isna(), strict=True)]
