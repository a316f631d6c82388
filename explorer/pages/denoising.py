"""How much label noise the network averages away, under which assumptions, and what that does not say."""

import numpy as np
import pandas as pd
import streamlit as st

from explorer.columns import COLUMNS
from explorer.pages.numbers import show_number
from explorer.pages.state import current_sample, page_header, plain
from explorer.pages.tiles import given_text, guide_link, show_figure
from explorer.study.study import Study
from explorer.views.assumptions import FACTOR, RATIO, assumptions, floor_of, identity_gaps
from explorer.views.charts import bars, count_bins, factor_histogram, histogram
from explorer.views.reading import class_name, write_value

SAYS = {
    FACTOR: "How much of independent label noise the paper's average keeps. It cannot say how wrong the average is.",
    RATIO: "Near 1 the average counts all samples alike: the factor then knows their number and little else.",
    "effective_neighbors": "The factor as so many equal votes. It does not say that so many samples look alike.",
    "leverage_gain": "The same share in the ridge regression that mimics the network: nearer the truth where that was "
    "known. It cannot see what the network would get wrong without noise.",
    "shift": "How far the prediction is from the average around it. It neither bounds nor ranks the error.",
    "uncertainty": "Which answers would have been cheap to move. It is no probability, and errors may lie elsewhere.",
}
"""Every number of this page, with what it can and what it cannot say."""

MOST_CLASSES = 10
ICONS = {"met": ":material/check_circle:", "roughly met": ":material/error:", "not met": ":material/cancel:"}
UNKNOWN_ICON = ":material/help:"


def show(study: Study) -> None:
    """The page of denoising."""
    row = current_sample(study)
    question = "How far are the labels around a sample averaged, and what does this network's averaging rest on?"
    page_header(study, "Denoising", question)
    if FACTOR not in study.samples or not np.isfinite(study.samples[FACTOR].to_numpy(dtype=float)).any():
        st.info(
            "This study has no denoising factors. They need labels or targets and the statistics of a finished build.",
            icon=":material/info:",
        )
        return
    _show_numbers(study, row)
    _show_assumptions(study)
    _show_factors(study, row)
    if study.task == "classification":
        _show_neighborhood(study, row)
    else:
        _show_averages(study, row)
    if "shift" in study.samples:
        _show_shift(study, row)


def _show_numbers(study: Study, row: int) -> None:
    st.markdown(f"**Sample {row}**")
    known = [name for name in SAYS if name in study.samples]
    for start in range(0, len(known), 3):
        for place, name in zip(st.columns(3), known[start : start + 3], strict=False):
            with place, st.container(gap=None):
                show_number(study, name, row)
                st.caption(SAYS[name])
    missing = [COLUMNS[name].title for name in SAYS if name not in known]
    if missing:
        st.caption(f"Not measured in this study: {', '.join(missing).lower()}.")


def _show_factors(study: Study, row: int) -> None:
    st.header("Factor and floor", anchor=False)
    factors = study.samples[FACTOR].to_numpy(dtype=float)
    floor = floor_of(study.samples)
    if floor is None:
        figure = histogram(count_bins(factors), "denoising factor (share of label noise left)", value=factors[row])
        show_figure(figure, key="factors")
        return
    show_figure(factor_histogram(factors, floor, float(factors[row])), key="factors")
    ratio = float(np.nanmedian(factors)) / floor
    reading = (
        "Here the factor says little more than how many samples the network was trained on."
        if ratio < 2
        else "Here the factor is well above its floor: neighborhoods are smaller than the whole data set."
    )
    st.caption(
        f"No factor of positive weights can be smaller than 1/√n = {floor:.3g}, with n = {1 / floor**2:,.0f} samples "
        f"averaged. The median is {ratio:.3g} times that. {reading} {_gain_words(study)}The factor is no error bar: it "
        f"says nothing about how far the average itself is from the truth. {guide_link('What it is', FACTOR)}"
    )


def _gain_words(study: Study) -> str:
    gains = study.samples.get("leverage_gain", pd.Series(dtype=float)).dropna()
    if not len(gains):
        return ""
    return f"The leverage gain, in which far samples count for less, keeps {gains.median():.3g} at the median. "


def _show_neighborhood(study: Study, row: int) -> None:
    if "label" not in study.samples:
        return
    near, k = labels_near(study, row)
    everywhere = labels_averaged(study, row)
    if not len(near):
        return
    st.header("Labels nearby", anchor=False)
    # Both figures list the same classes in one order, so that the eye can go across.
    shown = near if everywhere is None else near.reindex(near.index.union(everywhere.index, sort=False), fill_value=0.0)
    numbers = [int(number) for number in shown.index[:MOST_CLASSES]]
    left, right = st.columns(2)
    with left:
        _show_shares(study, shown, numbers, f"share of the {k} nearest, weighted by kᶜ", "labels-near")
    if everywhere is not None:
        with right:
            _show_shares(study, everywhere, numbers, "share in the average of all, E_k[label]", "labels-averaged")
    given = plain(given_text(study, row))
    st.caption(
        f"The given label is {given}. Left, the nearest samples; right, the average over all training samples that the "
        "factor is about, usually much broader; its weights may be negative, and so may its shares. What a classifier "
        "averages are labels: read these distributions, not a noise level."
    )


def labels_near(study: Study, row: int) -> tuple[pd.Series, int]:
    """Share of each label among the stored neighbors, weighted by similarity, largest first; and how many they are."""
    neighbors = study.neighbors(row, k=study.settings.neighbors)
    known = neighbors.indices >= 0
    labels = study.samples["label"].to_numpy()[neighbors.indices[known]]
    weights = np.clip(neighbors.similarities[known].astype(float), 0, None)
    shares = pd.Series(weights / max(weights.sum(), 1e-12)).groupby(labels).sum()
    return shares.sort_values(ascending=False, kind="stable"), int(known.sum())


def labels_averaged(study: Study, row: int) -> pd.Series | None:
    """E_k[label] of a sample, one share a class, largest first; None where the study does not hold it.

    The weights of this average may be negative, so a share may be a little below 0 or above 1.
    """
    if "statistics/label_mean" not in study.manifest.arrays:
        return None
    means = study.array("statistics/label_mean")[row].astype(float)
    # One output alone speaks for class 1 against class 0.
    shares = pd.Series(means if len(means) > 1 else [1 - means[0], means[0]])
    return shares.sort_values(ascending=False, kind="stable") if np.isfinite(shares).all() else None


def _show_averages(study: Study, row: int) -> None:
    """The two averages that are equal at rest, beside the values at the sample itself."""
    if identity_gaps(study) is None:
        return
    st.header("The averages around this sample", anchor=False)
    lines = ["| | this sample | average around it |", "|:--|--:|--:|"]
    for name, array in (("prediction", "neighbor_mean"), ("target", "label_mean")):
        means = study.array(f"statistics/{array}")[row]
        for column, mean in zip(study.columns_of(name), means, strict=True):
            own = write_value(study, column, study.samples[column].iloc[row])
            lines.append(f"| {column.replace('_', ' ')} | {own} | {write_value(study, column, mean)} |")
    st.markdown("\n".join(lines))
    st.caption(
        "The averages run over all training samples with the network's own weights; at rest the two are the same. "
        "Neither is the truth: where the target bends more than the neighborhood is wide, the average cuts the corner, "
        "and no number here can see that."
    )


def _show_shares(study: Study, shares: pd.Series, numbers: list[int], title: str, key: str) -> None:
    names = [class_name(study, number) for number in numbers]
    show_figure(bars(names, shares[numbers].to_numpy(), title, colors=numbers, span=(0, 1)), key=key)


def _show_shift(study: Study, row: int) -> None:
    values = study.samples["shift"].to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return
    st.header("Shift", anchor=False)
    unit = "distance of probabilities" if study.task == "classification" else "units of the target"
    figure = histogram(count_bins(values), f"shift ({unit})", value=values[row])
    show_figure(figure, key="shift")
    st.caption(f"{COLUMNS['shift'].help} {guide_link('What it is', 'shift')}")


def _show_assumptions(study: Study) -> None:
    st.header("Do these numbers apply here?", anchor=False)
    for one in assumptions(study):
        st.markdown(f"{ICONS.get(one.verdict, UNKNOWN_ICON)} **{one.name}**: {one.verdict}. {plain(one.reason)}")
