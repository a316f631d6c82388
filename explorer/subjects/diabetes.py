"""scikit-learn's diabetes table, a small and noisy regression, with a perceptron."""

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import TensorDataset

from explorer.subjects.networks import multilayer_perceptron
from explorer.subjects.recipes import Recipe, Source
from explorer.subjects.splits import TRAIN, stratified_split
from explorer.subjects.subject import Subject

HELD_OUT_SHARE, SPLIT_SEED = 0.2, 0
FEATURE_NAMES = [
    "age", "sex", "body mass index", "blood pressure", "cholesterol", "LDL", "HDL", "cholesterol ÷ HDL",
    "log triglycerides", "glucose",
]  # fmt: skip


def diabetes_network() -> nn.Sequential:
    """[m, 10] -> [m, 1], two hidden layers of 64."""
    return multilayer_perceptron([10, 64, 64, 1])


def diabetes_subject(model: nn.Module) -> Subject:
    """The table around a network; features and target have mean 0 and deviation 1 over the training samples."""
    table = load_diabetes(scaled=False)
    split = stratified_split(np.zeros(len(table.target)), share=HELD_OUT_SHARE, seed=SPLIT_SEED)
    features = _standardized(table.data, split == TRAIN)  # [n, 10]
    target = _standardized(table.target, split == TRAIN)  # [n]
    mean, deviation = table.target[split == TRAIN].mean(), table.target[split == TRAIN].std()
    return Subject(
        name="diabetes",
        model=model,
        dataset=TensorDataset(torch.from_numpy(features)),
        labels=target,
        split=split,
        kind="row",
        feature_names=FEATURE_NAMES,
        description=(
            "442 patients, ten measurements and the progression of diabetes a year later (Efron et al. 2004), as "
            f"scikit-learn ships them. A target of 0 is a progression of {mean:.0f}, a step of 1 is {deviation:.0f}."
        ),
        reference="diabetes",
    )


def _standardized(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    return ((values - values[train].mean(0)) / values[train].std(0)).astype(np.float32)


DIABETES = Source(
    network=diabetes_network,
    subject=diabetes_subject,
    recipe=Recipe(epochs=40, loss="l2", weight_decay=1e-2),
)
