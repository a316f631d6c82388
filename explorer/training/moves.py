"""Pictures moved a little: turned about their middle or shifted. What was outside is filled from the edge."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from explorer.errors import SettingsError, SubjectError
from explorer.subjects.subject import Subject

MOST = {"rotation": 30.0, "shift": 3.0}
"""The farthest that a picture is moved either way when nothing else is said: degrees and pixels."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """Random moves of a kind, uniform between minus and plus the most."""

    kind: str
    """rotation or shift."""
    most: float | None = None
    """Degrees, or whole pixels down and across; MOST when left out."""

    def __post_init__(self) -> None:
        if self.kind not in MOST:
            raise SettingsError(f"a move must be one of {', '.join(MOST)}, found {self.kind!r}. Choose one of these.")
        if self.most is None:
            object.__setattr__(self, "most", MOST[self.kind])
        if not (np.isfinite(self.most) and self.most > 0):
            raise SettingsError(f"the farthest move must be larger than 0, found {self.most}. Raise it.")

    def moved(self, inputs: Tensor, generator: np.random.Generator) -> Tensor:
        """Each picture moved by an amount of its own.

        Args:
            inputs: [m, channels, height, width] floats. Not modified.
            generator: where the amounts come from.
        """
        if self.kind == "rotation":
            return rotated(inputs, torch.from_numpy(generator.uniform(-self.most, self.most, len(inputs))))
        farthest = int(self.most)
        return shifted(
            inputs, torch.from_numpy(generator.integers(-farthest, farthest, (len(inputs), 2), endpoint=True))
        )


def check_pictures(subject: Subject) -> None:
    """Make sure that the inputs of a subject can be moved.

    Raises:
        SubjectError: they are no pictures with channels, height and width.
    """
    if subject.kind != "image" or len(subject.input_shape) != 3 or min(subject.input_shape[1:]) < 2:
        raise SubjectError(
            f"shift and rotation need pictures [channels, height, width], found inputs {list(subject.input_shape)} "
            f"drawn as {subject.kind}. Enforce pairs of the same class, or pairs of your own."
        )


def rotated(inputs: Tensor, degrees: Tensor) -> Tensor:
    """Pictures turned about their middle, counterclockwise, bilinearly interpolated.

    Args:
        inputs: [m, channels, height, width] floats.
        degrees: [m].

    Returns:
        The same shape, dtype and device.

    >>> picture = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
    >>> rotated(picture, torch.tensor([90.0])).round().squeeze().tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    angles = torch.deg2rad(degrees.to(inputs))
    cosine, sine = angles.cos(), angles.sin()
    height, width = inputs.shape[2:]
    # Grid coordinates run from -1 to 1 along either side, so the two are only alike in a square.
    zero, ratio = torch.zeros_like(cosine), height / width
    maps = torch.stack([cosine, -sine * ratio, zero, sine / ratio, cosine, zero], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(maps, list(inputs.shape), align_corners=False)
    return functional.grid_sample(inputs, grid, mode="bilinear", padding_mode="border", align_corners=False)


def shifted(inputs: Tensor, pixels: Tensor) -> Tensor:
    """Pictures moved by whole pixels, edges repeated.

    Args:
        inputs: [m, channels, height, width].
        pixels: [m, 2] whole numbers, down and to the right.

    Returns:
        The same shape, dtype and device.

    >>> shifted(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[1, 0]])).squeeze().tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    height, width = inputs.shape[2:]
    pixels = pixels.to(inputs.device)
    down = (torch.arange(height, device=inputs.device) - pixels[:, :1]).clamp(0, height - 1)  # [m, height]
    across = (torch.arange(width, device=inputs.device) - pixels[:, 1:]).clamp(0, width - 1)  # [m, width]
    samples = torch.arange(len(inputs), device=inputs.device)[:, None, None]
    return inputs.movedim(1, -1)[samples, down[:, :, None], across[:, None]].movedim(-1, 1)
