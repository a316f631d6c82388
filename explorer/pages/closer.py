"""A closer look with full gradients: neighbors in exact order, and why two samples are alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

import explorer
from explorer.pages.consent import asking, may_load
from explorer.pages.state import plain
from explorer.pages.tiles import given_text, given_word, show_figure
from explorer.records import Neighbors
from explorer.study.exact import CANDIDATES
from explorer.study.study import Study
from explorer.views.gallery import Tile, picture_address
from explorer.views.overlays import overlay_row, pixel_slopes, slope_overlay, slope_scale, slopes_in_words
from explorer.views.shares import share_bars

LOADS = "The first time, the network is loaded as well."
FIRST_TIME = "; the first time, the network is loaded as well"
PIXELS_HELP = (
    "The derivative of kᶜ by each pixel, summed over colors, while the measured outputs stay the same. In a network "
    "with kinks, such as ReLU, kᶜ jumps where a unit switches on or off; the slope is that between the jumps."
)
WIDTH = 860
"""Lines of text longer than about so many pixels are hard to follow."""


@dataclass(frozen=True)
class Exact:
    """Neighbors ranked by full gradients."""

    neighbors: Neighbors
    moves: np.ndarray
    """[k] int64: how many places nearer each stands than the stored features put it; negative when farther."""


def choose_exact() -> bool:
    """The switch between stored and exact order; stays as it is from sample to sample."""
    return st.toggle(
        "Exact order",
        key="exact-order",
        help=f"Ranks the {CANDIDATES} nearest by stored features again, by their full gradients, and shows exact "
        f"similarities. Takes seconds. {LOADS}",
    )


def exact_neighbors(study: Study, row: int, k: int) -> Exact | None:
    """The k nearest by full gradients among the CANDIDATES nearest by stored features.

    Returns:
        None where the network may not or cannot be asked; the page then says why.

    Cost: seconds once for each sample and version of the study, then nothing.
    """
    if not may_load(study, "Exact order needs the network itself."):
        return None
    with asking(f"Comparing full gradients with {CANDIDATES} candidates{FIRST_TIME}"):
        indices, similarities, moves = _ranked_again(study, study.version, row)
        return Exact(Neighbors(indices[:k], similarities[:k]), moves[:k])
    return None


def exact_tiles(tiles: Sequence[Tile], exact: Exact) -> list[Tile]:
    """The tiles of exact neighbors, with an arrow and a number of places where the order changed."""
    return [_moved(tile, int(moves)) for tile, moves in zip(tiles, exact.moves, strict=True)]


def show_exact_note(exact: Exact) -> None:
    """How many of the shown neighbors stand elsewhere than the stored features put them."""
    moved, shown = int((exact.moves != 0).sum()), len(exact.moves)
    arrows = " ↑ and ↓ count the places that a sample is nearer or farther than the stored features put it."
    st.caption(
        f"Exact order: kᶜ by full gradients, of the {CANDIDATES} nearest by stored features, which the histogram below "
        f"and other pages use. {moved} of {shown} changed place.{arrows if moved else ''}"
    )


def show_pair(study: Study, row: int, neighbors: Neighbors) -> None:
    """What makes a sample and one of its shown neighbors alike; nothing is computed until the switch is on.

    Args:
        study: the study.
        row: the sample.
        neighbors: those shown for the network, in their order.
    """
    st.header("Why are these two alike?", anchor=False)
    others = [int(other) for other in neighbors.indices if other >= 0]
    similarity = dict(zip(others, neighbors.similarities.tolist(), strict=False))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = st.selectbox(
            f"Sample {row} and its neighbor",
            others,
            format_func=lambda one: _name(study, one, f" · kᶜ {similarity[one]:.3f}".replace("-", "−")),
            key=f"pair-{row}",
            width=340,
        )
        is_asked = st.toggle(
            "Explain",
            key="explain-pair",
            help=f"Splits the similarity by layer and, for pictures, by pixel, from full gradients. {LOADS}",
        )
    if not is_asked:
        st.caption("Through which layers are they alike and, for pictures, at which pixels? Switch on to find out.")
        return
    is_told = may_load(study, "An explanation needs the network itself.") and _show_shares(study, row, other)
    if is_told and study.subject["kind"] == "image":
        _show_pixels(study, row, other)


def _show_shares(study: Study, row: int, other: int) -> bool:
    """Bars of the shares; whether the network could be asked for them."""
    with asking(f"Splitting the similarity by layer{FIRST_TIME}"), st.container(width=WIDTH):
        names, shares = _shares(study, study.version, row, other)
        show_figure(share_bars(names, shares.tolist()), key="layer-shares")
        st.caption(
            f"{_shares_in_words(names, shares)} Two samples are alike through a layer when a training step on one "
            "moves the weights of that layer in a way that matters for the other. It does not tell how much the "
            "network needs the layer: layers with large inputs have large gradients."
        )
        return True
    return False


def _show_pixels(study: Study, row: int, other: int) -> None:
    st.markdown("**Which pixels**", help=PIXELS_HELP)
    with asking(f"Differentiating the similarity by each pixel{FIRST_TIME}"), st.container(width=WIDTH):
        maps = [pixel_slopes(_slopes(study, study.version, *pair)) for pair in ((row, other), (other, row))]
        scale = slope_scale(maps)
        st.html(
            overlay_row(
                [_overlaid(study, one, slopes, scale) for one, slopes in zip((row, other), maps, strict=True)],
                "brightening this pixel makes the two more alike for the network",
                "brightening this pixel makes the two less alike for the network",
            )
        )
        st.caption(
            "Each picture in grey; the stronger the color, the steeper kᶜ rises or falls as this pixel alone becomes a "
            "little brighter and the other picture stays as it is. Both pictures share one scale; the steepest 1 % of "
            "pixels have its full color. This is a slope at these two pictures. It is not the reason why they are "
            "alike, and does not tell what removing a part would do."
        )


def _overlaid(study: Study, row: int, slopes: np.ndarray, scale: float) -> tuple[str, str, str]:
    """Address, caption and description of one picture."""
    name = _name(study, row)
    words = f"Slope of the similarity at the pixels of {name}: {slopes_in_words(slopes, scale)}."
    return picture_address(slope_overlay(study.thumbnail(row), slopes, scale)), name, words


def _shares_in_words(names: Sequence[str], shares: np.ndarray) -> str:
    most = int(np.argmax(shares))
    text = f"kᶜ is {shares.sum():.3f} by full gradients; the largest part, {shares[most]:.3f}, comes from "
    return text.replace("-", "−") + f"**{plain(names[most])}**."


def _name(study: Study, row: int, number: str = "") -> str:
    given = given_text(study, row)
    return f"sample {row}{number}" + (f" · {given_word(study)} {given}" if given else "")


def _moved(tile: Tile, moves: int) -> Tile:
    if not moves:
        return tile
    places = f"{abs(moves)} place" + ("s" if abs(moves) > 1 else "")
    way = "nearer" if moves > 0 else "farther"
    first = f"{tile.lines[0]} {'↑' if moves > 0 else '↓'}{abs(moves)}"
    return replace(
        tile, lines=(first, *tile.lines[1:]), help=f"{tile.help}; {places} {way} than the stored features put it"
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _ranked_again(_study: Study, version: str, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices, exact similarities and moves of all candidates."""
    stored = {index: place for place, index in enumerate(_study.neighbors(row, CANDIDATES).indices.tolist())}
    found = explorer.open_study(_study.path).exact_neighbors(row, CANDIDATES)
    moves = [stored[index] - place for place, index in enumerate(found.indices.tolist())]
    return found.indices, found.similarities, np.array(moves, dtype=np.int64)


@st.cache_data(max_entries=64, show_spinner=False)
def _shares(_study: Study, version: str, row: int, other: int) -> tuple[list[str], np.ndarray]:
    return explorer.open_study(_study.path).layer_shares(row, other)


@st.cache_data(max_entries=64, show_spinner=False)
def _slopes(_study: Study, version: str, row: int, other: int) -> np.ndarray:
    return explorer.open_study(_study.path).similarity_gradient(row, other)
