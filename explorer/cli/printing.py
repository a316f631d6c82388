"""Tables for people, JSON for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd


def print_json(document: Any) -> None:
    """Print one JSON document; what is not a finite number becomes null."""
    print(json.dumps(_plain(document), indent=2, allow_nan=False, ensure_ascii=False))


def print_table(table: pd.DataFrame, class_names: Sequence[str] | None = None) -> None:
    """Print aligned columns; classes by name where there are names, numbers to four digits."""
    cells = [
        [shown(str(name)) for name in table],
        *([shown(_cell(*one, class_names)) for one in row.items()] for row in _rows(table)),
    ]
    widths = [max(len(row[place]) for row in cells) for place in range(len(table.columns))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print one fact a line, values in one column."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        print(f"{name:<{width}}  {shown(_number(value))}")


def shown(text: str) -> str:
    r"""Text that a terminal shows and does not obey: what moves, colors or turns round is spelled out.

    >>> shown("plain ☀ \x1b[2J")
    'plain ☀ \\x1b[2J'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def in_bytes(size: int) -> str:
    """A size in words: 312 bytes, 4.5 MB."""
    if size < 1000:
        return f"{size} bytes"
    exponent = min(int(math.log10(size) / 3), 4)
    return f"{size / 1000**exponent:.3g} {' kMGT'[exponent]}B"


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict(orient="records")


def _cell(name: str, value: Any, class_names: Sequence[str] | None) -> str:
    if name in CLASS_COLUMNS and class_names and isinstance(value, int | np.integer) and value >= 0:
        return class_names[value]
    return _number(value)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


CLASS_COLUMNS = ("label", "true_label", "prediction", "suggested_label")
