"""How much label noise the network averages away, under which assumptions, and what that does not say."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from explorer.columns import COLUMNS
from explorer.pages.reading import class_name
from explorer.pages.state import current_sample, page_header, plain
from explorer.pages.tiles import given_text, guide_link, show_figure, show_number_grid
from explorer.study.study import Study
from explorer.views.charts import bars, count_bins, factor_histogram, histogram

FACTOR, RATIO = "denoising_factor", "denoising_floor_ratio"
NUMBERS = (FACTOR, RATIO, "effective_neighbors", "leverage_gain", "shift", "uncertainty")

MOST_CLASSES = 10
MET = 0.1
"""Training has come to rest when its errors pull at most so much as errors at random would."""

ICONS = {"met": ":material/check_circle:", "roughly met": ":material/error:", "not met": ":material/cancel:"}
UNKNOWN_ICON = ":material/help:"


@dataclass(frozen=True)
class Assumption:
    """Something that the denoising factor takes for granted, and what this study says about it."""

    name: str
    verdict: str
    """met, roughly met, not met, or cannot be told."""
    reason: str


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
    _show_factors(study, row)
    if study.task == "classification":
        _show_neighborhood(study, row)
    if "shift" in study.samples:
        _show_shift(study, row)
    _show_assumptions(study)


def floor_of(samples: pd.DataFrame) -> float | None:
    """1/√n over the samples that were averaged, read back from the factor and its ratio; None without a ratio."""
    if RATIO not in samples:
        return None
    factors, ratios = (samples[name].to_numpy(dtype=float) for name in (FACTOR, RATIO))
    known = np.isfinite(factors) & np.isfinite(ratios) & (ratios > 0)
    return float(np.median(factors[known] / ratios[known])) if known.any() else None


def assumptions(study: Study) -> list[Assumption]:
    """What the factor assumes, each with a verdict for this study and the reason for it."""
    return [
        _loss(study),
        stationarity(study),
        Assumption(
            "Noise is independent from sample to sample",
            "cannot be told",
            "Wrong labels that come in groups, such as one annotator's habit, are not averaged away.",
        ),
        Assumption(
            "Similarities do not depend on the noise",
            "not met",
            "The network was fitted to these very labels. In our experiments with known noise the factor promised four "
            "to five times more denoising than there was.",
        ),
    ]


def stationarity(study: Study) -> Assumption:
    """Whether training had come to rest, judged by the residual in the notes of the step statistics.

    The residual is the joint pull of all errors on the parameters, as a share of the largest that it could be. Errors
    that know nothing of the network pull with about 1/√n; at rest there is no pull at all.
    """
    name = "Training has come to rest, with nothing but the loss pulling"
    notes = study.manifest.steps["statistics"].notes if "statistics" in study.manifest.steps else {}
    residual, samples = notes.get("stationarity_residual"), notes.get("training_samples")
    if residual is None or not samples:
        return Assumption(name, "cannot be told", "This study holds no stationarity residual.")
    chance = samples**-0.5
    compared = f"Stationarity residual {residual:.2g}; 0 is at rest, {chance:.2g} what errors at random would give:"
    if residual <= MET * chance:
        return Assumption(name, "met", f"{compared} the errors hardly pull at the parameters any more.")
    if residual <= chance:
        return Assumption(name, "roughly met", f"{compared} the errors pull no more than chance would.")
    return Assumption(
        name,
        "not met",
        f"{compared} the errors still pull together, as after early stopping, with weight decay or with another loss. "
        "The numbers on this page then describe another network than this one.",
    )


def _loss(study: Study) -> Assumption:
    if study.task == "classification":
        return Assumption(
            "Squared error",
            "roughly met",
            "A classifier is trained with cross-entropy. Its averages of probabilities and labels still agree at rest, "
            "but flipped labels are not noise around a mean: read the labels nearby instead of a noise level.",
        )
    return Assumption(
        "Squared error",
        "cannot be told",
        "The study does not know which loss was used; a small stationarity residual speaks for it.",
    )


def _show_numbers(study: Study, row: int) -> None:
    st.markdown(f"**Sample {row}**")
    show_number_grid(study, NUMBERS, row)
    missing = [COLUMNS[name].title for name in NUMBERS if name not in study.samples]
    if missing:
        st.caption(f"Not measured in this study: {', '.join(missing).lower()}.")


def _show_factors(study: Study, row: int) -> None:
    st.subheader("Factor and floor", anchor=False)
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
        f"averaged. The median is {ratio:.3g} times that. {reading} The factor is no error bar: it says nothing about "
        f"how far the average itself is from the truth. {guide_link('What it is', FACTOR)}"
    )


def _show_neighborhood(study: Study, row: int) -> None:
    if "label" not in study.samples:
        return
    near, k = labels_near(study, row)
    everywhere = labels_averaged(study, row)
    if not len(near):
        return
    st.subheader("Labels nearby", anchor=False)
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


def _show_shares(study: Study, shares: pd.Series, numbers: list[int], title: str, key: str) -> None:
    names = [class_name(study, number) for number in numbers]
    show_figure(bars(names, shares[numbers].to_numpy(), title, colors=numbers, span=(0, 1)), key=key)


def _show_shift(study: Study, row: int) -> None:
    values = study.samples["shift"].to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return
    st.subheader("Shift", anchor=False)
    unit = "distance of probabilities" if study.task == "classification" else "units of the target"
    figure = histogram(count_bins(values), f"shift ({unit})", value=values[row])
    show_figure(figure, key="shift")
    st.caption(f"{COLUMNS['shift'].help} {guide_link('What it is', 'shift')}")


def _show_assumptions(study: Study) -> None:
    st.subheader("What this rests on", anchor=False)
    for one in assumptions(study):
        st.markdown(f"{ICONS.get(one.verdict, UNKNOWN_ICON)} **{one.name}**: {one.verdict}. {one.reason}")
