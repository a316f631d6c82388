"""Registration: how far a map lies beside its place in a photograph, learned from labels that are wrong by pixels.

The truth is known, since the displacement was made; so the noise that training removes from the labels is measured
rather than estimated. The paper's task is the same, with aerial images and outlines of buildings.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from explorer.subjects.patches import SIDE, choose_places, map_patches, outlined, photograph_patches
from explorer.subjects.recipes import Recipe, Source
from explorer.subjects.splits import HELD_OUT, TRAIN
from explorer.subjects.subject import Subject

SAMPLES, HELD_OUT_SHARE, SEED = 2500, 0.2, 0
FARTHEST = 5.0
"""True displacements are uniform between minus and plus so many pixels, across and down."""
NOISE = 3.0
"""Standard deviation of the label noise in pixels, across and down; that of the true displacements is 2.9."""
SEARCH = 8
"""Pixels either way over which the network compares."""
CHANNELS = 5
"""Features in which it compares."""


@dataclass(frozen=True)
class Annotations:
    """Patches whose maps were laid by a careless hand, and then moved by a known step."""

    places: np.ndarray
    """[n, 3] int64, see patches.choose_places."""
    truth: np.ndarray
    """[n, 2] float64 where the map lies in the input, in pixels across and down from its true place."""
    noise: np.ndarray
    """[n, 2] float64, label minus truth. The careless hand left the map at minus this from its true place."""
    split: np.ndarray
    """[n] str, train or held-out."""

    @property
    def labels(self) -> np.ndarray:
        """[n, 2] float64 how far the map was moved from where the careless hand had left it: what is known."""
        return self.truth + self.noise


class AlignmentNetwork(nn.Module):
    """[m, 5, 32, 32] -> [m, 2]: features of photograph and map, compared at every displacement, averaged by softmax.

    Small on purpose (698 parameters): it cannot remember its samples' noise. Comparison by convolution is what
    registration has always done; only the features to compare are learned.

    >>> sum(parameter.numel() for parameter in AlignmentNetwork().parameters())
    698
    """

    def __init__(self) -> None:
        super().__init__()
        self.photograph = _features(3, padding=0)
        self.map = _features(2, padding=1)
        self.sharpness = nn.Parameter(torch.ones(1))
        self.offset = nn.Parameter(torch.zeros(2))
        self.register_buffer("steps", torch.arange(-SEARCH, SEARCH + 1.0), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Expected displacement of the map, in pixels across and down."""
        side = SIDE - 2 * SEARCH
        # Two layers of three by three take two pixels off each side.
        middle = self.photograph(inputs[:, :3, SEARCH - 2 : 2 - SEARCH, SEARCH - 2 : 2 - SEARCH])
        middle = functional.pad(middle - middle.mean((2, 3), keepdim=True), (0, 2 * SEARCH, 0, 2 * SEARCH))
        # The middle of the photograph against the map at every step: none leaves the patch, so nothing wraps around.
        spectrum = (torch.fft.rfft2(self.map(inputs[:, 3:])) * torch.fft.rfft2(middle).conj()).sum(1)
        scores = torch.fft.irfft2(spectrum, s=(SIDE, SIDE))[:, : 2 * SEARCH + 1, : 2 * SEARCH + 1] / side
        shares = (self.sharpness * scores).flatten(1).softmax(1).view_as(scores)  # [m, down, across]
        return torch.stack([shares.sum(1) @ self.steps, shares.sum(2) @ self.steps], dim=1) + self.offset


def _features(channels: int, padding: int) -> nn.Sequential:
    first = nn.Conv2d(channels, CHANNELS, 3, padding=padding)
    return nn.Sequential(first, nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=padding))


def annotations(seed: int = SEED, samples: int = SAMPLES) -> Annotations:
    """Places, true displacements and label noise, independent of each other.

    Args:
        seed: chooses all of them.
        samples: how many, of which one in five is held out; held-out patches share no pixel with the others.
    """
    generator = np.random.default_rng(seed)
    held_out = round(HELD_OUT_SHARE * samples)
    places = [
        choose_places(count, held_out=one, generator=generator)
        for one, count in ((False, samples - held_out), (True, held_out))
    ]
    return Annotations(
        np.concatenate(places),
        generator.uniform(-FARTHEST, FARTHEST, (samples, 2)),
        generator.normal(0, NOISE, (samples, 2)),
        np.repeat([TRAIN, HELD_OUT], [samples - held_out, held_out]),
    )


def patches_at(places: np.ndarray, displacements: np.ndarray) -> Tensor:
    """Inputs of the network: the photograph, and its map moved by a displacement.

    Args:
        places: int64 [m, 3], see patches.choose_places.
        displacements: [m, 2] pixels across and down, see patches.map_patches.

    Returns:
        float32 [m, 5, 32, 32]: red, green, blue, lines of the map, shades of the map, all between 0 and 1.
    """
    return torch.from_numpy(np.concatenate([photograph_patches(places), map_patches(places, displacements)], axis=1))


def registration_subject(model: nn.Module) -> Subject:
    """Patches with displaced maps around a network; the labels are noisy, the truth stands in a column."""
    own = annotations()
    return Subject(
        name="registration",
        model=model,
        dataset=TensorDataset(patches_at(own.places, own.truth)),
        labels=own.labels.astype(np.float32),
        split=own.split,
        kind="image",
        picture=_picture,
        description=(
            f"{SAMPLES:,} patches of the two sample photographs of scikit-learn, each with a map of it drawn over it "
            f"up to {FARTHEST:g} pixels beside its place. The network tells how far; its labels are wrong by {NOISE:g} "
            "pixels (standard deviation, across and down)."
        ),
        reference="registration",
        columns={
            "true_0": own.truth[:, 0],
            "true_1": own.truth[:, 1],
            "label_error": np.linalg.norm(own.noise, axis=1),
        },
    )


def _picture(sample: Tensor) -> np.ndarray:
    return outlined(sample.numpy())


REGISTRATION = Source(
    network=AlignmentNetwork,
    subject=registration_subject,
    # No weight decay, which the denoising identity excludes, and a step size that falls to zero: stopping early would
    # leave a network that is not at rest.
    recipe=Recipe(epochs=10, loss="l2", learning_rate=2e-2, batch_size=32),
)
"""Half a minute of training on one free thread."""
