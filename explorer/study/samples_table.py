"""The samples table of a study, read strictly: numbers, flags, times and text, a row a sample, nothing unpickled."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explorer.errors import StudyMismatch

ANSWERS = ("label", "prediction", "suggested_label")
MOST_BYTES = 2**34
"""The most that a table may take once it is unpacked: 16 GiB."""


def read_samples(path: Path, samples: int, classes: int, measured: Iterable[str]) -> pd.DataFrame:
    """Read a samples table; what Parquet says about pandas in it cannot run code.

    Args:
        path: a verified file.
        samples: how many rows it must have.
        classes: how many classes there are; 0 for a regression.
        measured: names of columns that hold numbers where they are there.

    Raises:
        StudyMismatch: it is another table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
            if about.num_rows != samples or size > MOST_BYTES:
                raise StudyMismatch(f"expected {samples} rows, found {about.num_rows} rows of {size} bytes")
        table = pd.read_parquet(path)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        raise StudyMismatch(f"it is not a table that can be read ({error})") from error
    if not table.index.equals(pd.RangeIndex(samples)) or not table.columns.is_unique:
        raise StudyMismatch("expected rows that are numbered from 0 in their order, and columns of different names")
    for name in table:
        if not isinstance(name, str) or not _is_plain(table[name]):
            raise StudyMismatch(f"expected columns of numbers, flags, times or text, found {str(name)[:80]!r}")
    _check_columns(table, classes, measured)
    return table


def _check_columns(table: pd.DataFrame, classes: int, measured: Iterable[str]) -> None:
    targets = [name for name in table if re.fullmatch(r"target(_\d+)?", name)]
    for name in ("x", "y", "label", *targets, *measured):
        if name in {"x", "y"} - set(table) or (name in table and not _is_numeric(table[name])):
            raise StudyMismatch(f"expected a column {name} of numbers, found none")
    for name in ANSWERS if classes else ():
        if name in table and not _are_classes(table[name], classes, -1 if name != "label" else 0):
            raise StudyMismatch(f"expected class numbers below {classes} in the column {name}, found others")
    is_told = classes and "true_label" in table and table["true_label"].dtype.kind in "iu"
    if is_told and not _are_classes(table["true_label"], classes, -1):
        raise StudyMismatch(f"expected class numbers below {classes} in the column true_label, found others")


def _are_classes(values: pd.Series, classes: int, least: int) -> bool:
    return values.dtype.kind in "iu" and bool(values.between(least, classes - 1).all())


def _is_numeric(values: pd.Series) -> bool:
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf"


def _is_plain(values: Any) -> bool:
    is_text = isinstance(values.dtype, pd.StringDtype) or (
        values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
    )
    return is_text or _is_numeric(values) or values.dtype.kind in "Mm"
