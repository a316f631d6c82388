"""Samples that were picked to be shown: as a list to change, and large, as the last slide of a presentation."""

from collections.abc import Callable, Sequence
from html import escape

import streamlit as st

from explorer.pages.saving import page_address
from explorer.pages.tiles import answer_text, given_text, given_word, neighbor_tiles, show_gallery
from explorer.study.saved import Pick
from explorer.study.study import Study
from explorer.views.gallery import large_picture, picture_address

NEIGHBORS = 6
"""Beside a picked sample on a slide."""


def show_picked(study: Study, picks: Sequence[Pick], unpick: Callable[[Pick], None]) -> None:
    """Picked samples with their notes, each with a way to leave it out again."""
    for pick in picks:
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
            st.html(large_picture(_picture(study, pick.row), f"Sample {pick.row}"), width=72)
            note = f"<p>{escape(pick.note)}</p>" if pick.note else ""
            link = escape(page_address(study, "sample", sample=pick.row))
            st.html(
                f'<div class="saved"><b><a href="{link}" target="_self">Sample {pick.row}</a></b>'
                f"<small>{escape(_words(study, pick.row))}{_by_whom(pick.who, pick.picked_at)}</small>{note}</div>",
                width="stretch",
            )
            st.button(
                "Leave out",
                key=f"unpick-{pick.row}",
                icon=":material/close:",
                on_click=unpick,
                args=(pick,),
            )


def show_picked_large(study: Study, picks: Sequence[Pick]) -> None:
    """Picked samples with notes and nearest neighbors, for a room to see."""
    if not picks:
        st.info("No samples are picked here any more.", icon=":material/info:")
    for pick in picks:
        picture, words = st.columns([1, 4], gap="medium")
        with picture:
            st.html(large_picture(_picture(study, pick.row), f"Sample {pick.row}"))
        with words:
            note = f"<p>{escape(pick.note)}</p>" if pick.note else ""
            st.html(f'<div class="picked"><b>Sample {pick.row}</b> · {escape(_words(study, pick.row))}{note}</div>')
            found = study.neighbors(pick.row, k=NEIGHBORS)
            label = f"Most similar to sample {pick.row}, as the network sees it"
            show_gallery(neighbor_tiles(study, pick.row, found), key=f"picked-{pick.row}", label=label)


def _picture(study: Study, row: int) -> str:
    return picture_address(study.thumbnail(row))


def _words(study: Study, row: int) -> str:
    given, answer = given_text(study, row), answer_text(study, row)
    parts = [f"{given_word(study)} {given}"] if given else []
    return " · ".join([*parts, f"predicted {answer}"] if answer else parts)


def _by_whom(who: str, when: str) -> str:
    return f" · {escape(who)}" * bool(who) + f" · {when[:10]}"
