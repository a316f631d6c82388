"""How training went and how it changed the similarity: the log, and snapshots over epochs. Part of Training."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages.state import plain
from explorer.pages.tiles import show_figure
from explorer.study.snapshots import Snapshots, read_snapshots, snapshots_path
from explorer.study.study import Study
from explorer.views.curves import Curve, arm_curves
from explorer.views.theme import BAR, CATEGORICAL

ASSETS = Path(__file__).parents[2] / "assets"
EXAMPLE = "mnist-noisy"
WIDTH = 860
TIMM = "timm:"
"""Networks that cannot be made without weights; --fresh draws new ones over them."""
LOG_COLUMNS = ("epoch", "loss")
MOST_LOG_LINES = 100_000


def show(study: Study) -> None:
    """The tab about the open study."""
    log = training_log(study)
    if log is not None:
        _show_log(log)
    st.header("How training changed the similarity", anchor=False)
    try:
        own = read_snapshots(snapshots_path(study.path), study.subject["fingerprint"])
    except ExplorerError as trouble:
        st.warning(plain(str(trouble)), icon=":material/warning:")
        own = None
    if own is not None:
        _show_snapshots(own, "own")
        with st.expander("Make it again"):
            _show_commands(study)
        return
    st.markdown(
        "Nobody has measured snapshots of this network yet. Train it again with a snapshot after early epochs, and "
        "measure each of them on the same samples:",
        width=WIDTH,
    )
    _show_commands(study)
    example = shipped_example()
    if example is not None:
        st.subheader(f"An example: {plain(example.facts.name)}", anchor=False)
        _show_snapshots(example, "example")


def training_log(study: Study) -> pd.DataFrame | None:
    """The log of the shipped weights of a bundled study; None for any other, whose weights have none that we know."""
    reference = study.subject["reference"] or ""
    if not re.fullmatch(r"[a-z-]+", reference):
        return None
    path = ASSETS / "weights" / f"{reference}.log.parquet"
    if not path.is_file():
        return None
    log = pd.read_parquet(path)
    return log if set(LOG_COLUMNS) <= set(log) and 0 < len(log) <= MOST_LOG_LINES else None


def shipped_example() -> Snapshots | None:
    """The snapshots that come with the project; None where they do not."""
    return read_snapshots(ASSETS / "experiments" / f"snapshots-{EXAMPLE}.parquet")


def changes_in_words(found: Snapshots) -> str:
    """What the snapshots say from first to last, in sentences."""
    first, last = found.table.iloc[0], found.table.iloc[-1]
    n = found.facts.samples
    told = [
        f"From epoch {first['epoch']} to {last['epoch']} the median sample goes from "
        f"{_count(first['soft_50'])} to {_count(last['soft_50'])} soft neighbors of {n:,}"
    ]
    overlaps = found.table["overlap"].to_numpy()[:-1]
    if len(overlaps) and np.isfinite(overlaps).all():
        half = np.flatnonzero(overlaps >= 0.5)
        told.append(
            f"half of the last network’s {found.facts.k} nearest neighbors are found from epoch "
            f"{found.table['epoch'].iloc[half[0]]} on"
            if len(half) and (overlaps[half[0] :] >= 0.5).all()
            else f"the snapshot before the last shares {100 * overlaps[-1]:.0f} % of its {found.facts.k} nearest "
            "neighbors with it"
        )
    suspects = found.table["suspects"]
    if suspects.notna().all() and len(suspects) > 1:
        told.append(
            f"of its {found.facts.suspects} most doubtful labels {100 * suspects.iloc[0]:.0f} % are already the most "
            f"doubtful at epoch {first['epoch']}, {100 * suspects.iloc[-2]:.0f} % at epoch "
            f"{found.table['epoch'].iloc[-2]}"
        )
    precision = found.table["precision"]
    if precision.notna().any():
        best = found.table.loc[precision.idxmax()]
        told.append(
            f"wrong labels are told best at epoch {best['epoch']} (average precision {best['precision']:.2f}, at the "
            f"end {last['precision']:.2f})"
        )
    return "; ".join(told) + "."


def commands(study: Study) -> str:
    """How to make the table of this study, as lines for a terminal."""
    reference = str(study.subject["reference"] or "file.py:function")
    is_data = " --model " in reference
    trained = _to_train(reference) if is_data else shlex.quote(reference)
    measured = reference if is_data else trained
    # Bundled networks always begin with new weights; one of your own would go on from those it has.
    fresh = "" if re.fullmatch(r"[a-z-]+", reference) else " --fresh"
    name = _file_name(study)
    return (
        f"python -m explorer train {trained}{fresh} --snapshots 0,1,2,4,8 --out weights/{name}/{name}.safetensors\n"
        f"python -m explorer snapshots {measured} --from weights/{name} --study {shlex.quote(str(study.path))}"
    )


def _to_train(reference: str) -> str:
    """Data with a model as `train` takes it: without finished weights, and labels under the name that is free there."""
    words = shlex.split(reference)
    needs_weights = any(word.startswith(TIMM) for word in words)
    kept, flag = [], ""
    for word in words:
        flag = word.partition("=")[0] if word.startswith("--") else flag
        if flag == "--labels" and word.startswith(flag):
            word = word.replace("--labels", "--data-labels", 1)
        if flag != "--weights" or needs_weights:
            kept.append(word)
    return shlex.join(kept)


def _file_name(study: Study) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", study.subject["name"]).strip("-") or "network"


def _show_commands(study: Study) -> None:
    st.code(commands(study), language="bash", wrap_lines=True)
    st.caption(
        "Any folder of weights does, if the epoch is written into each file or stands at the end of its name. The last "
        "epoch is what the others are compared with."
    )


def _show_log(log: pd.DataFrame) -> None:
    st.header("How the training went", anchor=False)
    quality = "accuracy" if "train_accuracy" in log else "rmse"
    parts = {"trained on": f"train_{quality}", "held out": f"held_out_{quality}"}
    shown = [name for name in parts if parts[name] in log]
    epochs = log["epoch"].to_numpy(dtype=float)
    colors = dict(zip(parts, ((CATEGORICAL[0], "solid"), (CATEGORICAL[1], "solid")), strict=True))
    many = len(log) > 100
    curves = [
        Curve(
            name,
            epochs,
            log[parts[name]].to_numpy(dtype=float),
            None,
            None,
            colors[name][0],
            "longdash" if many else "solid",
        )
        for name in shown
    ]
    is_share = quality == "accuracy"
    title = "accuracy, by the labels as given" if is_share else "RMSE (units of the target)"
    if curves:
        show_figure(arm_curves(curves, ("epoch", title), percent=is_share), key="training-log")
    last = log.iloc[-1]
    told = ", ".join(
        f"{name} {100 * last[parts[name]]:.1f} %" if is_share else f"{name} {last[parts[name]]:.4g}" for name in shown
    )
    st.caption(f"The log of this study’s weights: {len(log):,} epochs, loss {last['loss']:.3g} in the last; {told}.")


def _show_snapshots(found: Snapshots, key: str) -> None:
    table, facts = found.table, found.facts
    st.markdown(f"**{changes_in_words(found)[:-1]}.**", width=WIDTH)
    epochs = table["epoch"].to_numpy(dtype=float)
    counts = [table[name].to_numpy() for name in ("soft_50", "soft_05", "soft_95", "soft_25", "soft_75")]
    curves = [
        Curve("5 % to 95 %", epochs, counts[0], counts[1], counts[2], BAR),
        Curve("median", epochs, counts[0], counts[3], counts[4], CATEGORICAL[0]),
    ]
    left, right = st.columns(2)
    with left:
        st.markdown("**How many neighbors**")
        show_figure(arm_curves(curves, ("epoch", "soft count N_S (samples)")), key=f"snapshots-counts-{key}")
        st.caption("Median over samples; bands hold the middle half and nine in ten of them.")
    with right:
        _show_shares(found, key)
    if facts.measure == "rmse":
        _show_errors(found, key)
    with st.expander("All numbers"):
        st.dataframe(table, hide_index=True, alt="Every snapshot")
    st.caption(
        f"{len(table)} snapshots, measured on {facts.samples:,} of {facts.all_samples:,} samples, "
        f"{facts.made_at[:10]}. A soft count early in training is large because all gradients share a direction then, "
        "not because the network knows that the samples are alike."
    )


def _show_shares(found: Snapshots, key: str) -> None:
    table, facts = found.table, found.facts
    epochs = table["epoch"].to_numpy(dtype=float)
    random = "" if facts.wrong_share is None else f" (a random order makes {facts.wrong_share:.2f})"
    lines = {
        "neighbors": ("overlap", CATEGORICAL[1], "solid", f"share of the {facts.k} nearest that the last snapshot has"),
        "suspects": (
            *("suspects", CATEGORICAL[11], "dashdot"),
            f"share of the last network’s {facts.suspects} most doubtful labels that are already the most doubtful (a "
            f"random order makes {(facts.suspects or 0) / facts.samples:.2f})",
        ),
        "wrong labels": (
            *("precision", CATEGORICAL[8], "dash"),
            f"average precision of suspicion against labels that are known to be wrong{random}",
        ),
        "held out": ("held_out", CATEGORICAL[0], "dot", "accuracy by the given labels"),
    }
    if facts.measure == "rmse":
        del lines["held out"]
    shown = {name: line for name, line in lines.items() if table[line[0]].notna().all()}
    curves = [
        Curve(name, epochs, table[column].to_numpy(), color=color, dash=dash)
        for name, (column, color, dash, _) in shown.items()
    ]
    st.markdown("**How near the end**")
    show_figure(arm_curves(curves, ("epoch", "share"), percent=True), key=f"snapshots-shares-{key}")
    told = "; ".join(f"{name}: {words}" for name, (*_, words) in shown.items())
    st.caption(f"{told[:1].upper()}{told[1:]}.")


def _show_errors(found: Snapshots, key: str) -> None:
    """Errors are no shares, so they have a figure of their own."""
    table = found.table
    epochs = table["epoch"].to_numpy(dtype=float)
    curves = [
        Curve(name, epochs, table[column].to_numpy(), color=color)
        for name, column, color in (
            ("trained on", "train", CATEGORICAL[0]),
            ("held out", "held_out", CATEGORICAL[1]),
        )
        if table[column].notna().all()
    ]
    if curves:
        st.markdown("**How far off**")
        show_figure(arm_curves(curves, ("epoch", "RMSE (units of the target)")), key=f"snapshots-errors-{key}")
        st.caption("Root of the mean squared distance from the given targets.")


def _count(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−")
