"""How many samples does the network treat like this one? Counts, their agreement, and what they may mean."""

import numpy as np
import streamlit as st

from explorer.pages.counting import COUNT, show_counts
from explorer.pages.state import (
    current_rows,
    current_sample,
    filter_by,
    page_header,
    selection,
    unfilter,
)
from explorer.pages.tiles import guide_link, picked_points, show_figure, show_samples
from explorer.study.study import Study
from explorer.views.assumptions import label_variance_of_all
from explorer.views.charts import Bins, bin_examples, histogram, round_bins
from explorer.views.gallery import pictures
from explorer.views.planes import CORNERS, POINTS, Corner, CornerRule, corner_plane, corner_rule
from explorer.views.reading import read_value, write_value
from explorer.views.selection import Between

ALL = "all samples"


def show(study: Study) -> None:
    """The page of neighbor counts."""
    row = current_sample(study)
    page_header(study, "Density", "How many samples does the network treat like this one?")
    if COUNT not in study.samples or not np.isfinite(study.samples[COUNT].to_numpy(dtype=float)).any():
        st.info("This study has no neighbor counts yet: its step “statistics” has not run.", icon=":material/info:")
        return
    _show_place(study, row)
    _show_histogram(study, row)
    st.divider()
    _show_corners(study, row)
    st.divider()
    show_counts(study, row)


def _show_place(study: Study, row: int) -> None:
    place = read_value(study, COUNT, row)
    if place.percentile is None:
        st.info(f"Sample {row} has no similarity to any other, so it has no count.", icon=":material/block:")
    else:
        st.markdown(
            f"Sample **{row}** counts as **{place.text}** of {study.n:,}: more than {place.percentile:.0f} % of all "
            "samples."
        )
    st.caption(
        "The soft count adds up the similarities to all samples, itself included. A low count says that the network "
        "holds the sample apart (rare, hard or memorized), a high one that its answer is tied to many others; "
        "neither is good or bad by itself. " + guide_link("What this number is and is not", COUNT)
    )


def _show_histogram(study: Study, row: int) -> None:
    values = study.samples[COUNT].to_numpy(dtype=float)
    bins = round_bins(values)
    shown = _bin_of_filter(bins)
    figure = histogram(
        bins,
        "soft count (samples)",
        value=values[row],
        value_name=f"sample {row}",
        pictures=pictures(study, bin_examples(values, bins)),
        chosen=shown,
    )
    # Another figure under the same key would bring back the click on the old one, so the key says what is shown.
    key = f"density-{study.version}-{shown}"

    def pick() -> None:
        for point in picked_points(key)[:1]:
            _filter_by_bin(bins, int(point["point_index"]))

    show_figure(figure, key=key, on_select=pick)
    st.caption("Above each bar stands a typical sample of it. Click a bar, or choose a range, to see its samples.")
    _choose_bin(bins, shown)
    _show_chosen(study, row)


def _choose_bin(bins: Bins, shown: int | None) -> None:
    ranges = [
        f"{low:.6g} to {high:.6g} · {count:,} samples"
        for low, high, count in zip(bins.edges[:-1], bins.edges[1:], bins.counts, strict=True)
    ]
    st.session_state["density-range"] = ranges[shown] if shown is not None else None

    def choose() -> None:
        chosen = st.session_state["density-range"]
        if chosen is None:
            unfilter(COUNT)
        else:
            _filter_by_bin(bins, ranges.index(chosen))

    st.selectbox(
        "Range of the soft count", ranges, index=None, key="density-range", on_change=choose, placeholder=ALL, width=360
    )


def _filter_by_bin(bins: Bins, place: int) -> None:
    filter_by(Between(COUNT, float(bins.edges[place]), float(bins.edges[place + 1])))


def _bin_of_filter(bins: Bins) -> int | None:
    condition = selection().filter.on(COUNT)
    if not isinstance(condition, Between):
        return None
    middle = (condition.low + condition.high) / 2
    place = int(bins.place(np.array([middle]))[0])
    return place if place >= 0 and np.allclose([condition.low, condition.high], bins.edges[place : place + 2]) else None


def _show_chosen(study: Study, row: int) -> None:
    if not selection().filter:
        return
    values = study.samples[COUNT].to_numpy(dtype=float)
    rows = np.flatnonzero(current_rows(study))
    rows = rows[np.argsort(values[rows], kind="stable")]
    st.markdown(f"**{len(rows):,} samples pass the filter**, here and on the map. Fewest neighbors first:")
    show_samples(
        study,
        rows,
        key="density-samples",
        label="samples that pass the filter",
        first_line=lambda one: _count_text(study, one),
        chosen=row,
    )


def _count_text(study: Study, row: int) -> str:
    return f"N = {write_value(study, COUNT, study.samples[COUNT].iloc[row])}"


def _show_corners(study: Study, row: int) -> None:
    st.header("Do the neighbors agree?", anchor=False)
    overall = label_variance_of_all(study)
    if "label_variance" not in study.samples or overall is None:
        st.info("This needs labels or targets, which this study does not have.", icon=":material/info:")
        return
    counts, variances = (study.samples[name].to_numpy(dtype=float) for name in (COUNT, "label_variance"))
    rule = corner_rule(counts, overall)
    figure = corner_plane(counts, variances, ("soft count (samples)", "label variance nearby"), rule, row=row)
    show_figure(figure, key="corners")
    few, many = (write_value(study, COUNT, border) for border in (rule.few, rule.many))
    st.caption(
        f"Few is the lowest tenth of the counts (up to {few} samples), many the highest (from "
        f"{many}). Labels are mixed above {rule.mixed:.3g}, half the variance of all labels together "
        f"({overall:.3g}). {'Color counts samples. ' if study.n > POINTS else ''}The names are readings to check by "
        "looking, not findings."
    )
    inside = {corner.name: np.flatnonzero(rule.holds(corner, counts, variances)) for corner in CORNERS}
    name = st.segmented_control(
        "Look into a corner",
        list(inside),
        format_func=lambda one: f"{one} ({len(inside[one]):,})",
        key="corner",
    )
    for corner in CORNERS:
        if corner.name == name:
            _show_corner(study, row, corner, rule, inside[name])


def _show_corner(study: Study, row: int, corner: Corner, rule: CornerRule, rows: np.ndarray) -> None:
    st.markdown(f"**{corner.name}** · {corner.reading}")
    counts = study.samples[COUNT].to_numpy(dtype=float)[rows]
    variances = study.samples["label_variance"].to_numpy(dtype=float)[rows]
    # Deepest in the corner first.
    order = np.lexsort((-variances if corner.mixed else variances, -counts if corner.many else counts))
    show_samples(
        study,
        rows[order],
        key=f"corner-{corner.name}",
        label=f"samples in the corner {corner.name}",
        first_line=lambda one: _count_text(study, one),
        chosen=row,
    )
