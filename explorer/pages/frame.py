"""The script that Streamlit runs: find the study that the visitor means, hand it to the page that was chosen."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages import (
    compare,
    denoising,
    density,
    guide,
    labels,
    present,
    presentation,
    probe,
    sample,
    saving,
    start,
    state,
    training,
)
from explorer.pages import map as map_page
from explorer.study.study import Study

ASSETS = Path(__file__).parents[2] / "assets"
PAGES: dict[str, tuple[Callable[[Study], None], str]] = {
    "Map": (map_page.show, ":material/scatter_plot:"),
    "Sample": (sample.show, ":material/image_search:"),
    "Density": (density.show, ":material/bar_chart:"),
    "Denoising": (denoising.show, ":material/blur_on:"),
    "Compare": (compare.show, ":material/compare:"),
    "Labels": (labels.show, ":material/label:"),
    "Probe": (probe.show, ":material/biotech:"),
    "Training": (training.show, ":material/model_training:"),
    "Present": (present.show, ":material/slideshow:"),
    "Guide": (guide.show, ":material/menu_book:"),
}


def main() -> None:
    """Draw the app."""
    st.set_page_config(page_title="Network similarity explorer", page_icon=ASSETS / "logo.svg", layout="wide")
    st.html(ASSETS / "app.css")
    page, shows, leave = _navigation()
    if state.is_presented() and state.study_name():
        presentation.show(shows, leave)
        return
    state.follow_url(page.url_path)
    page.run()


def _navigation() -> tuple[st.Page, dict[str, Callable[[Study], None]], Callable[[str], None]]:
    """The page that was chosen, what draws each page, and the way from the presentation back to the page Present."""

    def open_sample() -> None:
        _go_to(pages[list(PAGES).index("Sample")])

    shows = {title: show for title, (show, _) in PAGES.items()}
    shows["Probe"] = partial(probe.show, open_sample=open_sample)
    pages = [
        st.Page(partial(_open, shows[title]), title=title, icon=icon, url_path=title.lower(), default=title == "Map")
        for title, (_, icon) in PAGES.items()
    ]
    studies = partial(start.show, partial(_go_to, pages[0]))
    pages.append(st.Page(studies, title="Studies", icon=":material/folder_open:", url_path="studies"))

    def leave(study: str) -> None:
        st.switch_page(pages[list(PAGES).index("Present")], query_params={"study": study})

    is_bare = state.is_presented() or not state.study_name()
    page = st.navigation(pages, position="hidden" if is_bare else "top")
    return page, {title.lower(): show for title, show in shows.items()}, leave


def _open(show: Callable[[Study], None]) -> None:
    # Until there is a study, every address offers to measure one; the map then appears where the visitor already is.
    if state.study_name() is None:
        start.show(st.rerun)
        return
    try:
        study = state.open_study()
    except ExplorerError as trouble:
        st.error(state.plain(str(trouble)), icon=":material/error:")
        st.html('<a href="studies" target="_self" style="color: inherit">All studies</a>')
        return
    with state.errors_on_screen():
        saving.follow_link(study, state.show_map_place)
        show(study)


def _go_to(page: st.Page) -> None:
    st.switch_page(page, query_params=state.selection().as_params())


main()
