"""What the network's own answer says about a given label that it was itself trained on."""

import torch
from torch import Tensor

from explorer.similarity.label_noise import LabelNoise
from explorer.similarity.shapes import check_length

MEMORIZED = 0.1
"""Share of the wrong labels at which a network that repeats them is no longer asked."""
LARGEST_ODDS = 15.0


def answer_odds(noise: LabelNoise, logits: Tensor, labels: Tensor) -> Tensor:
    """What the network's own answer adds to the log-odds that a label is wrong.

    How much an answer means is learned from the doubts that all other samples raise (a logistic regression of these on
    the network's own odds). The sample's label has taught the network: see label_doubt on memorized labels.

    Args:
        noise: what was learned about these samples.
        logits: [n, classes] the network's answers; a row that is not finite adds nothing.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        [n] float64, 0 where nothing is added.
    """
    check_length(logits, len(labels), "logits")
    known = noise.wrong_odds.isfinite() & logits.isfinite().all(1)
    added = torch.zeros_like(noise.wrong_odds)
    if not known.any():
        return added
    given = labels[known]
    wrong = noise.wrong_odds[known].sigmoid()
    repeats = logits[known].argmax(1) == given
    memorized = float((wrong * repeats).sum() / wrong.sum().clamp(min=1e-12))
    if memorized >= MEMORIZED:
        return added
    answers = logits[known].double().log_softmax(1) + noise.confusion[:, given].mT.clamp(min=1e-12).log()
    right = answers.log_softmax(1).gather(1, given[:, None])[:, 0].clamp(max=-1e-9)
    odds = ((-right.expm1()).log() - right).clamp(-LARGEST_ODDS, LARGEST_ODDS)
    added[known] = (1 - memorized / MEMORIZED) * (_logistic_fit(odds, wrong) - wrong.mean().logit(eps=1e-6))
    return added


def _logistic_fit(odds: Tensor, shares: Tensor, steps: int = 50) -> Tensor:
    """[n] log-odds of shares as a rising straight line of odds, by Newton's method."""
    design = torch.stack([odds, torch.ones_like(odds)], 1)
    line = odds.new_tensor([0.0, 0.0])
    for _ in range(steps):
        fitted = (design @ line).sigmoid()
        slope = design.mT @ (shares - fitted) - line * line.new_tensor([1e-3, 0.0])
        curvature = (design * (fitted * (1 - fitted))[:, None]).mT @ design + 1e-6 * torch.eye(2).to(design)
        step = torch.linalg.solve(curvature, slope)
        line = line + step * (2 / step.abs().max().clamp(min=2))
    return design @ line if line[0] > 0 else odds.new_full(odds.shape, float(shares.mean().logit(eps=1e-6)))
