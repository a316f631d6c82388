"""The network of a study on a page: leave to load it, and the wait while it is asked.

A bundled one is loaded at once, code of the visitor's own only when it is allowed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages.state import plain
from explorer.study.study import Study

BUTTON = "Load the network"


def may_load(study: Study, why: str) -> bool:
    """Whether the network and its data may be loaded; otherwise the page says what would be run, and offers it.

    Leave once given holds for this study, on all pages, until the visitor's session ends. A study made in Python has
    nothing to load and is let through: what is asked of it says so.

    Args:
        study: the study.
        why: what needs the network, as a sentence; one button for each.
    """
    from explorer.subjects.bundled import is_bundled

    reference, allowed = study.subject["reference"], f"may-load-{study.version}"
    if reference is None or is_bundled(reference) or st.session_state.get(allowed):
        return True
    st.info(
        f"{why} It is loaded as it was for the build, from {plain(reference)}: a Python file or module named there is "
        "run, with all that it does. Go on only if you trust where this study comes from.",
        icon=":material/shield:",
    )
    if st.button(BUTTON, type="primary", key=f"{allowed}-{why}"):
        st.session_state[allowed] = True
        st.rerun()
    return False


@contextmanager
def asking(words: str) -> Iterator[None]:
    """Says that the network is at work; what it cannot answer becomes one sentence, and the page goes on."""
    try:
        with st.spinner(f"{words} …", show_time=True):
            yield
    except ExplorerError as trouble:
        st.warning(plain(str(trouble)), icon=":material/info:")
