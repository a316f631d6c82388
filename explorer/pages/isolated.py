"""Samples that the network sees as unlike all others, most isolated first. A part of the Labels page."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer.pages.groups import stored_neighbors
from explorer.pages.state import current_rows, current_sample
from explorer.pages.tiles import PER_PAGE, given_word, guide_link, show_figure, show_samples
from explorer.study.study import Study
from explorer.views.charts import Bins, histogram, round_bins
from explorer.views.reading import write_value
from explorer.views.theme import SELECTED

COUNT = "soft_density"
NEAREST = "nearest similarity"
SOFT = "soft count"
LISTED = 1000
"""So many of the most isolated are listed: the rest is not isolated."""
MOST_DOUBTED = 100
KEY = "isolated"


def show(study: Study) -> None:
    """The part of the Labels page about isolated samples."""
    nearest = _nearest(study, study.version)
    if nearest is None or not np.isfinite(nearest).any():
        st.info("This study has no neighbors yet: finish its build to see isolated samples.", icon=":material/info:")
        return
    st.markdown(
        "Samples that are like no other to this network. Isolation is weak evidence either way: neighbors that are far "
        f"say little about a {given_word(study)}, for it or against it. Such a sample may be mislabeled, corrupt or "
        f"rare; only looking tells which. {guide_link('What the counts are', COUNT)}",
        width=860,
    )
    way = _choose_way(study)
    order = _order(study, study.version, way)
    rows = order[current_rows(study)[order]]
    if not len(rows):
        st.info("None of them passes the filter. Take a condition back to see some.", icon=":material/filter_alt_off:")
        return
    slot = st.container()
    show_samples(
        study,
        rows,
        key=f"{KEY}-{way}",
        label=f"samples by {way}, most isolated first",
        first_line=lambda row: _first_line(study, way, nearest, row),
        chosen=current_sample(study),
    )
    with slot:
        _show_place(study, nearest, _shown(rows, f"{KEY}-{way}-page"))
        _show_counts(study, order, rows, nearest)


def isolation_order(study: Study, way: str) -> np.ndarray:
    """The LISTED most isolated samples, most isolated first; samples without a gradient are not ranked.

    Args:
        study: with neighbors, and with soft counts for SOFT.
        way: NEAREST, by the similarity to the one most alike, or SOFT, by the soft count; low is isolated.
    """
    from explorer.similarity.duplicates import isolated_rows

    values = _nearest(study, study.version) if way == NEAREST else study.samples[COUNT].to_numpy(dtype=float)
    return isolated_rows(values, LISTED)


def marked_histogram(nearest: np.ndarray, shown: np.ndarray) -> go.Figure:
    """How similar every sample is to its nearest one, with a mark on the axis for each of some samples.

    Args:
        nearest: [n] similarities; nan where there is none.
        shown: rows to mark.
    """
    values = nearest.astype(np.float64)
    bins: Bins = round_bins(values, 30)
    figure = histogram(bins, "similarity kᶜ to the nearest other sample")
    places = values[shown][np.isfinite(values[shown])]
    figure.add_scatter(
        x=places,
        y=np.zeros(len(places)),
        mode="markers",
        marker={"symbol": "triangle-up", "size": 11, "color": SELECTED, "line": {"width": 1, "color": "white"}},
        hovertemplate="shown below: %{x:.3f}<extra></extra>",
        cliponaxis=False,
    )
    if len(places):
        words = f" The {len(places)} samples shown lie between {places.min():.3f} and {places.max():.3f}."
        figure.update_layout(meta={"alt": figure.layout.meta["alt"] + words})
    return figure


def doubted_among(study: Study, order: np.ndarray) -> tuple[int, int, float] | None:
    """How many of the most isolated are among as many of the most suspicious.

    Returns:
        how many are compared, how many are both, and how many would be by chance; None without suspicion.
    """
    if "suspicion" not in study.samples:
        return None
    suspicion = study.samples["suspicion"].to_numpy(dtype=float)
    ranked = int(np.isfinite(suspicion).sum())
    count = min(MOST_DOUBTED, len(order), ranked // 2)
    if not count:
        return None
    doubted = np.argsort(np.where(np.isfinite(suspicion), -suspicion, np.inf), kind="stable")[:count]
    return count, int(np.isin(order[:count], doubted).sum()), count * count / ranked


def _choose_way(study: Study) -> str:
    ways = [NEAREST, SOFT] if COUNT in study.samples else [NEAREST]
    return st.segmented_control(
        "Isolated by",
        ways,
        default=NEAREST,
        required=True,
        key=f"{KEY}-by",
        help="The nearest similarity finds samples without a single close one; the soft count adds up the similarities "
        "to all samples and finds those that are far from the whole data set.",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _nearest(_study: Study, version: str) -> np.ndarray | None:
    from explorer.similarity.duplicates import nearest_similarity

    neighbors = stored_neighbors(_study)
    return None if neighbors is None else np.array(nearest_similarity(neighbors))


@st.cache_data(max_entries=8, show_spinner=False)
def _order(_study: Study, version: str, way: str) -> np.ndarray:
    return isolation_order(_study, way)


@st.cache_data(max_entries=8, show_spinner=False)
def _doubted(_study: Study, version: str, order: np.ndarray) -> tuple[int, int, float] | None:
    return doubted_among(_study, order)


def _shown(rows: np.ndarray, page_key: str) -> np.ndarray:
    page = st.session_state.get(page_key) or 1
    return rows[(page - 1) * PER_PAGE : page * PER_PAGE]


def _show_place(study: Study, nearest: np.ndarray, shown: np.ndarray) -> None:
    show_figure(marked_histogram(nearest, shown), key=f"{KEY}-histogram")
    missing = int((~np.isfinite(nearest)).sum())
    none = f" {missing:,} without a gradient have no nearest and are not ranked." if missing else ""
    st.caption(
        f"All {study.n:,} samples by the similarity to the one that is most like them; the triangles are the "
        f"{len(shown)} shown below.{none}"
    )


def _show_counts(study: Study, order: np.ndarray, rows: np.ndarray, nearest: np.ndarray) -> None:
    ranked = int(np.isfinite(nearest).sum())
    passing = f", of which {len(rows):,} pass the filter" if len(rows) < len(order) else ""
    listed = f"**The {len(order):,} most isolated** of {ranked:,}" if len(order) < ranked else f"**All {ranked:,}**"
    words = [f"{listed} samples{passing}, most isolated first."]
    both = _doubted(study, study.version, order)
    if both is not None:
        count, found, chance = both
        words.append(
            f"Of the first {count:,}, {found:,} are also among the {count:,} most suspicious; chance alone would give "
            f"{chance:.1f}."
        )
    st.markdown(" ".join(words))


def _first_line(study: Study, way: str, nearest: np.ndarray, row: int) -> str:
    if way == NEAREST:
        return f"nearest {nearest[row]:.3f}".replace("-", "−")
    return f"N = {write_value(study, COUNT, study.samples[COUNT].iloc[row])}"
