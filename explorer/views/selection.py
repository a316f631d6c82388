"""What the visitor has chosen, as a record and as the text in the URL. No streamlit, so that routes may read it too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import pandas as pd

from explorer.columns import COLUMNS
from explorer.errors import SettingsError

MOST_CORNERS = 64
"""A lasso with more corners is thinned out, so that a link stays short enough to paste."""
MOST_ROWS = 200
"""A filter names at most so many samples one by one, or values of one column, for the same reason."""
MOST_NAMED = 4
"""So many values of a column are named in words; of more, their number is."""
OWN_WORDS = ("lasso", "rows")
"""Before the equals sign these mean a condition of their own and no column."""


@dataclass(frozen=True)
class Between:
    """Samples whose number lies in a closed range."""

    column: str
    low: float
    high: float

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool; NaN lies in no range."""
        values = samples[self.column].to_numpy(dtype=float)
        return (values >= self.low) & (values <= self.high)

    def in_words(self) -> str:
        """The condition as a person would say it."""
        title, has_low, has_high = title_of(self.column), self.low != -np.inf, self.high != np.inf
        if has_low and has_high:
            return f"{title} from {self.low:.4g} to {self.high:.4g}"
        if has_low:
            return f"{title} at least {self.low:.4g}"
        return f"{title} at most {self.high:.4g}" if has_high else f"{title} is a number"

    def __str__(self) -> str:
        return f"{_written(self.column, '=')}={_shortest(self.low)}..{_shortest(self.high)}"


@dataclass(frozen=True)
class Equals:
    """Samples with one value: a class number, a flag or a word."""

    column: str
    value: str

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool."""
        return _has_text(samples[self.column], (self.value,))

    def in_words(self) -> str:
        """The condition as a person would say it; class numbers are named by the page."""
        return f"{title_of(self.column)} is {self.value}"

    def __str__(self) -> str:
        return f"{_written(self.column, '=')}={_written(self.value, '|')}"


@dataclass(frozen=True)
class OneOf:
    """Samples with any of several values, at least two and at most MOST_ROWS of them."""

    column: str
    values: tuple[str, ...]

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool."""
        return _has_text(samples[self.column], self.values)

    def in_words(self) -> str:
        """The condition as a person would say it; class numbers are named by the page."""
        if len(self.values) > MOST_NAMED:
            return f"{title_of(self.column)} is one of {len(self.values)}"
        return f"{title_of(self.column)} is {', '.join(self.values[:-1])} or {self.values[-1]}"

    def __str__(self) -> str:
        return f"{_written(self.column, '=')}={'|'.join(_written(value, '|') for value in self.values)}"


@dataclass(frozen=True)
class Inside:
    """Samples inside a closed line drawn on the map."""

    corners: tuple[tuple[float, float], ...]
    column: str = "lasso"

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool by the even-odd rule. Cost: time O(n corners)."""
        x, y = samples["x"].to_numpy(dtype=float), samples["y"].to_numpy(dtype=float)
        inside = np.zeros(len(samples), dtype=bool)
        for (x0, y0), (x1, y1) in pairwise((*self.corners, self.corners[0])):
            crosses = (y0 > y) != (y1 > y)
            inside[crosses] ^= x[crosses] < (x1 - x0) * (y[crosses] - y0) / (y1 - y0) + x0
        return inside

    def in_words(self) -> str:
        """The condition as a person would say it."""
        return "Inside the lasso"

    def __str__(self) -> str:
        return "lasso=" + "_".join(f"{x:.5g},{y:.5g}" for x, y in self.corners)


@dataclass(frozen=True)
class Among:
    """Samples that are named one by one, such as a group of near duplicates; at most MOST_ROWS."""

    rows: tuple[int, ...]
    column: str = "rows"

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool; a row that the study does not have is nobody's."""
        named = np.zeros(len(samples), dtype=bool)
        named[[row for row in self.rows if row < len(samples)]] = True
        return named

    def in_words(self) -> str:
        """The condition as a person would say it."""
        return f"Sample {self.rows[0]}" if len(self.rows) == 1 else f"{len(self.rows)} chosen samples"

    def __str__(self) -> str:
        return "rows=" + ",".join(map(str, self.rows))


Condition = Between | Equals | OneOf | Inside | Among


@dataclass(frozen=True)
class Filter:
    """Conditions that all hold; at most one for each column. An empty filter lets every sample through."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def __str__(self) -> str:
        return ";".join(map(str, self.conditions))

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """The filter that `str` wrote.

        Raises:
            SettingsError: the text is not one.
        """
        return cls(tuple(_parse_condition(part) for part in text.split(";") if part))

    def on(self, column: str) -> Condition | None:
        """The condition on one column, if there is one."""
        return next((one for one in self.conditions if one.column == column), None)

    def having(self, condition: Condition) -> "Filter":
        """The filter with a condition added, in place of the one on the same column."""
        return Filter((*self.without(condition.column).conditions, condition))

    def without(self, column: str) -> "Filter":
        """The filter with one column set free."""
        return Filter(tuple(one for one in self.conditions if one.column != column))

    def mask(self, samples: pd.DataFrame) -> np.ndarray:
        """[n] bool: True where every condition holds.

        Raises:
            SettingsError: a condition names a column that this study does not have or that cannot be compared.
        """
        let_through = np.ones(len(samples), dtype=bool)
        for one in self.conditions:
            try:
                let_through &= one.mask(samples)
            except (KeyError, ValueError, TypeError) as trouble:
                raise SettingsError(
                    f"the filter {str(one)[:80]!r} needs a column that this study has and can compare, "
                    f"found {', '.join(map(str, samples.columns))}. Clear the filter."
                ) from trouble
        return let_through


@dataclass(frozen=True)
class Selection:
    """The one selection that all pages share."""

    study: str | None = None
    sample: int | None = None
    color: str | None = None
    filter: Filter = field(default_factory=Filter)

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> "Selection":
        """The selection in a URL.

        Raises:
            SettingsError: the sample is not a row number, or the filter cannot be read.
        """
        sample = params.get("sample")
        if sample is not None and not (sample.isascii() and sample.isdigit() and len(sample) < 16):
            raise SettingsError(f"the link's sample must be a row number, found {sample[:40]!r}. Choose a sample.")
        return cls(
            study=params.get("study"),
            sample=None if sample is None else int(sample),
            color=params.get("color"),
            filter=Filter.parse(params.get("filter", "")),
        )

    def as_params(self) -> dict[str, str]:
        """The selection as URL parameters; what was not chosen is left out."""
        chosen = {"study": self.study, "sample": self.sample, "color": self.color, "filter": str(self.filter) or None}
        return {name: str(value) for name, value in chosen.items() if value is not None}

    def with_sample(self, row: int | None) -> "Selection":
        """The same selection on another sample."""
        return replace(self, sample=row)


def title_of(column: str) -> str:
    """The column's short name for people."""
    return COLUMNS[column].title if column in COLUMNS else column.replace("_", " ")


def one_of(column: str, values: Iterable[str]) -> Equals | OneOf:
    """The condition that a column has one of some values, at least one; the order in which they come says nothing."""
    different = tuple(sorted(set(values)))
    return Equals(column, different[0]) if len(different) == 1 else OneOf(column, different)


def lasso(corners: list[tuple[float, float]]) -> Inside:
    """A lasso on the map, thinned to at most MOST_CORNERS corners."""
    step = -(-len(corners) // MOST_CORNERS)
    return Inside(tuple((float(x), float(y)) for x, y in corners[:: max(step, 1)]))


def _parse_condition(text: str) -> Condition:
    column, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError(text)
        if column == "lasso":
            return _parse_lasso(value)
        if column == "rows":
            return _parse_rows(value)
        column = unquote(column)
        low, dots, high = value.partition("..")
        if dots:
            return Between(column, float(low), float(high))
        if value.count("|") >= MOST_ROWS:
            raise ValueError(text)
        return one_of(column, map(unquote, value.split("|")))
    except ValueError as trouble:
        raise SettingsError(
            "a filter must read column=low..high, column=value, column=one|another, rows=1,2,… or lasso=x,y_x,y_…, "
            f"found {text[:80]!r}. Clear the filter."
        ) from trouble


def _parse_lasso(text: str) -> Inside:
    corners = [tuple(map(float, corner.split(","))) for corner in text.split("_")]
    if len(corners) < 3 or any(len(corner) != 2 for corner in corners) or not np.isfinite(corners).all():
        raise ValueError(text)
    return lasso(corners)


def _parse_rows(text: str) -> Among:
    rows = text.split(",")
    if len(rows) > MOST_ROWS or not all(row.isascii() and row.isdigit() and len(row) < 16 for row in rows):
        raise ValueError(text)
    return Among(tuple(sorted({int(row) for row in rows})))


def _has_text(values: pd.Series, texts: tuple[str, ...]) -> np.ndarray:
    """[n] bool: whose value reads as one of some texts; a missing one as none. Writes each different value once."""
    codes, different = pd.factorize(values)
    # As legends and charts write them, one by one: pandas writes a whole column of dates without their time.
    wanted = set(texts)
    has_text = [str(value) in wanted for value in different]
    return np.array([*has_text, False])[codes]  # a missing value has the code -1


def _written(text: str, separator: str) -> str:
    """Text in which nothing separates or ends a condition; unquote reads it back."""
    safe = (
        text.replace("%", "%25").replace(";", "%3B").replace("..", "%2E%2E").replace(separator, f"%{ord(separator):X}")
    )
    return f"%{ord(text[0]):X}{text[1:]}" if separator == "=" and text in OWN_WORDS else safe


def _shortest(number: float) -> str:
    """A number in few digits that reads back as the same."""
    short = f"{number:.12g}"
    return short if float(short) == number or np.isnan(number) else repr(float(number))
