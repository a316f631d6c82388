"""One selection for all pages, mirrored in the URL, and the few elements that every page shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from explorer.errors import ExplorerError, SettingsError
from explorer.pages.library import library
from explorer.pages.plain import plain
from explorer.pages.saving import PRESENTED, SAVED, Seen, show_save
from explorer.study.study import Study
from explorer.views.coloring import color_columns as color_columns
from explorer.views.coloring import map_color
from explorer.views.conditions import condition_in_words
from explorer.views.selection import Condition, Filter, Selection

_SELECTION = "selection"
_MIRRORED = "url_as_we_left_it"
_PAGE = "page"
_PLACE = "place_on_the_map"
_PARAMS = ("study", "sample", "color", "filter")
LARGEST_PLACE = 1e12
"""No map reaches so far: a number beyond it, or one that is not finite, is not a place."""


def follow_url(page: str) -> None:
    """Take over what a link or the back button asks for. Called once at the start of a run.

    Going to another page empties the URL: the selection then stays and is written back. An empty URL on the same page
    is where the back button ends: nothing is selected there.

    Args:
        page: name of the page that is shown.
    """
    params = {name: st.query_params[name] for name in _PARAMS if name in st.query_params}
    is_other_page = st.session_state.get(_PAGE, page) != page
    is_link = params != st.session_state.get(_MIRRORED) and (params or not is_other_page)
    if is_link:
        st.session_state[_SELECTION] = _selection_of(params)
    # In both cases what an earlier run wrote may reach the browser only now, and must not stay: write it again.
    st.session_state[_MIRRORED] = None if is_link or is_other_page else params
    st.session_state[_PAGE] = page
    _mirror()


def study_name() -> str | None:
    """Name of the chosen study, else of the first one there is; None when there is nothing to show yet."""
    return selection().study or st.query_params.get("study") or library().first


def open_study() -> Study:
    """The chosen study.

    Raises:
        StudyNotFound, StudyMismatch: there is no such study here, or it is damaged.
    """
    return library().open(study_name() or "")


def selection() -> Selection:
    """What has been chosen so far; anything not chosen is None."""
    return st.session_state.setdefault(_SELECTION, Selection())


def select_study(name: str) -> None:
    """Go to another study. Rows and columns of one study mean nothing in another, so the rest is forgotten."""
    _choose(Selection(study=name))


def select_sample(row: int) -> None:
    """Select a sample, on all pages. May be called from callbacks and fragments."""
    _choose(selection().with_sample(int(row)))


def select_color(column: str) -> None:
    """Color the map by a column."""
    _choose(replace(selection(), color=column))


def filter_by(condition: Condition) -> None:
    """Narrow the filter; a condition on the same column is replaced."""
    set_filter(selection().filter.having(condition))


def unfilter(column: str | None = None) -> None:
    """Take back the condition on one column, or all of them."""
    set_filter(selection().filter.without(column) if column else Filter())


def set_filter(chosen: Filter) -> None:
    """Replace the whole filter, as one step of the browser's history."""
    _choose(replace(selection(), filter=chosen))


def current_sample(study: Study) -> int:
    """Row of the selected sample; until one is chosen, the one most worth looking at."""
    row = selection().sample
    return row if row is not None and 0 <= row < study.n else most_interesting(study)


def current_color(study: Study) -> str:
    """Column that colors the map: the chosen one if this study has it, else the label or target."""
    return map_color(study, selection().color)


def map_place() -> tuple[float, float, float] | None:
    """Where the visitor looks on the map: x and y of the middle and pixels to a unit; None for all of it."""
    study, place, _ = st.session_state.get(_PLACE, (None, None, 0))
    return place if study == study_name() else None


def keep_map_place(told: Any) -> None:
    """Remember where the visitor looks on the map; what is no place, such as None, stands for all of it."""
    serial = st.session_state.get(_PLACE, (None, None, 0))[2]
    st.session_state[_PLACE] = (study_name(), _checked_place(told), serial)


def show_map_place(place: tuple[float, float, float] | None) -> None:
    """Let the map go to a place once, such as that of a saved view; from there the visitor may go on."""
    keep_map_place(place)
    study, kept, serial = st.session_state[_PLACE]
    st.session_state[_PLACE] = (study, kept, serial + 1)


def place_on_map() -> dict[str, Any]:
    """What the map is told: where to look when it appears, and a number that changes when it has to go there."""
    return {"serial": st.session_state.get(_PLACE, (None, None, 0))[2], "at": map_place()}


def current_rows(study: Study) -> np.ndarray:
    """[n] bool: the samples that the filter lets through; all of them when there is none."""
    chosen = selection().filter
    return _mask(study, study.version, str(chosen)) if chosen else np.ones(study.n, dtype=bool)


def most_interesting(study: Study) -> int:
    """Row to show before anything is chosen: the most suspicious sample, else the most isolated one."""
    for column, sign in (("suspicion", 1), ("label_margin", 1), ("soft_density", -1)):
        if column in study.samples:
            values = sign * study.samples[column].to_numpy(dtype=float)
            if np.isfinite(values).any():
                return int(np.nanargmax(values))
    return 0


def page_header(study: Study, title: str, sentence: str) -> None:
    """Title of a page, one sentence on what it answers, and the filter with its count."""
    page_title(study, title, sentence)
    show_filter(study)


def page_title(study: Study, title: str, sentence: str) -> None:
    """Title of a page, the study it shows, one sentence on what it answers, and a control that saves the view.

    In a presentation the slide has its own title.
    """
    if is_presented():
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="page-title"):
        st.title(title, anchor=False, width="content")
        st.caption(f"**{plain(study.name)}** · {sentence}", width="content")
        show_save(study, partial(seen, study))


def seen(study: Study) -> Seen:
    """What is on screen, as it can be saved."""
    page = st.session_state.get(_PAGE) or "map"
    own = {name: value for name, value in st.query_params.items() if name not in (*_PARAMS, PRESENTED, SAVED)}
    conditions = tuple(one["words"] for one in conditions_in_words(study))
    return Seen(page, selection(), conditions, map_place() if page == "map" else None, urlencode(own))


def present(chosen: Selection, place: tuple[float, float, float] | None) -> None:
    """Show what a saved view shows; the address of the presentation names the view and stays."""
    st.session_state[_SELECTION] = chosen
    show_map_place(place)


def is_presented() -> bool:
    """Whether the page is a slide of the presentation."""
    return PRESENTED in st.query_params


def show_filter(study: Study) -> None:
    """The filter in words with the count it leaves; each condition is a button that takes it back."""
    conditions = conditions_in_words(study)
    if not conditions:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{current_rows(study).sum():,}** of {study.n:,} samples", width="content")
        for one in conditions:
            st.button(
                f"{plain(one['words'])} :material/close:",
                key=f"unfilter-{one['column']}",
                help="Take this condition back",
                on_click=unfilter,
                args=(one["column"],),
            )


def conditions_in_words(study: Study) -> list[dict[str, str]]:
    """Each condition of the filter: its column and how a person would say it."""
    return [{"column": one.column, "words": condition_in_words(study, one)} for one in selection().filter.conditions]


@contextmanager
def errors_on_screen() -> Iterator[None]:
    """Show what the input's fault is as one sentence and stop, where an exception would show a traceback."""
    try:
        yield
    except ExplorerError as trouble:
        st.error(plain(str(trouble)), icon=":material/error:")
        st.stop()


def _checked_place(told: Any) -> tuple[float, float, float] | None:
    is_place = isinstance(told, list | tuple) and len(told) == 3 and all(type(one) in (int, float) for one in told)
    if not is_place or not all(abs(one) < LARGEST_PLACE for one in told) or not told[2] > 0:
        return None
    return (float(told[0]), float(told[1]), float(told[2]))


def _selection_of(params: dict[str, str]) -> Selection:
    try:
        return Selection.from_params(params)
    except SettingsError as trouble:
        st.warning(plain(str(trouble)), icon=":material/warning:")
        return Selection(study=params.get("study"))


def _choose(chosen: Selection) -> None:
    # A link without the study would show another one where another one is the first.
    st.session_state[_SELECTION] = replace(chosen, study=chosen.study or library().first)
    _mirror()


def _mirror() -> None:
    wanted = selection().as_params()
    if is_presented() or wanted == st.session_state.get(_MIRRORED):
        return
    # Not from_dict: it would write again what is bound to widgets, which Streamlit refuses. Each call is an entry in
    # the browser's history, so there is no second one unless it changes something.
    stale = [name for name in _PARAMS if name in st.query_params and name not in wanted]
    for name in stale:
        del st.query_params[name]
    if not stale or any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)
    st.session_state[_MIRRORED] = wanted


@st.cache_data(max_entries=8, show_spinner=False)
def _mask(_study: Study, version: str, text: str) -> np.ndarray:
    return Filter.parse(text).mask(_study.samples)
