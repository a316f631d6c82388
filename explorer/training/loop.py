"""One plain training loop: Adam over the training samples, with a log that is a table, an epoch a row."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from explorer.errors import SubjectError
from explorer.features.network import chosen_device
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject, evaluating

MEASURED_AT_ONCE = 1024
"""Samples in one forward pass while accuracies are measured."""

Progress = Callable[[int, int, dict[str, float]], None]
"""(epochs done, epochs in all, the last row of the log)."""


def train(
    subject: Subject, recipe: Recipe, *, seed: int = 0, device: str = "auto", progress: Progress | None = None
) -> pd.DataFrame:
    """Train the subject's network on its training samples and given labels.

    On the CPU the result depends on nothing but the first weights, the recipe and the seed (and, by float rounding,
    on the number of threads and the version of torch). torch's own random state is left as it was.

    Args:
        subject: its model is modified in place, moved back to its own device, and left in evaluation mode.
        recipe: epochs, step size, batch, loss.
        seed: chooses the order of the samples, and what a network with dropout drops.
        device: auto, cpu or cuda; auto takes a GPU when there is one.
        progress: called after every epoch.

    Returns:
        One row an epoch: epoch (from 1), loss (mean over the epoch's steps), train_accuracy or train_rmse (after the
        epoch, on the given labels), held_out_accuracy or held_out_rmse when samples are held out, seconds (since the
        start).

    Raises:
        SubjectError: no sample is for training, the outputs do not suit the loss, or the loss became infinite.
        EngineError: cuda was asked for and there is none.

    Cost: all inputs are held in memory at once.
    """
    if not len(subject.train_rows):
        raise SubjectError("expected samples to train on, found none: all are held out. Mark some as train.")
    place, home = chosen_device(device), next(subject.model.parameters()).device
    try:
        subject.model.to(place)
        return _logged(subject, recipe, seed, place, progress)
    finally:
        subject.model.to(home).eval()


def measure(subject: Subject, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    """How well the network answers the given labels, on the training and on the held-out samples.

    Args:
        subject: its model is used where it lies.
        inputs: [n, ...] all inputs, on the model's device.
        targets: [n] or [n, c] all labels, on the same device.

    Returns:
        train_accuracy and held_out_accuracy (shares), or train_rmse and held_out_rmse (in units of the target);
        without the held-out one when nothing is held out.
    """
    outputs = answers(subject, inputs)
    parts = {"train": subject.train_rows, "held_out": subject.held_out_rows}
    name = "accuracy" if subject.task == "classification" else "rmse"
    quality = accuracy if subject.task == "classification" else root_mean_square_error
    return {f"{part}_{name}": quality(outputs[rows], targets[rows]) for part, rows in parts.items() if len(rows)}


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


def _logged(
    subject: Subject, recipe: Recipe, seed: int, place: torch.device, progress: Progress | None
) -> pd.DataFrame:
    inputs = subject.inputs(np.arange(len(subject))).to(place)
    targets = torch.from_numpy(subject.targets).to(place)
    log, started = [], time.perf_counter()
    with _seeded(place, seed) as generator:
        for epoch, loss in _epochs(subject, recipe, inputs, targets, generator):
            row = {"epoch": epoch, "loss": loss, **measure(subject, inputs, targets)}
            log.append({**row, "seconds": time.perf_counter() - started})
            if progress is not None:
                progress(epoch, recipe.epochs, log[-1])
    return pd.DataFrame(log)


@contextmanager
def _seeded(place: torch.device, seed: int) -> Iterator[torch.Generator]:
    """A generator for the order of samples; torch's own, which dropout reads, is seeded and afterwards put back."""
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if place.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def _epochs(
    subject: Subject, recipe: Recipe, inputs: Tensor, targets: Tensor, generator: torch.Generator
) -> Iterator[tuple[int, float]]:
    """Train epoch by epoch; yields the epoch's number, from 1, and the mean loss of its steps."""
    model, rows = subject.model, torch.from_numpy(subject.train_rows)
    # Nearly equal batches: a last one of a single sample would break batch normalization.
    steps = -(-len(rows) // recipe.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = LambdaLR(optimizer, _schedule(recipe, steps))
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        losses = []
        for batch in rows[torch.randperm(len(rows), generator=generator)].tensor_split(steps):
            loss = _loss(recipe.loss, subject.output(model, inputs[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if not np.isfinite(losses).all():
            raise SubjectError(
                f"the loss must stay finite, found {losses[-1]} in epoch {epoch}. "
                "Lower the learning rate or scale the data."
            )
        yield epoch, float(np.mean(losses))


def _schedule(recipe: Recipe, steps: int) -> Callable[[int], float]:
    """Share of the step size that is left at each step, counted from 0."""
    last = recipe.epochs * steps
    return lambda step: (1 + math.cos(math.pi * step / last)) / 2 if recipe.decay else 1.0


def _loss(name: str, outputs: Tensor, targets: Tensor) -> Tensor:
    if name != "cross-entropy":
        targets = targets.to(outputs.dtype).reshape(outputs.shape)
        return functional.l1_loss(outputs, targets) if name == "l1" else functional.mse_loss(outputs, targets)
    if outputs.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], targets.to(outputs.dtype))
    return functional.cross_entropy(outputs, targets)
