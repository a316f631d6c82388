"""Which labels to doubt: a desk to go through them, near duplicates, isolated samples, and what corrections changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer.pages import duplicates, isolated, retrained, routes, state
from explorer.pages.desk import desk_of, ranking_of
from explorer.pages.tiles import given_word
from explorer.study.study import Study
from explorer.views.selection import Equals, Filter

QUESTION = {
    "classification": "Which given labels does the network's own similarity contradict? Most suspicious first.",
    "regression": "Which given targets lie far from what similar samples say? Most suspicious first.",
}
ASSETS = Path(__file__).parents[2] / "assets"
SCRIPTS = (
    *("map/pictures.js", "map/panel.js"),
    *("desk/outbox.js", "desk/queue.js", "desk/card.js", "desk/verbs.js", "desk/boxes.js"),
    *("desk/choices.js", "desk/desk.js", "desk/deeds.js", "desk/sight.js", "desk/hands.js"),
)
"""In this order they are one module: plain files, no build step."""
KEY = "desk"
PAIR = ("label", "suggested_label")

_component = st.components.v2.component(
    "label_desk",
    html=(ASSETS / "desk" / "desk.html").read_text("utf-8"),
    css="\n".join((ASSETS / name).read_text("utf-8") for name in ("map/map.css", "desk/desk.css", "desk/boxes.css")),
    js="\n".join((ASSETS / name).read_text("utf-8") for name in SCRIPTS),
)


def show(study: Study) -> None:
    """The page of suspicious labels."""
    state.page_title(study, "Labels", QUESTION[study.task])
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        view = st.segmented_control(
            "What to look at",
            list(VIEWS),
            default="Triage",
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
            width="content",
        )
        _show_precision(study)
    if view != "Triage":
        state.show_filter(study)
    VIEWS[view](study)


def flipped_rows(samples: pd.DataFrame) -> np.ndarray | None:
    """[n] bool, whether each label was changed on purpose; None where that is not known."""
    if "flipped" in samples:
        return samples["flipped"].to_numpy(dtype=bool)
    if "true_label" in samples and "label" in samples:
        return (samples["true_label"] != samples["label"]).to_numpy(dtype=bool)
    return None


# A fragment: when the browser tells what was filtered, only this is run again, not the whole page. Streamlit would show
# an exception of a fragment as a traceback before the frame could see it.
@st.fragment
def _triage(study: Study) -> None:
    with state.errors_on_screen():
        if ranking_of(study) is None:
            given = given_word(study)
            st.info(
                f"This study has no column of doubt about its {given}s: that needs {given}s and a finished build.",
                icon=":material/info:",
            )
            return
        _component(key=KEY, data=_data(study), on_pair_change=_choose_pair, on_unfilter_change=_unfilter)


def _data(study: Study) -> dict[str, Any]:
    chosen = state.selection().filter
    return {
        "study": study.path.name,
        "base": routes.data_url(study),
        "version": study.version,
        "n": study.n,
        "sheets": None if "previews" in study.steps_missing else study.sheets,
        "sample": state.selection().sample,
        "filter": str(chosen),
        "conditions": state.conditions_in_words(study),
        "pair": [_class_in(chosen, column) for column in PAIR],
        "presented": state.is_presented(),
    }


def _class_in(chosen: Filter, column: str) -> int | None:
    condition = chosen.on(column)
    is_class = isinstance(condition, Equals) and condition.value.isascii() and condition.value.isdigit()
    return int(condition.value) if is_class and len(condition.value) < 16 else None


def _choose_pair() -> None:
    """Narrow the filter to a given and a suggested class; where one is None, to the other alone."""
    chosen = state.selection().filter
    for column, number in zip(PAIR, _told("pair") or [], strict=False):
        chosen = chosen.without(column) if number is None else chosen.having(Equals(column, str(int(number))))
    state.set_filter(chosen)


def _unfilter() -> None:
    """Take back the condition on one column, or all of them where it is empty."""
    column = _told("unfilter")
    if column is not None:
        state.unfilter(column or None)


def _told(name: str) -> Any:
    return st.session_state.get(KEY, {}).get(name)


def _show_precision(study: Study) -> None:
    flipped = flipped_rows(study.samples)
    if flipped is None or not flipped.any() or ranking_of(study) is None:
        return
    order, total = desk_of(study).order, int(flipped.sum())
    tops = sorted({min(top, len(order)) for top in (50, 200, total)})
    parts = [f"**{int(flipped[order[:top]].sum()):,} of the top {top:,}**" for top in tops]
    st.caption(
        f"Measured: {', '.join(parts)} are really wrong.",
        width="content",
        help=f"Only a demo can know this: {total:,} of the {study.n:,} labels were changed on purpose.",
    )


VIEWS: dict[str, Callable[[Study], None]] = {
    "Triage": _triage,
    "Duplicates": duplicates.show,
    "Isolated": isolated.show,
    "Retrained": retrained.show,
}
"""The parts of the page by name, in the order shown."""
