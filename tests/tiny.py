"""The smallest subject that has everything: two layers, 60 points in three clusters, trained in a blink."""

import numpy as np
import torch
from torch import nn

from explorer.records import Settings
from explorer.subjects import Subject

SAMPLES, CLASSES = 60, 3
SETTINGS = Settings(dim=24, neighbors=10, shard_size=16, calibration=24, device="cpu")
"""Small enough for everything to be projected, and for four shards."""


def subject() -> Subject:
    """A classifier of points with a held-out part."""
    points, labels = _clusters()
    return Subject(
        name="tiny",
        model=trained_network(points, labels),
        dataset=list(points),
        labels=labels,
        class_names=["red", "green", "blue"],
        split=np.where(np.arange(SAMPLES) < 48, "train", "held-out"),
        description="Points in three clusters.",
        reference=f"{__file__}:subject",
    )


def trained_network(points: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Two layers after 60 steps of plain gradient descent."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, CLASSES))
    parameters = list(network.parameters())
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(points), labels)
        # By hand, since torch.optim takes seconds to import, in every process that loads this subject.
        for value, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            value.data -= 0.5 * slope
    return network.eval()


def _clusters() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    centers = torch.tensor([[0.0, 1.5], [1.3, -0.75], [-1.3, -0.75]])
    return centers[labels] + 0.4 * torch.randn(SAMPLES, 2, generator=generator), labels
