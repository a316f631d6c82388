"""Near duplicates in the network's eyes, in groups, those whose labels differ first. A part of the Labels page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from explorer.pages.groups import (
    crossing_groups,
    given_values,
    labels_in_words,
    odd_ones,
    ordered_rows,
    passing_groups,
    stored_neighbors,
    usual_tolerance,
)
from explorer.pages.state import current_rows, current_sample, filter_by, plain, selection
from explorer.pages.tiles import given_word, sample_tile, show_gallery
from explorer.study.study import Study
from explorer.views.gallery import Tile
from explorer.views.selection import MOST_ROWS, Among, Filter

if TYPE_CHECKING:
    from explorer.similarity.duplicates import DuplicateGroups

BOUND, TOLERANCE = "alike", "tolerance"
"""Names of the two sliders in the URL."""
LEAST, STEP, USUAL = 0.8, 0.005, 0.98
ROUNDING = 1e-5
"""Stored similarities of equal samples may be so much below 1."""
TOLERANCE_STEPS = 40
GROUPS_PER_PAGE = 6
PICTURES = 12
COMPARED = 64
"""Similarities inside a group are compared between its first so many samples."""
ODD = "its label is not the group's most frequent one"
FAR = "its target is farther from the group's median than half of what is tolerated"


def show(study: Study) -> None:
    """The part of the Labels page about near duplicates."""
    neighbors = stored_neighbors(study)
    if neighbors is None:
        st.info("This study has no neighbors yet: finish its build to see near duplicates.", icon=":material/info:")
        return
    given = given_values(study)
    st.markdown(
        f"Samples that the network can hardly tell apart. If they are copies and their {given_word(study)}s differ, at "
        "most one is right; if they agree, a sample counts twice, and across the split it makes a held-out score too "
        "good.",
        width=860,
    )
    with st.container(horizontal=True, gap="large"):
        bound = _choose_bound()
        tolerance = _choose_tolerance(study, given)
    groups = _groups(study, study.version, bound, tolerance)
    if not len(groups.sizes):
        _show_nothing(study, bound)
        return
    _show_counts(study, groups, bound)
    shown = passing_groups(groups, current_rows(study)) if selection().filter else np.arange(len(groups.sizes))
    if not len(shown):
        st.info(
            "No group holds a sample that passes the filter. Take a condition back.", icon=":material/filter_alt_off:"
        )
        return
    _show_groups(study, groups, shown, given, tolerance)


def _choose_bound() -> float:
    bound = _slider(
        BOUND,
        BOUND,
        "Near duplicates from a similarity of",
        (LEAST, 1.0, USUAL, STEP),
        form="%.3f",
        words="kᶜ, where 1 means that the network treats two samples as one. Groups are chains: each sample is this "
        "much like another one of its group, not like all of them.",
    )
    return min(bound, 1.0 - ROUNDING)


def _choose_tolerance(study: Study, given: np.ndarray) -> float:
    if study.task == "classification":
        return 0.0
    usual = usual_tolerance(given)
    if not np.isfinite(usual) or usual == 0:
        return 0.0
    step = float(f"{usual / 10:.1g}")
    return _slider(
        TOLERANCE,
        f"{TOLERANCE}-{study.version}",  # in the unit of this study's target
        "Targets differ from (units of the target)",
        (0.0, step * TOLERANCE_STEPS, step * round(usual / step), step),
        form="%.4g",
        words="Two targets of a group that lie farther apart than this are in conflict. It begins near half a standard "
        "deviation of all targets.",
    )


def _slider(
    name: str, key: str, label: str, span: tuple[float, float, float, float], *, form: str, words: str
) -> float:
    """A slider whose place is kept in the URL under a name; what the URL says counts when it is first drawn.

    Not Streamlit's own binding to the URL: that would forbid to write the selection beside it.
    """
    low, high, usual, step = span
    if key not in st.session_state:
        st.session_state[key] = _asked(name, low, high, usual)
    value = st.slider(label, low, high, step=step, format=form, key=key, width=340, help=words)
    if value != usual and st.query_params.get(name) != f"{value:.6g}":
        st.query_params[name] = f"{value:.6g}"
    elif value == usual and name in st.query_params:
        del st.query_params[name]
    return value


def _asked(name: str, low: float, high: float, usual: float) -> float:
    try:
        asked = float(st.query_params.get(name, usual))
    except ValueError:
        return usual
    return asked if low <= asked <= high else usual


@st.cache_data(max_entries=8, show_spinner="Grouping near duplicates …")
def _groups(_study: Study, version: str, bound: float, tolerance: float) -> DuplicateGroups:
    from explorer.similarity.duplicates import duplicate_groups

    return duplicate_groups(stored_neighbors(_study), bound, given_values(_study), tolerance=tolerance)


@st.cache_data(max_entries=8, show_spinner=False)
def _suggested_bound(_study: Study, version: str) -> float | None:
    """A bound that a hundredth of the samples reach, a multiple of STEP; None where none is above LEAST."""
    from explorer.similarity.duplicates import nearest_similarity

    nearest = nearest_similarity(stored_neighbors(_study))
    nearest = nearest[np.isfinite(nearest)]
    bound = np.floor(np.quantile(nearest, 0.99) / STEP) * STEP if len(nearest) else 0.0
    return round(float(min(bound, 1.0)), 3) if bound >= LEAST else None


def _show_nothing(study: Study, bound: float) -> None:
    suggested = _suggested_bound(study, study.version)
    st.info(f"No two samples are as alike as {bound:.3f} to this network.", icon=":material/info:")
    if suggested is None:
        st.caption(f"None are as alike as {LEAST} either: to this network every sample is its own.")
        return
    st.caption("That is good news about copies. Samples that are merely close can still disagree about their labels.")
    st.button(
        f"Look at the closest hundredth, from {suggested:.3f}",
        key="closest",
        icon=":material/zoom_in:",
        on_click=lambda: st.session_state.update({BOUND: suggested}),
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _crossing(_study: Study, version: str, bound: float, _groups: DuplicateGroups) -> int:
    return int(crossing_groups(_groups, (_study.samples["split"] == "train").to_numpy()).sum())


def _show_counts(study: Study, groups: DuplicateGroups, bound: float) -> None:
    count = len(groups.sizes)
    parts = [
        f"**{count:,} group{'s' * (count != 1)}**",
        f"**{groups.conflicting.sum():,}** with different {given_word(study)}s",
        f"**{groups.sizes.sum():,}** samples",
    ]
    if "split" in study.samples:
        parts.append(f"**{_crossing(study, study.version, bound, groups):,}** across the split")
    st.markdown(", ".join(parts))
    largest = int(groups.sizes.max())
    if largest > max(study.n // 50, 20):
        st.caption(
            f"The largest group holds {largest:,} samples: at this bound chains of close samples run together. Move "
            "the slider up for groups of true copies."
        )


def _show_groups(study: Study, groups: DuplicateGroups, shown: np.ndarray, given: np.ndarray, tolerance: float) -> None:
    slot = st.container()
    pages = -(-len(shown) // GROUPS_PER_PAGE)
    page = st.pagination(pages, key="alike-page") if pages > 1 else 1
    with slot:
        for number in shown[(page - 1) * GROUPS_PER_PAGE : page * GROUPS_PER_PAGE]:
            with st.container(border=True):
                _show_group(study, int(number), groups, given, tolerance)


def _show_group(study: Study, number: int, groups: DuplicateGroups, given: np.ndarray, tolerance: float) -> None:
    rows = ordered_rows(groups.rows(number), given)
    key = f"alike-{rows.min()}-{len(rows)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_group_words(study, number, rows, groups, given), width="stretch")
        if len(rows) <= MOST_ROWS:
            st.button(
                "Show only these",
                key=f"{key}-only",
                icon=":material/filter_alt:",
                on_click=filter_by,
                args=(Among(tuple(sorted(map(int, rows)))),),
                help="Narrow the map, the queue and all lists to this group",
            )
        st.markdown(f"[Decide in Triage]({triage_address(rows)})", width="content")
    slot = st.container()
    pages = -(-len(rows) // PICTURES)
    page = st.pagination(pages, key=f"{key}-page") if pages > 1 else 1
    part = slice((page - 1) * PICTURES, page * PICTURES)
    tiles = _tiles(
        study, rows[part], odd_ones(rows, given, tolerance)[part], _closest(study, study.version, rows[part])
    )
    with slot:
        show_gallery(tiles, key=key, label=f"group {number + 1} of near duplicates", chosen=current_sample(study))


def _group_words(study: Study, number: int, rows: np.ndarray, groups: DuplicateGroups, given: np.ndarray) -> str:
    conflict = ":material/warning: " if groups.conflicting[number] else ""
    words = [f"{conflict}**Group {number + 1}**", f"{len(rows):,} samples", plain(labels_in_words(study, given[rows]))]
    low, high = _inside(study, study.version, rows[:COMPARED])
    if np.isfinite(low):
        span = f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
        among = f" (first {COMPARED})" if len(rows) > COMPARED else ""
        words.append(f"kᶜ inside {span}{among}".replace("-", "−"))
    if "split" in study.samples:
        trained = int((study.samples["split"].iloc[rows] == "train").sum())
        if 0 < trained < len(rows):
            words.append(f"{trained:,} for training, {len(rows) - trained:,} held out")
    return " · ".join(words)


def triage_address(rows: np.ndarray) -> str:
    """Where the Labels page shows the first of some samples, narrowed to them unless they are too many for a link."""
    chosen = selection().with_sample(int(rows[0]))
    if len(rows) <= MOST_ROWS:
        chosen = replace(chosen, filter=Filter((Among(tuple(sorted(map(int, rows)))),)))
    return f"/labels?{urlencode(chosen.as_params())}"


@st.cache_data(max_entries=256, show_spinner=False)
def _inside(_study: Study, version: str, rows: np.ndarray) -> tuple[float, float]:
    """Lowest and highest similarity of two different samples; nan where there is none."""
    similarities = _study.similarity(rows, rows)
    pairs = similarities[np.triu_indices(len(rows), 1)]
    known = pairs[np.isfinite(pairs)]
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)


@st.cache_data(max_entries=256, show_spinner=False)
def _closest(_study: Study, version: str, rows: np.ndarray) -> np.ndarray:
    """[m] similarity of each sample to its nearest, which is in its group."""
    return np.array(_study.array("neighbors/network/similarities")[rows, 0])


def _tiles(study: Study, rows: np.ndarray, odd: np.ndarray, closest: np.ndarray) -> list[Tile]:
    found = []
    for row, is_odd, similarity in zip(rows, odd, closest, strict=True):
        tile = sample_tile(study, row, f"nearest {similarity:.3f}")
        why = ODD if study.task == "classification" else FAR
        found.append(replace(tile, mark="≠", help=f"{tile.help}; {why}") if is_odd else tile)
    return found
