"""What a study is compared with: a second space of its own, or another study of the same samples. Kept in the URL."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from explorer.errors import ExplorerError, StudyNotFound
from explorer.pages.library import Library, library
from explorer.pages.state import plain
from explorer.study.agreement import same_samples
from explorer.study.study import Study

PARAM = "other"
_WIDGET, _REMEMBERED = "other-chosen", "other-remembered"
_typed: set[Path] = set()
"""Folders that somebody at this computer has typed since the app was started; a link opens no folder but these."""

SPACES = {"embedding": "the last layer", "input": "the plain inputs"}
NOTES = {
    "inputs": "",
    "pictures": "The two networks read these samples prepared in different ways; their pictures are the same.",
    "labels": "Inputs and pictures differ, the labels agree row by row: look at a few samples to be sure that they are "
    "the same.",
}


@dataclass(frozen=True)
class Other:
    """The second of two ways to compare the same samples."""

    study: Study
    """The same study for another space of its own."""
    by: str
    """How it compares: network, embedding or input."""
    name: str
    """In headings and legends."""
    note: str = ""
    """What to know about the two sets of samples; empty when they are the same to the last bit."""

    @property
    def symbol(self) -> str:
        """The sign of its similarity."""
        return "kᶜ" if self.by == "network" else "cos"


def space_of(study: Study, by: str) -> Other:
    """Another space of the same study."""
    return Other(study, by, SPACES[by])


def choose_other(study: Study) -> Other | None:
    """Let the visitor choose, or follow the link; what cannot be compared is said in one sentence and gives None."""
    told, fitting = _told(), studies_of_the_same_samples(study)
    options = [*SPACES, *fitting]
    st.session_state[_WIDGET] = told

    def choose() -> None:
        chosen = st.session_state[_WIDGET] or next(iter(SPACES))
        if chosen not in options:
            with suppress(RuntimeError, ValueError):  # no such home, or no path at all: refused below as no study
                folder = Path(chosen).expanduser().resolve()
                _typed.add(folder)
                chosen = str(folder)
        _remember(chosen)

    st.selectbox(
        "Compare the network's similarity with",
        options,
        key=_WIDGET,
        format_func=lambda one: SPACES.get(one, f"the network of study {one}"),
        on_change=choose,
        accept_new_options=True,
        help="What the last layer receives is what most tools call an embedding, and its cosine a perceptual "
        "similarity. Another study must be of the same samples: another round, checkpoint or architecture. One that "
        "lies elsewhere is opened by typing its folder.",
        width=420,
    )
    if not fitting:
        st.caption(
            "There is no second study of these samples here. Build one of another network beside this one, `python -m "
            f"explorer build file.py:function --study {study.path.parent / 'NAME'}`, or type the folder of one above."
        )
    try:
        return _other(study, told)
    except ExplorerError as trouble:
        st.error(plain(str(trouble)), icon=":material/error:")
        return None


def studies_of_the_same_samples(study: Study) -> list[str]:
    """Names of the finished studies in the library, and beside this one, that have its samples."""
    found = {}
    for shelf in _shelves(study):
        for name in shelf.names():
            found.setdefault(name, shelf)
    return [name for name, shelf in found.items() if name not in SPACES and _fits(study, shelf, name)]


def _fits(study: Study, shelf: Library, name: str) -> bool:
    try:
        other = shelf.open(name)
        return other.path.resolve() != study.path.resolve() and bool(same_samples(study, other))
    except ExplorerError:
        return False


def _other(study: Study, told: str) -> Other:
    if told in SPACES:
        return space_of(study, told)
    opened = _opened(study, told)
    note = NOTES[same_samples(study, opened)]
    return Other(opened, "network", opened.path.name, note)


def _opened(study: Study, told: str) -> Study:
    for shelf in _shelves(study):
        if told in shelf.names():
            return shelf.open(told)
    folder = Path(told)
    if folder not in _typed:
        known = ", ".join(studies_of_the_same_samples(study)) or "none"
        raise StudyNotFound(
            f"expected another study of these samples ({known}), found {told[:80]!r}. Choose one, or type its folder."
        )
    shelf = _beside(folder.parent)
    if folder.name in shelf.names():
        return shelf.open(folder.name)
    unfinished = Study.open(folder)
    unfinished.file("samples.parquet")  # says which command finishes the build
    return unfinished


def _shelves(study: Study) -> tuple[Library, Library]:
    return library(), _beside(study.path.resolve().parent)


@cache
def _beside(folder: Path) -> Library:
    return Library(folder)


def _told() -> str:
    """What the link asks for; on the way from another page, which empties the URL, what was chosen before."""
    told = st.query_params.get(PARAM)
    if told is None and _WIDGET not in st.session_state:
        told = st.session_state.get(_REMEMBERED)
    if told is not None:
        _remember(told)
    return told or next(iter(SPACES))


def _remember(chosen: str) -> None:
    st.session_state[_REMEMBERED] = chosen
    if st.query_params.get(PARAM) != chosen:
        st.query_params[PARAM] = chosen
