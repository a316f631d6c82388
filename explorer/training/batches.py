"""Which samples a step learns from, and which labels it is told."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from explorer.errors import SettingsError, SubjectError
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject
from explorer.training.enforcement import Pace

DRAWS, FLIPS, MOVES, PAIRS, COMPANIONS, AUGMENTS = range(1, 7)
"""What random numbers are for. Each purpose and step has a generator of its own, made from the seed: with the same seed
two trainings see the same batches whatever else differs, and one that is resumed has nothing to remember."""


def drawn(seed: int, purpose: int, step: int) -> np.random.Generator:
    """The random numbers of one purpose in one step, counted from 0."""
    return np.random.default_rng([seed, purpose, step])


class Batches(Protocol):
    """The steps of a training, in periods: after each there is a row of the log."""

    name: str
    """What a period is counted in: epoch or step."""
    periods: int
    """How many periods."""
    size: int
    """How many steps in a period."""

    def counted(self, period: int) -> int:
        """How far a training is after so many periods, in what it is counted in."""

    def of(self, period: int) -> Iterator[Tensor]:
        """Rows [b] of each step of a period, counted from 0."""


class Epochs:
    """Passes over the training samples, each in a new order, in nearly equal batches."""

    name = "epoch"

    def __init__(self, subject: Subject, recipe: Recipe, generator: torch.Generator):
        self.rows = torch.from_numpy(subject.train_rows)
        self.generator = generator
        self.periods = recipe.epochs
        # Nearly equal batches: a last one of a single sample would break batch normalization.
        self.size = -(-len(self.rows) // recipe.batch_size)

    def counted(self, period: int) -> int:
        """Epochs are counted one by one."""
        return period

    def of(self, period: int) -> Iterator[Tensor]:
        """Depends on how often it was called: the generator goes on from epoch to epoch."""
        order = torch.randperm(len(self.rows), generator=self.generator)
        yield from self.rows[order].tensor_split(self.size)


class Draws:
    """Batches drawn step by step (see Pace)."""

    name = "step"

    def __init__(self, subject: Subject, recipe: Recipe, pace: Pace, seed: int):
        self.rows, self.batch, self.pace, self.seed = subject.train_rows, recipe.batch_size, pace, seed
        self.periods, self.size = pace.steps // pace.every, pace.every
        self.classes: list[np.ndarray] = []
        if pace.draw == "pairs":
            if subject.task != "classification":
                raise SubjectError(f"pairs of a class need classes, found {subject.task}. Draw any samples.")
            if recipe.batch_size % 2:
                raise SettingsError(f"pairs need an even batch size, found {recipe.batch_size}. Add one.")
            labels = subject.targets[self.rows]
            self.classes = [self.rows[labels == one] for one in np.unique(labels)]

    def counted(self, period: int) -> int:
        """Steps, of which a period has many."""
        return period * self.size

    def of(self, period: int) -> Iterator[Tensor]:
        """Depends on the seed and the number of the step alone."""
        for step in range(period * self.size, (period + 1) * self.size):
            generator = drawn(self.seed, DRAWS, step)
            yield torch.from_numpy(self._pairs(generator) if self.classes else generator.choice(self.rows, self.batch))

    def _pairs(self, generator: np.random.Generator) -> np.ndarray:
        chosen = generator.integers(len(self.classes), size=self.batch // 2)
        return np.concatenate([generator.choice(self.classes[one], 2) for one in chosen])


class Misclassification:
    """Labels of classes, each replaced with a probability by one drawn from all classes, anew in every step.

    The drawn one may be the given one: of C classes, a share p (C - 1) / C of the labels is wrong.
    """

    def __init__(self, subject: Subject, probability: float, classes: int, seed: int):
        if subject.task != "classification":
            raise SubjectError(f"misclassification needs classes, found {subject.task}. Leave it out.")
        if not 0 <= probability <= 1:
            raise SettingsError(f"misclassify must be a probability from 0 to 1, found {probability}. Change it.")
        self.probability, self.classes, self.seed = probability, classes, seed

    def told(self, targets: Tensor, step: int) -> Tensor:
        """[b] the labels that a step is told in place of the given ones."""
        generator = drawn(self.seed, FLIPS, step)
        is_replaced = torch.from_numpy(generator.random(len(targets)) < self.probability)
        others = torch.from_numpy(generator.integers(self.classes, size=len(targets)))
        return torch.where(is_replaced.to(targets.device), others.to(targets), targets)
