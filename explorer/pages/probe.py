"""New inputs, seen by the network of the study: its answer, the nearest samples, and whether it is on known ground."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

import explorer
from explorer.columns import COLUMNS
from explorer.pages.consent import asking, may_load
from explorer.pages.given_inputs import Given, choose_inputs
from explorer.pages.numbers import reading_html
from explorer.pages.state import page_title, plain
from explorer.pages.tiles import sample_tile, show_gallery
from explorer.pages.verdicts import answer_text, badge, nearest_other, percent, verdict
from explorer.study.study import Study
from explorer.views.gallery import Tile, large_picture, picture_address
from explorer.views.reading import Reading, place_in_words, write_value

if TYPE_CHECKING:
    from explorer.pipeline.probe import Probe

CHOICES = (4, 8, 16, 48)
PER_PAGE = 5
"""Inputs shown, and measured, at once."""
WIDTH = 860
"""Lines of text longer than about so many pixels are hard to follow."""
ANOTHER = "its label is another than the predicted class"


def show(study: Study, open_sample: Callable[[], None] | None = None) -> None:
    """The page of new inputs.

    Args:
        study: the study.
        open_sample: goes to the page of the selected sample, after a click on a neighbor; None stays here.
    """
    page_title(study, "Probe", "How does the network see an input that is not in this study?")
    if not _may_load(study) or not _is_loaded(study):
        return
    given = choose_inputs(study)
    if given is not None:
        _show_given(study, given, open_sample)


def _may_load(study: Study) -> bool:
    if study.subject["reference"] is None:
        st.info(
            "This study was built from a Subject made in Python, which the app cannot load again. Ask it from there, "
            "`explorer.probe(study, inputs, subject=subject)`, or build it from a function with "
            "`python -m explorer build path/to/file.py:function`.",
            icon=":material/info:",
        )
        return False
    return may_load(study, "New inputs need the network itself.")


def _is_loaded(study: Study) -> bool:
    from explorer.pipeline.probe import own_inputs

    with asking("Loading the network and its data"):
        own_inputs(study, [0])
        return True
    return False


def _show_given(study: Study, given: Given, open_sample: Callable[[], None] | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        k = _choose_k(study)
        is_exact = st.toggle(
            "Exact similarity",
            key="probe-exact",
            help="Ranks the 100 nearest by stored features again, by full gradients. Takes seconds for each input.",
        )
    slot = st.container()
    pages = -(-len(given.names) // PER_PAGE)
    page = st.pagination(pages, key=f"probe-page-{study.version}") if pages > 1 else 1
    places = slice((page - 1) * PER_PAGE, page * PER_PAGE)
    inputs = np.ascontiguousarray(given.inputs[places])
    with slot:
        _show_legend(study)
        with asking("Measuring gradients"):
            content = hashlib.sha256(inputs.tobytes()).hexdigest()
            probes = _probed(study, study.version, content, inputs, k, is_exact)
            for place, (name, probe) in enumerate(zip(given.names[places], probes, strict=True)):
                _show_probe(study, name, probe, f"{page}-{place}", open_sample)


def _choose_k(study: Study) -> int:
    choices = [k for k in CHOICES if k <= study.n] or [study.n]
    preferred = 8 if 8 in choices else choices[-1]
    return st.segmented_control("Neighbors shown", choices, default=preferred, required=True, key="probe-neighbors")


def _show_legend(study: Study) -> None:
    usual = study.samples["captured_energy"].median()
    with st.container(width=WIDTH):
        st.caption(
            "**On known ground?** The study keeps the directions in which its samples' gradients lie; along them runs "
            f"{percent(usual)} of the gradient of a sample in the middle. An input with much less moves the network in "
            "ways that no sample does: its neighbors are then the nearest that there are, not near. That an input is "
            "familiar does not make the answer right. Click a neighbor to go to its page."
        )


def _show_probe(study: Study, name: str, probe: "Probe", key: str, open_sample: Callable[[], None] | None) -> None:
    with st.container(border=True):
        left, right = st.columns([1, 4])
        with left:
            st.html(large_picture(picture_address(probe.picture), f"{name}, predicted {answer_text(study, probe)}"))
            st.markdown(f"**{plain(name)}**  \npredicted **{plain(answer_text(study, probe))}**")
        with right:
            st.markdown(f"{badge(study, probe)} {verdict(study, probe)}")
            if not np.isfinite(probe.soft_density):
                return
            st.html(f'<div class="probe-readings">{_readings(study, probe)}</div>{STYLE}')
            show_gallery(neighbor_tiles(study, probe), key=f"probe-near-{key}", label=f"neighbors of {name}")
    # The component remembers a click for one run only: the one that it has caused.
    if open_sample is not None and st.session_state[f"probe-near-{key}"].get("picked") is not None:
        open_sample()


def neighbor_tiles(study: Study, probe: "Probe") -> list[Tile]:
    """The neighbors as tiles; of a classification those whose label is another than the prediction are marked ≠."""
    labels = study.samples["label"].to_numpy() if "label" in study.samples else None
    tiles = []
    for row, similarity in zip(probe.neighbors.indices.tolist(), probe.neighbors.similarities, strict=True):
        if row < 0:
            continue
        tile = sample_tile(study, row, f"kᶜ {similarity:.3f}".replace("-", "−"))
        if labels is not None and labels[row] != probe.prediction:
            tile = replace(tile, mark="≠", help=f"{tile.help}; {ANOTHER}")
        tiles.append(tile)
    return tiles


def _readings(study: Study, probe: "Probe") -> str:
    nearest, place = nearest_other(study, probe)
    others = "The similarity of the nearest other sample, beside those that samples have to their own nearest."
    count = write_value(study, "soft_density", probe.soft_density)
    return "".join(
        (
            _reading(
                "Neighbors, soft count", f"{count} samples", COLUMNS["soft_density"].help, probe.soft_density_percentile
            ),
            _reading(
                "Nearest sample",
                f"kᶜ {nearest:.3f}".replace("-", "−"),
                others,
                place,
            ),
            _reading(
                "Along the data's directions",
                percent(probe.captured_energy),
                "Captured energy. The bar compares with samples that the directions were not fitted to.",
                probe.captured_energy_percentile if probe.familiarity != "untold" else None,
            ),
        )
    )


def _reading(title: str, text: str, words: str, percentile: float | None) -> str:
    return reading_html(Reading("", title, text, words, percentile, place_in_words(percentile)))


STYLE = """<style>
.probe-readings { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 0 24px; }
</style>"""


@st.cache_data(max_entries=32, show_spinner=False)
def _probed(_study: Study, version: str, content: str, _inputs: np.ndarray, k: int, is_exact: bool) -> list["Probe"]:
    return explorer.probe(_study, _inputs, k=k, exact=is_exact)
