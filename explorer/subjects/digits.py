"""scikit-learn's 1,797 small handwritten digits with a small perceptron."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from explorer.subjects.networks import multilayer_perceptron
from explorer.subjects.recipes import Recipe, Source
from explorer.subjects.splits import stratified_split
from explorer.subjects.subject import Subject

HELD_OUT_SHARE, SPLIT_SEED = 0.2, 0


def digits_network() -> nn.Sequential:
    """[m, 1, 8, 8] -> logits [m, 10], two hidden layers of 64."""
    return multilayer_perceptron([64, 64, 64, 10])


def digits_subject(model: nn.Module) -> Subject:
    """The digits around a network, one in five of every class held out."""
    table = load_digits()
    images = torch.from_numpy(table.images.astype(np.float32) / 16)[:, None]  # [n, 1, h, w]
    labels = table.target.astype(np.int64)
    return Subject(
        name="digits",
        model=model,
        dataset=TensorDataset(images),
        labels=labels,
        class_names=[str(digit) for digit in range(10)],
        split=stratified_split(labels, share=HELD_OUT_SHARE, seed=SPLIT_SEED),
        kind="image",
        description=(
            "1,797 handwritten digits of 8 × 8 pixels (Alpaydin, Kaynak; UCI), as scikit-learn ships them, "
            "with a perceptron of two hidden layers of 64."
        ),
        reference="digits",
    )


DIGITS = Source(network=digits_network, subject=digits_subject, recipe=Recipe(epochs=100, loss="cross-entropy"))
