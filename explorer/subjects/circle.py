"""The paper's toy problem: a sine wave on a circle, where the right number of neighbors can be reasoned about."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from explorer.subjects.networks import multilayer_perceptron
from explorer.subjects.recipes import Recipe, Source
from explorer.subjects.subject import Subject

SAMPLES = 2048
FREQUENCY = 4
"""Waves around the circle. The paper compares 1, 2, 4 and 8; 4 shows bends and straight parts side by side."""
SEED = 0


def circle_network() -> nn.Sequential:
    """[m, 2] -> [m, 1], six hidden layers of 64, 21,057 parameters."""
    return multilayer_perceptron([2, *[64] * 6, 1])


def curvature(angles: np.ndarray, frequency: int) -> np.ndarray:
    """How sharply the target bends: |y''| / (1 + y'^2)^(3/2) of y = sin(2 pi f alpha), over alpha.

    Zero at the steep passages through 0, largest, (2 pi f)^2, at the crests.

    Args:
        angles: [n] alpha, in turns.
        frequency: f, waves around the circle.
    """
    rate = 2 * np.pi * frequency
    slope, bend = rate * np.cos(rate * angles), rate**2 * np.sin(rate * angles)
    return np.abs(bend) / (1 + slope**2) ** 1.5


def wave(angles: np.ndarray, frequency: int) -> np.ndarray:
    """The target without noise, sin(2 pi f alpha), between -1 and 1.

    Args:
        angles: [n] alpha, in turns.
        frequency: f, waves around the circle.
    """
    return np.sin(2 * np.pi * frequency * angles)


def wave_subject(
    model: nn.Module, *, frequency: int = FREQUENCY, samples: int = SAMPLES, noise: float = 0.0, seed: int = SEED
) -> Subject:
    """Points of the circle in order of their angle, with a wave as the target, all of them for training.

    Args:
        model: [m, 2] -> [m, 1].
        frequency: f, waves around the circle.
        samples: n, at angles that are drawn evenly.
        noise: standard deviation of the normal noise that is added to each target on its own, in units of the target.
        seed: chooses the angles, and then the noise.

    Paper: Charpiat et al. 2019, the toy problem; there without noise.
    """
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(size=samples))  # alpha, in turns
    points = np.stack([np.cos(2 * np.pi * angles), np.sin(2 * np.pi * angles)], axis=1)  # [n, 2]
    targets = wave(angles, frequency) + noise * generator.normal(size=samples)
    told_noise = f"with noise of deviation {noise:g}" if noise else "without noise"
    return Subject(
        name="circle",
        model=model,
        dataset=TensorDataset(torch.from_numpy(points.astype(np.float32))),
        labels=targets.astype(np.float32),
        kind="point",
        feature_names=["cos 2πα", "sin 2πα"],
        description=(
            f"The paper's toy problem: {samples:,} points on a circle and the target sin(2π·{frequency}α), "
            f"{told_noise}."
        ),
        columns={"alpha": angles, "curvature": curvature(angles, frequency)},
    )


def circle_subject(model: nn.Module) -> Subject:
    """The bundled one: four waves without noise."""
    return replace(wave_subject(model), reference="circle")


CIRCLE = Source(
    network=circle_network,
    subject=circle_subject,
    # As in the paper, but for the decay: without it the last weights are an arbitrary point of Adam's jitter.
    recipe=Recipe(epochs=5000, loss="l1", learning_rate=1e-4, decay=True),
)
"""Four to ten minutes of training; a single thread is the fastest way (OMP_NUM_THREADS=1)."""
