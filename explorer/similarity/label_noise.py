"""How labels go wrong, learned from the labels themselves: which classes are given for which, and how often.

A label of -1 means "not labeled". Evidence is a number a class that has not heard the sample's own label, as
label_posterior gives it; nan where there is none.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from explorer.similarity.shapes import check_length

SUREST_SHARE, SUREST_LEAST = 0.3, 20
"""Of the samples with one best class, the surest this share, and at least so many, tell how often labels are wrong."""
ROUNDS, REFINEMENTS = 2, 20
BIAS_PULL, SCALE_PULL = 1e-3, 1e-6
"""How strongly the mean loss of a sample pulls biases and the scale towards zero: weak, so that both stay finite."""
LEAST_RATE, MOST_WRONG = 1e-3, 0.9
LEAST_LABELED = 20
"""Labeled samples a class that a split needs to be learned about apart."""
VOTE_FLOOR = 0.1
"""Added to shares of votes before their logarithm: a class that no neighbor votes for is not ruled out."""
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """What was learned about the labels of some samples, float64."""

    confusion: Tensor
    """[classes, classes] chance of each given label (column) for each true class (row); rows sum to 1."""
    paired: Tensor
    """[classes, classes] bool, the pairs that are given for one another more often than by chance."""
    clean: Tensor
    """[n, classes] chance of each true class before the given label is heard; nan without evidence."""
    posterior: Tensor
    """[n, classes] the same after it is heard; equal to clean without a label."""
    wrong_odds: Tensor
    """[n] log-odds that the given label is wrong; nan without a label or evidence."""

    def odds_of(self, labels: Tensor) -> Tensor:
        """[n] log-odds that these labels would be wrong; nan without one or without evidence.

        Exact for any label, given or made up, for what is known about a sample has not heard its own.
        """
        return _heard(self.clean, self.confusion, labels)[1]


def learned_apart(evidence: Tensor, labels: Tensor, trained: Tensor | None) -> Iterator[Tensor]:
    """Masks [n] of the samples that are learned about together: the trained and the others, or all; see label_doubt."""
    whole = torch.ones_like(labels, dtype=torch.bool)
    if trained is None:
        yield whole
        return
    check_length(trained, len(labels), "trained")
    taught = evidence.isfinite().all(1) & (labels >= 0)
    least = LEAST_LABELED * len(labels[taught].unique())
    parts = (trained, ~trained)
    yield from parts if all(int((taught & part).sum()) >= least for part in parts) else (whole,)


def fit_label_noise(evidence: Tensor, labels: Tensor) -> LabelNoise:
    """Learn at the same time what evidence is worth and how labels go wrong.

    The model: true class ~ softmax(s · evidence + b), given label ~ its row of the confusion. At first every wrong
    label is as likely as any other, at the rate seen among the surest samples. A pair of classes gets a rate of its own
    only when the likelihood of the labels gains more by it than a chance finding would: ln(n)/2 + ln(number of pairs).
    So a class that is often given for another is found, and classes that merely look alike are not taken for noise.

    The odds order well; as probabilities they are cautious, for what is hard to tell is not counted as wrong.

    Args:
        evidence: [n, classes] floating point, not heard by the given label; nan rows are left out.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        What was learned. Classes that no sample carries are never a true class; with a single class nothing is wrong
        and the odds follow minus its evidence.

    Raises:
        ShapeError: labels do not have n entries.

    Cost: time O(n classes) for each of some hundred passes, memory O(n classes).
    Source: forward correction (Patrini et al. 2017); the test of a pair is the Bayesian information criterion.
    """
    check_length(labels, len(evidence), "labels")
    known = evidence.isfinite().all(1)
    taught = known & (labels >= 0)
    present = labels[taught].unique()
    if len(present) < 2:
        return _nothing_to_confuse(evidence, labels, taught)
    numbers = labels.new_full((evidence.shape[1],), -1)
    numbers[present] = torch.arange(len(present), device=labels.device)
    rows = evidence[:, present].double()
    confusion, paired, scale = _learned(rows[taught], numbers[labels[taught]])
    clean = _spread(scale.true_classes(rows).exp(), present, evidence.shape[1], 0.0)
    whole = torch.eye(evidence.shape[1], dtype=torch.float64, device=evidence.device)
    whole[present[:, None], present] = confusion
    pairs = torch.zeros_like(whole, dtype=torch.bool)
    pairs[present[:, None], present] = paired
    return LabelNoise(whole, pairs, clean, *_heard(clean, whole, labels))


def with_votes(noise: LabelNoise, votes: Tensor, labels: Tensor) -> LabelNoise:
    """The same with a second opinion on the true classes: that of each sample's nearest neighbors.

    What votes are worth is learned like what evidence is worth, under the confusion already found. Both have heard the
    same labels and are no independent witnesses, so their logarithms are averaged and not added.

    Args:
        noise: what was learned from evidence.
        votes: [n, classes] shares from 0 to 1, not heard by the sample's own label; a row of nan is not heard.
        labels: [n] int64 given classes, the ones that noise was learned from.

    Returns:
        What is known now; unchanged where the votes tell nothing.

    Raises:
        ShapeError: votes do not have n rows.

    Cost: time O(n classes) for each of some ten passes, memory O(n classes).
    Source: the logarithmic opinion pool (Genest and Zidek 1986).
    """
    check_length(votes, len(labels), "votes")
    heard = votes.isfinite().all(1) & noise.clean.isfinite().all(1)
    taught = heard & noise.wrong_odds.isfinite()
    present = labels[taught].unique()
    if len(present) < 2:
        return noise
    logarithms = (votes[:, present].double() + VOTE_FLOOR).log()
    numbers = torch.searchsorted(present, labels[taught])
    scale = _scaled(logarithms[taught], numbers, noise.confusion[present[:, None], present])
    if scale.weight <= 0:
        return noise
    tiny = torch.finfo(noise.clean.dtype).tiny
    first = noise.clean[heard][:, present].clamp(min=tiny).log()
    clean = noise.clean.clone()
    both = ((first + scale.true_classes(logarithms[heard])) / 2).softmax(1)
    clean[heard] = _spread(both, present, votes.shape[1], 0.0)
    return LabelNoise(noise.confusion, noise.paired, clean, *_heard(clean, noise.confusion, labels))


class _Scale(NamedTuple):
    """What evidence is worth: logits = weight · evidence + bias."""

    weight: Tensor
    bias: Tensor

    def true_classes(self, evidence: Tensor) -> Tensor:
        """[n, classes] logarithm of the chance of each true class."""
        return (self.weight * evidence + self.bias).log_softmax(1)


def _learned(evidence: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, _Scale]:
    """Confusion, pairs and scale for labels that all classes occur in."""
    classes = evidence.shape[1]
    even = confusion = _even_confusion(_rate_of_the_surest(_scaled(evidence, labels, None), evidence, labels), evidence)
    gain = math.log(len(labels)) / 2 + math.log(classes * (classes - 1))
    for _ in range(ROUNDS):
        true = _scaled(evidence, labels, confusion).true_classes(evidence).exp()
        free = _refined(true, labels, confusion, even)
        paired = (_gains(true, labels, free, even) > gain) & (free > even) & ~_diagonal(free)
        confusion, even = _with_pairs(free, paired)
    return confusion, paired, _scaled(evidence, labels, confusion)


def _scaled(evidence: Tensor, labels: Tensor, confusion: Tensor | None) -> _Scale:
    """The scale under which the given labels are likeliest, for a fixed confusion; None stands for no noise."""
    spread = evidence.std().clamp(min=TINY)
    unit = evidence / spread
    weight, bias = evidence.new_ones(1).requires_grad_(), evidence.new_zeros(evidence.shape[1]).requires_grad_()
    search = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        chances = _Scale(weight, bias).true_classes(unit)
        if confusion is not None:
            chances = (chances.exp() @ confusion).clamp(min=TINY).log()
        pull = BIAS_PULL * bias.square().sum() + SCALE_PULL * weight.square().sum()
        total = nll_loss(chances, labels) + pull
        total.backward()
        return total

    with torch.enable_grad():
        search.step(loss)
    return _Scale(weight.detach() / spread, bias.detach())


def _rate_of_the_surest(scale: _Scale, evidence: Tensor, labels: Tensor) -> float:
    """Share of wrong labels among the samples whose class is plainest."""
    sureness, best = scale.true_classes(evidence).max(1)
    wrong = total = 0
    for one in range(evidence.shape[1]):
        rows = (best == one).nonzero()[:, 0]
        count = max(math.ceil(SUREST_SHARE * len(rows)), min(len(rows), SUREST_LEAST))
        surest = rows[sureness[rows].argsort(descending=True, stable=True)[:count]]
        wrong, total = wrong + int((labels[surest] != one).sum()), total + count
    return wrong / total


def _even_confusion(rate: float, like: Tensor) -> Tensor:
    classes = like.shape[1]
    rate = min(max(rate, LEAST_RATE), MOST_WRONG * (classes - 1) / classes)
    confusion = like.new_full((classes, classes), rate / (classes - 1))
    return confusion.masked_fill(_diagonal(confusion), 1 - rate)


def _refined(true: Tensor, labels: Tensor, confusion: Tensor, prior: Tensor) -> Tensor:
    """The confusion under which the labels are likeliest, by expectation and maximization; a class counts one prior."""
    for _ in range(REFINEMENTS):
        joint = true * confusion[:, labels].mT
        shares = joint / joint.sum(1, keepdim=True).clamp(min=TINY)
        counts = prior + torch.zeros_like(prior).index_add(0, labels, shares).mT
        confusion = counts / counts.sum(1, keepdim=True)
    return confusion


def _gains(true: Tensor, labels: Tensor, free: Tensor, even: Tensor) -> Tensor:
    """[classes, classes] how much likelier the labels are with the free rate of a pair than with the even one."""
    extra = free - even
    chance = (true * free[:, labels].mT).sum(1, keepdim=True).clamp(min=TINY)
    own = true.gather(1, labels[:, None])
    # Without the extra rate, samples given the pair's label are less likely, and those given the true class more.
    given_pair = chance.log() - (chance - true * extra[:, labels].mT).clamp(min=TINY).log()
    given_true = chance.log() - (chance + own * extra[labels]).clamp(min=TINY).log()
    zeros = torch.zeros_like(free)
    return zeros.index_add(0, labels, given_pair).mT + zeros.index_add(0, labels, given_true)


def _with_pairs(free: Tensor, paired: Tensor) -> tuple[Tensor, Tensor]:
    """The confusion with free rates for pairs and one even rate for all others, and the even one alone."""
    others = ~paired & ~_diagonal(free)
    rate = float(free[others].mean()) if others.any() else 0.0
    wrong = torch.where(paired, free, rate).masked_fill(_diagonal(free), 0.0)
    wrong = wrong * (MOST_WRONG / wrong.sum(1, keepdim=True).clamp(min=TINY)).clamp(max=1)
    even = _even_confusion(rate * (len(free) - 1), free)
    return wrong + (1 - wrong.sum(1)).diag(), even


def _heard(clean: Tensor, confusion: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Chances after these labels are heard, and the log-odds that they are wrong."""
    given = labels.clamp(min=0)
    joint = clean * confusion[:, given].mT
    right = joint.gather(1, given[:, None])
    # The others are added up on their own: 1 − right would round to zero where a label is surely right.
    wrong = joint.scatter(1, given[:, None], 0.0).sum(1)
    floor = torch.finfo(joint.dtype).tiny
    odds = wrong.clamp(min=floor).log() - right[:, 0].clamp(min=floor).log()
    unheard = (labels < 0) | clean.isnan().any(1)
    posterior = torch.where(unheard[:, None], clean, joint / joint.sum(1, keepdim=True))
    return posterior, odds.masked_fill(unheard, torch.nan)


def _nothing_to_confuse(evidence: Tensor, labels: Tensor, taught: Tensor) -> LabelNoise:
    """At most one class is given: it is the only one there is."""
    classes = evidence.shape[1]
    sole = int(labels[taught][0]) if taught.any() else 0
    known = evidence.isfinite().all(1)
    clean = evidence.new_zeros(len(evidence), classes, dtype=torch.float64).masked_fill(~known[:, None], torch.nan)
    clean[known, sole] = 1.0
    confusion = torch.eye(classes, dtype=torch.float64, device=evidence.device)
    odds = (-evidence[:, sole].double()).masked_fill(~taught, torch.nan)
    return LabelNoise(confusion, torch.zeros_like(confusion, dtype=torch.bool), clean, clean, odds)


def _spread(values: Tensor, columns: Tensor, width: int, rest: float) -> Tensor:
    """[n, width] with values in some columns; rows of nan stay nan."""
    whole = values.new_full((len(values), width), rest)
    whole[:, columns] = values
    return whole.masked_fill(values.isnan().any(1)[:, None], torch.nan)


def _diagonal(confusion: Tensor) -> Tensor:
    return torch.eye(len(confusion), dtype=torch.bool, device=confusion.device)
