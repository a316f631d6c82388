"""Did the decisions help? The network trained again, before and after, on held-out samples. Part of Labels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages.retraining import commands, decision_counts, obstacle, own_file, trainer
from explorer.pages.start import SECONDS_BETWEEN_LOOKS
from explorer.pages.state import plain
from explorer.pages.tiles import given_word
from explorer.study.retrained import Comparison, Retraining, read_record, record_paths
from explorer.study.study import Study

WIDTH = 860
MOST_RECORDS = 20
MEASURES = {"accuracy": "accuracy", "rmse": "root mean square error"}
UNITS = {"accuracy": "points", "rmse": "units of the target"}
PARTS = {
    "untouched": "held out, not decided about",
    "held_out": "all held out",
    "held_out_true": "all held out, by true labels",
    "train_true": "trained on, by true labels",
}
"""The parts of a comparison in words; by the given labels unless they say otherwise."""
NETWORKS = {
    "own": "this study's network",
    "control": "trained again, as given",
    "retrained": "trained again, after decisions",
}


def show(study: Study) -> None:
    """The part of the Labels page about training again."""
    st.markdown(
        "Did the decisions help? Two networks are trained alike, same first weights, recipe and seed, one with the "
        f"{given_word(study)}s as given and one with those after the decisions. What was held out tells them apart.",
        width=WIDTH,
    )
    records = _show_records(study)
    st.header("Train again", anchor=False)
    _show_training(study, bool(records))


def verdict(one: Comparison, measure: str) -> str:
    """Whether the retrained network is better than its control, in words that claim no more than the interval."""
    is_better = (one.difference > 0) == (measure == "accuracy")
    if not one.is_beyond_chance:
        return "No difference beyond chance"
    return "Better, by more than chance" if is_better else "Worse, by more than chance"


def difference_in_words(one: Comparison, measure: str) -> str:
    """The difference and its 95 % interval: in points of a hundred for accuracies, else in units of the target."""
    scale, form = (100, "+.1f") if measure == "accuracy" else (1, "+.3g")
    low, middle, high = (format(scale * value, form) for value in (one.low, one.difference, one.high))
    return f"{middle} ({low} to {high})".replace("-", "−")


def seeds_in_words(records: Sequence[Retraining]) -> str:
    """What the trainings on the same labels say together; empty when there is one seed only."""
    first = records[0]
    alike = {
        one.seed: one.comparisons[0]
        for one in reversed(records)  # of one seed the latest
        if (one.labels["sha256"], one.recipe) == (first.labels["sha256"], first.recipe)
        and (one.comparisons[0].part, one.comparisons[0].samples)
        == (first.comparisons[0].part, first.comparisons[0].samples)
    }
    if len(alike) < 2:
        return ""
    found = np.array([one.difference for one in alike.values()])
    scale, unit = (100, " points") if first.measure == "accuracy" else (1, "")
    mean, low, high = (f"{scale * value:+.3g}" for value in (found.mean(), found.min(), found.max()))
    better = int((found > 0).sum() if first.measure == "accuracy" else (found < 0).sum())
    return (
        f"Over {len(found)} seeds with these labels the mean difference is {mean}{unit}, from {low} to {high}; "
        f"{better} of {len(found)} are better than their control."
    ).replace("-", "−")


def comparison_table(made: Retraining) -> pd.DataFrame:
    """One line a part, equal ones together: samples, the three networks, and the difference of the last two."""
    alike: dict[Comparison, list[str]] = {}  # where all numbers agree, as when nobody decided about held-out samples
    for one in made.comparisons:
        alike.setdefault(replace(one, part=""), []).append(one.part)
    lines = [
        {
            "Samples": _joined(parts),
            "Count": one.samples,
            **{words: _written(getattr(one, name), made.measure) for name, words in NETWORKS.items()},
            f"difference, {UNITS[made.measure]} (95 % interval)": difference_in_words(one, made.measure),
        }
        for one, parts in alike.items()
    ]
    return pd.DataFrame(lines)


def _joined(parts: list[str]) -> str:
    if len(parts) == 1:
        return PARTS[parts[0]]
    return PARTS["held_out"] + (", by given and true labels" if "held_out_true" in parts else "")


def _written(value: float, measure: str) -> str:
    return f"{100 * value:.1f} %" if measure == "accuracy" else f"{value:.4g}"


def _show_records(study: Study) -> list[Retraining]:
    """The latest training at large, others in a list; damaged ones as one sentence each."""
    records = []
    for path in record_paths(study.path)[:MOST_RECORDS]:
        try:
            records.append(read_record(path, study.subject["fingerprint"]))
        except ExplorerError as trouble:
            st.warning(plain(str(trouble)), icon=":material/warning:")
    if records:
        _show_latest(study, records)
    return records


def _show_latest(study: Study, records: list[Retraining]) -> None:
    made, first = records[0], records[0].comparisons[0]
    st.markdown(
        f"**{verdict(first, made.measure)}**: {MEASURES[made.measure]} "
        f"{_with_unit(difference_in_words(first, made.measure), made.measure)} on {first.samples:,} samples "
        f"({PARTS[first.part]}). {_discordant_words(first)}"
    )
    with st.container(horizontal=True, gap="medium"):
        for name, words in NETWORKS.items():
            st.metric(words.capitalize(), _written(getattr(first, name), made.measure), width="content")
    seeds = seeds_in_words(records)
    if seeds:
        st.markdown(seeds)
    st.dataframe(
        comparison_table(made),
        hide_index=True,
        width="stretch",
        alt="Before and after on each set of samples",
        column_config={"Samples": st.column_config.TextColumn(width=270)},
    )
    st.caption(_facts_in_words(study, made))
    if len(records) > 1:
        with st.expander(f"The latest {len(records)} trainings"):
            st.dataframe(
                records_table(records), hide_index=True, width="stretch", alt="All trainings, the latest first"
            )


def records_table(records: Sequence[Retraining]) -> pd.DataFrame:
    """One line a training, the latest first, by its first comparison."""
    lines = [
        {
            "When (UTC)": _time(made),
            "Changed": made.labels["relabeled"],
            "Dropped": made.labels["dropped"],
            "Seed": made.seed,
            "Held out": made.comparisons[0].samples,
            NETWORKS["control"]: _written(made.comparisons[0].control, made.measure),
            NETWORKS["retrained"]: _written(made.comparisons[0].retrained, made.measure),
            f"difference, {UNITS[made.measure]} (95 % interval)": difference_in_words(
                made.comparisons[0], made.measure
            ),
        }
        for made in records
    ]
    return pd.DataFrame(lines)


def _with_unit(difference: str, measure: str) -> str:
    return difference.replace(" (", f" {UNITS[measure]} (95 % interval ")


def _discordant_words(one: Comparison) -> str:
    if one.probability is None:
        return ""
    return (
        f"{one.only_retrained:,} are right only with the decisions, {one.only_control:,} only without; were both "
        f"networks equally good, a split as uneven would come with probability {max(one.probability, 1e-4):.2g}"
        f"{' or less' if one.probability < 1e-4 else ''}."
    )


def _facts_in_words(study: Study, made: Retraining) -> str:
    labels = made.labels
    held_out = labels["held_out_relabeled"] + labels["held_out_dropped"]
    changed, dropped = _counted(labels["relabeled"], given_word(study)), _counted(labels["dropped"], "sample")
    words = [
        f"{changed} changed and {dropped} dropped, {held_out:,} of them held out; seed {made.seed}, "
        f"{made.recipe['epochs']} epochs, {made.seconds:,.0f} s for both, {_time(made)} UTC. "
        f"Weights in {plain(f'`{made.weights}`')}.",
        "The interval is about which samples were held out. Another seed would move both networks too: repeat with "
        "several before you rely on a small difference.",
    ]
    if any(one.part == "train_true" for one in made.comparisons):
        words.append(
            "On samples that were trained on, the network after decisions was taught the corrected labels: that line "
            "says what it learned, not what it can foresee."
        )
    if ".py:" in (study.subject["reference"] or ""):
        words.append("Both trainings go on from the weights that your network comes with.")
    return " ".join(words)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _time(made: Retraining) -> str:
    return made.made_at[:16].replace("T", " ")


def _show_training(study: Study, has_records: bool) -> None:
    decided, changed, dropped = decision_counts(study)
    trouble = obstacle(study)
    st.markdown(
        f"Decided about **{_counted(decided, 'sample')}**: **{_counted(changed, given_word(study))}** changed, "
        f"**{_counted(dropped, 'sample')}** dropped."
        if decided
        else "Nobody has decided about a sample yet."
    )
    progress = trainer().progress(study.path)
    if progress.state == "running":
        _watch(study)
    elif changed + dropped == 0:
        st.info("Relabel or drop some samples in Triage first: so far there is nothing to train again for.")
    elif trouble:
        st.info(plain(trouble), icon=":material/info:")
    else:
        _offer(study, progress.state, progress.message, kind="secondary" if has_records else "primary")
    with st.expander("The same from a terminal", expanded=bool(trouble)):
        st.code("\n".join(commands(study)), language="bash", wrap_lines=True)


def _offer(study: Study, state: str, message: str, kind: str) -> None:
    if state == "failed":
        st.error(plain(message), icon=":material/error:")
    elif state == "interrupted":
        st.warning("The last training was stopped before it was done.", icon=":material/warning:")
    reference = study.subject["reference"]
    if own_file(reference) is not None:
        st.caption(f"This runs your file {plain(f'`{own_file(reference)}`')} as it stands.")
    elif "--model" in reference:
        st.caption(f"This runs the model that is named in {plain(f'`{reference}`')}.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, 1, key="retrain-seed", width=140)
        if st.button("Retrain now", key="retrain", type=kind, icon=":material/model_training:"):
            try:
                trainer().start(study, int(seed))
            except (ExplorerError, OSError) as trouble:
                st.error(plain(str(trouble)), icon=":material/error:")
            else:
                st.rerun()


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch(study: Study) -> None:
    progress = trainer().progress(study.path)
    if progress.state != "running":
        st.rerun(scope="app")
    words = f"epoch {progress.done:,} of {progress.total:,}" if progress.total else "loading the network and its data"
    st.progress(progress.share, text=f"Training twice: {words}")
    st.caption("You may close this page: the work goes on.")
