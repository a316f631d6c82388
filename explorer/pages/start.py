"""Studies: open one, or measure a bundled subject on the spot. What the visitor sees when there is no study yet."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from explorer.pages.building import Progress, builder
from explorer.pages.library import library
from explorer.pages.state import plain, select_study, study_name

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
    st.header("Bundled subjects", anchor=False)
    for names in _in_rows(list(offers), 3):
        for column, name in zip(st.columns(3), names, strict=False):
            with column.container(border=True, height="stretch"):
                _offer(subjects[name], offers[name], open_map)
    st.caption(
        "Your own network: write a function that returns a Subject, then "
        "`python -m explorer build file.py:function --study studies/NAME`."
    )


def _introduction() -> None:
    st.title("Which samples does a network treat alike?", anchor=False)
    st.markdown(
        "Two samples are similar *to a network* when changing its answer to one changes its answer to the other. "
        "Measure a subject once (a trained network with its data), then explore: neighbors, density, doubtful labels.",
        width=720,
    )


def _own_studies(open_map: Callable[[], None], offered: set[str]) -> None:
    own = [name for name in library().names() if name not in offered]
    if not own:
        return
    st.header("Your studies", anchor=False)
    with st.container(horizontal=True):
        for name in own:
            if st.button(plain(name), key=f"open-{name}", icon=":material/scatter_plot:"):
                _open(name, open_map)


def _folder(name: str) -> Path:
    named = library().named
    return named if named and named.name == name else library().root / name


def _offer(subject: "BundledSubject", folder: Path, open_map: Callable[[], None]) -> None:
    st.subheader(subject.name, anchor=False)
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
    kind = "primary" if subject.name == "mnist-noisy" and study_name() is None else "secondary"
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
