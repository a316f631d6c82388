"""The map: a still picture for every reader, and what the script needs to make it move."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.study.study import Study
from explorer.views.coloring import NONE, color_codes, legend, scale_ends
from explorer.views.reading import columns_of_kind
from explorer.views.report.chosen import color_key
from explorer.views.report.markup import Markup, element
from explorer.views.report.parts import paragraph, percent, section
from explorer.views.report.pictures import ACROSS, PER_SHEET, Sheets, address_of, has_pictures, sheets_of, spread_over
from explorer.views.report.still import palette, still_map

SIZE = (1280, 760)
MOST_POINTS = 200_000
"""Samples whose places are told; of more, a random choice."""
GRID = 65_535
"""Places are whole numbers up to this, both ways alike."""
COLORS = ("label", "target", "prediction", "suggested_label", "suspicion", "soft_density", "denoising_factor", "split")
MOST_COLORS, MOST_OWN = 8, 2
SEED = 0
HINT = (
    " Drag to move the map; zoom with the buttons, with Ctrl or ⌘ and the wheel, or with the wheel alone once you have "
    "clicked it. On the keyboard: arrows move it, + and − zoom, 0 shows all of it, Escape leaves it."
)


def color_columns(study: Study) -> list[str]:
    """The columns that the map of a report may be colored by, the best first."""
    wanted = [column for name in COLORS for column in study.columns_of(name)]
    own = [one for one in columns_of_kind(study, "class", "flag", "number", "share") if one not in wanted]
    flags = [one for one in own if study.samples[one].dtype == bool]
    several = [one for one in (*wanted, *flags[:MOST_OWN]) if study.samples[one].nunique() > 1]
    return several[:MOST_COLORS]


def shown_rows(study: Study, first: Sequence[int]) -> np.ndarray:
    """[m] int64 rows with a place on the map, rising: all, or MOST_POINTS drawn at random, and those in first.

    Args:
        study: whose samples.
        first: rows that are shown whatever is drawn.
    """
    known = np.flatnonzero(np.isfinite(study.samples[["x", "y"]].to_numpy(dtype=float)).all(axis=1))
    if len(known) <= MOST_POINTS:
        return known
    named = np.intersect1d(np.array(list(first)[:MOST_POINTS], dtype=np.int64), known)
    others = np.setdiff1d(known, named, assume_unique=True)
    drawn = np.random.default_rng(SEED).choice(others, MOST_POINTS - len(named), replace=False)
    return np.sort(np.concatenate([named, drawn]))


def map_section(study: Study, first: Sequence[int]) -> Markup:
    """The map as a picture, with the data of the script beside it.

    Args:
        study: what to show.
        first: rows whose pictures are shown under the pointer whatever else fits.
    """
    title = "The data set as the network sees it"
    rows = shown_rows(study, first) if "x" in study.samples else np.empty(0, dtype=np.int64)
    if not len(rows):
        return section("map", title, paragraph("This study has no map yet.", kind="none"))
    columns = color_columns(study)
    column = columns[0] if columns else None
    sheets = _sheets(study, rows, first)
    picture = address_of(still_map(study, column, SIZE), exact=False)
    words = f"Map of {len(rows):,} samples" + (f", colored by {legend(study, column)['title']}" if column else "")
    return section(
        "map",
        title,
        paragraph(
            "Each point is a sample; near points are samples that the network treats alike. Places follow the nearest "
            "neighbors, but distances on any flat map are only a hint."
        ),
        element(
            "figure",
            element(
                "div",
                element("img", src=picture, alt=words, class_="still", width=SIZE[0], height=SIZE[1]),
                class_="stage",
            ),
            element("div", color_key(study, column) if column else None, class_="legend"),
            element("figcaption", _shares(study, rows, sheets)),
            id="figure-map",
        ),
        element("script", Markup(script_json(_data(study, rows, columns, sheets))), type="application/json", id="data"),
    )


def script_json(data: Any) -> str:
    """JSON that nothing ends early inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _sheets(study: Study, rows: np.ndarray, first: Sequence[int]) -> Sheets | None:
    if not has_pictures(study):
        return None
    named = np.flatnonzero(np.isin(rows, np.array(list(first), dtype=np.int64)))
    places = study.samples[["x", "y"]].to_numpy(dtype=float)[rows]
    return sheets_of(study, rows[spread_over(places, named.tolist())])


def _shares(study: Study, rows: np.ndarray, sheets: Sheets | None) -> list[Any]:
    """How much of the study the map holds."""
    told = [f"Shown are all {len(rows):,} samples."]
    if len(rows) < study.n:
        why = "drawn at random" if len(rows) == MOST_POINTS else "those with a place on the map"
        told = [f"Shown are {len(rows):,} of {study.n:,} samples, {why}."]
    if sheets:
        share = len(sheets.rows) / len(rows)
        many = "all of them" if share == 1 else f"{len(sheets.rows):,} of them ({percent(share)}), spread over the map"
        quality = "" if sheets.is_exact else ", packed with a little loss"
        hint = f" The pictures of {many} are in this page{quality}: rest the pointer on a point."
        told.append(element("span", hint, class_="moving"))
    return [*told, element("span", HINT, class_="moving", id="map-keys")]


def _data(study: Study, rows: np.ndarray, columns: list[str], sheets: Sheets | None) -> dict[str, Any]:
    places = study.samples[["x", "y"]].to_numpy(dtype=float)[rows]
    low, high = places.min(axis=0), places.max(axis=0)
    span = max(float((high - low).max()), 1e-9)
    start = (low + high - span) / 2
    grid = np.round((places - start) / span * GRID).clip(0, GRID).astype("<u2")
    told = {
        "n": len(rows),
        "places": _packed(grid),
        "rows": None if len(rows) == study.n else _packed(rows.astype("<u4")),
        "columns": [_column(study, name, rows) for name in columns],
        "sheets": None,
    }
    if sheets:
        told["sheets"] = {
            "rows": _packed(sheets.rows.astype("<u4")),
            "width": sheets.side[0],
            "height": sheets.side[1],
            "perSheet": PER_SHEET,
            "across": ACROSS,
            "addresses": sheets.addresses,
        }
    return told


def _column(study: Study, name: str, rows: np.ndarray) -> dict[str, Any]:
    told = legend(study, name)
    entries = [{"name": one["name"], "count": one["count"]} for one in told.get("entries", ())]
    return {
        "title": told["title"],
        "help": told["help"],
        "kind": told["kind"],
        "ends": told.get("ends"),
        "span": scale_ends(study.samples[name]) if told["kind"] == "scale" else None,
        "entries": entries,
        "colors": palette(told)[: max(len(entries), NONE) + 1],
        "codes": _packed(color_codes(study, name)[rows]),
    }


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
