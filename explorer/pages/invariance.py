"""Turned pictures: an enforced similarity against plain augmentation, from `python -m benchmarks.invariance`."""

import json
from pathlib import Path

import pandas as pd
import streamlit as st

from explorer.pages.tiles import show_figure
from explorer.views.charts import bars

TABLES = Path(__file__).parents[2] / "assets" / "experiments"
ARMS = {
    "plain": "upright images",
    "augmented": "turned images",
    "enforced": "upright images and the term",
    "both": "turned images and the term",
}
FEW = {"plain, few steps": "upright images alone", "enforced": "the term", "augmented, few steps": "turned images"}
"""Arms that were trained for equally many steps."""
AGAINST = "augmented"
SURE = 0.05
WIDTH = 860


def show() -> None:
    """The part of the page about turned pictures."""
    st.header("An invariance: pictures and their turned copies", anchor=False)
    st.markdown(
        "The same term can ask that a picture and a turned copy of it are alike. The usual way to the same end is "
        "augmentation: train on turned copies. A step with the term costs more, so every arm gets the **same time**, "
        "not the same number of steps.",
        width=WIDTH,
    )
    paths = [TABLES / f"invariance-{name}.parquet" for name in ("runs", "tests")]
    if not all(path.is_file() for path in paths):
        st.info("The tables are not here. Make them with `python -m benchmarks.invariance`.", icon=":material/info:")
        return
    runs, tests = (pd.read_parquet(path) for path in paths)
    st.markdown(f"{verdict(tests)} {gain_in_words(runs)} {few_in_words(runs)}", width=WIDTH)
    arms = [arm for arm in ARMS if arm in set(runs["arm"])]
    for place, (images, own) in zip(st.columns(2), runs.groupby("images", sort=False), strict=False):
        with place:
            st.markdown(f"**Held-out images, {images}**")
            means = own.groupby("arm")["value"].mean()[arms]
            figure = bars(arms, means, "accuracy", colors=[-1, 0, 1, 8][: len(arms)], span=(0.0, 1.4))
            figure.update_xaxes(tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
            spread = own.groupby("arm")["value"].std().fillna(0.0)[arms]
            told = [f"{100 * one:.1f} ± {100 * more:.1f}" for one, more in zip(means, spread, strict=True)]
            figure.update_traces(text=told, textposition="outside", cliponaxis=False)
            show_figure(figure, key=f"invariance-{images}")
    steps = runs.groupby("arm")[["steps", "milliseconds"]].first().loc[arms]
    costs = "; ".join(f"{one.Index}: {one.steps:,} steps of {one.milliseconds:.0f} ms" for one in steps.itertuples())
    facts_path = TABLES / "invariance.json"
    facts = json.loads(facts_path.read_text()) if facts_path.is_file() else {}
    st.caption(
        f"Means ± standard deviation over {runs['seed'].nunique()} seeds, in percent. {costs}. Angles up to "
        f"{facts.get('most_degrees', float('nan')):g}° either way, {facts.get('batch', '?')} images a step, torch "
        f"{facts.get('torch', '?')}, {facts.get('date', '?')}. Repeat with `python -m benchmarks.invariance`."
    )


def verdict(tests: pd.DataFrame) -> str:
    """Whether the enforced term beats augmentation on turned images, at equal cost.

    Args:
        tests: arm, images, difference (to augmentation), low, high, p_holm.
    """
    one = tests[(tests["arm"] == "enforced") & (tests["images"] == "turned")]
    if one.empty:
        return ""
    line = one.iloc[0]
    middle, low, high = (f"{100 * line[name]:+.1f}" for name in ("difference", "low", "high"))
    told = f"{middle} points ({low} to {high})".replace("-", "−")
    if line["p_holm"] >= SURE:
        return f"**On turned images the term and augmentation do not differ beyond chance**: {told}."
    better = "more" if line["difference"] > 0 else "less"
    return f"**On turned images the term brings {better} than augmentation at the same cost**: {told}."


def gain_in_words(runs: pd.DataFrame) -> str:
    """How the term alone compares with nothing at all on turned images; no test, the means alone."""
    means = runs[runs["images"] == "turned"].groupby("arm")["value"].mean()
    if not {"plain", "enforced"} <= set(means.index):
        return ""
    gain = f"{100 * (means['enforced'] - means['plain']):+.1f}".replace("-", "−")
    return f"Beside upright images alone, in the same time, the term makes {gain} points."


def few_in_words(runs: pd.DataFrame) -> str:
    """What comes of equally many steps, whatever they cost; no test, the means alone."""
    turned = runs[runs["images"] == "turned"].groupby("arm")[["value", "steps"]].mean()
    if not set(FEW) <= set(turned.index):
        return ""
    told = ", ".join(f"{words} {100 * turned.loc[arm, 'value']:.1f} %" for arm, words in FEW.items())
    return f"After equally many steps, {turned.loc['enforced', 'steps']:.0f}, whatever they cost: {told}."
