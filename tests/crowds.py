"""Samples in groups of similar gradients, with some wrong labels."""

import torch

from explorer.similarity import unit_features

CLASSES = 4


def crowd(n=400, wrong=40, c=2, seed=0):
    """Samples in four groups of similar gradients, their labels with some wrong ones, the true labels."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(CLASSES, c, 24, generator=generator, dtype=torch.float64)
    true = torch.randint(0, CLASSES, (n,), generator=generator)
    blocks = centers[true] + 0.7 * torch.randn(n, c, 24, generator=generator, dtype=torch.float64)
    labels = true.clone()
    labels[:wrong] = (labels[:wrong] + torch.randint(1, CLASSES, (wrong,), generator=generator)) % CLASSES
    return unit_features(blocks), labels, true


def hazy():
    """Samples of which every fifth label is wrong and whose neighbors say little."""
    generator = torch.Generator().manual_seed(1)
    true = torch.arange(600) % CLASSES
    centers = torch.randn(CLASSES, 1, 24, generator=generator, dtype=torch.float64)
    blocks = centers[true] + 1.5 * torch.randn(600, 1, 24, generator=generator, dtype=torch.float64)
    labels = torch.where(torch.arange(600) % 5 == 0, (true + 1 + torch.arange(600) // 5 % 3) % CLASSES, true)
    return unit_features(blocks), labels, true


def answers(classes):
    """Logits of a network that is fairly sure of these classes."""
    noise = torch.randn(len(classes), CLASSES, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return 4 * torch.eye(CLASSES, dtype=torch.float64)[classes] + noise
