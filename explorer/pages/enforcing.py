"""Enforcing similarity while training, drawn from the tables of `python -m benchmarks.enforcing`. Part of Training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer.pages import invariance
from explorer.pages.tiles import show_figure
from explorer.views.curves import Curve, arm_curves
from explorer.views.theme import BAR, CATEGORICAL

TABLES = Path(__file__).parents[2] / "assets" / "experiments"
BASELINE = "baseline"
MODES = ("reward", "penalise", "contrast")
SURE = 0.05
"""A difference whose corrected p is below this is called beyond chance."""
WIDTH = 860
DATA = {"mnist": "MNIST", "mnist-unit": "MNIST, pixels from 0 to 1", "fashion": "Fashion-MNIST", "circle": "circle"}
LOOKS = {
    BASELINE: (BAR, "solid"),
    "reward": (CATEGORICAL[0], "solid"),
    "penalise": (CATEGORICAL[1], "solid"),
    "contrast": (CATEGORICAL[8], "dash"),
    "reward .1": (CATEGORICAL[3], "dot"),
    "penalise .1": (CATEGORICAL[2], "dot"),
    "reward, all": (CATEGORICAL[6], "longdash"),
    "penalise, all": (CATEGORICAL[7], "longdash"),
    "contrast, all": (CATEGORICAL[9], "longdash"),
}
"""Color and dash of every arm."""
GROUPS = {
    "Weight 1": ("reward", "penalise", "contrast"),
    "Weight 0.1": ("reward .1", "penalise .1"),
    "All outputs": ("reward, all", "penalise, all", "contrast, all"),
}
MEANINGS = {
    "reward": "−1 × kᶜ of {pair}: alike is rewarded, as the paper describes it",
    "penalise": "+1 × kᶜ of {pair}: alike is punished, the sign in the paper’s released code",
    "contrast": "kᶜ of {others} − kᶜ of {pair}",
    "reward .1": "as reward, a tenth as strong",
    "penalise .1": "as penalise, a tenth as strong",
    "reward, all": "as reward, kᶜ over all outputs",
    "penalise, all": "as penalise, kᶜ over all outputs",
    "contrast, all": "as contrast, kᶜ over all outputs",
}
IMAGES = {"pair": "two images of a class", "others": "images of two classes"}
POINTS = {"pair": "two near points", "others": "points farther apart"}
"""Which samples are compared, of images and on the circle."""


def show() -> None:
    """The experiment on enforcing similarity."""
    st.markdown(
        "A network that sees two images of one class as alike learns about both when it learns about one. So the paper "
        "adds a term to the loss that enforces this, and reports a faster start. Its text **rewards** similarity, and "
        "its released code **penalises** it: the signs disagree. Here are both, and more, with equal first weights and "
        "equal draws in every arm. Images are compared by one number, as in that code: their class against the rest. "
        "Contrast compares images of two classes by the same number.",
        width=WIDTH,
    )
    runs, tests = table("runs"), table("tests")
    if runs is None or tests is None or runs.empty or tests.empty:
        st.info(
            "The tables of this experiment are not here. Make them with `python -m benchmarks.enforcing`.",
            icon=":material/info:",
        )
    else:
        _show_arms(runs, tests)
    st.divider()
    invariance.show()
    st.divider()
    _show_own()


def table(name: str) -> pd.DataFrame | None:
    """A table of the experiment; None when it was not made. benchmarks/enforcing.py says what it holds."""
    path = TABLES / f"enforcing-{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def made() -> dict[str, Any]:
    """How the tables were made: steps, images, torch, date."""
    path = TABLES / "enforcing.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def effect(tests: pd.DataFrame, is_error: bool) -> str:
    """What the tests of one arm say together: faster, slower, mixed, or none (nothing beyond chance).

    Args:
        tests: lines of one arm, with difference and p_holm.
        is_error: whether less is better.
    """
    sure = tests[tests["p_holm"] < SURE]
    better = (sure["difference"] < 0) == is_error
    if sure.empty:
        return "none"
    return "faster" if better.all() else "mixed" if better.any() else "slower"


def effect_in_words(tests: pd.DataFrame, is_error: bool) -> str:
    """The same as a sentence's end, with the steps and the largest sure difference."""
    kind, count = effect(tests, is_error), len(tests)
    if kind == "none":
        return f"**no difference beyond chance** at any of {count} steps"
    sure = tests[tests["p_holm"] < SURE].sort_values("step")
    most = sure.loc[sure["difference"].abs().idxmax()]
    steps = ", ".join(str(one) for one in sure["step"])
    name = {"faster": "better", "slower": "worse", "mixed": "better at some steps, worse at others"}[kind]
    return (
        f"**{name}** beyond chance at step{'s' * (len(sure) > 1)} {steps}; the largest difference is "
        f"{difference_in_words(most, is_error)} at step {most['step']}"
    )


def difference_in_words(line: pd.Series, is_error: bool) -> str:
    """A difference with its 95 % interval: in points of a hundred for accuracies, as it is for errors."""
    scale, form, unit = (1, "+.3f", "") if is_error else (100, "+.1f", " points")
    middle, low, high = (format(scale * line[name], form) for name in ("difference", "low", "high"))
    return f"{middle}{unit} ({low} to {high})".replace("-", "−")


def sign_in_words(tests: pd.DataFrame) -> str:
    """What the published protocol says about the sign, from the arms reward and penalise.

    Args:
        tests: of MNIST with batches of 2.
    """
    kinds = {arm: effect(tests[tests["arm"] == arm], False) for arm in ("reward", "penalise")}
    match kinds["penalise"], kinds["reward"]:
        case "faster", "slower":
            said = "the published gain comes with the sign of the **code**; the sign of the **text** does the opposite"
        case "slower", "faster":
            said = "the published gain comes with the sign of the **text**; the sign of the **code** does the opposite"
        case "faster", "faster":
            said = "both signs begin faster: it is not the direction that matters"
        case "faster", "none":
            said = "the published gain comes with the sign of the **code**; that of the text does not have it"
        case "none", "faster":
            said = "the published gain comes with the sign of the **text**; that of the code does not have it"
        case ("mixed", _) | (_, "mixed"):
            said = "the answer depends on the step: a sign gains at some and loses at others"
        case _:
            said = "neither sign has the published gain"
    return f"On the paper’s protocol {said}."


def _show_arms(runs: pd.DataFrame, tests: pd.DataFrame) -> None:
    published = tests[(tests["data"] == "mnist") & (tests["batch"] == 2)]
    if {"reward", "penalise"} <= set(published["arm"]):
        st.markdown(f"**{sign_in_words(published)}**", width=WIDTH)
    settings = {
        f"{DATA.get(data, data)}, {batch}": (data, batch)
        for data, batch in zip(tests["data"], tests["batch"], strict=True)
    }
    setting = st.segmented_control(
        "Data, and samples in a step", list(settings), default=next(iter(settings)), required=True, key="enforcing-data"
    )
    data, batch = settings[setting]
    own, tested = (part[(part["data"] == data) & (part["batch"] == batch)] for part in (runs, tests))
    offered = [name for name, arms in GROUPS.items() if set(arms) & set(tested["arm"])]
    group = offered[0]
    if len(offered) > 1:
        group = st.segmented_control(
            "Arms", offered, default=offered[0], required=True, key=f"enforcing-arms-{data}-{batch}"
        )
    arms = [arm for arm in GROUPS[group] if arm in set(tested["arm"])]
    is_error = data == "circle"
    for arm in arms:
        line = tested[tested["arm"] == arm]
        words = effect_in_words(line, is_error)
        meaning = MEANINGS[arm].format(**(POINTS if is_error else IMAGES))
        st.markdown(f"* **{arm.capitalize()}** ({meaning}), {int(line['seeds'].min())} seeds: {words}.")
    quality = "RMSE on points held out (units of the target)" if is_error else "accuracy on images held out"
    # Some arms have fewer seeds than the baseline, whose mean would then be one of other trainings.
    drawn = own[own["seed"].isin(own.loc[own["arm"].isin(arms), "seed"])]
    curves = [_curve(drawn[drawn["arm"] == arm], arm) for arm in [BASELINE, *arms]]
    show_figure(arm_curves(curves, ("steps", quality), percent=not is_error), key="enforcing-curves")
    st.caption("Lines are means over seeds; bands reach one standard deviation of a single training to each side.")
    show_figure(_differences(own, arms, is_error), key="enforcing-differences")
    st.caption(
        "The same as differences from the baseline with the same seed; bands are 95 % intervals of the mean, step by "
        "step. Above zero is " + ("worse." if is_error else "better.")
    )
    with st.expander("All numbers"):
        st.dataframe(_number_table(tested, is_error), hide_index=True, alt="Every arm at every compared step")
        st.caption(
            "p by a paired t-test, and after Holm’s correction for all arms and steps of these data and this batch: "
            f"only the corrected one below {SURE:g} is called beyond chance."
        )
    _show_reading(data, drawn, tested[tested["arm"].isin(arms)], is_error)


def _curve(own: pd.DataFrame, arm: str) -> Curve:
    values = own.groupby("step")["value"]
    middle, spread = values.mean(), values.std().fillna(0.0)
    color, dash = LOOKS[arm]
    steps = middle.index.to_numpy(dtype=float)
    low, high = (middle + sign * spread for sign in (-1, 1))
    return Curve(arm, steps, middle.to_numpy(), low.to_numpy(), high.to_numpy(), color, dash)


def _differences(own: pd.DataFrame, arms: list[str], is_error: bool) -> Any:
    wide = own.pivot_table("value", ["step", "seed"], "arm") * (1 if is_error else 100)
    curves = []
    for arm in arms:
        by_step = (wide[arm] - wide[BASELINE]).dropna().groupby("step")
        middle, half = by_step.mean(), by_step.sem().fillna(0.0) * _t95(int(by_step.size().min()))
        steps, (color, dash) = middle.index.to_numpy(dtype=float), LOOKS[arm]
        low, high = (middle - half).to_numpy(), (middle + half).to_numpy()
        curves.append(Curve(arm, steps, middle.to_numpy(), low, high, color, dash))
    steps = curves[0].across
    curves.append(Curve(BASELINE, steps, np.zeros(len(steps)), color=LOOKS[BASELINE][0], dash="dot"))
    return arm_curves(curves, ("steps", "difference in RMSE" if is_error else "difference in accuracy (points)"))


def _t95(seeds: int) -> float:
    """How many standard errors a 95 % interval of a mean reaches to each side, by Student's t."""
    from scipy import stats

    return float(stats.t.ppf(0.975, seeds - 1)) if seeds > 1 else 0.0


def _number_table(tests: pd.DataFrame, is_error: bool) -> pd.DataFrame:
    def written(value: float) -> str:
        return f"{value:.4f}" if is_error else f"{100 * value:.1f} %"

    lines = [
        {
            "arm": line["arm"],
            "step": line["step"],
            "seeds": line["seeds"],
            "baseline": written(line["baseline"]),
            "mean": written(line["mean"]),
            "standard deviation": written(line["spread"]),
            "difference (95 % interval)": difference_in_words(line, is_error),
            "p": f"{line['p']:.2g}",
            "p, Holm": f"{line['p_holm']:.2g}",
        }
        for _, line in tests.iterrows()
    ]
    return pd.DataFrame(lines)


def _show_reading(data: str, own: pd.DataFrame, tests: pd.DataFrame, is_error: bool) -> None:
    st.header("What it means, and what it does not", anchor=False)
    last = tests[tests["step"] == tests["step"].max()]
    sure = last[last["p_holm"] < SURE]
    told = ", ".join(f"{line['arm']} {difference_in_words(line, is_error)}" for _, line in sure.iterrows())
    st.markdown(
        f"* At the last step, {int(last['step'].iloc[0])}, "
        + (f"beyond chance are: {told}." if told else "no arm differs from the baseline beyond chance.")
        + "\n* These are the first steps of a training, counted in steps: a step with the term costs more time"
        + _cost_in_words(data, set(tests["arm"]))
        + ".\n* The sign and the size hold for this network, this step size and these data. A faster start is no "
        "better network, and nothing here says which sign your training would like: try both.",
        width=WIDTH,
    )
    facts = made()
    near = (
        f" Alike are points up to {facts['near']:g} turns apart."
        if data == "circle" and "near" in facts
        else f" {facts['trained']:,} images trained on; measured every tenth step on {facts['measured']:,} (the "
        "released code: every step, on 1,000; 60 runs)."
        if "trained" in facts
        else ""
    )
    where = " --data FILE" if data == "fashion" else ""
    name = f"{data}-{own['batch'].iloc[0]}{'-all' if tests['arm'].str.endswith(', all').any() else ''}"
    st.caption(
        f"{own['seed'].nunique()} seeds, torch {facts.get('torch', '?')}, {facts.get('date', '?')}.{near} Repeat with "
        f"`python -m benchmarks.enforcing --only {name}{where}`."
    )


def _cost_in_words(data: str, arms: set[str]) -> str:
    costs = table("costs")
    if costs is None or data == "circle":
        return ""
    told = "; ".join(
        f"{arm} " + ", ".join(f"{line.times:.1f} times with {line.batch} images" for line in own.itertuples())
        for arm, own in costs[costs["arm"].isin(arms)].groupby("arm", sort=False)
    )
    return f" ({told}; on MNIST)" if told else ""


def _show_own() -> None:
    st.header("On your own network", anchor=False)
    st.markdown(
        "The same term in any training, and from Python as a loss that goes with any other. Try one beside none:"
    )
    lines = ("--out plain.safetensors", *(f"--enforce {mode} --out {mode}.safetensors" for mode in MODES))
    st.code("\n".join(f"python -m explorer train digits {line}" for line in lines), language="bash")
