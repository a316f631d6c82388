"""The presentation: saved views one after another, each as its page shows it, in large type and without the chrome."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st

from explorer.errors import ExplorerError, SettingsError
from explorer.pages import duplicates, labels, others, state, training
from explorer.pages.library import library
from explorer.pages.picked import show_picked_large
from explorer.pages.saving import PRESENTED, number_of
from explorer.study.album import Album
from explorer.study.saved import SavedView
from explorer.study.study import Study
from explorer.views.selection import Filter, Selection

ASSETS = Path(__file__).parents[2] / "assets" / "present"
PICKS = "picks"
"""Stands for the slide of picked samples, which comes last."""
KEY = "slides"
OPTIONS = (duplicates.BOUND, duplicates.TOLERANCE, others.PARAM)
"""What pages read from the address besides the selection."""
PARTS = {"view": tuple(labels.VIEWS), "part": training.PARTS}
"""Which part of its page is shown: what Streamlit binds to the address, and the names that it may have."""
LEAVING = "leaves_the_presentation"
SHOWN = "slide_that_is_shown"

_component = st.components.v2.component(
    "presentation_slides",
    html=(ASSETS / "slides.html").read_text("utf-8"),
    css=(ASSETS / "slides.css").read_text("utf-8"),
    js=(ASSETS / "slides.js").read_text("utf-8"),
)


def show(pages: Mapping[str, Callable[[Study], None]], leave: Callable[[str], None]) -> None:
    """Draw the slide that the address names, in place of a page.

    Args:
        pages: what draws each page, by its name in small letters.
        leave: goes back to the page Present of a study.
    """
    study = library().open(st.query_params.get("study") or state.study_name() or "")
    if st.session_state.pop(LEAVING, False):
        st.session_state.pop(SHOWN, None)
        leave(study.path.name)
    st.html(ASSETS / "page.css")
    album = Album.open(study)
    slides = slides_of(album)
    asked = st.query_params[PRESENTED]
    told = [{"id": str(slide), "name": name, "note": note} for slide, name, note in slides]
    _component(key=KEY, data={"slides": told, "current": asked}, on_slide_change=_turn, on_leave_change=_leave)
    if asked == PICKS:
        show_picked_large(study, album.picks())
        return
    view = album.view(number_of(asked))
    if view.page not in pages:
        raise SettingsError(f"expected a page of this app, found {view.page!r}. Remove the view on the page Present.")
    _select(study, view)
    pages[view.page](study)


def slides_of(album: Album) -> list[tuple[int | str, str, str]]:
    """Number, name and note of each slide, in order: the saved views, then the picked samples, if there are any."""
    slides: list[tuple[int | str, str, str]] = [(view.id, view.name, view.note) for view in album.views()]
    return [*slides, (PICKS, "Picked samples", "")] if album.picks() else slides


def _select(study: Study, view: SavedView) -> None:
    """What the view shows, once: on the slide the visitor may go on from there."""
    if st.session_state.get(SHOWN) == (study.path.name, view.id):
        return
    try:
        chosen = Selection(study.path.name, view.sample, view.color, Filter.parse(view.filter))
    except ExplorerError as trouble:
        raise SettingsError(f'the saved view "{view.name}" cannot be shown: {trouble}') from trouble
    _take_over(_options(view), str(view.id))  # also where a link has led here, and nobody has turned
    state.present(chosen, view.place)
    st.session_state[SHOWN] = (study.path.name, view.id)


def _turn() -> None:
    slide = _told("slide")
    if slide is None:
        return
    options = {}
    with state.errors_on_screen():
        album = Album.open(library().open(st.query_params.get("study") or state.study_name() or ""))
        options = {} if slide == PICKS else _options(album.view(number_of(str(slide))))
    _take_over(options, str(slide))


def _take_over(options: dict[str, str], slide: str) -> None:
    """Go to a slide with what its page's own controls showed. Albums are lent: other names are left aside."""
    for name, parts in PARTS.items():
        part = options.get(name, "")
        st.session_state[name] = part if part in parts else parts[0]
    for name in OPTIONS:
        st.session_state.pop(name, None)  # a slider looks into the address when it is first drawn
        if name in st.query_params and name not in options:
            del st.query_params[name]
    wanted = {name: options[name] for name in OPTIONS if name in options} | {PRESENTED: slide}
    if any(
        st.query_params.get(name) != value for name, value in wanted.items()
    ):  # each change is a step of the history
        st.query_params.update(wanted)


def _options(view: SavedView) -> dict[str, str]:
    return dict(parse_qsl(view.options))


def _leave() -> None:
    if _told("leave"):
        st.session_state[LEAVING] = True


def _told(name: str) -> Any:
    return st.session_state.get(KEY, {}).get(name)
