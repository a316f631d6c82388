"""The color of every point on the map: one byte a sample, and the legend that says what it means. No streamlit."""

from typing import Any

import numpy as np
import pandas as pd

from explorer.columns import COLUMNS
from explorer.study.study import Study
from explorer.views.reading import columns_of_kind, kind_of, write_value
from explorer.views.remembered import remembered
from explorer.views.selection import title_of
from explorer.views.theme import BAR, SEQUENTIAL, class_color

NONE = 255
"""The code of a sample that has no value."""
MOST_CODES = 255
MOST_WORDS = 60
"""A column with more different texts than this is no color: it names samples, such as their files."""
TAILS = (0.01, 0.99)
"""A few extreme values must not squeeze all others into one color: the scale ends at these quantiles."""


def map_color(study: Study, chosen: str | None) -> str | None:
    """Column that colors the map: the chosen one if it can, else the label or target; None where nothing can."""
    offered = color_columns(study)
    return next((name for name in (chosen, "label", "target", "prediction", *offered) if name in offered), None)


def color_columns(study: Study) -> list[str]:
    """Columns that can color the map; its own coordinates, and texts that nearly all differ, would say nothing."""
    offered = columns_of_kind(study, "class", "flag", "number", "share", "text")
    return [name for name in offered if name not in ("x", "y") and not _is_free_text(study, name)]


@remembered(most=64)
def _is_free_text(study: Study, column: str) -> bool:
    return kind_of(study, column) == "text" and study.samples[column].nunique() > MOST_WORDS


@remembered(most=8)
def color_codes(study: Study, column: str) -> np.ndarray:
    """[n] uint8, read-only: the place in the legend, or on the scale from 0 to 254; NONE where there is no value."""
    codes = _codes(study, column)
    codes.flags.writeable = False
    return codes


def _codes(study: Study, column: str) -> np.ndarray:
    values = study.samples[column]
    if _is_scale(study, column):
        low, high = scale_ends(values)
        places = (values.to_numpy(dtype=float) - low) / (high - low) * (MOST_CODES - 1)
        return np.where(np.isfinite(places), np.clip(places, 0, MOST_CODES - 1), NONE).astype(np.uint8)
    place_of = {value: min(place, MOST_CODES - 1) for place, value in enumerate(_categories(study, column))}
    return values.map(place_of).fillna(NONE).to_numpy(dtype=np.uint8)


@remembered(most=64)
def legend(study: Study, column: str) -> dict[str, Any]:
    """What the codes mean, as JSON values: categories with name, count and color, or a scale with its two ends.

    Of more categories than codes, the last entry is all the rest: it has no value of its own.
    """
    values = study.samples[column]
    words = {"column": column, "title": title_of(column), "help": COLUMNS[column].help if column in COLUMNS else ""}
    if _is_scale(study, column):
        ends = [write_value(study, column, end) for end in scale_ends(values)]
        return {**words, "kind": "scale", "ends": ends, "colors": list(SEQUENTIAL)}
    counts, categories = values.value_counts(), _categories(study, column)
    named = categories if len(categories) <= MOST_CODES else categories[: MOST_CODES - 1]
    entries = [
        {
            "name": write_value(study, column, value),
            "value": str(value),
            "count": int(counts[value]),
            "color": class_color(int(value) if kind_of(study, column) == "class" else place),
        }
        for place, value in enumerate(named)
    ]
    if rest := categories[len(named) :]:
        entries.append({"name": "other", "value": None, "count": int(counts[rest].sum()), "color": BAR})
    return {**words, "kind": "categories", "entries": entries}


def _is_scale(study: Study, column: str) -> bool:
    return kind_of(study, column) in ("number", "share")


def _categories(study: Study, column: str) -> list[Any]:
    values = study.samples[column].dropna()
    by_count = kind_of(study, column) == "text"
    return list(values.value_counts().index) if by_count else sorted(values.unique())


def scale_ends(values: pd.Series) -> tuple[float, float]:
    """The numbers at which the scale of a column begins and ends, see TAILS."""
    numbers = values.to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.quantile(finite, TAILS)
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)
