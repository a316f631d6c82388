"""Home: the map of all samples on the left, the selected sample with its neighbors and numbers on the right."""

import math
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.pages import routes, state
from explorer.pages.columns import chart_columns, first_charts, interest, short_title
from explorer.pages.saving import keep_map_stage, map_stage
from explorer.study.selections import read_selections
from explorer.study.study import Study
from explorer.views.remembered import remembered
from explorer.views.selection import Between, Equals, OneOf, lasso, one_of, title_of

ASSETS = Path(__file__).parents[2] / "assets" / "map"
SCRIPTS = (
    *("pictures.js", "points.js", "crossfilter.js", "panel.js", "album.js", "map.js"),
    *(
        "view.js",
        "spread.js",
        "thumbs.js",
        "labels.js",
        "saving.js",
        "hands.js",
        "charts.js",
        "brushes.js",
        "gallery.js",
    ),
)
"""In this order they are one module: plain files, no build step."""
STYLES = ("map.css", "charts.css", "presented.css")
KEY = "map"
HEARD = "last_news_of_the_map"
OUTDATED = "study_has_changed_since_the_map_was_drawn"

_component = st.components.v2.component(
    "network_map",
    html=(ASSETS / "map.html").read_text("utf-8"),
    css="\n".join((ASSETS / name).read_text("utf-8") for name in STYLES),
    js="\n".join((ASSETS / name).read_text("utf-8") for name in SCRIPTS),
)


def show(study: Study) -> None:
    """Draw the page."""
    state.page_title(
        study, "Map", "Each point is a sample. Close together: a change to the network moves both answers alike."
    )
    _map(study)
    _warnings(study)


# A fragment: when the browser tells what was clicked, only this is run again, not the whole page. Streamlit would show
# an exception of a fragment as a traceback before the frame could see it.
@st.fragment
def _map(study: Study) -> None:
    if st.session_state.pop(OUTDATED, False):
        st.rerun()  # the whole page: a fragment keeps the study that it was given
    with state.errors_on_screen():
        _component(key=KEY, data=_data(study), on_told_change=_hear)


def _data(study: Study) -> dict[str, Any]:
    chosen = state.selection().filter
    return {
        "study": study.path.name,
        "base": routes.data_url(study),
        "version": study.version,
        "n": study.n,
        "words": _count_words(study),
        "sheets": None if "previews" in study.steps_missing else study.sheets,
        "sample": state.current_sample(study),
        "color": state.current_color(study),
        "colors": [{"column": name, "title": title_of(name)} for name in state.color_columns(study)],
        "filter": str(chosen),
        "conditions": _conditions(study),
        "charts": _charts(study),
        "place": {**state.place_on_map(), "stage": map_stage()},
        "presented": _presented(),
        "heard": st.session_state.get(HEARD, 0),
    }


def _presented() -> str:
    """How the map stands in a presentation: with the panel beside it where the view has a sample; empty elsewhere."""
    if not state.is_presented():
        return ""
    return "alone" if state.selection().sample is None else "sample"


def _conditions(study: Study) -> list[dict[str, Any]]:
    """The filter as the charts understand it: words for people, text for the routes, and the range or the values."""
    told = []
    for one, words in zip(state.selection().filter.conditions, state.conditions_in_words(study), strict=True):
        meant: dict[str, Any] = {"kind": "other"}
        if isinstance(one, Between) and one.low == one.low and one.high == one.high:
            low, high = (end if math.isfinite(end) else None for end in (one.low, one.high))
            meant = {"kind": "range", "low": low, "high": high}
        elif isinstance(one, Equals | OneOf):
            meant = {"kind": "values", "values": list(one.values) if isinstance(one, OneOf) else [one.value]}
        told.append({**words, "text": str(one), **meant})
    return told


def _charts(study: Study) -> dict[str, Any]:
    column, is_rising = interest(study)
    return {
        "columns": [{"column": name, "title": short_title(name)} for name in chart_columns(study)],
        "first": first_charts(study),
        "interest": {"column": column, "title": short_title(column), "rising": is_rising},
        "named": _named(study),
    }


@remembered(most=1)
def _named(study: Study) -> tuple[str, ...]:
    return tuple(read_selections(study.path, study.n).table)


def _hear() -> None:
    """Take over what the visitor did on the map; the map itself has long answered."""
    news = st.session_state.get(KEY, {}).get("told") or []
    for told in sorted(news, key=lambda one: one["serial"]):
        if told["serial"] > st.session_state.get(HEARD, 0):
            st.session_state[HEARD] = told["serial"]
            _follow(told)


def _follow(told: dict[str, Any]) -> None:
    if "sample" in told:
        state.select_sample(told["sample"])
    if "color" in told:
        state.select_color(told["color"])
    if "unfilter" in told:
        state.unfilter(told["unfilter"] or None)
    if "lasso" in told:
        state.filter_by(lasso(told["lasso"]))
    if "place" in told:
        state.keep_map_place(told["place"])
        keep_map_stage(told.get("stage"))
    if "brushes" in told:
        _brush(told["brushes"])
    if "kept" in told:
        st.session_state[OUTDATED] = True


def _brush(brushes: dict[str, dict[str, Any] | None]) -> None:
    """Narrow the filter as the charts say, column by column, as one step of the browser's history."""
    chosen = state.selection().filter
    for column, brush in brushes.items():
        if brush is None:
            chosen = chosen.without(column)
        elif "values" in brush:
            chosen = chosen.having(one_of(column, map(str, brush["values"])))
        else:
            low, high = brush["low"], brush["high"]  # None for an end that is open: JSON has no infinity
            low, high = -math.inf if low is None else float(low), math.inf if high is None else float(high)
            chosen = chosen.having(Between(column, low, high))
    state.set_filter(chosen)


@remembered(most=1)
def _count_words(study: Study) -> str:
    if study.task != "classification" or "label" not in study.samples:
        return f"{study.n:,} samples"
    return f"{study.n:,} samples, {study.samples['label'].nunique()} classes"


def _warnings(study: Study) -> None:
    if study.warnings and not state.is_presented():
        with st.expander(f"{len(study.warnings)} notes on this study", icon=":material/info:"):
            for line in study.warnings:
                st.markdown(f"- {state.plain(line)}")
