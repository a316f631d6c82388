"""Small tables that people edit elsewhere and bring back: CSV and Parquet, read strictly, every line by its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.errors import DecisionError
from explorer.study.steps import write_file

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")
FORMULA = "=+-@\t\r"
"""A cell of text that begins with one of these is run by spreadsheets; in CSV it gets an apostrophe in front."""
MARK = "'"
MOST_BYTES = 2**32
"""The most that a table may take once it is unpacked."""


def save_table(table: pd.DataFrame, out: Path, texts: Sequence[str] = ()) -> None:
    """Write a table as CSV (UTF-8, RFC 4180) or Parquet, by the ending, whole or not at all.

    Args:
        table: what is missing becomes an empty cell of CSV.
        out: ends in .csv or .parquet; replaced when it exists.
        texts: columns that people wrote, whose cells must not run as formulas of a spreadsheet.

    Raises:
        DecisionError: another ending, or a place that cannot be written.
    """
    content = io.BytesIO()
    if _ending(out) == ".csv":
        guarded = table.assign(**{name: [guarded_cell(text) for text in table[name]] for name in texts})
        # The csv module quotes line breaks only when they are part of the one that it writes.
        guarded.to_csv(content, index=False, lineterminator="\r\n")
    else:
        table.to_parquet(content, index=False)
    try:
        write_file(out, content.getvalue())
    except OSError as error:
        raise DecisionError(f"expected a place to write {out}, found: {error.strerror}. Name another.") from error


def read_table(path: Path, texts: Sequence[str] = ()) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    """The columns of a table, and its lines as text, each with its place in words.

    Args:
        path: ends in .csv or .parquet.
        texts: columns that were guarded by save_table.

    Returns:
        Names of the columns, and pairs of a place (`line 3`, counted with the heading; `record 2` of a Parquet file,
        counted from 1) and the cells by column; what is missing is empty text.

    Raises:
        DecisionError: the file cannot be read or is not such a table; also while the lines are taken.
    """
    if not path.is_file():
        raise DecisionError(f"expected a table at {path}, found no such file. Check the path.")
    if _ending(path) == ".parquet":
        return _read_parquet(path)
    lines = _csv_lines(path)
    _, columns = next(lines, ("", []))
    return columns, _by_column(path, columns, lines, texts)


def guarded_cell(text: str) -> str:
    """Text as it may stand in CSV: what a spreadsheet would run gets an apostrophe in front, which it does not show.

    >>> guarded_cell("=1+1"), guarded_cell("'tis"), guarded_cell("fine")
    ("'=1+1", "''tis", 'fine')
    """
    return MARK + text if text[:1] and text[0] in FORMULA + MARK else text


def unguarded_cell(text: str) -> str:
    """The text that guarded_cell was given.

    >>> unguarded_cell("'=1+1"), unguarded_cell("''tis"), unguarded_cell("'written by hand")
    ('=1+1', "'tis", "'written by hand")
    """
    return text[1:] if text[:1] == MARK and text[1:2] and text[1] in FORMULA + MARK else text


def _ending(path: Path) -> str:
    if path.suffix not in ENDINGS:
        raise DecisionError(f"a table must end in {' or '.join(ENDINGS)}, found {path.name!r}. Name the file so.")
    return path.suffix


def _csv_lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    before = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                # A cell may run over several lines: the first one is named.
                place, before = f"line {before + 1}", reader.line_num
                if cells:
                    yield place, cells
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DecisionError(
            f"{path} line {before + 1}: expected CSV in UTF-8, found what cannot be read ({error}). Save it so."
        ) from error


def _by_column(
    path: Path, columns: list[str], lines: Iterator[tuple[str, list[str]]], texts: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    for place, cells in lines:
        if len(cells) != len(columns):
            raise DecisionError(
                f"{path} {place}: expected {len(columns)} cells, one a column, found {len(cells)}. Mend the line."
            )
        found = dict(zip(columns, cells, strict=True))
        yield place, {name: unguarded_cell(cell) if name in texts else cell for name, cell in found.items()}


def _read_parquet(path: Path) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
            if max(size, about.num_rows) > MOST_BYTES:
                raise DecisionError(
                    f"{path} may take {MOST_BYTES / 2**30:.0f} GiB, found {size / 2**30:.0f}. Split it."
                )
            # What the file says about pandas is left aside: only numbers, flags, times and texts can be decisions.
            table = file.read().replace_schema_metadata(None).to_pandas()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DecisionError(f"expected a Parquet table at {path}, found what cannot be read ({error}).") from error
    columns = [str(name) for name in table]
    lines = zip(*(map(_text, values.tolist()) for _, values in table.items()), strict=True)
    cells = (dict(zip(columns, line, strict=True)) for line in lines)
    return columns, ((f"record {number}", found) for number, found in enumerate(cells, start=1))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return json.dumps(value.tolist())
    if value is None or str(value) in ("nan", "<NA>", "NaT"):
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
