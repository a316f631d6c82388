"""The part of the guide that holds the numbers against what was measured: in this study, and in the paper's runs."""

import numpy as np
import streamlit as st

from explorer.pages import circle, registration
from explorer.pages.state import plain
from explorer.study.study import Study
from explorer.views.assumptions import assumptions

QUERIES, OTHERS = 200, 1000
"""Seeded samples whose pairs stand for all pairs of a study."""
SEED = 0


def show_met(study: Study) -> None:
    """Whether this study meets what the numbers of noise assume: a line each, the reasons on the Denoising page."""
    if "denoising_factor" not in study.samples:
        return
    lines = [f"- {plain(one.name)}: **{one.verdict}**" for one in assumptions(study)]
    st.markdown("**In this study** (the Denoising page gives the reasons):\n" + "\n".join(lines))


def show_findings(study: Study) -> None:
    """What the paper says, and what came out when its experiments were run again with this program."""
    st.header("What we found when we ran the paper again", anchor="findings", divider="gray")
    lines = [*_circle_lines(), *_registration_lines()]
    if lines:
        st.markdown("\n".join(f"- {line}" for line in lines))
        st.caption("Computed from the tables on the Training page, which says how they were made.")
    else:
        st.info("The tables of the experiments are not here.", icon=":material/info:")
    negative = negative_share(study, study.version) if "features" not in study.steps_missing else None
    if negative is not None:
        st.markdown(
            "The paper reads the soft count as a number of neighbors because kᶜ is very rarely negative. In this study "
            f"{_percent(negative)} of the pairs are negative."
        )


@st.cache_data(max_entries=16, show_spinner=False)
def negative_share(_study: Study, version: str) -> float | None:
    """Share of pairs of different samples with a similarity below 0, on seeded ones; None where nobody has any."""
    random = np.random.default_rng(SEED)
    queries, others = (random.choice(_study.n, min(_study.n, count), replace=False) for count in (QUERIES, OTHERS))
    similarities = _study.similarity(queries, others)
    similarities[queries[:, None] == others] = np.nan
    known = similarities[np.isfinite(similarities)]
    return float((known < 0).mean()) if len(known) else None


def _circle_lines() -> list[str]:
    counts, runs, noise = (circle.table(name) for name in ("counts", "runs", "noise"))
    lines = []
    if counts is not None and runs is not None:
        medians, learned = circle.count_medians(counts), circle.learned_frequencies(runs)
        slopes = circle.count_slopes(medians[learned] if len(learned) > 1 else medians)
        bends = runs.groupby("frequency")["curvature_correlation"].median()
        lines += [
            f"**Counts fall with difficulty like 1/f.** On the paper’s circle {circle.paces_in_words(slopes)}",
            f"**Fewer neighbors where the target bends.** On the circle {circle.bends_in_words(bends)}",
        ]
    if noise is not None:
        promised = noise["true_gain"] / noise["factor"]
        lines += [
            "**The denoising factor says how much noise is left.** On the circle with known noise it promises "
            f"{promised.min():.1f} to {promised.max():.1f} times more denoising than there is. "
            f"{circle.leverage_in_words(noise)}",
            "**The shift tells how far an answer can be trusted.** On the circle its rank correlation with the true "
            f"error is {_span(noise['shift_correlation'])}.",
        ]
    return lines


def _registration_lines() -> list[str]:
    rounds, gains = registration.table("rounds"), registration.table("gains")
    if rounds is None or gains is None:
        return []
    medians = registration.last_medians(rounds)
    first = gains[gains["round"] == 1]
    return [
        "**A network averages the noise of its labels away.** Maps laid carelessly over photographs end up within "
        f"{medians.median():.2f} of the label noise’s deviation of their true place, though no right label was seen. "
        f"There: {circle.leverage_in_words(first)}"
    ]


def _percent(share: float) -> str:
    return "none" if share == 0 else f"{100 * share:.2g} %"


def _span(values: np.ndarray) -> str:
    return f"{values.min():.2f} to {values.max():.2f}".replace("-", "−")
