"""What the network's own answer says about a given label that it was itself trained on."""

from typing import NamedTuple

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
    return weigh_answers(noise, logits, labels).added(noise, logits, labels)


class AnswerWeight(NamedTuple):
    """What the network's answers are worth: a straight line of its own log-odds; 0 and 0 when it is not heard."""

    slope: float
    offset: float

    def added(self, noise: LabelNoise, logits: Tensor, labels: Tensor) -> Tensor:
        """[n] float64 what the answers add to the log-odds that these labels, given or made up, are wrong."""
        known = (labels >= 0) & noise.clean.isfinite().all(1) & logits.isfinite().all(1)
        added = noise.clean.new_zeros(len(labels))
        if self.slope > 0:
            added[known] = self.slope * _own_odds(noise, logits[known], labels[known]) + self.offset
        return added


def weigh_answers(noise: LabelNoise, logits: Tensor, labels: Tensor) -> AnswerWeight:
    """Learn what the network's answers are worth: arguments and rule as in answer_odds."""
    check_length(logits, len(labels), "logits")
    known = noise.wrong_odds.isfinite() & logits.isfinite().all(1)
    wrong = noise.wrong_odds[known].sigmoid()
    repeats = logits[known].argmax(1) == labels[known]
    memorized = float((wrong * repeats).sum() / wrong.sum().clamp(min=1e-12))
    if not known.any() or memorized >= MEMORIZED:
        return AnswerWeight(0.0, 0.0)
    slope, offset = _logistic_fit(_own_odds(noise, logits[known], labels[known]), wrong)
    if slope <= 0:
        return AnswerWeight(0.0, 0.0)
    heard = 1 - memorized / MEMORIZED
    return AnswerWeight(heard * slope, heard * (offset - float(wrong.mean().logit(eps=1e-6))))


def _own_odds(noise: LabelNoise, logits: Tensor, labels: Tensor) -> Tensor:
    """[m] log-odds that the labels are wrong by the network's answers alone."""
    answers = logits.double().log_softmax(1) + noise.confusion[:, labels].mT.clamp(min=1e-12).log()
    right = answers.log_softmax(1).gather(1, labels[:, None])[:, 0].clamp(max=-1e-9)
    return ((-right.expm1()).log() - right).clamp(-LARGEST_ODDS, LARGEST_ODDS)


def _logistic_fit(odds: Tensor, shares: Tensor, steps: int = 50) -> tuple[float, float]:
    """Slope and offset of the straight line of odds that is closest to the log-odds of shares, by Newton's method."""
    design = torch.stack([odds, torch.ones_like(odds)], 1)
    line = odds.new_tensor([0.0, 0.0])
    for _ in range(steps):
        fitted = (design @ line).sigmoid()
        slope = design.mT @ (shares - fitted) - line * line.new_tensor([1e-3, 0.0])
        curvature = (design * (fitted * (1 - fitted))[:, None]).mT @ design + 1e-6 * torch.eye(2).to(design)
        step = torch.linalg.solve(curvature, slope)
        line = line + step * (2 / step.abs().max().clamp(min=2))
    return float(line[0]), float(line[1])
