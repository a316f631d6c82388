"""Training with labels made wrong at random, from the tables of `python -m benchmarks.misclassification`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer.pages.tiles import show_figure
from explorer.views.curves import Curve, arm_curves
from explorer.views.theme import BAR, CATEGORICAL

TABLES = Path(__file__).parents[2] / "assets" / "experiments"
SURE = 0.05
WIDTH = 860
COLORS = (BAR, *(CATEGORICAL[place] for place in (3, 0, 1, 2, 4)))
"""Of the probabilities in rising order."""
DASHES = ("solid", "dot", "dash", "longdash", "dashdot", "solid")
MOST_UNITS = 60


def show() -> None:
    """The experiment on misclassification."""
    st.markdown(
        "Whenever a sample is seen in training, its label is replaced by a random one with probability p (Cornacchia "
        "and others, 2021). They say that networks of ReLU units then become **sparse**: for a typical input fewer "
        "units fire, and some never do.",
        width=WIDTH,
    )
    runs, layers, tests = (table(name) for name in ("runs", "layers", "tests"))
    if runs is None or layers is None or tests is None:
        st.info(
            "The tables of this experiment are not here. Make them with `python -m benchmarks.misclassification`.",
            icon=":material/info:",
        )
        return
    st.markdown(f"{activity_in_words(tests)} {accuracy_in_words(tests)}", width=WIDTH)
    titles = ("epoch", "units above zero (share)")
    show_figure(arm_curves(_curves(runs, "activity"), titles, percent=True), key="misclassification-activity")
    titles = ("epoch", "accuracy on images held out, by their published labels")
    known = runs[runs["probability"] < 1]
    show_figure(arm_curves(_curves(known, "held_out_accuracy"), titles, percent=True), key="misclassification-accuracy")
    left_out = " p = 1 is left out: there is nothing to learn." if len(known) < len(runs) else ""
    st.caption(f"Lines are means over seeds; bands reach from the lowest to the highest.{left_out} {_origin(runs)}")
    _show_dead(layers)
    with st.expander("All numbers"):
        st.dataframe(_layer_table(layers), hide_index=True, alt="Activity and dead units by layer")
        st.dataframe(_test_table(tests), hide_index=True, alt="Every p against p = 0")
    st.header("What it means, and what it does not", anchor=False)
    st.markdown(
        "* Fewer units that fire is no aim of its own: read it beside the accuracy.\n* The labels here are right to "
        "begin with. How much random labels help against wrong ones is another question.\n* A unit that is dead here "
        "is silent on every training image; another image may wake it.",
        width=WIDTH,
    )
    st.markdown("The same in any training:")
    st.code("python -m explorer train digits --misclassify 0.3 --out digits.safetensors", language="bash")


def table(name: str) -> pd.DataFrame | None:
    """A table of the experiment; None when it was not made. benchmarks/misclassification.py says what it holds."""
    path = TABLES / f"misclassification-{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def made() -> dict[str, Any]:
    """How the tables were made: widths, recipe, torch, date."""
    path = TABLES / "misclassification.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def activity_in_words(tests: pd.DataFrame) -> str:
    """For which p fewer units fire than without, at the end of training.

    Args:
        tests: measure, probability, mean, baseline, p_holm.
    """
    lines = tests[tests["measure"] == "activity"].sort_values("probability")
    fewer, more = (
        lines[(lines["p_holm"] < SURE) & (sign * lines["difference"] > 0)]["probability"] for sign in (-1, 1)
    )
    start = f"Without, {100 * lines['baseline'].iloc[0]:.1f} % of the units fire for a training image"
    told = ", ".join(f"{100 * one['mean']:.1f} % at p = {one['probability']:g}" for _, one in lines.iterrows())
    if len(fewer) == len(lines):
        said = "**Fewer units fire at every p**"
    elif len(more) == len(lines):
        said = "**More units fire at every p**, the opposite of what was said"
    elif fewer.empty and more.empty:
        said = "**How many units fire does not change beyond chance**"
    else:
        parts = [f"fewer at p = {_joined(fewer)}"] * bool(len(fewer)) + [f"more at p = {_joined(more)}"] * bool(
            len(more)
        )
        said = f"**Beyond chance units fire {', '.join(parts)}**"
    return f"{said}. {start}; {told}."


def accuracy_in_words(tests: pd.DataFrame) -> str:
    """For which p the accuracy is higher or lower than without, p = 1 aside."""
    lines = tests[(tests["measure"] == "held_out_accuracy") & (tests["probability"] < 1)].sort_values("probability")
    told = []
    for line in lines.to_dict("records"):
        points = f"{100 * line['difference']:+.1f} points at p = {line['probability']:g}".replace("-", "−")
        told.append(points + ("" if line["p_holm"] < SURE else " (may be chance)"))
    return f"The accuracy changes by {', '.join(told)}." if told else ""


def _joined(probabilities: pd.Series) -> str:
    return ", ".join(f"{one:g}" for one in probabilities)


def _curves(runs: pd.DataFrame, value: str) -> list[Curve]:
    places = {one: place for place, one in enumerate(sorted(runs["probability"].unique()))}
    found = []
    for probability, own in runs.groupby("probability"):
        spread, place = own.groupby("epoch")[value], places[probability]
        epochs = spread.mean().index.to_numpy(dtype=float)
        low, middle, high = (one.to_numpy() for one in (spread.min(), spread.mean(), spread.max()))
        color, dash = COLORS[place % len(COLORS)], DASHES[place % len(DASHES)]
        found.append(Curve(f"p = {probability:g}", epochs, middle, low, high, color, dash))
    return found


def _show_dead(layers: pd.DataFrame) -> None:
    st.header("Dead units", anchor=False)
    counts = layers.groupby(["probability", "seed"])["dead"].sum().groupby("probability")
    units = int(layers.groupby(["probability", "seed"])["units"].sum().iloc[0])
    told = ", ".join(f"{mean:.1f} at p = {probability:g}" for probability, mean in counts.mean().items())
    st.markdown(
        f"Of {units} hidden units so many fire for none of the training images, in the mean over seeds: {told}."
    )
    first = layers[layers["seed"] == layers["seed"].min()]
    with st.expander("Which they are, in the networks of the first seed"):
        lines = [
            {"p": f"{line.probability:g}", "layer": line.layer, "dead": line.dead, "units": _shortened(line.dead_units)}
            for line in first.itertuples()
        ]
        st.dataframe(pd.DataFrame(lines), hide_index=True, alt="Numbers of the dead units")


def _shortened(units: str) -> str:
    numbers = units.split()
    more = f" and {len(numbers) - MOST_UNITS} more" if len(numbers) > MOST_UNITS else ""
    return ", ".join(numbers[:MOST_UNITS]) + more if numbers else "none"


def _layer_table(layers: pd.DataFrame) -> pd.DataFrame:
    means = layers.groupby(["probability", "layer"])[["activity", "dead"]].mean().reset_index()
    return pd.DataFrame(
        {
            "p": [f"{one:g}" for one in means["probability"]],
            "hidden layer": means["layer"],
            "units above zero": [f"{100 * one:.1f} %" for one in means["activity"]],
            "dead": [f"{one:.1f}" for one in means["dead"]],
        }
    )


def _test_table(tests: pd.DataFrame) -> pd.DataFrame:
    names = {"held_out_accuracy": "accuracy, held out", "activity": "units above zero", "dead": "dead units"}
    scale = np.where(tests["measure"] == "dead", 1.0, 100.0)
    middle, low, high = (scale * tests[name] for name in ("difference", "low", "high"))
    told = [f"{m:+.2f} ({a:+.2f} to {b:+.2f})".replace("-", "−") for m, a, b in zip(middle, low, high, strict=True)]
    return pd.DataFrame(
        {
            "measure": [names.get(one, one) for one in tests["measure"]],
            "p": [f"{one:g}" for one in tests["probability"]],
            "seeds": tests["seeds"],
            "difference from p = 0, points or units (95 % interval)": told,
            "chance, Holm": [f"{one:.2g}" for one in tests["p_holm"]],
        }
    )


def _origin(runs: pd.DataFrame) -> str:
    facts, seeds = made(), runs["seed"].nunique()
    widths = "–".join(str(one) for one in facts.get("widths", []))
    return (
        f"{seeds} seeds, a perceptron {widths}, torch {facts.get('torch', '?')}, {facts.get('date', '?')}. Repeat with "
        f"`python -m benchmarks.misclassification --seeds {seeds}`."
    )
