"""The presentation: saved views one after another, each as its page shows it, in large type and without the chrome."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from explorer.errors import ExplorerError, SettingsError
from explorer.pages import duplicates, labels, others, state, training
from explorer.pages.library import library
from explorer.pages.picked import show_picked_large
from explorer.pages.plain import plain
from explorer.pages.saving import PRESENTED, keep_map_stage, number_of
from explorer.study.album import Album
from explorer.study.saved import Pick, SavedView
from explorer.study.study import Study
from explorer.views.selection import Filter, Selection

ASSETS = Path(__file__).parents[2] / "assets" / "present"
PICKS = "picks"
"""Stands for the slides of picked samples, which come last."""
PICKS_A_SLIDE = 12
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
    name = _study_name()
    if st.session_state.pop(LEAVING, False):
        st.session_state.pop(SHOWN, None)
        leave(name)
    st.html(ASSETS / "page.css")
    try:
        study = library().open(name)
        album = Album.open(study)
        views, picks = album.views(), pick_slides(album.picks())
    except ExplorerError as trouble:
        _draw_bar([])  # it hears Escape
        _show_trouble(name, trouble)
        return
    _draw_bar(slides_of(views, picks))
    try:
        _draw_slide(study, album, picks, pages)
    except ExplorerError as trouble:
        _show_trouble(name, trouble)


def slides_of(views: Sequence[SavedView], picks: Mapping[str, Sequence[Pick]]) -> list[tuple[str, str, str]]:
    """Number, name and note of each slide, in order: the saved views, then the picked samples, if there are any."""
    slides, total, first = [(str(view.id), view.name, view.note) for view in views], sum(map(len, picks.values())), 1
    for slide, shown in picks.items():
        part = f", {first} to {first + len(shown) - 1} of {total}" if len(picks) > 1 else ""
        slides.append((slide, f"Picked samples{part}", ""))
        first += len(shown)
    return slides


def pick_slides(picks: Sequence[Pick]) -> dict[str, Sequence[Pick]]:
    """The picked samples of each slide by its name in the address, a few samples each."""
    starts = range(0, len(picks), PICKS_A_SLIDE)
    return {
        f"{PICKS}-{start // PICKS_A_SLIDE + 1}" if start else PICKS: picks[start:][:PICKS_A_SLIDE] for start in starts
    }


def _study_name() -> str:
    return st.query_params.get("study") or state.study_name() or ""


def _draw_bar(slides: Sequence[tuple[str, str, str]]) -> None:
    told = [{"id": slide, "name": name, "note": note} for slide, name, note in slides]
    data = {"slides": told, "current": st.query_params[PRESENTED]}
    _component(key=KEY, data=data, on_slide_change=_turn, on_leave_change=_leave)


def _draw_slide(
    study: Study, album: Album, picks: Mapping[str, Sequence[Pick]], pages: Mapping[str, Callable[[Study], None]]
) -> None:
    asked = st.query_params[PRESENTED]
    if asked.startswith(PICKS):
        show_picked_large(study, picks.get(asked, ()))
        return
    view = album.view(number_of(asked))
    if view.page not in pages:
        raise SettingsError(f"expected a page of this app, found {view.page!r}. Remove the view on the page Present.")
    _select(study, view)
    pages[view.page](study)


def _show_trouble(study: str, trouble: ExplorerError) -> None:
    """What went wrong, in a sentence, and the ways out of the presentation."""
    st.error(plain(str(trouble)), icon=":material/error:")
    present = escape(f"/present?{urlencode({'study': study})}")
    st.html(
        f'<nav class="out" aria-label="Ways out"><a href="{present}" target="_self">Present</a>'
        '<a href="/studies" target="_self">Studies</a></nav>'
    )


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
    keep_map_stage(view.stage)
    st.session_state[SHOWN] = (study.path.name, view.id)


def _turn() -> None:
    slide = _told("slide")
    if slide is None:
        return
    options = {}
    with state.errors_on_screen():
        album = Album.open(library().open(_study_name()))
        options = {} if str(slide).startswith(PICKS) else _options(album.view(number_of(str(slide))))
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
