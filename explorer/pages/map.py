"""Home: the map of all samples on the left, the selected sample with its neighbors and numbers on the right."""

from pathlib import Path
from typing import Any

import streamlit as st

from explorer.pages import routes, state
from explorer.pages.selection import lasso, title_of
from explorer.study.study import Study

ASSETS = Path(__file__).parents[2] / "assets" / "map"
SCRIPTS = ("pictures.js", "points.js", "panel.js", "map.js", "view.js", "hands.js")
"""In this order they are one module: plain files, no build step."""
KEY = "map"
HEARD = "last_news_of_the_map"

_component = st.components.v2.component(
    "network_map",
    html=(ASSETS / "map.html").read_text("utf-8"),
    css=(ASSETS / "map.css").read_text("utf-8"),
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
        "conditions": state.conditions_in_words(study),
        "heard": st.session_state.get(HEARD, 0),
    }


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


def _count_words(study: Study) -> str:
    if study.task != "classification" or "label" not in study.samples:
        return f"{study.n:,} samples"
    return f"{study.n:,} samples, {study.samples['label'].nunique()} classes"


def _warnings(study: Study) -> None:
    if study.warnings:
        with st.expander(f"{len(study.warnings)} notes on this study", icon=":material/info:"):
            for line in study.warnings:
                st.markdown(f"- {state.plain(line)}")
