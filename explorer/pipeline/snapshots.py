"""How training changes the similarity: every snapshot of a subject's weights measured by the ordinary build."""

import re
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch.utils.data import Subset

from explorer.errors import SettingsError, SubjectError
from explorer.pipeline.build import build
from explorer.pipeline.progress import Watcher
from explorer.records import Settings
from explorer.study.agreement import neighbor_overlap
from explorer.study.snapshots import QUANTILES, SnapshotFacts, Snapshots
from explorer.study.study import Study
from explorer.subjects.reading import survey_rows
from explorer.subjects.splits import TRAIN
from explorer.subjects.subject import Subject
from explorer.subjects.weights import load_state, weights_metadata

NEAREST = 10
"""How many of the nearest neighbors are compared."""
MOST_SAMPLES = 2000
"""How many samples are measured when nothing else is said: a snapshot of the bundled digits then takes a quarter of a
minute."""
SUSPECTED, LEAST_SUSPECTS = 0.05, 10
"""Such a share of the samples, the most suspicious ones, is compared with the last snapshot's; at least so many."""
TOLD = ("subject", "seed", "recipe", "fresh")
"""What snapshots of one training have in common, where their files tell it."""
EPOCH = re.compile(r"(\d+)$")
"""The number that a snapshot's name ends in, where its file does not say the epoch."""


def snapshot_files(folder: Path) -> list[tuple[int, Path]]:
    """The snapshots of a training, first to last, with the epoch of each.

    Args:
        folder: holds .safetensors files. The epoch of one is what was written into it as `epoch`; else the epochs of
            the recipe that it was trained with, where no other file is of that epoch; else the number at the end of its
            name. Files without any are passed over.

    Raises:
        SettingsError: fewer than two snapshots, two of one epoch, or of two trainings.
        SubjectError: a file is damaged.
    """
    if not folder.is_dir():
        raise SettingsError(f"expected a folder of snapshots at {folder}, found none. Check the path.")
    found: dict[int, Path] = {}
    finished: dict[int, Path] = {}
    told: dict[Path, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        facts = weights_metadata(path, "Delete it.")
        epoch, is_finished = _epoch(path, facts)
        if epoch is None:
            continue
        same = finished if is_finished else found
        if epoch in same:
            raise SettingsError(
                f"expected one snapshot an epoch in {folder}, found {same[epoch].name} and {path.name} for epoch "
                f"{epoch}. Keep each training in a folder of its own."
            )
        same[epoch], told[path] = path, facts
    _check_one_training(told, folder)
    found = finished | found
    if len(found) < 2:
        raise SettingsError(
            f"expected at least two snapshots in {folder}, found {len(found)} .safetensors files with an epoch. "
            "Train with --snapshots, or name files by their epoch: weights-3.safetensors."
        )
    return sorted(found.items())


def measure_snapshots(
    subject: Subject,
    snapshots: Sequence[tuple[int, Path]],
    *,
    most: int = MOST_SAMPLES,
    settings: Settings | None = None,
    progress: Watcher | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Snapshots:
    """Measure snapshots one after the other, each by the ordinary build into a study that is thrown away.

    Args:
        subject: sound (see Subject.check), with the weights that its study was built with; its model is not modified.
        snapshots: at least one pair of an epoch and a file of weights, epochs rising; the last is what the others are
            compared with.
        most: so many samples at most are measured, an even selection of all.
        settings: how to measure; the defaults when left out. A limit in it plays no part.
        progress: is told of every advance of a build.
        told: called with (snapshots done, snapshots in all).

    Returns:
        The table and what it was made of (see study.snapshots.COLUMNS).

    Raises:
        SubjectError: weights do not fit the network, or the subject cannot be measured.
        SettingsError: most is too small.

    Cost: a build of so many samples for each snapshot, and disk space for one. Memory: k row numbers a sample and
    snapshot.
    """
    if most < NEAREST + 2:
        raise SettingsError(f"at least {NEAREST + 2} samples must be measured, found {most}. Raise --samples.")
    fingerprint = subject.fingerprint()
    chosen = _selected(subject, survey_rows(len(subject), most))
    settings = replace(settings or Settings(), limit=None, exact_density=False)
    settings = replace(settings, neighbors=max(settings.neighbors, NEAREST))
    lines, nearest, doubts, wrong_share = [], [], [], None
    with tempfile.TemporaryDirectory(prefix="explorer-snapshots-") as place:
        for number, (epoch, path) in enumerate(snapshots):
            model = deepcopy(chosen.model)
            load_state(model, path)
            study = build(replace(chosen, model=model), Path(place) / str(number), settings=settings, progress=progress)
            line, wrong_share = _measured(study)
            lines.append({"epoch": epoch, "weights": path.name, **line})
            doubts.append(_doubt(study))
            nearest.append(np.array(study.array("neighbors/network/indices")[:, :NEAREST], dtype=np.int32))
            if told is not None:
                told(number + 1, len(snapshots))
    k = nearest[-1].shape[1]
    shared = [float(np.nanmean(neighbor_overlap(one, nearest[-1], k))) / k for one in nearest]
    count = min(max(LEAST_SUSPECTS, round(SUSPECTED * len(chosen))), int(np.isfinite(doubts[-1]).sum()))
    suspects = [shared_suspects(one, doubts[-1], count) for one in doubts]
    facts = SnapshotFacts(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=fingerprint,
        name=subject.name,
        measure="accuracy" if subject.task == "classification" else "rmse",
        samples=len(chosen),
        all_samples=len(subject),
        k=k,
        wrong_share=wrong_share,
        suspects=count or None,
    )
    return Snapshots(facts, pd.DataFrame(lines).assign(overlap=shared, suspects=suspects))


def shared_suspects(doubt: np.ndarray, last: np.ndarray, count: int) -> float:
    """Share of the most doubtful samples by one order that are among as many most doubtful by another.

    1 for the same order; about count / n for a random one. Of equal doubts the earlier row comes first.

    Args:
        doubt: [n] higher is more doubtful; nan is never doubted.
        last: [n] the order that it is compared with; at least count are known.
        count: how many of each; none give nan.

    >>> shared_suspects(np.array([0.9, 0.8, 0.1]), np.array([0.9, 0.2, 0.3]), 2)
    0.5
    """
    if not count:
        return float("nan")
    ours, theirs = (np.argsort(-np.nan_to_num(one, nan=-np.inf), kind="stable")[:count] for one in (doubt, last))
    return float(np.isin(theirs, ours[np.isfinite(doubt[ours])]).mean())


def average_precision(doubt: np.ndarray, is_wrong: np.ndarray) -> float:
    """Mean, over the samples that are wrong, of the share of wrong ones among all that are doubted at least as much.

    1 when all wrong ones come first; about their share in a random order.

    Args:
        doubt: [n] higher is more doubtful; equal ones share a place. nan comes last.
        is_wrong: [n] bool, at least one.

    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    0.8333333333333333
    """
    doubt = np.nan_to_num(doubt, nan=-np.inf)
    rising = np.sort(doubt)
    wrong = np.sort(doubt[is_wrong])
    as_doubtful = len(rising) - np.searchsorted(rising, wrong)
    wrong_as_doubtful = len(wrong) - np.searchsorted(wrong, wrong)
    return float((wrong_as_doubtful / as_doubtful).mean())


def _check_one_training(told: dict[Path, dict[str, Any]], folder: Path) -> None:
    """Make sure that all files are of one subject, seed and recipe, as far as they tell."""
    first: dict[str, tuple[Path, Any]] = {}
    for path, facts in told.items():
        recipe = facts.get("recipe")
        flat = {name: facts[name] for name in TOLD if name in facts and name != "recipe"}
        flat |= recipe if isinstance(recipe, dict) else {}
        if "epoch" not in facts:
            flat.pop("epochs", None)  # trainings of several lengths, told by these, may stand for snapshots
        for name, value in flat.items():
            other, before = first.setdefault(name, (path, value))
            if before != value:
                raise SettingsError(
                    f"expected snapshots of one training in {folder}, found {other.name} with {name} {before} and "
                    f"{path.name} with {name} {value}. Keep each training in a folder of its own."
                )


def _epoch(path: Path, facts: dict[str, Any]) -> tuple[int | None, bool]:
    """The epoch of a file, and whether it is told only by how long the whole training was."""
    recipe = facts.get("recipe")
    told = (facts.get("epoch"), recipe.get("epochs") if isinstance(recipe, dict) else None)
    for one, is_finished in zip(told, (False, True), strict=True):
        if isinstance(one, int) and not isinstance(one, bool) and one >= 0:
            return one, is_finished
    number = EPOCH.search(path.stem)
    return (int(number[1]) if number and len(number[1]) < 10 else None), False


def _selected(subject: Subject, rows: np.ndarray) -> Subject:
    """The subject with some of its samples only."""
    if len(rows) == len(subject):
        return subject
    return replace(
        subject,
        dataset=Subset(subject.dataset, rows.tolist()),
        labels=subject.targets[rows],
        task=subject.task,
        split=None if subject.split is None else subject.split[rows],
        broken=None if subject.broken is None else subject.broken[rows],
        columns={name: values[rows] for name, values in subject.columns.items()},
    )


def _measured(study: Study) -> tuple[dict[str, float], float | None]:
    """The numbers of one snapshot, and the share of wrong labels if they are known."""
    samples = study.samples
    counts = samples["soft_density"].to_numpy(dtype=np.float64)
    counts = counts[np.isfinite(counts)]
    if not len(counts):
        raise SubjectError(
            f"expected gradients in a snapshot of {study.subject['name']}, found none in any sample. Leave it out."
        )
    line = {name: float(np.quantile(counts, share)) for name, share in QUANTILES.items()}
    line["negative"] = float((counts < 0).mean())
    is_train = samples["split"].to_numpy() == TRAIN if "split" in samples else np.ones(study.n, dtype=bool)
    line["precision"], wrong_share = _precision(samples[is_train])
    for name, rows in (("train", is_train), ("held_out", ~is_train)):
        line[name] = _quality(study, rows) if rows.any() else np.nan
    return line, wrong_share


def _doubt(study: Study) -> np.ndarray:
    """[n] how suspicious each sample is; nan where nothing is doubted."""
    samples = study.samples
    return samples["suspicion"].to_numpy(dtype=np.float64) if "suspicion" in samples else np.full(study.n, np.nan)


def _precision(samples: pd.DataFrame) -> tuple[float, float | None]:
    if not {"suspicion", "label", "true_label"} <= set(samples):
        return np.nan, None
    is_wrong = (samples["label"] != samples["true_label"]).to_numpy()
    if not is_wrong.any() or is_wrong.all():
        return np.nan, None
    return average_precision(samples["suspicion"].to_numpy(dtype=np.float64), is_wrong), float(is_wrong.mean())


def _quality(study: Study, rows: np.ndarray) -> float:
    given, answered = (
        study.samples[study.columns_of(name)].to_numpy()[rows]
        for name in ("label" if study.task == "classification" else "target", "prediction")
    )
    if study.task == "classification":
        return float((given == answered).mean())
    return float(np.sqrt(np.square(given - answered, dtype=np.float64).mean()))
