"""Training and what it does to the similarity: this study's, and the paper's experiments run again."""

from collections.abc import Callable

import streamlit as st

from explorer.pages import circle, enforcing, misclassification, over_epochs, registration, state
from explorer.study.study import Study

OWN = "This study"
EXPERIMENTS: dict[str, Callable[[], None]] = {
    "Enforcing": enforcing.show,
    "Misclassification": misclassification.show,
    "Circle": circle.show,
    "Registration": registration.show,
}
"""Name to what draws it from tables that ship with the project; none needs a study."""
PARTS = (OWN, *EXPERIMENTS)


def show(study: Study) -> None:
    """The page of training."""
    state.page_title(study, "Training", "What does training do to the similarity, here and in the paper’s experiments?")
    name = st.segmented_control(
        "Part", PARTS, default=OWN, required=True, key="part", bind="query-params", label_visibility="collapsed"
    )
    if name == OWN:
        over_epochs.show(study)
    else:
        EXPERIMENTS[name]()
