"""What the data set asks for and what the network answers, in one form for classes and for targets."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.subjects import Subject

NO_CLASS = -1
"""Stands for a class where the network gives no finite answer."""


@dataclass(frozen=True)
class Answers:
    """Labels and outputs of all measured samples. Row i is sample i."""

    task: str
    labels: Tensor
    """[n] int64 classes, or [n, C] float32 targets."""
    outputs: Tensor
    """[n, C] float32."""
    answered: Tensor
    """[n] bool; False where the network's outputs were not finite, or all zero without a gradient (stored alike)."""
    valid: Tensor
    """[n] bool; False where the gradient is zero or not finite."""
    trained: Tensor
    """[n] bool; whether the network was trained on the sample."""
    classes: int
    """How many classes there are; 0 for targets."""

    @classmethod
    def of(cls, subject: Subject, outputs: np.ndarray, valid: np.ndarray) -> "Answers":
        """The answers of the measured samples, which are the first len(outputs) of the subject."""
        n = len(outputs)
        labels = torch.from_numpy(subject.targets[:n])
        if subject.task != "classification":
            labels = labels.reshape(n, -1)
        trained = torch.zeros(len(subject), dtype=torch.bool)
        trained[torch.from_numpy(subject.train_rows)] = True
        logits = torch.from_numpy(outputs)
        return cls(
            task=subject.task,
            labels=labels,
            outputs=logits,
            # Features hold zeros in place of outputs that are not finite: better no answer than a made-up one.
            answered=torch.from_numpy(valid) | logits.any(1),
            valid=torch.from_numpy(valid),
            trained=trained[:n],
            classes=max(2, logits.shape[1]) if subject.task == "classification" else 0,
        )

    @property
    def logits(self) -> Tensor:
        """[n, classes]; one output alone speaks for class 1 against class 0."""
        if self.outputs.shape[1] > 1:
            return self.outputs
        return torch.cat([torch.zeros_like(self.outputs), self.outputs], dim=1)

    @property
    def predicted_values(self) -> Tensor:
        """[n, C] what is averaged around a sample: probabilities of the classes, or predicted targets."""
        if self.task != "classification":
            return self.outputs
        return self.logits.softmax(1)[:, -self.outputs.shape[1] :]

    @property
    def given_values(self) -> Tensor:
        """[n, C] the same of the labels: one-hot classes, or targets."""
        if self.task != "classification":
            return self.labels
        one_hot = torch.nn.functional.one_hot(self.labels, self.classes).to(self.outputs.dtype)
        return one_hot[:, -self.outputs.shape[1] :]


def answer_columns(answers: Answers) -> dict[str, np.ndarray]:
    """Columns prediction and confidence, or prediction alone for targets (prediction_0 … for several)."""
    if answers.task == "classification":
        confidence, prediction = answers.logits.softmax(1).max(1)
        return {
            "prediction": prediction.masked_fill(~answers.answered, NO_CLASS).numpy(),
            "confidence": confidence.masked_fill(~answers.answered, torch.nan).numpy(),
        }
    predictions = answers.outputs.masked_fill(~answers.answered[:, None], torch.nan)
    return numbered("prediction", predictions.numpy())


def numbered(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of [n, c] values: the name alone for one, name_0, name_1 … for several."""
    if values.shape[1] == 1:
        return {name: values[:, 0]}
    return {f"{name}_{number}": values[:, number] for number in range(values.shape[1])}
