"""The one training loop: Adam over the training samples, with a log that is a table, an epoch a row."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from explorer.errors import SettingsError, SubjectError
from explorer.features.network import chosen_device
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject
from explorer.training.activity import activity_row, unit_activity
from explorer.training.batches import AUGMENTS, Batches, Draws, Epochs, Misclassification, drawn
from explorer.training.enforcement import Enforcement, Pace
from explorer.training.measuring import answers, measure
from explorer.training.moves import Move, check_pictures
from explorer.training.resuming import Point, Row, data_digest, network_facts
from explorer.training.snapshots import Snapshots
from explorer.training.terms import EnforcedTerm

MOST_SEED = 2**64
"""Seeds of torch are below this."""
Progress = Callable[[int, int, Row], None]
"""(epochs done, epochs in all, the last row of the log); steps, when a training is counted in steps."""


def train(
    subject: Subject,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    enforce: Enforcement | None = None,
    misclassify: float | None = None,
    augment: Move | None = None,
    pace: Pace | None = None,
    snapshots: Snapshots | None = None,
    resume: Path | None = None,
) -> pd.DataFrame:
    """Train the subject's network on its training samples and given labels.

    On the CPU the result depends on nothing but the first weights, the settings and the seed (and, by float rounding,
    on the number of threads and the version of torch). torch's own random state is left as it was.

    Args:
        subject: its model is modified in place, moved back to its own device, and left in evaluation mode.
        recipe: epochs, step size, batch, loss.
        seed: chooses the order of the samples, what a network with dropout drops, and all that is drawn below.
        device: auto, cpu or cuda; auto takes a GPU when there is one.
        progress: called after every row of the log; may look at the subject's model.
        enforce: a similarity to enforce in every step. The samples that are learned from stay the same.
        misclassify: in every step, each label is replaced with this probability by one drawn from all classes; the log
            then says which units still fire. 0 leaves the labels alone and says so too.
        augment: every step learns from moved copies of its pictures in place of these; with shift or rotation enforced,
            these and their copies are then compared.
        pace: count in steps and draw the batches, in place of epochs. Only the held-out samples are then measured, if
            there are any.
        snapshots: keep weights on the way.
        resume: a file to go on from when it is there, kept up to date as the training runs. It is left when the
            training is done, for the caller to delete once the result is safe.

    Returns:
        One row an epoch (or `every` steps of a pace): epoch (from 1) or step, loss (mean over the steps, without what
        is enforced, on the labels that the steps were told); with enforce, similarity (mean k^C of the pairs over the
        steps that had one, before each step); train_accuracy or train_rmse (after the epoch, on the given labels),
        held_out_accuracy or held_out_rmse when samples are held out; with misclassify, activity, dead and
        activity_<layer> (see activity_row; on the training samples); seconds (since the start, without interruptions).

    Raises:
        SubjectError: no sample is for training, the outputs do not suit the loss or what is enforced, or the loss
            became infinite.
        SettingsError: settings do not go together, the seed is negative or too large, or the file to resume from was
            made with others, or without a snapshot that is asked for.
        EngineError: cuda was asked for and there is none, or the network cannot be differentiated twice.

    Cost: all inputs are held in memory at once. An enforced step takes 3 to 4 times as long as a plain one when classes
    are compared by their mask (see similarity_loss).
    """
    if not len(subject.train_rows):
        raise SubjectError("expected samples to train on, found none: all are held out. Mark some as train.")
    check_seed(seed)
    place, home = chosen_device(device), next(subject.model.parameters()).device
    try:
        subject.model.to(place)
        with _seeded(place, seed) as generator:
            course = _Course(subject, recipe, seed, place, generator, enforce, misclassify, augment, pace)
            point = Point(resume, course.settings() if resume else {}, subject.model, course.optimizer, generator)
            return _logged(course, point, snapshots, progress)
    finally:
        subject.model.to(home).eval()


def check_seed(seed: int) -> None:
    """Make sure that torch and numpy take a seed.

    Raises:
        SettingsError: one of them does not.
    """
    if not 0 <= seed < MOST_SEED:
        raise SettingsError(f"the seed must be from 0 to {MOST_SEED - 1}, found {seed}. Choose another.")


class _Course:
    """All that one training is made of."""

    def __init__(
        self,
        subject: Subject,
        recipe: Recipe,
        seed: int,
        place: torch.device,
        generator: torch.Generator,
        enforce: Enforcement | None,
        misclassify: float | None,
        augment: Move | None,
        pace: Pace | None,
    ):
        self.subject, self.recipe, self.seed, self.place = subject, recipe, seed, place
        self.told = {"enforce": enforce and enforce.told(), "misclassify": misclassify}
        self.told |= {name: one and asdict(one) for name, one in (("augment", augment), ("pace", pace))}
        self.inputs = subject.inputs(np.arange(len(subject))).to(place)
        self.targets = torch.from_numpy(subject.targets).to(place)
        self.batches: Batches = Draws(subject, recipe, pace, seed) if pace else Epochs(subject, recipe, generator)
        self.augment = augment
        if augment is not None:
            check_pictures(subject)
        self.flips = None
        if misclassify is not None:
            classes = max(2, answers(subject, self.inputs[:1]).shape[1])
            self.flips = Misclassification(subject, misclassify, classes, seed)
        self.term = enforce and EnforcedTerm(subject, enforce, self.inputs, self.targets, seed)
        self.parts = ("held_out",) if pace and len(subject.held_out_rows) else ("train", "held_out")
        self.optimizer = torch.optim.Adam(
            subject.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )

    def settings(self) -> dict[str, Any]:
        """What a training that goes on must have in common with the one that was interrupted."""
        return {
            **self.told,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "device": self.place.type,
            "data": data_digest(self.inputs, self.targets, self.subject.train_rows),
            **network_facts(self.subject.model),
        }

    def period(self, number: int) -> Row:
        """One epoch, or so many steps: mean loss, and mean similarity where one is enforced."""
        self.subject.model.train()
        first = number * self.batches.size
        found = [self._step(rows, step) for step, rows in enumerate(self.batches.of(number), start=first)]
        losses, similarities = (np.array(column) for column in zip(*found, strict=True))
        if not np.isfinite(losses).all():
            raise SubjectError(
                f"the loss must stay finite, found {losses[-1]} in {self.batches.name} "
                f"{self.batches.counted(number + 1)}. Lower the learning rate or scale the data."
            )
        row = {"loss": float(np.mean(losses))}
        if self.term:
            known = similarities[np.isfinite(similarities)]
            row["similarity"] = float(known.mean()) if len(known) else float("nan")
        return row

    def measured(self) -> Row:
        """What the log says after a period."""
        row = measure(self.subject, self.inputs, self.targets, self.parts)
        if self.flips:
            row |= activity_row(unit_activity(self.subject, self.inputs[self.subject.train_rows]))
        return row

    def _step(self, rows: Tensor, step: int) -> tuple[float, float]:
        inputs, targets = self.inputs[rows], self.targets[rows]
        if self.augment:
            inputs = self.augment.moved(inputs, drawn(self.seed, AUGMENTS, step))
        if self.flips:
            targets = self.flips.told(targets, step)
        outputs = None
        if self.term and not self.term.is_blind:
            # First what changes running statistics, which the graph of the term would otherwise be read with too late.
            outputs = self.subject.output(self.subject.model, inputs)
        term = self.term and self.term(rows, inputs, step)
        if outputs is None:
            known = term.outputs if term else None
            outputs = self.subject.output(self.subject.model, inputs) if known is None else known
        loss = _loss(self.recipe.loss, outputs, targets)
        total = loss if term is None or term.value is None else loss + term.value
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._share(step)
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        return (loss.item() if torch.isfinite(total) else total.item()), term.similarity if term else 0.0

    def _share(self, step: int) -> float:
        """Share of the step size that is left at a step, counted from 0."""
        last = self.batches.periods * self.batches.size
        return (1 + math.cos(math.pi * step / last)) / 2 if self.recipe.decay else 1.0


def _logged(course: _Course, point: Point, snapshots: Snapshots | None, progress: Progress | None) -> pd.DataFrame:
    batches, model = course.batches, course.subject.model
    if snapshots:
        snapshots.check(batches.name, range(0, batches.counted(batches.periods) + 1, batches.counted(1)))
    log = point.read()
    if snapshots and not log:
        snapshots.take(model, batches.name, 0)
    elif snapshots:
        snapshots.check_taken(batches.name, range(0, batches.counted(len(log)) + 1, batches.counted(1)))
    started = time.perf_counter() - (log[-1]["seconds"] if log else 0.0)
    for number in range(len(log), batches.periods):
        done = batches.counted(number + 1)
        row = {batches.name: done, **course.period(number), **course.measured()}
        log.append({**row, "seconds": time.perf_counter() - started})
        if snapshots:
            snapshots.take(model, batches.name, done)
        point.write(log, is_last=number + 1 == batches.periods)
        if progress is not None:
            progress(done, batches.counted(batches.periods), log[-1])
    return pd.DataFrame(log)


@contextmanager
def _seeded(place: torch.device, seed: int) -> Iterator[torch.Generator]:
    """A generator for the order of samples; torch's own, which dropout reads, is seeded and afterwards put back."""
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if place.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def _loss(name: str, outputs: Tensor, targets: Tensor) -> Tensor:
    if name != "cross-entropy":
        targets = targets.to(outputs.dtype).reshape(outputs.shape)
        return functional.l1_loss(outputs, targets) if name == "l1" else functional.mse_loss(outputs, targets)
    if outputs.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], targets.to(outputs.dtype))
    return functional.cross_entropy(outputs, targets)
