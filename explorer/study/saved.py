"""A saved view and a picked sample, and what they may say, whether a visitor sends them or a file holds them."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from explorer.errors import SettingsError
from explorer.study.texts import checked_text

LONGEST = {"name": 120, "note": 4000, "who": 200, "filter": 10_000, "color": 500, "options": 1000, "time": 40}
"""Characters."""
FARTHEST = 1e9
"""The map's own coordinates are some thousands at most."""
LARGEST_STAGE = 100_000
"""Pixels across; no screen has so many."""
_PAGE = re.compile("[a-z]{1,40}")
_LINES = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


@dataclass(frozen=True)
class SavedView:
    """One page as somebody saw it."""

    id: int
    """Names it for good: in links, and while its name and place change."""
    name: str
    note: str
    """What to say about it; may have several lines; empty for nothing."""
    page: str
    """Name of the page, in small letters, as in its address; map for the first one."""
    sample: int | None
    """Row of the selected sample; None where none was chosen."""
    color: str | None
    """Column that colors the map; None for the page's own choice."""
    filter: str
    """Conditions as in a link (see pages.selection.Filter); empty for none."""
    place: tuple[float, float, float] | None
    """What the map shows: x and y of its center, and pixels for a unit of the map; None for all of it."""
    who: str
    """Name of the person; empty for one who gave none."""
    made_at: str
    """When, in UTC to the millisecond: 2026-01-31T12:00:00.000+00:00."""
    options: str = ""
    """What the page alone knows, such as what it compares with, as the rest of a link; empty for nothing."""
    stage: tuple[float, float] | None = None
    """Width and height of the map in pixels, on which the place was seen; None where it is not known, or no place."""


@dataclass(frozen=True)
class Pick:
    """A sample that somebody wants to show."""

    row: int
    note: str
    who: str
    picked_at: str
    """When its note was written, as in SavedView."""


def checked_words(kind: str, text: Any) -> str:
    """A text that can be kept.

    Args:
        kind: of LONGEST. A name is one line that says something; a time is ISO 8601 with its time zone.

    Raises:
        SettingsError: it is none.
    """
    text = checked_text(f"the {kind}", text, LONGEST[kind], SettingsError)
    if kind == "name" and (not text.strip() or _LINES.search(text)):
        raise SettingsError(f"the name of a saved view must be one line of text, found {text!r}. Give it a name.")
    if kind == "time" and not _is_time(text):
        raise SettingsError(f"the time must be written with its time zone, found {text!r}. Mend it.")
    return text


def checked_row(row: Any, samples: int) -> int:
    """A sample's row; raises SettingsError when the study has none of this number."""
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < samples:
        raise SettingsError(f"rows run from 0 to {samples - 1}, found {repr(row)[:40]}. Name a row in this range.")
    return row


def checked_place(place: Any) -> tuple[float, float, float] | None:
    """Center and scale of the map, or None; raises SettingsError when it is neither."""
    if place is None:
        return None
    is_triple = isinstance(place, list | tuple) and len(place) == 3
    if not is_triple or not all(isinstance(one, float | int) and not isinstance(one, bool) for one in place):
        raise SettingsError(f"a place on the map must be x, y and scale, found {repr(place)[:80]}. Save it anew.")
    x, y, scale = map(_number, place)
    if not (abs(x) <= FARTHEST and abs(y) <= FARTHEST and 0 < scale <= FARTHEST):
        raise SettingsError(f"a place on the map must be finite and near it, found {repr(place)[:80]}. Save it anew.")
    return x, y, scale


def checked_stage(stage: Any) -> tuple[float, float] | None:
    """Width and height of the map on a screen, or None; raises SettingsError when it is neither."""
    if stage is None:
        return None
    is_pair = isinstance(stage, list | tuple) and len(stage) == 2 and all(type(one) in (int, float) for one in stage)
    if not is_pair or not all(1 <= one <= LARGEST_STAGE for one in stage):
        raise SettingsError(
            f"a map on the screen must have a width and a height in pixels, found {repr(stage)[:80]}. Save it anew."
        )
    return float(stage[0]), float(stage[1])


def checked_view(told: dict[str, Any], samples: int) -> dict[str, Any]:
    """The fields of a SavedView, each of its type and within its limits.

    Raises:
        SettingsError: one is not.
    """
    if not isinstance(told["page"], str) or not _PAGE.fullmatch(told["page"]):
        raise SettingsError(f"the page must be a word of small letters, found {repr(told['page'])[:80]}. Name a page.")
    return {
        **told,
        "name": checked_words("name", told["name"]),
        "note": checked_words("note", told["note"]),
        "sample": None if told["sample"] is None else checked_row(told["sample"], samples),
        "color": None if told["color"] is None else checked_words("color", told["color"]),
        "filter": checked_words("filter", told["filter"]),
        "place": checked_place(told["place"]),
        "who": checked_words("who", told["who"]),
        "made_at": checked_words("time", told["made_at"]),
        "options": checked_words("options", told["options"]),
        "stage": checked_stage(told["stage"]),
    }


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
