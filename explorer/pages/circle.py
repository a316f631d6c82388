"""The paper's toy problem, drawn from the tables of `python -m benchmarks.circle`, and where ours differ from its."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer.pages.tiles import show_figure
from explorer.views.charts import bars
from explorer.views.curves import Curve, log_curves, log_slope, stacked_curves
from explorer.views.theme import CATEGORICAL, LIMIT, SELECTED

TABLES = Path(__file__).parents[2] / "assets" / "experiments"
PAPERS_RUNS = (5, 5000)
"""Runs of each frequency and epochs in the paper."""
USUAL = (("soft", 1.0), ("hard", 0.8), ("hard", 0.95), ("power", 3.0))
"""The counts drawn until all are asked for."""
COLORS = {"soft": SELECTED, "hard": CATEGORICAL[0], "power": CATEGORICAL[10]}
LEARNED = 0.1
"""A wave counts as learned up to this root mean square error on the given targets; always saying 0 makes 0.71."""
HOLDS = -0.5
"""A rank correlation of count and curvature at or below this is called fewer neighbors in the bends."""
GAINS = {"factor": "the paper’s factor", "leverage_gain": "leverage gain", "true_gain": "truth"}
NOISE_ROWS = {
    "floor": "floor of the factor, 1/√n",
    "predicted_mean_noise": "averaged noise, promised (σ × factor)",
    "actual_mean_noise": "averaged noise, as it was",
    "error": "error to the clean target",
    "shift": "shift",
    "shift_correlation": "rank correlation of shift with error",
    "stationarity_residual": "stationarity residual (0 is at rest)",
}


def show() -> None:
    """The experiment on the circle."""
    st.markdown(
        "A network learns sin(2π·f·α) from points on a circle. The more waves f, the more points it has to tell "
        "apart, so each point should have fewer neighbors: a case where the right answer can be reasoned about."
    )
    counts, runs, around, noise = (table(name) for name in ("counts", "runs", "around", "noise"))
    if counts is not None and runs is not None:
        _show_counts(counts, runs)
    if around is not None and runs is not None:
        st.divider()
        _show_around(around, runs)
    if noise is not None:
        st.divider()
        _show_noise(noise)
    if counts is None and noise is None:
        st.info(
            "The tables of this experiment are not here. Make them with `python -m benchmarks.circle` and "
            "`python -m benchmarks.circle --noise`.",
            icon=":material/info:",
        )
    st.divider()
    st.header("On the map", anchor=False)
    st.markdown("Measure the circle with four waves as a study of its own, and open it:")
    st.code(
        "python -m explorer build circle --study studies/circle\nstreamlit run app.py -- studies/circle",
        language="bash",
        wrap_lines=True,
    )


def table(name: str) -> pd.DataFrame | None:
    """A table of the experiment; None when it was not made. benchmarks/circle.py says what it holds."""
    path = TABLES / f"circle-{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def made(part: str) -> dict[str, Any]:
    """How the tables of a part, counts or noise, were made: epochs, runs, torch, date, recipe."""
    path = TABLES / f"circle-{part}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def count_name(estimator: str, parameter: float) -> str:
    """What is written beside a line: soft, > 0.8 (the hard count above it), or power 3."""
    return {"soft": "soft", "hard": f"> {parameter:g}", "power": f"power {parameter:g}"}[estimator]


def count_symbol(estimator: str, parameter: float) -> str:
    """The paper's symbol of a count."""
    return {"soft": "N_S", "hard": f"N_{parameter:g}", "power": f"N⁺_{parameter:g}"}[estimator]


def count_medians(counts: pd.DataFrame, column: str = "count") -> pd.DataFrame:
    """Median over runs: a row for each estimator and parameter, a column for each frequency."""
    return counts.pivot_table(column, ["estimator", "parameter"], "frequency", aggfunc="median", sort=False)


def count_slopes(medians: pd.DataFrame) -> pd.Series:
    """Power of f that each count follows; nan where one is zero."""
    frequencies = medians.columns.to_numpy(dtype=float)
    slopes = [log_slope(frequencies, row) if (row > 0).all() else np.nan for row in medians.to_numpy()]
    return pd.Series(slopes, index=medians.index, name="slope")


def pace_in_words(slope: float) -> str:
    """How a count falls with the frequency, compared with 1/f, to two decimals of the slope."""
    return "more slowly than 1/f" if round(slope, 2) > -1 else "like 1/f or faster"


def paces_in_words(slopes: pd.Series) -> str:
    """The sentence on all counts together."""
    known = slopes.dropna()
    slower = known[[pace_in_words(one) == "more slowly than 1/f" for one in known]]
    if not len(slower):
        return f"all {len(known)} fall {pace_in_words(-1.0)}."
    span = " to ".join(_signed(end) for end in sorted({round(slower.min(), 2), round(slower.max(), 2)}))
    share = f"all {len(known)}" if len(slower) == len(known) else f"{len(slower)} of {len(known)}"
    rising = ", or rise" if slower.max() > 0 else ""
    return f"{share} fall **more slowly than 1/f**{rising}: their slopes are {span}, where 1/f would be −1."


def learned_frequencies(runs: pd.DataFrame) -> list[int]:
    """Frequencies whose networks have learned their wave, by the median over runs; only these follow any law."""
    errors = runs.groupby("frequency")["train_rmse"].median()
    return list(errors.index[errors <= LEARNED])


def learning_in_words(runs: pd.DataFrame) -> str:
    """Which frequencies were not learned, with their errors; empty when all were."""
    errors = runs.groupby("frequency")["train_rmse"].median().drop(learned_frequencies(runs))
    told = ", ".join(f"f = {frequency} (error {error:.2f})" for frequency, error in errors.items())
    return f"In so few epochs the network has not learned {told}: left out of the slopes. " if told else ""


def bends_in_words(correlations: pd.Series) -> str:
    """For which frequencies, the index, the count is low where the target bends."""
    holding, others = (
        ", ".join(str(one) for one in correlations.index[mask])
        for mask in (correlations <= HOLDS, correlations > HOLDS)
    )
    if not holding:
        return "no frequency shows it."
    return f"that holds for f = {holding}" + (f", and not for f = {others}." if others else ".")


def leverage_in_words(noise: pd.DataFrame) -> str:
    """How often the leverage gain is within a factor of two of the truth, and between which shares of it."""
    shares = noise["leverage_gain"] / noise["true_gain"]
    within = int(shares.between(0.5, 2).sum())
    return (
        f"The leverage gain is {shares.min():.2f} to {shares.max():.2f} times the truth, within a factor of two in "
        f"{within} of {len(noise)} networks."
    )


def _show_counts(counts: pd.DataFrame, runs: pd.DataFrame) -> None:
    st.header("Neighbors against frequency", anchor=False)
    medians, learned = count_medians(counts), learned_frequencies(runs)
    slopes = count_slopes(medians[learned] if len(learned) > 1 else medians)
    negative = float(runs["negative_share"].max())
    st.markdown(
        f"**The paper:** every count of neighbors falls like 1/f. **Ours:** {paces_in_words(slopes)} "
        f"{learning_in_words(runs)}"
        + (
            "No pair of points has a negative similarity."
            if negative == 0
            else f"In no network more than {100 * negative:.2g} % of the pairs have a negative similarity."
        )
    )
    everything = st.toggle(f"All {len(medians)} counts", key="circle-all-counts")
    shown = [key for key in medians.index if everything or key in USUAL]
    curves = [_curve(counts, *key) for key in shown]
    frequencies, first = medians.columns.to_numpy(dtype=float), float(medians.loc[("soft", 1.0)].iloc[0])
    curves.append(Curve("1/f", frequencies, first * frequencies[0] / frequencies, color=LIMIT, dash="dot"))
    show_figure(log_curves(curves, ("waves f", "neighbors (samples, mean over points)")), key="circle-counts")
    spread = "Lines are medians over runs, bands reach from the lowest to the highest run. "
    st.caption(
        (spread if len(runs) > len(medians.columns) else "")
        + "“Soft” adds up all similarities, \\> 0.8 counts those above 0.8, power 3 adds up their cubes. "
        + _origin("counts", runs)
    )
    with st.expander("All numbers"):
        st.dataframe(_count_table(medians, count_medians(counts, "share"), slopes), hide_index=True)


def _curve(counts: pd.DataFrame, estimator: str, parameter: float) -> Curve:
    own = counts[(counts["estimator"] == estimator) & (counts["parameter"] == parameter)]
    spread = own.groupby("frequency")["count"]
    return Curve(
        count_name(estimator, parameter),
        spread.median().index.to_numpy(dtype=float),
        spread.median().to_numpy(),
        spread.min().to_numpy(),
        spread.max().to_numpy(),
        COLORS[estimator],
    )


def _count_table(medians: pd.DataFrame, shares: pd.DataFrame, slopes: pd.Series) -> pd.DataFrame:
    shown = pd.DataFrame({"count": [f"{count_symbol(*key)} ({count_name(*key)})" for key in medians.index]})
    for frequency in medians:
        pairs = zip(medians[frequency], shares[frequency], strict=True)
        shown[f"f = {frequency}"] = [f"{count:,.0f} · {100 * share:.3g} %" for count, share in pairs]
    shown["slope"] = [_signed(slope) for slope in slopes]
    return shown


def _show_around(around: pd.DataFrame, runs: pd.DataFrame) -> None:
    st.header("Around the circle", anchor=False)
    correlations = runs.groupby("frequency")["curvature_correlation"].median()
    st.markdown(
        "**The paper:** where the target bends, the network has fewer neighbors. **Ours:** "
        f"{bends_in_words(correlations)}"
    )
    frequencies = sorted(around["frequency"].unique())
    frequency = st.segmented_control(
        "Waves f", frequencies, default=frequencies[0], required=True, key="circle-frequency"
    )
    one = around[around["frequency"] == frequency].sort_values("alpha")
    circle, summary = st.columns([3, 2])
    with circle:
        rows = [
            ("soft count (samples)", one["soft_density"].to_numpy()),
            ("curvature of the target, log(1 + κ)", np.log1p(one["curvature"].to_numpy())),
            ("target", one["target"].to_numpy()),
        ]
        show_figure(stacked_curves(one["alpha"].to_numpy(), rows, "place on the circle α (turns)"), key="circle-around")
    with summary:
        names = [f"f = {one}" for one in correlations.index]
        colors = [1 if one == frequency else -1 for one in correlations.index]
        title = "rank correlation of count and curvature"
        show_figure(bars(names, correlations.to_numpy(), title, colors=colors, span=(-1, 1)), key="circle-bends")
        st.caption(
            f"−1: the sharper the bend, the fewer the neighbors. Here {HOLDS:g}".replace("-", "−")
            + " or less counts as yes. The curves show the first run, the bars the median of all."
        )


def _show_noise(noise: pd.DataFrame) -> None:
    st.header("How much label noise is left", anchor=False)
    sigma = float(noise["noise"].iloc[0])
    promised = noise["true_gain"] / noise["factor"]
    averaged = noise["actual_mean_noise"] / noise["predicted_mean_noise"]
    st.markdown(
        f"Now the targets carry noise of deviation σ = {sigma:g}, and the network is trained with the squared error "
        "to near rest. The clean target is known, so the noise left in its answers can be measured. **The paper:** its "
        f"denoising factor says how much is left. **Ours:** the factor promises {promised.min():.1f} to "
        f"{promised.max():.1f} times more denoising than there is. It speaks of the average over similar samples, "
        f"whose noise came out at {averaged.min():.2f} to {averaged.max():.2f} times what it says; the network’s "
        f"answers are not that average. {leverage_in_words(noise)}"
    )
    settings = noise.groupby(["samples", "frequency"], sort=False)
    span = (0.0, 1.25 * float(noise[list(GAINS)].to_numpy().max()))
    for place, ((samples, frequency), own) in zip(st.columns(settings.ngroups), settings, strict=True):
        with place:
            st.markdown(f"**{samples:,} points, f = {frequency}**")
            medians = own[list(GAINS)].median()
            figure = bars(list(GAINS.values()), medians, "share of the noise left", colors=[0, 8, 1], span=span)
            figure.update_traces(text=[f"{one:.3f}" for one in medians], textposition="outside", cliponaxis=False)
            show_figure(figure, key=f"circle-gains-{samples}-{frequency}")
    st.caption(
        f"{_origin('noise', noise)} Neither the factor times σ nor the shift is an error bar: the shift hardly ranks "
        "the errors at all."
    )
    with st.expander("All numbers"):
        rows = {**GAINS, **NOISE_ROWS}
        medians = settings[list(rows)].median().T
        medians.columns = [f"{samples:,} points, f = {frequency}" for samples, frequency in medians]
        shown = medians.map(lambda value: f"{value:.2g}".replace("-", "−"))
        st.dataframe(shown.rename(index=rows).reset_index(names="median over runs, RMS over points"), hide_index=True)


def _origin(part: str, table: pd.DataFrame) -> str:
    """How many runs of how many epochs the numbers come from, beside the paper's."""
    facts, runs = made(part), table["run"].nunique()
    counted = f"{runs} run{'s' if runs > 1 else ''}"
    if not facts:
        return f"From {counted} of each setting."
    papers = f" (the paper: {PAPERS_RUNS[0]} of {PAPERS_RUNS[1]:,})" if part == "counts" else ""
    command = "python -m benchmarks.circle" + (" --noise" if part == "noise" else "")
    return (
        f"From {counted} of {facts['epochs']:,} epochs for each setting{papers}, torch {facts['torch']}, "
        f"{facts['date']}. Repeat with `{command} --epochs {facts['epochs']} --runs {runs}`."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
