"""The samples of the experiments on enforcing similarity: images of two data sets, and points of the circle."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from explorer.errors import SubjectError
from explorer.subjects import Subject
from explorer.subjects.circle import circle_network, wave_subject
from explorer.subjects.mnist import read_digits
from explorer.subjects.networks import digit_network
from explorer.subjects.splits import stratified_split

TRAINED, MEASURED = 4000, 500
"""Images that are trained on, and that the accuracy is measured on; of either data set."""
SPLIT_SEED = 0
NEAR = 1 / 64
"""Turns between two points of the circle that are called alike."""
FREQUENCY = 1
"""Waves around the circle."""
STANDARDIZED = {"mnist": (0.1307, 0.3081), "fashion": (0.2860, 0.3530)}
"""Mean and standard deviation of the training images' pixels, which the network is given as multiples of the latter
around the former; "mnist-unit" is MNIST with pixels from 0 to 1."""


def near_pairs(subject: Subject) -> np.ndarray:
    """[P, 2] all pairs of training points of the circle at most NEAR turns apart; the rows are in order of angle."""
    rows = subject.train_rows
    angles = subject.columns["alpha"][rows]
    found = []
    for shift in range(1, len(rows)):
        apart = (np.roll(angles, -shift) - angles) % 1.0
        is_near = apart <= NEAR
        if not is_near.any():
            break
        found.append(np.stack([rows, np.roll(rows, -shift)], axis=1)[is_near])
    return np.concatenate(found)


def subject_of(data: str, path: Path | None, seed: int) -> Subject:
    """The samples of a data set around a network with the first weights of a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: nn.Module = circle_network() if data == "circle" else digit_network()
    return replace(samples_of(data, path), model=model)


@cache
def samples_of(data: str, path: Path | None) -> Subject:
    """The samples of a data set, with a split; around a network that is not to be trained."""
    if data == "circle":
        subject = wave_subject(circle_network(), frequency=FREQUENCY)
        split = stratified_split(np.zeros(len(subject), dtype=np.int64), share=0.25, seed=SPLIT_SEED)
        return replace(subject, split=split)
    images, labels = _read_fashion(path) if data == "fashion" else read_digits()
    middle, spread = STANDARDIZED.get(data, (0.0, 1.0))
    images = (images - np.float32(middle)) / np.float32(spread)
    rows, split = _parts(labels)
    return Subject(
        name=data,
        model=digit_network(),
        dataset=TensorDataset(torch.from_numpy(images[rows])),
        labels=labels[rows],
        split=split,
        kind="image",
    )


def _parts(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of TRAINED and MEASURED images, a class as often as another, and the split of these."""
    share = MEASURED / (TRAINED + MEASURED)
    rows = np.sort(np.random.default_rng(SPLIT_SEED).permutation(len(labels))[: TRAINED + MEASURED])
    return rows, stratified_split(labels[rows], share=share, seed=SPLIT_SEED)


def _read_fashion(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """float32 [5000, 1, 28, 28] in [0, 1] and int64 [5000] classes: the first samples of the file."""
    if path is None or not path.is_file():
        raise SubjectError(
            f"expected Fashion-MNIST (.npz with x and y) at {path}, found no file. Say where with --data."
        )
    with np.load(path, allow_pickle=False) as arrays:
        images, labels = arrays["x"][:5000], arrays["y"][:5000]
    return images[:, None].astype(np.float32) / 255, labels.astype(np.int64)
