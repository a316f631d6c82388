"""Patches of the registration experiment as the networks see them: examples, soft counts, neighbors round by round."""

import numpy as np
import pandas as pd
import streamlit as st

from explorer.pages.tiles import show_figure
from explorer.views.rounds import Picture, against_diagonal, outlined_histograms, picture_rows

TAIL = 0.005
"""Share of the patches at the lower end of the counts."""


def show_examples(neighbors: pd.DataFrame, pictures: list[str]) -> None:
    """The query patches, as the network gets them."""
    own = neighbors[(neighbors["round"] == 1) & (neighbors["rank"] == 0)]
    st.html(picture_rows([("", [Picture(pictures[one], "") for one in own["picture"]])]))
    st.caption(
        "Patches of 32 × 32 pixels as the network gets them. The map, whose lines are drawn in pink, has regions of "
        "like color in arbitrary shades: what a map-maker keeps. Each is displaced by up to 5 pixels across and down."
    )


def show_alike(tables: dict[str, pd.DataFrame], pictures: list[str]) -> None:
    """What the networks of the rounds find alike: counts of all patches, and the neighbors of a few.

    Args:
        tables: patches, neighbors, similarities and pairs of benchmarks/similar_patches.py.
        pictures: data addresses, in the order that neighbors refers to.
    """
    st.header("What the networks of the rounds find alike", anchor=False)
    patches = tables["patches"]
    counts = patches["soft_density"].to_numpy()
    # A handful of patches far below zero must not squeeze all others together; they are counted in the first bin.
    counts = counts.clip(min=np.quantile(counts, TAIL))
    edges = np.linspace(counts.min(), counts.max(), 41)
    show_figure(
        outlined_histograms(
            edges,
            {
                f"round {one}": np.histogram(own["soft_density"].clip(edges[0]), edges)[0]
                for one, own in patches.groupby("round")
            },
            "soft count N_S (samples)",
        ),
        key="registration-counts",
    )
    medians = patches.groupby("round")["soft_density"].median()
    told = ", ".join(f"{value:.0f} in round {number}" for number, value in medians.items())
    st.caption(f"Each patch counts as so many of {len(patches) // len(medians):,}; in the median {told}.")
    queries = sorted(tables["neighbors"]["query"].unique())
    query = st.segmented_control(
        "Patch",
        queries,
        default=queries[len(queries) // 2],
        required=True,
        format_func=lambda one: f"{one + 1}",
        key="registration-query",
        help="From the loneliest to the most crowded, by the soft count of round 1.",
    )
    _show_query(tables, pictures, int(query))


def _show_query(tables: dict[str, pd.DataFrame], pictures: list[str], query: int) -> None:
    neighbors = tables["neighbors"]
    rows = []
    for number, own in neighbors[neighbors["query"] == query].groupby("round"):
        nearest = [
            Picture(pictures[one.picture], "this patch" if one.rank == 0 else f"kᶜ {one.kC:.3f}")
            for one in own.sort_values("rank").itertuples()
        ]
        rows.append((f"Round {number}", nearest))
    st.html(picture_rows(rows))
    st.caption(
        "The most similar patches in each round; many show the same place, moved by pixels. A similarity says nothing "
        "about the label."
    )
    similarities = tables["similarities"]
    own = similarities[(similarities["query"] == query) & (similarities["kind"] == "kC")]
    edges = np.append(np.unique(own["low"]), own["high"].max())
    histograms = {f"round {one}": part.sort_values("low")["count"].to_numpy() for one, part in own.groupby("round")}
    show_figure(outlined_histograms(edges, histograms, "similarity kᶜ to this patch"), key="registration-similarities")
    with st.expander("The same, blind to rotations of the answer"):
        _show_rotation(tables["pairs"])


def _show_rotation(pairs: pd.DataFrame) -> None:
    last = pairs[pairs["round"] == pairs["round"].max()]
    titles = ("similarity kᶜ", "rotation-invariant kᶜ")
    show_figure(
        against_diagonal(last["kC"].to_numpy(), last["rotation"].to_numpy(), titles), key="registration-rotation"
    )
    st.caption(
        "Random pairs in the last round. The rotation-invariant form turns one patch’s displacements until they fit "
        "the other’s best, so no point lies below the line. Points far above it are patches that move together, turned."
    )
