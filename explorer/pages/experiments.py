"""The experiments of the paper, run again: what came out as printed, and what did not."""

from collections.abc import Callable

import streamlit as st

from explorer.pages import circle, registration
from explorer.study.study import Study

EXPERIMENTS: dict[str, Callable[[], None]] = {"Circle": circle.show, "Registration": registration.show}
"""Name to what draws it from tables that ship with the project; none needs a study."""


def show(study: Study) -> None:  # noqa: ARG001 (every page is given the study; this one speaks of none)
    """The page of experiments."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Experiments", anchor=False, width="content")
        st.caption(
            "The paper's experiments, run again with this program. They are the same whichever study is open.",
            width="content",
        )
    names = list(EXPERIMENTS)
    name = st.segmented_control(
        "Experiment", names, default=names[0], required=True, key="experiment", label_visibility="collapsed"
    )
    EXPERIMENTS[name]()
