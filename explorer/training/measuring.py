"""How well a network answers: what a log says beside the loss."""

from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.subjects.subject import Subject, evaluating

MEASURED_AT_ONCE = 1024
"""Samples in one forward pass while accuracies are measured."""


def measure(
    subject: Subject, inputs: Tensor, targets: Tensor, parts: Sequence[str] = ("train", "held_out")
) -> dict[str, float]:
    """How well the network answers the given labels, on the training and on the held-out samples.

    Args:
        subject: its model is used where it lies.
        inputs: [n, ...] all inputs, on the model's device.
        targets: [n] or [n, c] all labels, on the same device.
        parts: which of train and held_out.

    Returns:
        train_accuracy and held_out_accuracy (shares), or train_rmse and held_out_rmse (in units of the target);
        without the held-out one when nothing is held out.
    """
    rows = {"train": subject.train_rows, "held_out": subject.held_out_rows}
    rows = {part: rows[part] for part in parts if len(rows[part])}
    name = "accuracy" if subject.task == "classification" else "rmse"
    quality = accuracy if subject.task == "classification" else root_mean_square_error
    # All at once where all are asked for: batches, and so the last bit, do not depend on the split.
    if sum(map(len, rows.values())) == len(inputs):
        outputs = answers(subject, inputs)
        return {f"{part}_{name}": quality(outputs[some], targets[some]) for part, some in rows.items()}
    return {f"{part}_{name}": quality(answers(subject, inputs[some]), targets[some]) for part, some in rows.items()}


def answers(subject: Subject, inputs: Tensor) -> Tensor:
    """What the network says about inputs, in evaluation mode.

    Args:
        subject: its model is used where it lies.
        inputs: [n, ...] on the model's device.

    Returns:
        [n, C] on the same device, without a graph.
    """
    with evaluating(subject.model), torch.no_grad():
        return torch.cat([subject.output(subject.model, part) for part in inputs.split(MEASURED_AT_ONCE)])


def predicted_classes(outputs: Tensor) -> Tensor:
    """[n] the class of the largest output; one output alone stands for class 1 when positive."""
    return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)


def accuracy(outputs: Tensor, classes: Tensor) -> float:
    """Share of samples whose largest output is their class; one output alone stands for class 1 when positive.

    >>> accuracy(torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([1, 0]))
    0.5
    """
    return (predicted_classes(outputs) == classes).double().mean().item()


def root_mean_square_error(outputs: Tensor, targets: Tensor) -> float:
    """Square root of the mean squared difference over samples and outputs, in units of the target.

    >>> root_mean_square_error(torch.tensor([[3.0], [0.0]]), torch.tensor([0.0, 3.0]))
    3.0
    """
    return (outputs - targets.reshape(outputs.shape)).double().square().mean().sqrt().item()
