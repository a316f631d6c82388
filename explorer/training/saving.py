"""Trained networks on disk: the weights, what they came from, and the log of the training beside them."""

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from explorer.errors import SettingsError
from explorer.study.decision import now_in_utc
from explorer.study.retrained import Comparison, Retraining, write_record
from explorer.study.steps import PART, with_ending, write_file
from explorer.study.study import Study
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject
from explorer.training.activity import dead_units, unit_activity
from explorer.training.beginning import beginning
from explorer.training.enforcement import Enforcement
from explorer.training.loop import Progress, check_seed, train
from explorer.training.measuring import measure
from explorer.training.pair_files import among_kept
from explorer.training.relabeled import relabeled
from explorer.training.retraining import train_with_control
from explorer.training.snapshots import Snapshots, save_weights
from explorer.training.terms import EnforcedTerm


def train_to_file(
    name: str,
    out: Path,
    *,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    labels: Path | None = None,
    study: Study | None = None,
    enforce: Enforcement | None = None,
    misclassify: float | None = None,
    fresh: bool = False,
    snapshots: Sequence[int] = (),
    snapshots_every: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the network of a subject and keep its weights, with the log beside them.

    A bundled subject begins with new weights, chosen by the seed; one of your own with the weights that its function
    gives it, or with new ones when it is to be fresh. A training that was interrupted is gone on with when it is asked
    for again, and ends as if it had not been: where it is stands in `<out>.resume.safetensors`, which is deleted at the
    end. (With a study there are two trainings, which begin anew.)

    Args:
        name: a bundled name, or `path/file.py:function`.
        out: ends in .safetensors; the log goes to the same name with .log.parquet.
        epochs: in place of the recipe's own number.
        seed: chooses first weights and order of samples.
        device: auto, cpu or cuda.
        labels: a file of labels to train with, in place of the subject's own (see label_files). The log is about
            these; samples that were dropped are neither trained on nor measured.
        study: a study of this subject, to keep a record of what the labels of the file changed (see retraining): a
            second network is then trained first, from the same weights, with the labels as given.
        enforce: a similarity to enforce; pairs of its own are rows of the subject, and those of dropped samples are
            left out.
        misclassify: see train. The activity of every unit at the end goes to the same name with .units.parquet.
        fresh: begin with new weights, see draw_weights.
        snapshots: after which epochs to keep weights as well; 0 is before the first.
        snapshots_every: after each so many epochs, in their place.
        progress: called after every epoch with (epochs done, epochs in all, row of the log).

    Returns:
        What is also written into the file: subject, seed, recipe, versions, and the last accuracies or
        errors of the log; with labels of a file, which ones (see relabeled) and, as_given, the accuracies or errors on
        the subject's own labels of all its samples; and besides weights and log, the two paths; with a study also
        each of its comparisons in words, and record, the path of the record. With enforce and misclassify these, and
        dead_units, as layer/unit.

    Raises:
        SettingsError: out cannot be written, epochs or seed cannot be used, options do not go together, or an
            interrupted training with other settings is there.
        DecisionError: the labels cannot be read, or are of other samples.
        SubjectError: the subject cannot be trained.
        StudyError: the study is of another subject, or its folder cannot be written.
    """
    out = Path(out)
    _check_writable(out)
    check_seed(seed)
    is_plain = enforce is None and misclassify is None and not snapshots and not snapshots_every
    if study is not None and labels is None:
        raise SettingsError("expected a file of labels with a study, found none. Name one with --labels.")
    if study is not None and not is_plain:
        raise SettingsError(
            "a study is told what labels alone change, found other changes beside them. Leave out --study, or "
            "--enforce, --misclassify and --snapshots."
        )
    subject, recipe = beginning(name, seed, is_fresh=fresh)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    subject.check()
    trained, changes = (subject, None) if labels is None else relabeled(subject, Path(labels))
    if enforce is not None and labels is not None and not isinstance(enforce.pairs, str):
        enforce = _among_kept(enforce, subject, trained, seed)
    how, started = {"seed": seed, "device": device, "progress": progress}, time.perf_counter()
    resume = out.with_suffix(".resume.safetensors")
    if study is None:
        about = {"subject": subject.name, "seed": seed, "recipe": asdict(recipe), **({"fresh": True} if fresh else {})}
        kept = Snapshots(out=out, at=snapshots, every=snapshots_every, metadata=about)
        options = {"enforce": enforce, "misclassify": misclassify, "snapshots": kept, "resume": resume}
        log = train(trained, recipe, **how, **options)
    else:
        log, comparisons = train_with_control(study, subject, trained, recipe, **how)
    seconds = time.perf_counter() - started
    facts = _facts(subject, recipe, log, seed)
    if fresh:
        facts["fresh"] = True
    if changes is not None:
        facts["labels"] = {**changes, "as_given": _measured_as_given(subject)}
    if enforce is not None:
        facts["enforce"] = enforce.told()
    log_path, units_path = out.with_suffix(".log.parquet"), out.with_suffix(".units.parquet")
    if misclassify is not None:
        units = _activity(trained)
        save_log(units, units_path)
        dead = dead_units(units)
        facts |= {"misclassify": misclassify, "dead_units": list(dead["layer"] + "/" + dead["unit"].astype(str))}
    save_weights(subject.model, out, facts)
    save_log(log, log_path)
    resume.unlink(missing_ok=True)
    result = {**facts, "weights": str(out), "log": str(log_path)}
    if misclassify is not None:
        result["units"] = str(units_path)
    if study is None:
        return result
    measured = "accuracy" if subject.task == "classification" else "rmse"
    about = {"measure": measured, "seed": seed, "recipe": asdict(recipe), "labels": changes}
    made = _retraining(study, comparisons, weights=str(out.resolve()), seconds=seconds, **about)
    told = {one.part: one.in_words() for one in comparisons}
    return {**result, **told, "record": str(write_record(study.path, made))}


def save_log(log: pd.DataFrame, path: Path) -> None:
    """Write the table of a training as Parquet, whole or not at all."""
    content = io.BytesIO()
    log.to_parquet(content, index=False)
    write_file(path, content.getvalue())


def _check_writable(out: Path) -> None:
    if out.suffix != ".safetensors":
        raise SettingsError(f"weights are written as .safetensors, found {out.name!r}. Name the file so.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the folder {out.parent} cannot be made: {error.strerror}. Choose another.") from error
    # The longest name that a training begins with; some places say only when they are written to that they cannot be.
    probe = with_ending(out.with_suffix(".resume.safetensors"), PART)
    try:
        is_taken = out.is_dir()
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"expected a place to write {out} to, found that it cannot be: {error.strerror}. Choose another."
        ) from error
    if is_taken:
        raise SettingsError(f"expected a place to write {out} to, found a folder of that name. Choose another.")


def _among_kept(enforce: Enforcement, subject: Subject, trained: Subject, seed: int) -> Enforcement:
    """The same with pairs of the samples that were kept; all pairs of the file must be those of the subject."""
    EnforcedTerm(subject, enforce, subject.inputs(subject.train_rows[:1]), torch.from_numpy(subject.targets), seed)
    return replace(enforce, pairs=among_kept(enforce.pairs, trained.dataset.indices, len(subject)))


def _activity(subject: Subject) -> pd.DataFrame:
    place = next(subject.model.parameters()).device
    return unit_activity(subject, subject.inputs(subject.train_rows).to(place))


def _measured_as_given(subject: Subject) -> dict[str, float]:
    place = next(subject.model.parameters()).device
    inputs = subject.inputs(np.arange(len(subject))).to(place)
    return measure(subject, inputs, torch.from_numpy(subject.targets).to(place))


def _retraining(study: Study, comparisons: tuple[Comparison, ...], **about: Any) -> Retraining:
    fingerprint = study.subject["fingerprint"]
    return Retraining(made_at=now_in_utc(), fingerprint=fingerprint, comparisons=comparisons, **about)


def _facts(subject: Subject, recipe: Recipe, log: pd.DataFrame, seed: int) -> dict[str, Any]:
    last = log.iloc[-1].drop(["epoch", "seconds"]).to_dict()
    return {
        "subject": subject.name,
        "seed": seed,
        "recipe": asdict(recipe),
        **last,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
