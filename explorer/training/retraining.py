"""Train twice alike, with the labels as given and with those after decisions, and compare on what was held out."""

from copy import deepcopy

import numpy as np
import pandas as pd
import torch

from explorer.errors import StudyMismatch, SubjectError
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels
from explorer.study.retrained import Comparison, training_noted
from explorer.study.study import Study
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject
from explorer.training.comparison import compared_answers, compared_errors
from explorer.training.loop import Progress, train
from explorer.training.measuring import answers, predicted_classes

Answers = np.ndarray
"""What a network says about every sample: [n] int64 classes, or [n, c] float32 targets."""


def train_with_control(
    study: Study,
    subject: Subject,
    changed: Subject,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, tuple[Comparison, ...]]:
    """Train a control on the labels as given, then, from the same first weights, the network on changed labels.

    The two differ in nothing but these labels: recipe, seed and first weights are the same (the order of samples too,
    unless some were dropped). How much another seed alone would have moved both is not in the intervals: train with
    several.

    Args:
        study: a study of the subject; the answers of its own network are taken from its table. How far the trainings
            are is noted in its folder while they run.
        subject: sound, with the first weights and the labels as given. Its model is left trained on the changed ones.
        changed: the same with other labels, and without dropped samples (see relabeled); it shares the model.
        recipe: as train.
        seed: as train.
        device: as train.
        progress: as train, with the epochs of both trainings counted on.

    Returns:
        The log of the second training, and the comparisons.

    Raises:
        StudyMismatch: the study is of other samples or other labels.
        SubjectError: nothing is held out, or it cannot be trained.
        StudyError: another training is at work, or the folder cannot be written.
    """
    _check(study, subject, changed)
    first = deepcopy(subject.model.state_dict())
    with training_noted(study.path) as note:

        def tell(before: int) -> Progress:
            def told(done: int, total: int, row: dict[str, float]) -> None:
                note(before + done, 2 * total)
                if progress is not None:
                    progress(before + done, 2 * total, row)

            return told

        train(subject, recipe, seed=seed, device=device, progress=tell(0))
        control = _answers(subject)
        subject.model.load_state_dict(first)
        log = train(changed, recipe, seed=seed, device=device, progress=tell(recipe.epochs))
        networks = (_own_answers(study), control, _answers(subject))
        return log, comparisons(study, subject, _touched(study, subject, changed), networks)


def comparisons(
    study: Study, subject: Subject, touched: np.ndarray, networks: tuple[Answers, Answers, Answers]
) -> tuple[Comparison, ...]:
    """The comparisons of three networks on the parts that have samples (see Comparison).

    Args:
        study: its true labels are used, if it has any.
        subject: its labels as given.
        touched: [n] bool, samples that somebody decided about.
        networks: answers of the study's own network, the control and the retrained one.
    """
    held_out = np.isin(np.arange(len(subject)), subject.held_out_rows)
    parts = {"untouched": (held_out & ~touched, subject.targets), "held_out": (held_out, subject.targets)}
    if subject.task == "classification" and "true_label" in study.samples:
        truth = study.samples["true_label"].to_numpy()
        parts |= {"held_out_true": (held_out, truth), "train_true": (~held_out, truth)}
    return tuple(
        _compared(name, labels[rows], [one[rows] for one in networks])
        for name, (rows, labels) in parts.items()
        if rows.any()
    )


def _compared(part: str, labels: np.ndarray, networks: list[Answers]) -> Comparison:
    if labels.dtype.kind in "iu":
        return compared_answers(part, *(one == labels for one in networks))
    targets = labels.reshape(len(labels), -1).astype(np.float64)
    return compared_errors(part, *(np.square(one - targets).mean(1) for one in networks))


def _answers(subject: Subject) -> Answers:
    place = next(subject.model.parameters()).device
    outputs = answers(subject, subject.inputs(np.arange(len(subject))).to(place))
    told = predicted_classes(outputs) if subject.task == "classification" else outputs.to(torch.float32)
    return told.cpu().numpy()


def _own_answers(study: Study) -> Answers:
    table = study.samples[study.columns_of("prediction")].to_numpy()
    return table[:, 0].astype(np.int64) if study.task == "classification" else table.astype(np.float32)


def _touched(study: Study, subject: Subject, changed: Subject) -> np.ndarray:
    """[n] bool: decided about in the study, or changed or dropped by the labels that were trained with."""
    kept = np.asarray(changed.dataset.indices)
    touched = np.ones(len(subject), dtype=bool)
    touched[kept] = (changed.targets != subject.targets[kept]).reshape(len(kept), -1).any(1)
    touched[[one.row for one in Decisions.open(study).current()]] = True
    return touched


def _check(study: Study, subject: Subject, changed: Subject) -> None:
    if study.n != len(subject) or not np.array_equal(GivenLabels.of(study).values, subject.targets):
        raise StudyMismatch(
            f"expected a study of all {len(subject):,} samples of {subject.name} with the labels that it gives, found "
            f'"{study.name}" with {study.n:,} samples{" and other labels" * (study.n == len(subject))}. '
            "Name the study that was built from this subject, without --limit."
        )
    if not len(subject.held_out_rows):
        raise SubjectError(
            "expected held-out samples to compare before and after on, found none. Give the subject a split, or leave "
            "out --study."
        )
    if not len(changed.train_rows):
        raise SubjectError("expected samples to train on, found none: all were dropped. Keep some.")
