"""Which labels to doubt: named reasons, each a plain function of arrays, and one ranking.

A label of -1 and a target of nan mean "not labeled": such samples teach nothing and are not ranked.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from explorer.errors import ShapeError
from explorer.similarity.ridge import UnitRows, leave_one_out
from explorer.similarity.shapes import check_length


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
    return leave_one_out(units, targets.masked_fill((labels < 0)[:, None], torch.nan), valid=valid)


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
    return _best_other(posterior, labels, torch.zeros_like(posterior[0])) - _given(posterior, labels)


def calibrated_margin(posterior: Tensor, labels: Tensor) -> Tensor:
    """The label margin after subtracting from each class its mean evidence over the samples that carry it.

    It forgives classes that are hard as a whole.

    Args:
        posterior: [n, classes], see label_posterior.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        [n]; nan without a label.
    """
    given = _given(posterior, labels)
    known = given.isfinite()
    sums = torch.zeros_like(posterior[0]).index_add(0, labels[known], given[known])
    counts = torch.zeros_like(posterior[0]).index_add(0, labels[known], torch.ones_like(given[known]))
    usual = sums / counts.clamp(min=1)
    own = usual[labels.clamp(min=0)]
    return _best_other(posterior, labels, usual) - (given - own)


def label_suspicion(posterior: Tensor, labels: Tensor) -> Tensor:
    """Rank of doubt about each given label: the sum of the ranks of label_margin and calibrated_margin.

    It orders, it is not a probability of being wrong.

    Args:
        posterior: [n, classes], see label_posterior.
        labels: [n] int64 given classes; -1 where there is none.

    Returns:
        [n] from 0 to 1, which a sample that leads both rankings has; nan without a label or a posterior.

    Cost: time O(n (classes + log n)).
    """
    return (rank_share(label_margin(posterior, labels)) + rank_share(calibrated_margin(posterior, labels))) / 2


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


def target_residual(units: UnitRows, targets: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """Distance of each target from what all other samples predict, in units of the usual distance.

    Args:
        units: [n, d] floating point, unit rows, or blocks of them. Not modified.
        targets: [n] or [n, c] floating point; nan where there is none.
        valid: as in leave_one_out.

    Returns:
        [n] root mean square over targets of |y − ŷ₋ᵢ| / s, with s the root mean square over samples; nan without a
        target. Its rank_share is the suspicion of a regression.

    Raises:
        ShapeError: units or targets do not fit.

    Cost: time O(n d² + d³).
    """
    if isinstance(units, Tensor):
        check_length(targets, len(units), "targets")
    targets = targets.reshape(len(targets), -1)
    predicted = leave_one_out(units, targets, valid=valid, intercept=True)
    squares = (targets.to(predicted.dtype) - predicted).square()
    usual = squares.nanmean(0)
    return torch.where(usual > 0, squares / usual, squares).mean(1).sqrt()


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


def _best_other(posterior: Tensor, labels: Tensor, usual: Tensor) -> Tensor:
    """[n] the largest of posterior − usual among the other classes that some sample has; 0 when there is none."""
    absent = torch.ones_like(posterior[0], dtype=torch.bool)
    absent[labels[_given(posterior, labels).isfinite()]] = False
    own = one_hot(labels.clamp(min=0), posterior.shape[1]).bool()
    best = (posterior - usual).masked_fill(own | absent, -torch.inf).amax(1)
    return torch.where(best == -torch.inf, 0.0, best)
