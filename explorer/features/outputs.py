"""Which outputs of a network are differentiated for each sample."""

import numpy as np
import torch
from torch import Tensor

from explorer.errors import SettingsError
from explorer.records import MAX_OUTPUTS


def resolved_mode(mode: str, outputs: int, task: str) -> str:
    """What auto means for a network with that many outputs; anything else is returned as it is.

    Raises:
        SettingsError: one class against the rest was asked for where there are no classes.
    """
    classes = task == "classification" and outputs > 1
    if mode in ("predicted", "contrast", "adversary") and not classes:
        raise SettingsError(
            f"outputs={mode} needs a classifier with two or more outputs, found {outputs} for {task}. Use all."
        )
    if mode != "auto":
        return mode
    return "contrast" if classes and outputs > MAX_OUTPUTS else "all"


def output_selection(mode: str, outputs: Tensor, labels: np.ndarray | None, rows: np.ndarray | None = None) -> Tensor:
    """The measured outputs of each sample as combinations of all outputs.

    all: every output by itself. predicted: the output that is largest. contrast: the output of the label (of the
    largest output where there are no labels) minus the mean of all others, one number that says "right class against
    the rest"; its gradient is the paper's binarization of a network with many classes. adversary: the output of the
    label minus that of one other class, drawn with the probabilities that the network gives to the other classes; the
    draw depends on the sample's row number alone, so that every pass and every study of the same data draws alike.

    Args:
        mode: all, predicted, contrast or adversary.
        outputs: [m, C] what the network answers.
        labels: [m] whole numbers, used by contrast and adversary.
        rows: [m] row numbers, used by adversary.

    Returns:
        [m, c, C] in outputs' dtype; c is C for all, otherwise 1.
    """
    samples, count = outputs.shape
    if mode == "all":
        return torch.eye(count, dtype=outputs.dtype, device=outputs.device).expand(samples, -1, -1)
    chosen = outputs.argmax(1)
    if mode in ("contrast", "adversary") and labels is not None:
        chosen = torch.as_tensor(labels, device=outputs.device, dtype=torch.int64)
    picked = torch.nn.functional.one_hot(chosen, count).to(outputs.dtype)
    if mode == "predicted":
        return picked[:, None]
    if mode == "adversary":
        likely = outputs.log_softmax(1).masked_fill(picked.bool(), -torch.inf)
        drawn = (likely + _gumbel(rows, count).to(outputs)).argmax(1)
        return (picked - torch.nn.functional.one_hot(drawn, count).to(outputs.dtype))[:, None]
    return (picked - (1 - picked) / (count - 1))[:, None]


def _gumbel(rows: np.ndarray, count: int) -> Tensor:
    """Gumbel noise [m, count]: the largest of log-probabilities plus noise is a draw. A function of the row number."""
    draws = [np.random.default_rng(int(row)).gumbel(size=count) for row in rows]
    return torch.from_numpy(np.stack(draws))
