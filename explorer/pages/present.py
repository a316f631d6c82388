"""What to present: saved views in an order, picked samples, the presentation itself, and a report to send."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages import state
from explorer.pages.picked import show_picked
from explorer.pages.plain import plain
from explorer.pages.presentation import pick_slides, slides_of
from explorer.pages.report import show_report
from explorer.pages.saving import name_link, presentation_of
from explorer.study.album import Album
from explorer.study.saved import LONGEST, Pick, SavedView
from explorer.study.study import Study
from explorer.views.conditions import filter_in_words
from explorer.views.selection import Filter, title_of

PER_PAGE = 25
"""Saved views, or picked samples: a page with hundreds of buttons takes seconds to draw."""
REMOVED = "what_was_removed_last"
TROUBLE = "why_it_could_not_be_kept"


def show(study: Study) -> None:
    """The page of what to present."""
    state.page_title(
        study, "Present", "What to show to people who were not there: on a screen, or as a report to send."
    )
    album = Album.open(study)
    views, picks = album.views(), album.picks()
    _show_trouble()
    _show_start(study, views, picks)
    _show_removed(album)
    st.header("Saved views", anchor=False)
    if not views:
        st.info(
            "None yet. **Save view**, at the top of every page, keeps what you see there: page, sample, color, filter "
            "and, on the map, the part that you look at.",
            icon=":material/bookmark_add:",
        )
    with _one_page("views", views) as shown:
        for view in shown:
            _show_view(study, album, view, views.index(view), len(views))
    st.header("Picked samples", anchor=False)
    if not picks:
        st.info(
            "None yet. **Add to report**, beside a sample on the map and on the page Sample, picks it, with a note. "
            "Picked samples are shown with their neighbors, on the last slide and in the report.",
            icon=":material/add_photo_alternate:",
        )
    with _one_page("picks", picks) as shown:
        show_picked(study, shown, lambda pick: _unpick(album, pick))
    show_report(study)


@contextmanager
def _one_page(key: str, things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """As many of a list as a page can bear, and below them the way to the others."""
    pages = -(-len(things) // PER_PAGE)
    slot = st.container()
    page = st.pagination(pages, key=f"page-of-{key}") if pages > 1 else 1
    with slot:
        yield things[(page - 1) * PER_PAGE :][:PER_PAGE]


def _show_start(study: Study, views: Sequence[SavedView], picks: Sequence[Pick]) -> None:
    slides = slides_of(views, pick_slides(picks))
    if slides:
        words = f"{len(slides)} slide{'s' * (len(slides) > 1)}; arrow keys turn them, Escape leaves."
        st.html(
            f'<div class="start"><a class="present" href="{escape(presentation_of(study, slides[0][0]))}" '
            f'target="_self">Present</a><span>{words}</span></div>'
        )


def _show_view(study: Study, album: Album, view: SavedView, place: int, count: int) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        note = f"<p>{escape(view.note)}</p>" if view.note else ""
        st.html(
            f'<div class="saved"><b>{place + 1}. {name_link(study, view)}</b>'
            f"<small>{escape(_in_words(study, view))}</small>{note}</div>",
            width="stretch",
        )
        with st.container(horizontal=True, gap="xxsmall", width="content"):
            _button(view, "Move up", "arrow_upward", _move, album, view, place - 1, disabled=place == 0)
            _button(view, "Move down", "arrow_downward", _move, album, view, place + 1, disabled=place == count - 1)
            with st.popover("", icon=":material/edit:", help="Change name and note", key=f"change-{view.id}"):
                _show_form(album, view)
            _button(view, "Remove", "delete", _remove, album, view)


def _button(
    view: SavedView, words: str, icon: str, act: Callable[..., None], *args: object, disabled: bool = False
) -> None:
    st.button(
        "",
        icon=f":material/{icon}:",
        help=words,
        key=f"{words}-{view.id}",
        on_click=act,
        args=args,
        disabled=disabled,
    )


def _show_form(album: Album, view: SavedView) -> None:
    with st.form(f"change-form-{view.id}", border=False):
        st.text_input("Name", view.name, max_chars=LONGEST["name"], key=f"name-{view.id}")
        st.text_area("Note", view.note, max_chars=LONGEST["note"], key=f"note-{view.id}")
        st.form_submit_button("Keep", type="primary", on_click=_change, args=(album, view))


def _in_words(study: Study, view: SavedView) -> str:
    """Page, sample, color, filter, who and when."""
    parts = [view.page.capitalize()]
    parts += [f"sample {view.sample}"] if view.sample is not None else []
    parts += [f"by {title_of(view.color).lower()}"] if view.color else []
    try:
        parts += filter_in_words(study, Filter.parse(view.filter))
    except ExplorerError:
        parts.append("a filter that cannot be read")
    parts += ["a part of the map"] if view.place else []
    return " · ".join([*parts, *([view.who] if view.who else []), view.made_at[:10]])


def _show_removed(album: Album) -> None:
    path, what = st.session_state.get(REMOVED, (None, None))
    if path != album.path:  # nothing, or of another study
        return
    name = what.name if isinstance(what, SavedView) else f"Sample {what.row}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Removed **{plain(name)}**.", width="content")
        st.button("Undo", icon=":material/undo:", on_click=_bring_back, args=(album, what))


def _show_trouble() -> None:
    sentence = st.session_state.pop(TROUBLE, None)
    if sentence:
        st.error(plain(sentence), icon=":material/error:")


def _attempt(act: Callable[..., object], *args: object, **named: object) -> bool:
    try:
        act(*args, **named)
        return True
    except ExplorerError as trouble:
        st.session_state[TROUBLE] = str(trouble)
        return False


def _move(album: Album, view: SavedView, place: int) -> None:
    _attempt(album.move, view.id, place)


def _change(album: Album, view: SavedView) -> None:
    name, note = (st.session_state[f"{kind}-{view.id}"].strip() for kind in ("name", "note"))
    _attempt(album.change, view.id, name=name, note=note)


def _remove(album: Album, view: SavedView) -> None:
    if _attempt(album.remove, view.id):
        st.session_state[REMOVED] = (album.path, view)


def _unpick(album: Album, pick: Pick) -> None:
    if _attempt(album.unpick, pick.row):
        st.session_state[REMOVED] = (album.path, pick)


def _bring_back(album: Album, what: SavedView | Pick) -> None:
    act = (album.restore, what.id) if isinstance(what, SavedView) else (album.pick, what.row, what.note, what.who)
    if _attempt(*act):
        del st.session_state[REMOVED]
