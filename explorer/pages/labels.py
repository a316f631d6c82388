"""Which labels to doubt: a ranked list, most suspicious first, with the reasons in words."""

import numpy as np
import pandas as pd
import streamlit as st

from explorer.columns import COLUMNS
from explorer.pages.reading import class_name, write_value
from explorer.pages.selection import Equals
from explorer.pages.state import (
    current_rows,
    current_sample,
    filter_by,
    page_header,
    plain,
    select_sample,
    selection,
    unfilter,
)
from explorer.pages.tiles import answer_text, given_text, given_word, neighbor_tiles, show_gallery
from explorer.study.study import Study
from explorer.views.gallery import large_picture, picture_address, thumbnail

RANKINGS = ("suspicion", "label_margin", "target_residual", "neighbor_disagreement", "given_label_loss")
"""The first of these that a study has orders the list; higher is more suspicious in all of them."""
QUESTION = {
    "classification": "Which given labels do the network's neighbors contradict? Most suspicious first.",
    "regression": "Which given targets lie far from what similar samples say? Most suspicious first.",
}
PER_PAGE = 50
SHOWN_NEIGHBORS = 12
FEW_NEIGHBORS = 5
"""Samples whose count is among the lowest so many percent have too few neighbors to speak clearly."""


def show(study: Study) -> None:
    """The page of suspicious labels."""
    page_header(study, "Labels", QUESTION[study.task])
    ranking = next((name for name in RANKINGS if name in study.samples), None)
    if ranking is None or not given_text(study, 0):
        _show_nothing(study)
        return
    order = ranked_rows(study.samples[ranking].to_numpy(dtype=float))
    _show_precision(study, order)
    _choose_pair(study)
    rows = order[current_rows(study)[order]]
    if not len(rows):
        st.info("No sample passes the filter. Take a condition back to see some.", icon=":material/filter_alt_off:")
        return
    table, detail = st.columns([3, 2], gap="large")
    with table:
        _show_table(study, rows, order, ranking)
    with detail:
        _show_chosen(study, order)


def ranked_rows(suspicion: np.ndarray) -> np.ndarray:
    """Row numbers, most suspicious first, equals in the order of rows; rows without a finite value are left out."""
    order = np.argsort(-suspicion, kind="stable")
    return order[np.isfinite(suspicion[order])]


def flipped_rows(samples: pd.DataFrame) -> np.ndarray | None:
    """[n] bool, whether each label was changed on purpose; None where that is not known."""
    if "flipped" in samples:
        return samples["flipped"].to_numpy(dtype=bool)
    if "true_label" in samples and "label" in samples:
        return (samples["true_label"] != samples["label"]).to_numpy(dtype=bool)
    return None


def reasons(study: Study, row: int) -> list[str]:
    """Why a label or target is doubted, and what speaks against it: one sentence each, numbers included."""
    sample = study.samples.iloc[row]
    found = _label_reasons(study, sample) if "label" in sample else _target_reasons(study, sample)
    if sample.get("soft_density", np.inf) <= few_neighbors(study):
        found.append(f"It has fewer neighbors than {100 - FEW_NEIGHBORS} % of samples: weak evidence either way.")
    return found


def reason_in_short(study: Study, sample: pd.Series, few: float) -> str:
    """Who speaks against the given answer, in a few words, such as `neighbors for 4 (98 %), network for 4`.

    Args:
        study: what the sample belongs to.
        sample: one line of the samples table.
        few: soft counts up to this are too few neighbors to speak clearly, see few_neighbors.
    """
    parts = []
    suggested, answer = _other_class(sample, "suggested_label"), _other_class(sample, "prediction")
    if suggested is not None:
        support = sample.get("suggested_probability", np.nan)
        share = f" ({100 * support:.0f} %)" if np.isfinite(support) else ""
        parts.append(f"neighbors for {class_name(study, suggested)}{share}")
    if answer is not None:
        parts.append(f"network for {class_name(study, answer)}")
    if np.isfinite(sample.get("target_residual", np.nan)):
        parts.append(f"{sample['target_residual']:.1f} × the usual distance")
    if sample.get("soft_density", np.inf) <= few:
        parts.append("few neighbors")
    return ", ".join(parts) or "nothing speaks against it"


def few_neighbors(study: Study) -> float:
    """The soft count below which a sample has too few neighbors to speak clearly, in samples."""
    if "soft_density" not in study.samples:
        return -np.inf
    return float(np.nanpercentile(study.samples["soft_density"].to_numpy(dtype=float), FEW_NEIGHBORS))


def _other_class(sample: pd.Series, column: str) -> int | None:
    """The class in a column when it is one, and another than the label."""
    if "label" not in sample or column not in sample:
        return None
    return int(sample[column]) if sample[column] >= 0 and sample[column] != sample["label"] else None


def _label_reasons(study: Study, sample: pd.Series) -> list[str]:
    given, found = class_name(study, sample["label"]), []
    suggested, answer = _other_class(sample, "suggested_label"), _other_class(sample, "prediction")
    others = sample.get("neighbor_disagreement", 0.0)
    if suggested is not None:
        support = sample.get("suggested_probability", np.nan)
        share = f" with {100 * support:.0f} % of their evidence" if np.isfinite(support) else ""
        found.append(f"The neighbors speak for {class_name(study, suggested)}{share}.")
    if others > 0:
        found.append(f"Of the nearest neighbors, {100 * others:.0f} % have another label.")
    if answer is not None:
        found.append(f"The network answers {class_name(study, answer)}.")
    elif sample.get("prediction", -1) >= 0:
        found.append(f"The network answers {given} as well: it has learned the label, or the label is right.")
    if np.isfinite(sample.get("given_label_loss", np.nan)):
        probability = np.exp(-sample["given_label_loss"])
        words = "less than 0.1 %" if probability < 0.001 else f"{100 * probability:.1f} %"
        found.append(f"It gives {given} a probability of {words}.")
    return found


def _target_reasons(study: Study, sample: pd.Series) -> list[str]:
    row = int(sample.name)
    found = [f"The target is {given_text(study, row)}, the network predicts {answer_text(study, row)}."]
    if np.isfinite(sample.get("target_residual", np.nan)):
        found.append(
            f"The target is {sample['target_residual']:.1f} times as far as usual from what all other samples predict."
        )
    return found


def _show_nothing(study: Study) -> None:
    given = given_word(study)
    st.info(
        f"This study has no column of doubt about its {given}s: that needs {given}s and a finished build.",
        icon=":material/info:",
    )


def _show_precision(study: Study, order: np.ndarray) -> None:
    flipped = flipped_rows(study.samples)
    if flipped is None or not flipped.any():
        return
    total = int(flipped.sum())
    parts = []
    for top in sorted({min(top, len(order)) for top in (50, 200, total)}):
        found = int(flipped[order[:top]].sum())
        parts.append(f"**{found:,} of the top {top:,}** ({100 * found / top:.0f} %)")
    st.success(
        f"Measured, since {total:,} of the {study.n:,} labels were changed on purpose: {', '.join(parts)} are really "
        "wrong. Only a demo can know this; filters do not change it.",
        icon=":material/science:",
    )


def _choose_pair(study: Study) -> None:
    if not {"label", "suggested_label"} <= set(study.samples):
        return
    samples = study.samples
    doubted = samples[samples["label"] != samples["suggested_label"]]
    counts = doubted.groupby(["label", "suggested_label"]).size().sort_values(ascending=False, kind="stable")
    names = {
        f"{int(given)}>{int(better)}": f"{class_name(study, given)} → {class_name(study, better)} ({count:,})"
        for (given, better), count in counts.items()
    }
    conditions = [selection().filter.on(column) for column in ("label", "suggested_label")]
    pair = ">".join(one.value for one in conditions if isinstance(one, Equals))
    st.session_state["label-pair"] = pair if pair in names else None

    def choose() -> None:
        chosen = st.session_state["label-pair"]
        for column, value in zip(("label", "suggested_label"), (chosen or ">").split(">"), strict=True):
            filter_by(Equals(column, value)) if chosen else unfilter(column)

    st.selectbox(
        "Given → suggested label (samples)",
        list(names),
        index=None,
        format_func=names.get,
        key="label-pair",
        on_change=choose,
        placeholder="all pairs",
        width=360,
        help="The label that the data set gives, and the one that the neighbors speak for.",
    )


def _show_table(study: Study, rows: np.ndarray, order: np.ndarray, ranking: str) -> None:
    slot = st.container()
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key="label-page") if pages > 1 else 1
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    rank = np.empty(study.n, dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    key = f"suspects-{study.version}-{selection().filter}-{page}"

    def pick() -> None:
        for place in st.session_state[key].selection.rows[:1]:
            select_sample(int(shown[place]))

    with slot:
        st.dataframe(
            suspects_table(study, shown, rank[shown], ranking),
            hide_index=True,
            row_height=48,
            height=560,
            key=key,
            on_select=pick,
            selection_mode="single-row",
            alt="Samples by suspicion, most suspicious first; select a row to see its neighbors.",
            column_config={
                "Picture": st.column_config.ImageColumn(width=64),
                "Rank": st.column_config.NumberColumn(width=56, format="localized"),
                "Sample": st.column_config.NumberColumn(width=72, format="%d"),
                COLUMNS[ranking].title: st.column_config.NumberColumn(format="%.3f", help=COLUMNS[ranking].help),
            },
        )
        st.caption(f"{len(rows):,} samples, ordered by {COLUMNS[ranking].title.lower()}. Select a row to look closer.")


def suspects_table(study: Study, rows: np.ndarray, ranks: np.ndarray, ranking: str) -> pd.DataFrame:
    """The list as shown: one line a sample, classes by name, reasons in words.

    Cost: one picture a row; pass one page.
    """
    samples = study.samples.iloc[rows]
    table = pd.DataFrame({"Rank": ranks, "Picture": [picture_address(thumbnail(study, row)) for row in rows]})
    table["Given"] = [given_text(study, row) for row in rows]
    if "suggested_label" in samples:
        table["Suggested"] = [class_name(study, label) for label in samples["suggested_label"]]
    else:
        table["Predicted"] = [answer_text(study, row) for row in rows]
    table[COLUMNS[ranking].title] = samples[ranking].to_numpy()
    few = few_neighbors(study)
    table["Why"] = [reason_in_short(study, samples.loc[row], few) for row in rows]
    table["Sample"] = rows
    return table


def _show_chosen(study: Study, order: np.ndarray) -> None:
    row = current_sample(study)
    place = np.flatnonzero(order == row)
    rank = f"number {place[0] + 1:,} of {len(order):,}" if len(place) else "not ranked"
    given = given_text(study, row)
    st.subheader(f"Sample {row}, {rank}", anchor=False)
    picture, words = st.columns([1, 2])
    with picture:
        st.html(large_picture(picture_address(thumbnail(study, row)), f"Sample {row}, {given_word(study)} {given}"))
    with words:
        st.markdown(f"Given **{plain(given)}**")
        if "suggested_label" in study.samples:
            better = write_value(study, "suggested_label", study.samples["suggested_label"].iloc[row])
            st.markdown(f"Suggested **{plain(better)}**")
        st.markdown(f"Predicted **{plain(answer_text(study, row))}**")
    st.markdown("\n".join(f"- {plain(reason)}" for reason in reasons(study, row)))
    st.markdown("**Most similar for the network**", help="Similarity kᶜ under each picture, then what is given.")
    tiles = neighbor_tiles(study, row, study.neighbors(row, k=SHOWN_NEIGHBORS))
    show_gallery(tiles, key="label-neighbors", label="neighbors of the chosen sample")
