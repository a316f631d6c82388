"""Which labels to doubt: named reasons, each a plain function of arrays, and one ranking.

A label of -1 and a target of nan mean "not labeled": such samples teach nothing and are not ranked.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from explorer.errors import ShapeError
from explorer.similarity.label_noise import LabelNoise, fit_label_noise, learned_apart, with_votes
from explorer.similarity.network_answer import weigh_answers
from explorer.similarity.planted import plant_labels, plant_targets
from explorer.similarity.ridge import UnitRows, leave_one_out
from explorer.similarity.shapes import check_length

LABEL_RIDGE = 0.01
"""Ridge of the evidence about classes: between what was best for easy data (0.003) and for hard data (0.03)."""
TARGET_RIDGE = 0.001
"""Ridge of what is left of targets: a larger one hears too little, a smaller one learns the wrong targets."""


def label_posterior(
    units: UnitRows, labels: Tensor, classes: int | None = None, *, valid: Tensor | None = None
) -> Tensor:
    """Evidence of all other samples for each class of a sample.

    The leave-one-out ridge on one-hot labels: near 0 to 1, not clipped and not normalized (see suggested_labels).

    Args:
        units: [n, d] floating point, unit rows, or blocks of them. Not modified.
        labels: [n] int64 given classes from 0; -1 where there is none.
        classes: how many classes there are; None takes the largest label.
        valid: as in leave_one_out.

    Returns:
        [n, classes] in the dtype of units.

    Raises:
        ShapeError: units or labels do not fit.

    Cost: time O(n d² + d³).
    """
    if isinstance(units, Tensor):
        check_length(labels, len(units), "labels")
    classes = max(int(labels.max()) + 1, 1) if classes is None else classes
    if labels.is_floating_point() or labels.ndim != 1 or int(labels.max()) >= classes:
        raise ShapeError(
            f"labels must be [n] whole numbers below {classes}, found {list(labels.shape)} {labels.dtype} up to "
            f"{labels.max()}. Number the classes from 0."
        )
    targets = one_hot(labels.long().clamp(min=0), classes).float()
    targets = targets.masked_fill((labels < 0)[:, None], torch.nan)
    return leave_one_out(units, targets, valid=valid, ridge=LABEL_RIDGE)


def label_margin(posterior: Tensor, labels: Tensor) -> Tensor:
    """Evidence for the best other class minus that for the given one: positive when the others contradict.

    Args:
        posterior: [n, classes], see label_posterior.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        [n]; nan without a label. A class that no sample has is not an alternative.

    >>> label_margin(torch.tensor([[0.75, 0.25], [0.5, 0.0]]), torch.tensor([0, 1])).tolist()
    [-0.5, 0.5]
    """
    return _best_other(posterior, labels) - _given(posterior, labels)


class LabelDoubt(NamedTuple):
    """What all evidence together says about the labels of some samples, float64."""

    wrong_odds: Tensor
    """[n] log-odds that the given label is wrong: 0 is even, large is suspicious; nan without a label or evidence."""
    suggested: Tensor
    """[n] int64 the class that the label should be, see label_doubt; -1 without evidence."""
    probability: Tensor
    """[n] chance of that class before the given label is heard; rather too low than too high; nan without evidence."""
    planted_odds: Tensor
    """[n] wrong_odds if the label were a wrong one, see plant_labels; nan where none can be planted."""


def label_doubt(
    evidence: Tensor,
    labels: Tensor,
    *,
    votes: Tensor | None = None,
    logits: Tensor | None = None,
    trained: Tensor | None = None,
) -> LabelDoubt:
    """Doubt about each given label: all other samples, its neighbors, how labels go wrong, what the network answers.

    The network's answer counts in full when it repeats none of the labels that the others call wrong, and not at all
    once it repeats a tenth of them: then it has memorized.

    The given label is suggested where it is the likeliest class whether it is heard or not. Otherwise the suggestion is
    the likeliest other class, which weighs how often that one is mistaken for the given one.

    Args:
        evidence: [n, classes], see label_posterior.
        labels: [n] int64 given classes; -1 where there is none.
        votes: [n, classes], see neighbor_votes; a row that is not finite is not heard. None asks no neighbors.
        logits: [n, classes] the network's answers; a row that is not finite is not heard. None asks only the others.
        trained: [n] bool, samples that the network was trained on. Evidence about the others, held out, is less sure
            and their labels may be better or worse: given enough of each they are learned about apart.

    Returns:
        Doubts of all samples, on one scale.

    Raises:
        ShapeError: labels, votes, logits or trained do not have n entries.

    Cost: time O(n classes) for each of some hundred passes, memory O(n classes).
    """
    check_length(labels, len(evidence), "labels")
    if votes is not None:
        check_length(votes, len(evidence), "votes")
    odds = evidence.new_full((len(evidence),), torch.nan, dtype=torch.float64)
    suggested, probability, planted = torch.full_like(labels, -1), odds.clone(), odds.clone()
    for rows in learned_apart(evidence, labels, trained):
        noise = fit_label_noise(evidence[rows], labels[rows])
        noise = noise if votes is None else with_votes(noise, votes[rows], labels[rows])
        wrong = plant_labels(noise.confusion, labels[rows])
        odds[rows], planted[rows] = noise.wrong_odds, noise.odds_of(wrong)
        if logits is not None:
            weight = weigh_answers(noise, logits[rows], labels[rows])
            odds[rows] += weight.added(noise, logits[rows], labels[rows])
            planted[rows] += weight.added(noise, logits[rows], wrong)
        suggested[rows], probability[rows] = _suggestion(noise, labels[rows])
    return LabelDoubt(odds, suggested, probability, planted)


def label_suspicion(posterior: Tensor, labels: Tensor, **witnesses: Tensor | None) -> Tensor:
    """Rank of doubt about each given label, see label_doubt: it orders, it is not a probability of being wrong.

    Args:
        posterior: [n, classes] evidence, see label_posterior.
        labels: [n] int64 given classes; -1 where there is none.
        witnesses: votes, logits and trained, as in label_doubt.

    Returns:
        [n] float64 from 0 to 1, the most suspicious; nan without a label or evidence.
    """
    return rank_share(label_doubt(posterior, labels, **witnesses).wrong_odds)


def suggested_labels(posterior: Tensor) -> tuple[Tensor, Tensor]:
    """The class that all other samples speak for, and its share of their evidence.

    Evidence below zero counts as none; the shares of a sample's classes sum to one. The suggestion may be the given
    label.

    Args:
        posterior: [n, classes], see label_posterior.

    Returns:
        labels: [n] int64; -1 where there is no posterior.
        probability: [n] from 1/classes to 1; 1/classes where there is no evidence at all.

    >>> suggested_labels(torch.tensor([[-0.25, 0.25, 0.75]]))
    (tensor([2]), tensor([0.7500]))
    """
    known = posterior.isfinite().all(1)
    evidence = posterior.nan_to_num().clamp(min=0)
    largest, labels = evidence.max(1)
    sums = evidence.sum(1)
    probability = torch.where(sums > 0, largest / sums, 1 / posterior.shape[1])
    return labels.masked_fill(~known, -1), probability.masked_fill(~known, torch.nan)


class TargetDoubt(NamedTuple):
    """How far targets are from what network and all other samples predict, in units of the usual distance."""

    residual: Tensor
    """[n] root mean square over targets of |y − ŷ₋ᵢ| / s, with s the root mean square over samples; nan without a
    target. Its rank_share is the suspicion of a regression."""
    planted_residual: Tensor
    """[n] the same if the target were that of another sample, see plant_targets."""


def target_doubt(
    units: UnitRows, targets: Tensor, *, predictions: Tensor | None = None, valid: Tensor | None = None
) -> TargetDoubt:
    """Doubt about each target: its distance from what network and all other samples predict.

    The ridge tells from all other samples how far the network itself is off.

    Args:
        units: [n, d] floating point, unit rows, or blocks of them. Not modified.
        targets: [n] or [n, c] floating point; nan where there is none.
        predictions: like targets, what the network answers; None asks the other samples alone.
        valid: as in leave_one_out.

    Returns:
        Distances in the dtype of units.

    Raises:
        ShapeError: units or targets do not fit.

    Cost: time O(n d² + d³).
    """
    if isinstance(units, Tensor):
        check_length(targets, len(units), "targets")
    targets = targets.reshape(len(targets), -1).double()
    wrong = plant_targets(targets)
    if predictions is not None:
        check_length(predictions, len(targets), "predictions")
        predictions = predictions.reshape(targets.shape)
        targets, wrong = targets - predictions, wrong - predictions
    predicted = leave_one_out(units, targets, valid=valid, intercept=True, ridge=TARGET_RIDGE)
    squares, planted = (targets - predicted).square(), (wrong - predicted).square()
    usual = squares.nanmean(0)
    unit = torch.where(usual > 0, usual, 1.0)
    residual, planted_residual = ((one / unit).mean(1).sqrt().to(predicted.dtype) for one in (squares, planted))
    return TargetDoubt(residual, planted_residual)


def target_residual(
    units: UnitRows, targets: Tensor, *, predictions: Tensor | None = None, valid: Tensor | None = None
) -> Tensor:
    """[n] distance of each target from what is predicted, in units of the usual one: see target_doubt."""
    return target_doubt(units, targets, predictions=predictions, valid=valid).residual


def rank_share(reason: Tensor) -> Tensor:
    """Ranks of a reason scaled to [0, 1], higher for larger values; equal values share their mean rank.

    Args:
        reason: [n] floating point; nan is not ranked.

    Returns:
        [n]; nan stays nan. A single value gets 0.

    >>> rank_share(torch.tensor([5.0, 1.0, 5.0, torch.nan])).tolist()
    [0.75, 0.0, 0.75, nan]
    """
    known = ~reason.isnan()
    _, places, counts = torch.unique(reason[known], return_inverse=True, return_counts=True)
    below = counts.cumsum(0) - counts
    ranks = (below + (counts - 1) / 2).to(reason.dtype)[places]
    shares = torch.full_like(reason, torch.nan)
    shares[known] = ranks / max(int(known.sum()) - 1, 1)
    return shares


def given_label_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """−log of the probability that the network itself gives to the label.

    Args:
        outputs: [n, classes] logits.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        [n] nats, 0 or more; nan without a label. Blind to errors that the network has memorized.

    >>> given_label_loss(torch.zeros(1, 4), torch.tensor([2])).exp().round().tolist()
    [4.0]
    """
    check_length(labels, len(outputs), "labels")
    return -_given(outputs.log_softmax(1), labels)


def _given(values: Tensor, labels: Tensor) -> Tensor:
    """[n] the entry of each row at its label; nan without one."""
    return values.gather(1, labels.clamp(min=0)[:, None])[:, 0].masked_fill(labels < 0, torch.nan)


def _best_other(posterior: Tensor, labels: Tensor) -> Tensor:
    """[n] the largest of the posterior among the other classes that some sample has; 0 when there is none."""
    absent = torch.ones_like(posterior[0], dtype=torch.bool)
    absent[labels[_given(posterior, labels).isfinite()]] = False
    own = one_hot(labels.clamp(min=0), posterior.shape[1]).bool()
    best = posterior.masked_fill(own | absent, -torch.inf).amax(1)
    return torch.where(best == -torch.inf, 0.0, best)


def _suggestion(noise: LabelNoise, labels: Tensor) -> tuple[Tensor, Tensor]:
    """[n] the suggested class and its chance before the label is heard."""
    unheard, _ = suggested_labels(noise.clean)
    heard, _ = suggested_labels(noise.posterior)
    others, _ = suggested_labels(noise.posterior.scatter(1, labels.clamp(min=0)[:, None], 0.0))
    doubted = noise.wrong_odds.isfinite() & ((unheard != labels) | (heard != labels))
    suggested = torch.where(doubted, others, unheard)
    return suggested, noise.clean.gather(1, suggested.clamp(min=0)[:, None])[:, 0]
