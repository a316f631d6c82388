"""One sample: its numbers, and which samples are alike for the network, by its last layer, and as raw inputs."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.pages.closer import choose_exact, exact_neighbors, exact_tiles, show_exact_note, show_pair
from explorer.pages.saving import show_pick
from explorer.pages.state import current_rows, current_sample, is_presented, page_header, plain, select_sample
from explorer.pages.tiles import (
    answer_text,
    given_text,
    given_word,
    neighbor_tiles,
    show_figure,
    show_gallery,
    show_number_grid,
)
from explorer.records import Neighbors
from explorer.study.study import Study
from explorer.views.charts import bars, similarity_histogram
from explorer.views.gallery import large_picture, picture_address
from explorer.views.reading import write_value

CHOICES = (5, 10, 24, 50)
DRAWN = 200_000
"""Similarities to more samples than this are counted over evenly spaced ones, and the page says so."""

NUMBERS = (
    "soft_density",
    "hard_density",
    "label_variance",
    "uncertainty",
    "gradient_norm",
    "captured_energy",
    "suspicion",
    "effective_neighbors",
    "shift",
)


@dataclass(frozen=True)
class Space:
    """One way to compare samples."""

    by: str
    title: str
    symbol: str
    help: str


SPACES = (
    Space(
        "network",
        "Alike for the network",
        "kᶜ",
        "Similarity kᶜ of the gradients of all parameters, −1 to 1: near 1, a training step that changes the answer "
        "for one sample changes it in the same way for the other.",
    ),
    Space(
        "embedding",
        "Alike in the last layer",
        "cos",
        "Cosine, −1 to 1, of what the last layer receives: what most tools call an embedding. It ignores how all the "
        "layers before would react to training.",
    ),
    Space("input", "Alike as inputs", "cos", "Cosine, −1 to 1, of the raw input values. No network is involved."),
)


def show(study: Study) -> None:
    """The page of the selected sample."""
    row = current_sample(study)
    page_header(study, "Sample", "Which samples are alike: for the network, in its last layer, and as raw inputs.")
    if not is_presented():
        _show_steps(study, row)
    _show_sample(study, row)
    _show_features(study, row)
    st.header("Three kinds of neighbors", anchor=False)
    k = _choose_k(study)
    neighbors = {space.by: study.neighbors(row, k=k, by=space.by) for space in SPACES}
    if (neighbors["network"].indices < 0).all():
        st.info(
            "The network has no gradient for this sample, or one that is not finite, so nothing is similar to it. "
            "It is left out of all sums.",
            icon=":material/block:",
        )
        return
    rows, pair = st.container(), st.container()
    _show_similarities(study, row, neighbors["network"])  # before the rows above it: exact order may take seconds
    with rows:
        for space in SPACES:
            _show_neighbors(study, row, space, neighbors)
        marked = " ≠ marks another label than this sample's." if "label" in study.samples else ""
        st.caption(f"Click a picture to go to its sample.{marked}")
    with pair:
        show_pair(study, row, neighbors["network"])


def overlap_in_words(network: Neighbors, other: Neighbors) -> str:
    """How many neighbors two ways to compare have in common, such as `4 of 10`."""
    shared = np.intersect1d(network.indices[network.indices >= 0], other.indices)
    return f"{len(shared)} of {len(network.indices)}"


def _show_steps(study: Study, row: int) -> None:
    allowed = np.flatnonzero(current_rows(study))
    before, after = allowed[allowed < row], allowed[allowed > row]
    st.session_state["row-number"] = row
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Previous",
            icon=":material/arrow_back:",
            disabled=not len(before),
            on_click=select_sample,
            args=(before[-1] if len(before) else row,),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            disabled=not len(after),
            on_click=select_sample,
            args=(after[0] if len(after) else row,),
        )
        st.number_input(
            f"Sample, 0 to {study.n - 1:,}",
            min_value=0,
            max_value=study.n - 1,
            key="row-number",
            width=136,
            on_change=lambda: select_sample(st.session_state["row-number"]),
        )
        show_pick(study, row)


def _show_sample(study: Study, row: int) -> None:
    given, answer = given_text(study, row), answer_text(study, row)
    picture, words = st.columns([1, 4])
    with picture:
        st.html(large_picture(picture_address(study.thumbnail(row)), f"Sample {row}, {given_word(study)} {given}"))
    with words:
        parts = [f"{given_word(study).capitalize()} **{plain(given)}**"] if given else []
        parts += [f"predicted **{plain(answer)}**"] if answer else []
        for column, name in (("confidence", "confidence "), ("split", ""), ("true_label", "true label ")):
            if column in study.samples:
                parts.append(name + plain(write_value(study, column, study.samples[column].iloc[row])))
        st.markdown(" · ".join(parts) or f"Sample {row}")
        show_number_grid(study, NUMBERS, row)


def _show_features(study: Study, row: int) -> None:
    names = study.subject["feature_names"]
    values = study.rows("inputs", [row])[0] if names else ()
    if len(values) and len(values) == len(names):
        with st.expander(f"The {len(names):,} input values of this sample"):
            show_figure(bars(names, values.tolist(), "input value, as the network receives it"), key="features")


def _choose_k(study: Study) -> int:
    most = min(study.manifest.settings.neighbors, study.n - 1)
    choices = [k for k in CHOICES if k <= most] or [most]
    preferred = 10 if 10 in choices else choices[-1]
    chosen = st.segmented_control("Neighbors shown", choices, default=preferred, key="neighbors-shown")
    return chosen or preferred


def _show_neighbors(study: Study, row: int, space: Space, neighbors: dict[str, Neighbors]) -> None:
    """One row of pictures; in exact order the network's neighbors are replaced, for all that comes after them."""
    words, exact = "", None
    if space.by != "network":
        words = f" · {overlap_in_words(neighbors['network'], neighbors[space.by])} are also alike for the network"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{space.title}**{words}", help=space.help, width="content")
        is_exact = space.by == "network" and choose_exact()
    if is_exact and (exact := exact_neighbors(study, row, len(neighbors[space.by].indices))):
        neighbors[space.by] = exact.neighbors
    tiles = neighbor_tiles(study, row, neighbors[space.by], space.symbol)
    show_gallery(exact_tiles(tiles, exact) if exact else tiles, key=f"neighbors-{space.by}", label=space.title)
    if exact:
        show_exact_note(exact)


def _show_similarities(study: Study, row: int, neighbors: Neighbors) -> None:
    st.header("How similar are all the others?", anchor=False)
    similarities, step = similarities_to_others(study, row)
    found = neighbors.similarities[np.isfinite(neighbors.similarities)]
    show_figure(similarity_histogram(similarities, float(found[-1]), len(found)), key="similarities")
    sampled = f" Counted over one in {step} samples." if step > 1 else ""
    median = float(np.nanmedian(similarities))
    st.caption(
        f"Half of all samples are less similar to this one than {median:.2f}; its nearest {len(found)} start at "
        f"{found[-1]:.3f}. A network that has learned a shared direction is somewhat similar everywhere: compare "
        f"with the bulk, not with zero.{sampled}"
    )


def similarities_to_others(study: Study, row: int) -> tuple[np.ndarray, int]:
    """Similarity kᶜ of a sample to the others, and the step between the samples looked at.

    Returns:
        [m] float32, the sample itself left out; the step is 1 up to DRAWN samples.

    Cost: time O(m d), memory the m × d features of the samples looked at.
    """
    return _similarities(study, study.version, row)


@st.cache_data(max_entries=16, show_spinner=False)
def _similarities(_study: Study, version: str, row: int) -> tuple[np.ndarray, int]:
    step = -(-_study.n // DRAWN)
    others = np.arange(0, _study.n, step)
    others = others[others != row]
    return _study.similarity([row], others, by="network")[0], step
