"""Maps laid carelessly over photographs, drawn from the tables of `python -m benchmarks.registration`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from explorer.pages.circle import leverage_in_words
from explorer.pages.patches import show_alike, show_examples
from explorer.pages.tiles import show_figure
from explorer.views.charts import bars
from explorer.views.curves import Curve
from explorer.views.gallery import picture_address
from explorer.views.rounds import DASHES, ROUND_COLORS, cumulative_curves

TABLES = Path(__file__).parents[2] / "assets" / "experiments"
NEEDED = ("rounds", "curves", "gains", "patches", "similarities", "neighbors", "pairs")
FLOOR = 0.35
"""Median error after the last round that is asked for, in deviations of the label noise."""
FARTHEST = 8.0
"""Pixels at which the drawn curves end."""
SAME = 1.25
"""Errors that differ by less than this factor are called about the same."""
SIDE, COLUMNS = 64, 12
"""Pixels a side of a picture in the sprite, and pictures in its rows."""
GAINS = {"factor": "the paper’s factor", "leverage_gain": "leverage gain", "true_gain": "truth"}
NOISIER, ABLATIONS = "noisier start", "AS1 and AS2"
LINES = {
    "label_noise": "deviation of the label noise (pixels)",
    "floor": "floor of the factor, 1/√n",
    **GAINS,
    "predicted_mean_noise": "averaged noise, promised (σ × factor, pixels)",
    "actual_mean_noise": "averaged noise, as it was (pixels)",
    "stationarity_residual": "stationarity residual (0 is at rest)",
    "shift": "shift (pixels)",
    "shift_correlation": "rank correlation of shift with error",
    "leverage_correlation": "rank correlation of leverage gain with error",
}
METHODS = {
    "labels": "labels as given",
    "protocol": "aligned, originals corrected",
    "AS1": "aligned again (AS1)",
    "AS2": "aligned again, first network (AS2)",
    "prediction": "the network’s answer",
}


def show() -> None:
    """The experiment on registration."""
    st.markdown(
        "A map of the same place lies over a photograph, a few pixels off, and a small network tells how far. Its "
        "labels come from a careless hand. We moved the maps ourselves, so the truth is known, and what training "
        "removes from the labels’ noise is **measured**. The paper does this with aerial images and outlines of "
        "buildings; these are two photographs that ship with scikit-learn."
    )
    tables = {name: table(name) for name in NEEDED}
    if any(one is None for one in tables.values()) or not (TABLES / "registration-patches.png").is_file():
        st.info(
            "The tables of this experiment are not here. Make them with `python -m benchmarks.registration`.",
            icon=":material/info:",
        )
        return
    pictures = _pictures()
    show_examples(tables["neighbors"], pictures)
    _show_rounds(tables["rounds"], tables["curves"])
    st.divider()
    _show_gains(tables["gains"])
    st.divider()
    show_alike(tables, pictures)
    st.divider()
    _show_differences(tables)
    st.header("On the map", anchor=False)
    st.markdown("Measure these patches as a study of its own, and open it:")
    command = "python -m explorer build registration --study studies/registration"
    st.code(f"{command}\nstreamlit run app.py -- studies/registration", language="bash")


def table(name: str) -> pd.DataFrame | None:
    """A table of the experiment; None when it was not made. benchmarks/registration.py says what it holds."""
    path = TABLES / f"registration-{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def made() -> dict[str, Any]:
    """How the tables were made: seeds, samples, recipe, torch, date."""
    path = TABLES / "registration.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def last_medians(rounds: pd.DataFrame, part: str = "train") -> pd.Series:
    """Median error of the aligned maps after the last round, in deviations of the label noise: one number a seed."""
    own = rounds[(rounds["start"] == "plain") & (rounds["method"] == "protocol") & (rounds["part"] == part)]
    return own[own["round"] == own["round"].max()].set_index("seed")["median_over_sigma"]


def _show_rounds(rounds: pd.DataFrame, curves: pd.DataFrame) -> None:
    st.header("Training in rounds", anchor=False)
    medians, sigma = last_medians(rounds), float(made().get("label_noise", np.nan))
    begun = rounds[(rounds["method"] == "labels") & (rounds["part"] == "train") & (rounds["start"] == "plain")]
    verdict = "below" if medians.max() <= FLOOR else "not always below"
    st.markdown(
        f"The hand’s maps lie σ = {sigma:g} pixels off, across and down; half of them within "
        f"{begun['median'].median():.1f} pixels. A network learns from them, and then corrects **the originals**; a "
        f"new one learns from the corrected maps; and once more. **After round 3 the median error is "
        f"{medians.median():.2f} σ** ({medians.min():.2f} to {medians.max():.2f} over {len(medians)} seeds): {verdict} "
        f"the {FLOOR:g} σ that we ask for, though no network ever saw a right label."
    )
    part = st.segmented_control(
        "Patches", ["train", "held-out"], default="train", required=True, key="registration-part"
    )
    offered = [NOISIER, ABLATIONS] if (curves["start"] == "noisier").any() else [ABLATIONS]
    shown = st.segmented_control(
        "Compare", offered, selection_mode="multi", default=offered[:1], key="registration-compare"
    )
    drawn = _chosen_curves(curves[(curves["part"] == part) & (curves["tau"] <= FARTHEST)], shown)
    title = "distance from the true place (pixels)"
    show_figure(cumulative_curves(drawn, title, limit=sigma, limit_name="σ"), key="registration-curves")
    st.caption(
        "Lines are means over seeds, bands reach from the lowest to the highest. The noisier start has "
        f"{made().get('extra_noise', np.nan):g} pixels of noise more. AS1 corrects the maps already corrected instead "
        f"of the originals; AS2 does so with the first network. {_origin()}"
    )
    with st.expander("Median error of every seed, in σ"):
        st.dataframe(_round_table(rounds[rounds["part"] == part]), hide_index=True)


def _chosen_curves(curves: pd.DataFrame, shown: list[str]) -> list[Curve]:
    found = []
    last = int(curves["round"].max())
    for number in range(last + 1):
        method = "protocol" if number else "labels"
        name = f"round {number}" if number else "labels as given"
        found.append(_curve(curves, "plain", method, number, name, band=number in (0, last)))
    if NOISIER in shown:
        found.append(_curve(curves, "noisier", "labels", 0, "noisier labels", color="#9a9ca3"))
        found.append(_curve(curves, "noisier", "protocol", last, f"noisier, round {last}", color="#af40bf"))
    if ABLATIONS in shown:
        found.append(_curve(curves, "plain", "AS1", last, f"AS1, round {last}", color="#007860"))
        found.append(_curve(curves, "plain", "AS2", last, f"AS2, round {last}", color="#389f00"))
    return found


def _curve(
    curves: pd.DataFrame, start: str, method: str, number: int, name: str, *, color: str = "", band: bool = False
) -> Curve:
    own = curves[(curves["start"] == start) & (curves["method"] == method) & (curves["round"] == number)]
    spread = own.groupby("tau")["share"]
    across, up = spread.mean().index.to_numpy(dtype=float), spread.mean().to_numpy()
    low, high = (spread.min().to_numpy(), spread.max().to_numpy()) if band else (None, None)
    return Curve(name, across, up, low, high, color or ROUND_COLORS[number], "dash" if color else DASHES[number])


def _round_table(rounds: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for (start, method, number), own in rounds.groupby(["start", "method", "round"], sort=False):
        seeds = {f"seed {seed}": f"{value:.3f}" for seed, value in own.set_index("seed")["median_over_sigma"].items()}
        lines.append({"start": start, "what": METHODS[method], "round": number, **seeds})
    return pd.DataFrame(lines).fillna("—")


def _show_gains(gains: pd.DataFrame) -> None:
    st.header("How much label noise is left", anchor=False)
    first = gains[gains["round"] == 1]
    ratio, promised = first["factor"] / first["floor"], first["true_gain"] / first["factor"]
    st.markdown(
        "After the first round, whose label noise is independent and known. **The paper:** a factor near its floor, "
        f"about the same for all patches, read as denoising. **Ours:** the factor is {ratio.min():.1f} to "
        f"{ratio.max():.1f} times its floor 1/√n and promises {promised.min():.2g} to {promised.max():.2g} times more "
        f"than there is. {leverage_in_words(first)} Both speak of noise alone; the error to the truth also holds what "
        "so small a network would get wrong without any noise."
    )
    settings = first.groupby("samples", sort=False)
    span = (0.0, 1.3 * float(first[list(GAINS)].to_numpy().max()))
    for place, (samples, own) in zip(st.columns(settings.ngroups), settings, strict=True):
        with place:
            st.markdown(f"**{samples:,} training patches**")
            medians = own[list(GAINS)].median()
            figure = bars(list(GAINS.values()), medians, "share of the noise left", colors=[0, 8, 1], span=span)
            figure.update_traces(text=[f"{one:.3f}" for one in medians], textposition="outside", cliponaxis=False)
            show_figure(figure, key=f"registration-gains-{samples}")
    st.caption(
        "Truth: root mean square of answer minus truth, over that of label minus truth. Medians over seeds. Neither "
        f"the factor times σ nor the shift is an error bar. The stationarity residual is "
        f"{_span(first['stationarity_residual'])}, where errors at random would give {_span(first['floor'])}: "
        "nearly at rest, not quite."
    )
    with st.expander("All numbers"):
        st.dataframe(_gain_table(gains), hide_index=True)
        st.caption(
            "Lowest to highest over seeds. From round 2 on the labels’ remaining noise is what the network before "
            "left: it is not independent from patch to patch, so the gains no longer mean what they say."
        )


def _gain_table(gains: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"number": list(LINES.values())})
    for (samples, number), own in gains.groupby(["samples", "round"], sort=False):
        spans = [_span(own[name]) for name in LINES]
        shown[f"{samples:,} patches, round {number}"] = spans
    return shown


def _span(values: pd.Series) -> str:
    ends = dict.fromkeys(f"{one:.2g}".replace("-", "−") for one in (values.min(), values.max()))
    return " to ".join(ends)


def _show_differences(tables: dict[str, pd.DataFrame]) -> None:
    st.header("Beside the paper’s study of maps", anchor=False)
    rounds, gains = tables["rounds"], tables["gains"]
    own = rounds[(rounds["start"] == "plain") & (rounds["part"] == "train") & (rounds["method"] == "protocol")]
    path, roots = (own.groupby("round")[name].median() for name in ("median_over_sigma", "rms_over_sigma"))
    lines = [
        "**Rounds.** The paper’s error falls in every round. Ours: "
        + ", ".join(f"{value:.2f} σ after round {number}" for number, value in path.items())
        + f". {_later_in_words(path)} The root mean square, which a few far-off maps decide, goes from "
        f"{roots.iloc[0]:.2f} to {roots.iloc[-1]:.2f} σ."
    ]
    noisier = rounds[(rounds["start"] == "noisier") & (rounds["part"] == "train") & (rounds["method"] == "protocol")]
    if len(noisier):
        end = noisier[noisier["round"] == noisier["round"].max()]["median_over_sigma"].median()
        same = "about the same place, as in the paper" if end <= SAME * path.iloc[-1] else "unlike in the paper, worse"
        lines.append(f"**A noisier start** ends at {end:.2f} σ beside {path.iloc[-1]:.2f} σ: {same}.")
    counts, first = tables["patches"].groupby("round")["soft_density"].median(), gains[gains["round"] == 1]
    lines += [
        "**Counts.** In the paper a patch has fewer close ones from round to round. Ours: the median soft count goes "
        + ", ".join(f"{value:.0f}" for value in counts)
        + (": so it is here." if counts.is_monotonic_decreasing else ": not so here."),
        "**Shift and error.** The paper hopes that the shift tells how far an answer can be trusted. Its rank "
        f"correlation with the true error is {_span(first['shift_correlation'])} here; that of the leverage gain is "
        f"{_span(first['leverage_correlation'])}.",
        "**Factor.** The paper: the same for all inputs to ± 10 %. Ours: from the lowest to the highest twentieth it "
        f"spreads by {_span(first['factor_spread'])} times its median.",
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))
    st.caption(
        "The paper’s networks also had weight decay, a second loss and displacements drawn around the careless "
        "annotation; ours are trained with the squared error alone, until the step size is zero."
    )


def _later_in_words(path: pd.Series) -> str:
    """What the rounds after the first did, from the median errors of all."""
    if path.iloc[-1] <= path.iloc[0] / SAME:
        return "Later rounds go on improving it."
    return "The first does nearly all: its labels’ noise is independent, and later rounds inherit what it left."


def _pictures() -> list[str]:
    """The patches of the sprite as data addresses."""
    with Image.open(TABLES / "registration-patches.png") as sprite:
        pixels = np.asarray(sprite.convert("RGB"))
    places = [(top, left) for top in range(0, len(pixels), SIDE) for left in range(0, SIDE * COLUMNS, SIDE)]
    return [picture_address(pixels[top : top + SIDE, left : left + SIDE]) for top, left in places]


def _origin() -> str:
    facts = made()
    if not facts:
        return ""
    return (
        f"From {facts['seeds']} seeds, {facts['recipe']['epochs']} epochs a round, torch {facts['torch']}, "
        f"{facts['date']}. Repeat it with `python -m benchmarks.registration`."
    )
