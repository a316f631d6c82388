"""What a training enforces beside its loss: which samples ought to be alike for the network, and how strongly."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from explorer.errors import SettingsError

MODES = ("reward", "penalise", "contrast")
KINDS = ("class", "shift", "rotation")
OUTPUTS = ("all", "mask")


@dataclass(frozen=True, kw_only=True, eq=False)
class Enforcement:
    """A term that every step of a training adds to its loss: weight times similarity_loss of the pairs of the step."""

    mode: str = "reward"
    """reward (minus k^C of the pairs), penalise (plus k^C) or contrast (k^C of samples that are no pair, minus k^C of
    the pairs)."""
    weight: float = 1.0
    """Factor of the term; 0 only measures the similarity of the pairs and leaves the training as it is."""
    pairs: str | Any = "class"
    """class: all samples of a step with the same given label. shift, rotation: each sample and a moved copy of it, for
    pictures. Or pairs of row numbers of training samples, [P, 2]; each step compares half a batch of them, drawn."""
    outputs: str | None = None
    """As similarity_loss; left out: mask where labels are classes and there are several outputs, otherwise all."""
    most: float | None = None
    """The farthest that shift (pixels) and rotation (degrees) go, either way; see moves.MOST when left out."""

    def __post_init__(self) -> None:
        check_mode(self.mode)
        if not (np.isfinite(self.weight) and self.weight >= 0):
            raise SettingsError(
                f"the weight of an enforced similarity must be a number from 0, found {self.weight}. The sign is that "
                "of the mode: choose reward or penalise."
            )
        if self.outputs is not None and self.outputs not in OUTPUTS:
            raise SettingsError(
                f"outputs must be one of {', '.join(OUTPUTS)}, found {self.outputs!r}. Choose one of these."
            )
        if isinstance(self.pairs, str):
            if self.pairs not in KINDS:
                raise SettingsError(
                    f"pairs must be {', '.join(KINDS)} or row numbers, found {self.pairs!r}. Choose one of these."
                )
        else:
            object.__setattr__(self, "pairs", np.asarray(self.pairs))

    def told(self) -> dict[str, Any]:
        """The settings as JSON values; of pairs of one's own their number and a digest."""
        pairs = self.pairs
        if not isinstance(pairs, str):
            pairs = [len(pairs), hashlib.sha256(np.ascontiguousarray(pairs).tobytes()).hexdigest()]
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, "pairs": pairs}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A training that is counted in steps rather than in passes over the data, as in the paper's experiment."""

    steps: int
    """How many steps in all; takes the place of the recipe's epochs."""
    every: int
    """A row of the log, a snapshot if one is due and a point to resume from after every so many steps."""
    draw: str = "pairs"
    """How a batch is drawn, always with replacement. pairs: for every two samples of the batch a class, uniformly, and
    two of its training samples. any: training samples, uniformly."""

    def __post_init__(self) -> None:
        if not 1 <= self.every <= self.steps or self.steps % self.every:
            raise SettingsError(
                f"expected a number of steps that is a multiple of `every`, found {self.steps} and {self.every}. "
                "Change one of them."
            )
        if self.draw not in ("pairs", "any"):
            raise SettingsError(f"draw must be pairs or any, found {self.draw!r}. Choose one of these.")


def check_mode(mode: str) -> None:
    """Make sure that a mode is known.

    Raises:
        SettingsError: it is not.
    """
    if mode not in MODES:
        raise SettingsError(f"the mode must be one of {', '.join(MODES)}, found {mode!r}. Choose one of these.")
