"""Studies: open one, measure a bundled subject on the spot, or see how to measure data of one's own. The first page."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from explorer.pages.building import Progress, builder
from explorer.pages.library import library
from explorer.pages.own_data import show_own_data
from explorer.pages.state import errors_on_screen, plain, select_study, study_name

if TYPE_CHECKING:
    from explorer.subjects.bundled import BundledSubject

STEPS_IN_WORDS = {
    "previews": "Drawing small pictures",
    "projection": "Choosing what to keep of the gradients",
    "features": "Measuring each sample's gradients",
    "neighbors": "Finding the most similar samples",
    "statistics": "Counting neighbors",
    "layout": "Laying out the map",
    "fidelity": "Checking against exact gradients",
    "samples": "Writing the table",
}
SECONDS_BETWEEN_LOOKS = 1.0


def show(open_map: Callable[[], None]) -> None:
    """Draw the page.

    Args:
        open_map: goes to the map of the chosen study.
    """
    # The list of bundled subjects loads no torch; only this page needs it.
    from explorer.subjects.bundled import bundled_subjects

    subjects = {one.name: one for one in bundled_subjects()}
    waiting = library().waiting
    if waiting and waiting.name in subjects and builder().progress(waiting).state == "none":
        builder().start(waiting.name, waiting)
    _introduction()
    if waiting and waiting.name not in subjects:
        st.error(
            f"Expected a study, or a folder named after a bundled subject, found `{waiting}`. Choose below, or run "
            f"`python -m explorer build SUBJECT --study {waiting}`.",
            icon=":material/error:",
        )
    offers = {name: _folder(name) for name in subjects}
    _own_studies(open_map, set(offers))
    is_first = not library().names()
    bundled, opened, own = st.tabs(["Bundled subjects", "Open a folder", "Your own data"], key="start-tabs")
    with bundled:
        _offers(subjects, offers, open_map, is_first)
    with opened:
        _open_folder(open_map)
    with own:
        show_own_data()


def _introduction() -> None:
    st.title("Which samples does a network treat alike?", anchor=False)
    st.markdown(
        "Two samples are similar *to a network* when changing its answer to one changes its answer to the other. "
        "Measure a subject once (a trained network with its data), then explore: neighbors, density, doubtful labels.",
        width=720,
    )


def _own_studies(open_map: Callable[[], None], offered: set[str]) -> None:
    own = [name for name in library().names() if name not in offered]
    if own:
        st.header("Your studies", anchor=False)
        with st.container(horizontal=True):
            for name in own:
                if st.button(plain(name), key=f"open-{name}", icon=":material/scatter_plot:"):
                    _open(name, open_map)
    _builds(tuple(library().names()), offered)


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _builds(shown: tuple[str, ...], offered: set[str]) -> None:
    """Builds of one's own that have begun under the root, as they go on; a new study makes the page draw itself."""
    if tuple(library().names()) != shown:
        st.rerun(scope="app")
    for folder in library().unfinished():
        progress = builder().progress(folder)
        if folder.name in offered:
            continue
        with st.container(border=True, width=560):
            st.markdown(f"**{plain(folder.name)}**")
            if progress.state == "running":
                st.progress(progress.share, text=_in_words(progress))
                st.caption(_speed(progress))
            elif progress.state == "failed":
                st.error(plain(progress.message), icon=":material/error:")
            else:
                st.warning(
                    f"Stopped at step {progress.step_number} of {progress.steps}. Run the same command again to go on: "
                    "nothing finished so far is lost."
                )


def _offers(
    subjects: dict[str, "BundledSubject"], offers: dict[str, Path], open_map: Callable[[], None], is_first: bool
) -> None:
    """The bundled subjects; at a first start the first of them stands alone on top, as what to do now."""
    names = list(offers)
    if is_first:
        with st.container(border=True, width=720):
            st.markdown(":material/flag: **Start here:** no data needed, a minute or two of measuring, then the map.")
            _offer(subjects[names[0]], offers[names[0]], open_map, is_primary=True)
        st.header("Or another bundled subject", anchor=False)
        names = names[1:]
    for some in _in_rows(names, 3):
        for column, name in zip(st.columns(3), some, strict=False):
            with column.container(border=True, height="stretch", vertical_alignment="distribute"):
                _offer(subjects[name], offers[name], open_map, is_primary=False)


def _open_folder(open_map: Callable[[], None]) -> None:
    st.markdown("A study is a folder that a build has written, here or on another disk. It is read where it lies.")
    with st.form("open-folder", border=False, width=720):
        typed = st.text_input("Folder of a study", placeholder="/home/me/studies/photos", key="folder-typed")
        is_asked = st.form_submit_button("Open", icon=":material/folder_open:", type="primary")
    st.caption(
        "Only finished studies are opened. Nothing in a study is run: the network that it was made with is loaded only "
        "when you ask a question that needs it. The app forgets the folder when it ends; "
        "`streamlit run app.py -- FOLDER` opens it from the start."
    )
    if is_asked:
        with errors_on_screen():
            _open(library().adopt(typed), open_map)


def _folder(name: str) -> Path:
    named = library().named
    if named and named.name == name:
        return named
    return library().path(name) if name in library().names() else library().root / name


def _offer(subject: "BundledSubject", folder: Path, open_map: Callable[[], None], is_primary: bool) -> None:
    st.header(subject.name, anchor=False)
    st.markdown(subject.shows)
    st.caption(f"{subject.samples:,} samples")
    progress = builder().progress(folder)
    if progress.state == "done":
        if st.button("Open the map", key=f"open-{subject.name}", icon=":material/scatter_plot:", width="stretch"):
            _open(subject.name, open_map)
        return
    if progress.state == "running":
        _watch(folder)
        return
    if progress.state == "failed":
        st.error(plain(progress.message), icon=":material/error:")
    elif progress.state == "interrupted":
        st.warning(f"Stopped at step {progress.step_number} of {progress.steps}. Nothing finished so far is lost.")
    words = {"failed": "Try again", "interrupted": "Go on"}.get(progress.state, "Measure it")
    kind = "primary" if is_primary else "secondary"
    if st.button(words, key=f"build-{subject.name}", type=kind, width="stretch"):
        builder().start(subject.name, folder)
        st.rerun()


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch(folder: Path) -> None:
    progress = builder().progress(folder)
    if progress.state != "running":
        if study_name() is None:
            select_study(folder.name)
        st.rerun(scope="app")
    st.progress(progress.share, text=_in_words(progress))
    st.caption(_speed(progress))


def _in_words(progress: Progress) -> str:
    if not progress.step:
        return "Loading the network and its data"
    words = STEPS_IN_WORDS.get(progress.step, progress.step.capitalize())
    return f"{words} ({progress.step_number} of {progress.steps})"


def _speed(progress: Progress) -> str:
    if not progress.done:
        return "You may close this page: the work goes on."
    parts = [f"{progress.done:,} of {progress.total:,} samples"]
    if progress.per_second > 0:
        parts.append(f"{progress.per_second:,.0f} samples/s")
    if progress.seconds_left is not None and progress.seconds_left >= 1:
        parts.append(f"{progress.seconds_left:,.0f} s left in this step")
    return " · ".join(parts) + ". You may close this page: the work goes on."


def _open(name: str, open_map: Callable[[], None]) -> None:
    select_study(name)
    open_map()


def _in_rows(names: list[str], width: int) -> list[list[str]]:
    return [names[start : start + width] for start in range(0, len(names), width)]
