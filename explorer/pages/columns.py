"""One column of a study as a small histogram needs it: a value or a code a sample, bins and words. No streamlit."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from explorer.columns import COLUMNS
from explorer.study.study import Study
from explorer.views.reading import columns_of_kind, kind_of, write_value
from explorer.views.remembered import remembered
from explorer.views.selection import title_of
from explorer.views.theme import class_color

BINS = 36
"""Roughly how many bins a histogram has; between half and twice as many come out."""
TAILS = (0.005, 0.995)
"""Where the even bins end: what lies beyond is counted in the outermost two, so that a few cannot squeeze the rest."""
COMPUTED = 1e-6
"""Numbers that differ by less than this share of the largest are the same one, computed in float32."""
MOST_PLACES = 1000
"""On a finer grid no bar is seen to have one place more than its neighbor."""
LONG_TAIL = 25.0
"""So many times the median reaches the upper end of positive numbers that are better told by their orders."""
MOST_CATEGORIES = 254
"""The most frequent values have a code of their own; the rest share the next one, and 255 is none."""
OTHERS, NONE = 254, 255
FIRST_COLUMNS = (
    *("label_margin", "target_residual", "soft_density", "confidence", "label", "target", "split"),
    *("prediction", "denoising_factor"),
)
"""What is shown before anybody chooses, as far as a study has it; suspicion is a rank, so its bars are all alike."""
FIRST = 5


@dataclass(frozen=True)
class Scale:
    """Bins of a column of numbers."""

    edges: tuple[float, ...]
    """Rising; the first is at most the least value, the last at least the largest."""
    has_low_tail: bool
    """Whether the first bin is wider than its neighbor: it takes in all smaller values."""
    has_high_tail: bool
    is_logarithmic: bool
    """Whether the bins are as wide as their numbers are large."""


def chart_columns(study: Study) -> list[str]:
    """Columns that a histogram can show: all but texts that name single samples."""
    return [
        name for name in columns_of_kind(study, "class", "flag", "number", "share", "text") if name not in ("x", "y")
    ]


def short_title(column: str) -> str:
    """A column's name for people, without its unit."""
    return re.sub(r"\s*\([^)]*\)$", "", title_of(column)) or title_of(column)


@remembered(most=1)
def first_charts(study: Study) -> tuple[str, ...]:
    """The columns to begin with.

    Cost: time O(n) a column, the first time.
    """
    known = [column for name in FIRST_COLUMNS for column in study.columns_of(name)]
    return tuple(name for name in known if len(pd.unique(study.samples[name])) > 1)[:FIRST]


@remembered(most=1)
def interest(study: Study) -> tuple[str, bool]:
    """The column by which samples are worth a look, and whether its small values come first; "" where there is none."""
    for column, is_rising in (("suspicion", False), ("label_margin", False), ("soft_density", True)):
        if column in study.samples and np.isfinite(study.samples[column].to_numpy(dtype=float)).any():
            return column, is_rising
    return next(iter(chart_columns(study)), ""), True


def is_number(study: Study, column: str) -> bool:
    """Whether a column has a scale; the others have categories."""
    return kind_of(study, column) in ("number", "share")


def column_values(study: Study, column: str) -> np.ndarray:
    """[n] what the browser is sent: the numbers, or uint8 codes of the categories.

    Numbers are float32 where that changes none of them and float64 otherwise, so that a range in the browser holds the
    same samples as in Python. Code i is the i-th of `describe_column`; OTHERS and NONE as said there.
    """
    values = study.samples[column]
    if is_number(study, column):
        exact = values.to_numpy(dtype="<f8", na_value=np.nan)
        with np.errstate(over="ignore"):
            short = exact.astype("<f4")
        return short if np.array_equal(short, exact, equal_nan=True) else exact
    codes, different = pd.factorize(values)
    place_of = {value: min(place, OTHERS) for place, value in enumerate(_categories(study, column))}
    table = np.array([*(place_of[value] for value in different), NONE], dtype=np.uint8)
    return table[codes]  # a missing value has the code -1


@remembered(most=64)
def describe_column(study: Study, column: str) -> dict[str, Any]:
    """What the values of a column mean, as JSON: title, kind, how many have none, and its bins or categories.

    Cost: time O(n log n), the first time.
    """
    values = study.samples[column]
    words = {
        "column": column,
        "title": short_title(column),
        "help": COLUMNS[column].help if column in COLUMNS else "",
        "missing": int(values.isna().sum()),
    }
    if is_number(study, column):
        sent = column_values(study, column)
        scale = number_scale(sent)
        return {
            **words,
            "kind": "number",
            "bytes": sent.dtype.itemsize,
            "missing": int((~np.isfinite(sent)).sum()),
            "edges": list(scale.edges),
            "texts": [write_value(study, column, edge) for edge in scale.edges],
            "tails": [scale.has_low_tail, scale.has_high_tail],
            "logarithmic": scale.is_logarithmic,
        }
    counts = values.value_counts()
    known = _categories(study, column)
    entries = [
        {
            "value": str(value),
            "name": write_value(study, column, value),
            "count": int(counts[value]),
            "color": class_color(int(value) if kind_of(study, column) == "class" else place),
        }
        for place, value in enumerate(known[:MOST_CATEGORIES])
    ]
    rest = known[MOST_CATEGORIES:]
    others = {"values": len(rest), "count": int(counts[rest].sum())} if rest else None
    return {**words, "kind": "categories", "entries": entries, "others": others}


def number_scale(values: np.ndarray) -> Scale:
    """Bins of some numbers, with edges that a person can say.

    Args:
        values: [n] floats; those that are not finite lie in no bin.

    Returns:
        At least one bin. Few different values have a bin each, with its edges halfway to the next; else the bins are
        even between the quantiles TAILS, or even by order where the numbers span several. No number lies where two
        bins meet, so that a range that holds both its ends selects what its bars count.

    Cost: time O(n log n).
    """
    finite = np.unique(values[np.isfinite(values)].astype(np.float64))
    if not finite.size:
        return Scale((0.0, 1.0), False, False, False)
    if finite.size <= BINS // 2:
        return _bin_each(finite)
    low, middle, high = np.quantile(values[np.isfinite(values)].astype(np.float64), (TAILS[0], 0.5, TAILS[1]))
    least, most = float(finite[0]), float(finite[-1])
    if not high > low:
        low, high = least, most
    is_logarithmic = bool(least > 0 and high > LONG_TAIL * middle)
    start, unit = _grid(finite)
    inner = _round_orders(low, high) if is_logarithmic else _round_steps(low, high, unit)
    if unit:  # numbers on a grid lie in the middle of their bins, as many of its places in each
        places = np.unique(np.floor((inner - start) / unit + 0.25))
        inner = np.array([_between(start + (one - 0.9) * unit, start + (one - 0.1) * unit) for one in places])
    inner = _apart(inner, finite)
    has_low, has_high = not inner.size or bool(least < inner[0]), not inner.size or bool(most > inner[-1])
    edges = [*([_outward(least, -1)] if has_low else []), *inner, *([_outward(most, 1)] if has_high else [])]
    return Scale(tuple(map(float, edges)), has_low, has_high, is_logarithmic)


def order_of(study: Study, column: str, is_rising: bool) -> np.ndarray:
    """[n] uint32 rows by the values of a column; equal ones by row, those without a value last."""
    if is_number(study, column):
        values = column_values(study, column).astype(np.float64)
    else:
        codes = column_values(study, column)
        values = np.where(codes == NONE, np.nan, codes.astype(np.float64))
    values = np.where(np.isfinite(values), values if is_rising else -values, np.nan)
    return np.argsort(values, kind="stable").astype("<u4")


@remembered(most=64)
def _categories(study: Study, column: str) -> list[Any]:
    """The values of a column: classes and flags in their order, texts by how many have them."""
    values = study.samples[column].dropna()
    counts = values.value_counts()
    if kind_of(study, column) == "text" or len(counts) > MOST_CATEGORIES:
        return list(counts.index)
    return sorted(counts.index)


def _bin_each(values: np.ndarray) -> Scale:
    if values.size == 1:
        half = max(abs(values[0]), 1.0) / 2
        return Scale((float(values[0] - half), float(values[0] + half)), False, False, False)
    around = [2 * values[0] - values[1], *values, 2 * values[-1] - values[-2]]
    edges = np.array([_between(*pair) for pair in pairwise(around)])
    ends = values[[0, -1]]
    edges[[0, -1]] = np.where(np.isnan(edges[[0, -1]]), ends, edges[[0, -1]])
    return Scale(tuple(np.unique(edges[~np.isnan(edges)]).tolist()), False, False, False)


def _grid(numbers: np.ndarray) -> tuple[float, float]:
    """Start and step of a grid that rising numbers lie on, as whole numbers do; a step of 0 where there is none."""
    if (numbers == np.round(numbers)).all():
        return 0.0, 1.0
    gaps = np.diff(numbers)
    least = gaps[gaps > COMPUTED * np.abs(numbers).max()].min(initial=np.inf)
    places = np.concatenate([[0.0], np.cumsum(np.round(gaps / least))])
    if not 0 < places[-1] <= MOST_PLACES:
        return 0.0, 0.0
    step = (numbers[-1] - numbers[0]) / places[-1]
    is_one = (np.abs(numbers - numbers[0] - places * step) < step / 10).all()
    return (float(numbers[0]), float(step)) if is_one else (0.0, 0.0)


def _between(low: float, high: float) -> float:
    """A number of few digits about halfway between two others; nan where no float lies between."""
    middle, slack = low / 2 + high / 2, high / 4 - low / 4  # their difference may be too large for a float
    said = (float(f"{middle:.{digits}g}") for digits in range(1, 18))
    found = next((one for one in said if abs(one - middle) <= slack), middle)
    return found if low < found < high else np.nan


def _apart(edges: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Rising edges, each that is also one of the rising numbers moved a little below it.

    The outermost may stay, since the bins hold their outer ends; an edge with no room below it is left out.
    """
    moved, room = edges.copy(), np.diff(edges).min(initial=np.inf) / 10
    for place in np.flatnonzero(np.isin(edges, numbers)):
        edge, at = edges[place], int(np.searchsorted(numbers, edges[place]))
        if (place, at) in ((0, 0), (len(edges) - 1, len(numbers) - 1)):
            continue
        moved[place] = _between(max(edge - room, numbers[at - 1] if at else -np.inf), edge)
    return moved[~np.isnan(moved)]


def _round_steps(low: float, high: float, unit: float = 0.0) -> np.ndarray:
    """Even edges from low to high by a round step, which is a multiple of the unit if there is one."""
    width = high / BINS - low / BINS  # their difference may be too large for a float
    power = 10.0 ** np.floor(np.log10(width))
    step = power * min((1, 2, 5, 10), key=lambda times: abs(width / (times * power) - 1))
    step = max(round(step / unit), 1) * unit if unit else step
    first, last = np.floor(low / step), np.ceil(high / step)
    return np.unique([float(f"{place * step:.12g}") for place in np.arange(first, last + 1)])


def _round_orders(low: float, high: float) -> np.ndarray:
    orders = np.linspace(np.log10(low), np.log10(high), BINS + 1)
    return np.unique([float(f"{10.0**order:.3g}") for order in orders])


def _outward(value: float, sign: int) -> float:
    """The next number of four digits beyond a value: above for 1, below for -1."""
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 3) if value else 1.0
    beyond = float(f"{sign * np.ceil(sign * value / step) * step:.12g}")
    return beyond if sign * beyond >= sign * value else beyond + sign * step
