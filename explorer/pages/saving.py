"""Keeping what is on screen: a page's control that saves it, links to saved views, picking a sample."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages.plain import plain
from explorer.study.album import Album
from explorer.study.saved import LONGEST, SavedView, checked_stage
from explorer.study.study import Study
from explorer.views.selection import Selection, title_of

SAVED = "saved"
"""The number of a saved view in an address that leads to it."""
PRESENTED = "present"
"""The number of the saved view that is presented, in the address of the presentation."""
_STAGE = "size_of_the_map_on_the_screen"
_WHO = "name_of_the_visitor"
_FOLLOWED = "saved_view_that_was_opened_last"


@dataclass(frozen=True)
class Seen:
    """What the visitor has on screen."""

    page: str
    chosen: Selection
    conditions: tuple[str, ...]
    """Of the filter, in words."""
    place: tuple[float, float, float] | None
    options: str
    stage: tuple[float, float] | None = None

    def proposed_name(self) -> str:
        """A name for this view, from what makes it unlike others."""
        parts = [*self.conditions]
        if self.chosen.sample is not None:
            parts.append(f"sample {self.chosen.sample}")
        if self.page == "map" and self.chosen.color:
            parts.append(f"by {title_of(self.chosen.color).lower()}")
        return " · ".join([self.page.capitalize(), *parts])[: LONGEST["name"]]


# A fragment: a press opens the dialog without drawing the page, which may take a second, again.
@st.fragment
def show_save(study: Study, look: Callable[[], Seen]) -> None:
    """The control that saves what is on screen at the moment when it is pressed."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        is_asked = st.button(
            "Save view",
            key="save-view",
            icon=":material/bookmark_add:",
            type="tertiary",
            help="Keep this view for the page Present",
        )
    if is_asked:
        seen = look()
        _ask(study, replace(seen, stage=map_stage() if seen.place else None))


@st.dialog("Save this view")
def _ask(study: Study, seen: Seen) -> None:
    refusal = Album.open(study).refusal
    if refusal:
        st.error(plain(refusal), icon=":material/error:")
        return
    with st.form("save-view-form", border=False):
        name = st.text_input(
            "Name", seen.proposed_name(), max_chars=LONGEST["name"], key=f"name-{seen.proposed_name()}"
        )
        note = st.text_area("Note", max_chars=LONGEST["note"], placeholder="What to say about it (optional)", height=96)
        who = st.text_input(
            "Your name", st.session_state.get(_WHO, ""), max_chars=LONGEST["who"], placeholder="Optional"
        )
        is_sent = st.form_submit_button("Save", type="primary")
    if is_sent and _save(study, seen, name, note, who):
        st.rerun()


def _save(study: Study, seen: Seen, name: str, note: str, who: str) -> bool:
    chosen = seen.chosen
    try:
        view = Album.open(study).save(
            name=name.strip(),
            note=note.strip(),
            page=seen.page,
            sample=chosen.sample,
            color=chosen.color,
            filter=str(chosen.filter),
            place=seen.place,
            who=who.strip(),
            options=seen.options,
            stage=seen.stage,
        )
    except ExplorerError as trouble:
        st.error(plain(str(trouble)), icon=":material/error:")
        return False
    st.session_state[_WHO] = who.strip()
    st.toast(f"Saved **{plain(view.name)}**. It stands on the page Present.", icon=":material/bookmark_added:")
    return True


def show_pick(study: Study, row: int) -> None:
    """The control that takes a sample into the report, with a note, and out of it again."""
    album = Album.open(study)
    try:
        picked = next((one for one in album.picks() if one.row == row), None)
    except ExplorerError as trouble:
        st.button("Add to report", icon=":material/add:", disabled=True, help=plain(str(trouble)), key="no-pick")
        return
    label, icon = ("In the report", ":material/check:") if picked else ("Add to report", ":material/add:")
    with st.popover(label, icon=icon, key=f"pick-{row}"):
        with st.form(f"pick-form-{row}", border=False):
            note = st.text_area(
                "Note",
                picked.note if picked else "",
                max_chars=LONGEST["note"],
                placeholder="Why it is worth a look (optional)",
                key=f"pick-note-{row}",
            )
            is_kept = st.form_submit_button("Keep the note" if picked else "Add", type="primary")
        is_left = bool(picked) and st.button("Take out of the report", key=f"unpick-{row}")
    if not (is_kept or is_left):
        return
    try:
        if is_kept:
            album.pick(row, note.strip(), st.session_state.get(_WHO, ""))
        else:
            album.unpick(row)
    except ExplorerError as trouble:
        st.error(plain(str(trouble)), icon=":material/error:")
        return
    st.rerun()


def address_of(study: Study, view: SavedView) -> str:
    """A link that opens the view, also on another machine with the same study folder."""
    chosen = {"sample": view.sample, "color": view.color, "filter": view.filter or None, SAVED: view.id}
    known = {name: value for name, value in chosen.items() if value is not None}
    rest = f"&{view.options}" if view.options else ""
    return page_address(study, "" if view.page == "map" else view.page, **known) + rest


def presentation_of(study: Study, slide: int | str) -> str:
    """A link that begins the presentation at one of its slides."""
    return page_address(study, "", **{PRESENTED: slide})


def page_address(study: Study, page: str, **chosen: object) -> str:
    """A link to a page of the study, with what is chosen there; names of folders may hold any character."""
    return f"/{page}?{urlencode({'study': study.path.name, **chosen})}"


def follow_link(study: Study, show_place: Callable[[tuple[float, float, float] | None], None]) -> None:
    """Let the map go where the saved view of a link looked; once, since the visitor may go on from there.

    The selection stands in the link itself. A view that was removed is one sentence, and the selection is shown.
    """
    asked = st.query_params.get(SAVED)
    if asked is None or st.session_state.get(_FOLLOWED) == (study.path.name, asked):
        return
    st.session_state[_FOLLOWED] = (study.path.name, asked)
    try:
        view = Album.open(study).view(number_of(asked))
        show_place(view.place)
        keep_map_stage(view.stage)
    except ExplorerError as trouble:
        st.warning(plain(str(trouble)), icon=":material/bookmark_remove:")


def map_stage() -> tuple[float, float] | None:
    """Width and height of the map on which the visitor's place on it was seen; None where that is not known."""
    return st.session_state.get(_STAGE)


def keep_map_stage(told: Any) -> None:
    """Remember on what the place on the map was seen; what is no size, such as None, stands for not known."""
    try:
        st.session_state[_STAGE] = checked_stage(told)
    except ExplorerError:
        st.session_state[_STAGE] = None


def number_of(text: str) -> int | str:
    """The number of a saved view in an address; other texts as they are, since no view has them."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def name_link(study: Study, view: SavedView) -> str:
    """The name of a view as HTML that leads to it."""
    return f'<a href="{escape(address_of(study, view))}" target="_self">{escape(view.name)}</a>'
