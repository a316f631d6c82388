"""What it takes to make a bundled subject and to train its network again. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.errors import SettingsError

if TYPE_CHECKING:
    from torch import nn

    from explorer.subjects.subject import Subject

LOSSES = ("cross-entropy", "l1", "l2")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: Adam, over the training samples in a new random order every epoch."""

    epochs: int
    """Passes over the training samples."""
    loss: str
    """cross-entropy, l1 (mean absolute error) or l2 (mean squared error)."""
    learning_rate: float = 1e-3
    """Step size of Adam at the start."""
    batch_size: int = 64
    """Samples in one step."""
    decay: bool = True
    """Whether the step size falls to zero along half a cosine."""
    weight_decay: float = 0.0
    """Strength of the pull of the weights towards zero, added to the gradient."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise SettingsError(f"loss must be one of {', '.join(LOSSES)}, found {self.loss!r}. Choose one of these.")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1, found {getattr(self, name)}. Raise it.")


@dataclass(frozen=True, kw_only=True)
class Source:
    """The makers of one bundled subject."""

    network: Callable[[], nn.Module]
    """A new, untrained network; its weights come from torch's current random state."""
    subject: Callable[[nn.Module], Subject]
    """The subject around a network."""
    recipe: Recipe
    """How the shipped weights were trained."""
