"""Pictures that answer a click, lists of samples page by page, and figures, as all pages show them."""

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer.pages.numbers import show_number
from explorer.pages.state import is_presented, select_sample, selection
from explorer.records import Neighbors
from explorer.study.study import Study
from explorer.views.gallery import STYLE, Tile, gallery, picture_address
from explorer.views.reading import write_value
from explorer.views.theme import figure_config

PER_PAGE = 24
PRESENTED_FONT = 18
"""Pixels of the words in a figure on a slide."""
OTHER_LABEL = "its label is another than the chosen sample's"

# Clicks are caught once at the root, and the pictures are only replaced when they differ, so that a rerun that
# changes nothing here neither flickers nor takes the keyboard focus away.
_SCRIPT = """
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  if (root.shown !== data.html) root.innerHTML = root.shown = data.html;
  root.onclick = (event) => {
    const tile = event.target.closest("[data-row]");
    if (tile) setTriggerValue("picked", Number(tile.dataset.row));
  };
}
"""
_gallery = st.components.v2.component("explorer_gallery", html='<div class="root"></div>', css=STYLE, js=_SCRIPT)


def show_gallery(tiles: Sequence[Tile], *, key: str, label: str, chosen: int | None = None) -> None:
    """A row of pictures; a click on one selects its sample."""

    def pick() -> None:
        picked = st.session_state[key].get("picked")
        if picked is not None:
            select_sample(int(picked))

    _gallery(key=key, data={"html": gallery(tiles, label=label, chosen=chosen)}, on_picked_change=pick)


def show_samples(
    study: Study, rows: np.ndarray, *, key: str, label: str, first_line: Callable[[int], str], chosen: int
) -> None:
    """A list of samples as pictures, page by page, each one click away.

    Args:
        study: the study that the rows belong to.
        rows: row numbers in the order shown; any length.
        key: makes this list unlike others on the same page.
        label: what the list is, for screen readers.
        first_line: what stands in bold under a row's picture.
        chosen: the selected row, marked if it is shown.
    """
    if not len(rows):
        st.caption("No samples here.")
        return
    slot = st.container()
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key=f"{key}-page") if pages > 1 else 1
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    with slot:
        show_gallery([sample_tile(study, row, first_line(row)) for row in shown], key=key, label=label, chosen=chosen)


def show_number_grid(study: Study, columns: Sequence[str], row: int, width: int = 3) -> None:
    """Numbers of a sample in rows of a few; columns that the study does not have are passed over."""
    known = [name for name in columns if name in study.samples]
    for start in range(0, len(known), width):
        for place, name in zip(st.columns(width), known[start : start + width], strict=False):
            with place:
                show_number(study, name, row)


def show_figure(figure: go.Figure, *, key: str, on_select: Callable[[], None] | None = None) -> None:
    """A figure in the page's theme, with its alternative text; points answer a click when on_select is given."""
    alt = figure.layout.meta["alt"]
    config = figure_config(file_name(figure.layout.xaxis.title.text or key))
    if is_presented():
        larger = PRESENTED_FONT / figure.layout.font.size
        figure = figure.update_layout(font_size=PRESENTED_FONT, margin_r=larger * (figure.layout.margin.r or 0))
    if on_select is None:
        st.plotly_chart(figure, key=key, config=config, alt=alt)
    else:
        st.plotly_chart(figure, key=key, config=config, alt=alt, on_select=on_select, selection_mode="points")


def file_name(words: str) -> str:
    """Words as the name of a file, without its ending: letters, figures and dashes."""
    return re.sub(r"[^\w.]+", "-", words).strip("-._")[:80] or "figure"


def guide_link(words: str, column: str) -> str:
    """Markdown that leads to a column's words in the guide, with the selection, so that it speaks of this study."""
    chosen = urlencode(selection().as_params())
    return f"[{words}](/guide?{chosen}#{column})"


def picked_points(key: str) -> list[dict]:
    """The points of a figure that were clicked last."""
    return st.session_state[key].selection.points


def sample_tile(study: Study, row: int, first_line: str, *, mark: str = "") -> Tile:
    """One sample with its label or target and its prediction in words."""
    row = int(row)
    given, answer = given_text(study, row), answer_text(study, row)
    lines = [first_line]
    if given:
        lines.append(f"{given_word(study)} {given}")
    if answer:
        lines.append(f"predicted {answer}")
    words = f"Sample {row}: {', '.join(lines)}" + (f"; {OTHER_LABEL}" if mark else "")
    return Tile(row, picture_address(study.thumbnail(row)), tuple(lines), mark, words)


def neighbor_tiles(study: Study, row: int, neighbors: Neighbors, symbol: str = "kᶜ") -> list[Tile]:
    """The neighbors of a sample with their similarities; those with another label than the sample are marked ≠."""
    labels = study.samples["label"].to_numpy() if "label" in study.samples else None
    return [
        sample_tile(
            study,
            neighbor,
            f"{symbol} {similarity:.3f}".replace("-", "−"),
            mark="≠" if labels is not None and labels[neighbor] != labels[row] else "",
        )
        for neighbor, similarity in zip(neighbors.indices, neighbors.similarities, strict=True)
        if neighbor >= 0
    ]


def given_word(study: Study) -> str:
    """What the data set's answer is called in this study."""
    return "label" if study.task == "classification" else "target"


def given_text(study: Study, row: int) -> str:
    """The label's name or the target's value; empty for a study without either."""
    return _text(study, row, given_word(study))


def answer_text(study: Study, row: int) -> str:
    """The network's prediction: a class name or a value; empty for a study without predictions."""
    return _text(study, row, "prediction")


def _text(study: Study, row: int, column: str) -> str:
    names = study.columns_of(column)
    return ", ".join(write_value(study, name, study.samples[name].iloc[row]) for name in names)
