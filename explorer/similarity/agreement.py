"""How far the nearest neighbors of a sample agree about its label.

A label of -1 and a target of nan mean "not labeled"; a neighbor of -1 is no neighbor. Neither votes nor counts.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from explorer.records import Neighbors
from explorer.similarity.shapes import check_length

SHARPNESS = 8.0
"""Power of the similarity that a vote weighs: the value that label ranking was measured with."""

_BLOCK = 4096  # samples whose neighbors are looked at together


def neighbor_votes(labels: Tensor, neighbors: Neighbors, classes: int, *, sharpness: float = SHARPNESS) -> Tensor:
    """Share of the nearest neighbors' votes for each class.

    A vote weighs the similarity to the power of sharpness; negative similarities do not vote.

    Args:
        labels: [n] int64 given classes; -1 does not vote.
        neighbors: [n, k].
        classes: how many classes there are.
        sharpness: dimensionless, positive. Turning it up listens to the closest neighbors only.

    Returns:
        [n, classes] float64, rows sum to 1; nan where nobody votes.

    Cost: time O(n k).
    """
    return torch.cat([_votes(labels, part, classes, sharpness) for part in _parts(labels, neighbors)])


def neighbor_disagreement(labels: Tensor, neighbors: Neighbors, *, sharpness: float = SHARPNESS) -> Tensor:
    """Share of the nearest neighbors' votes for any label but the given one.

    Args:
        labels: [n] int64 given classes; -1 does not vote.
        neighbors: [n, k].
        sharpness: as in neighbor_votes.

    Returns:
        [n] float64 from 0 (all agree) to 1 (all contradict); nan without a label or where nobody votes.

    Cost: time O(n k).
    """
    votes = neighbor_votes(labels, neighbors, _class_count(labels), sharpness=sharpness)
    own = votes.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    return (1 - own).masked_fill(labels < 0, torch.nan)


def label_variance(labels: Tensor, neighbors: Neighbors) -> Tensor:
    """How much the labels of the nearest neighbors differ among themselves.

    0 when all agree. Classes: 1 − Σ share², the chance that two neighbors drawn with replacement differ. Targets: their
    variance, summed over the columns, in squared units of the target. Weights play no part.

    Args:
        labels: [n] whole numbers, -1 for none; or [n] or [n, c] floating point targets, nan for none.
        neighbors: [n, k].

    Returns:
        [n] float64; nan where no neighbor has a label.

    Cost: time O(n k).
    Paper: the variance of the desired labels in the neighborhood, read together with the density.
    """
    variance = _target_variance if labels.is_floating_point() else _class_variance
    return torch.cat([variance(labels, part) for part in _parts(labels, neighbors)])


def _parts(labels: Tensor, neighbors: Neighbors) -> Iterator[Neighbors]:
    """The neighbors of some thousand samples after the other; one empty part when there are none."""
    check_length(labels, len(neighbors.indices), "labels")
    for start in range(0, max(len(labels), 1), _BLOCK):
        yield Neighbors(neighbors.indices[start : start + _BLOCK], neighbors.similarities[start : start + _BLOCK])


def _class_count(labels: Tensor) -> int:
    return max(int(labels.max()) + 1, 1)


def _votes(labels: Tensor, part: Neighbors, classes: int, sharpness: float) -> Tensor:
    theirs, weights = _neighbor_labels(labels, part)
    similarities = torch.tensor(part.similarities, device=labels.device).double()
    weights = weights * similarities.nan_to_num().clamp(min=0).pow(sharpness)
    votes = weights.new_zeros(len(theirs), classes).scatter_add(1, theirs.clamp(min=0), weights)
    return votes / votes.sum(1, keepdim=True)


def _class_variance(labels: Tensor, part: Neighbors) -> Tensor:
    theirs, counted = _neighbor_labels(labels, part)
    shares = counted.new_zeros(len(theirs), _class_count(labels)).scatter_add(1, theirs.clamp(min=0), counted)
    return 1 - (shares / shares.sum(1, keepdim=True)).square().sum(1)


def _target_variance(labels: Tensor, part: Neighbors) -> Tensor:
    rows = torch.tensor(part.indices, device=labels.device)
    theirs = labels.reshape(len(labels), -1).double()[rows].masked_fill((rows < 0)[:, :, None], torch.nan)  # [m, k, c]
    return (theirs - theirs.nanmean(1, keepdim=True)).square().nanmean(1).sum(1)


def _neighbor_labels(labels: Tensor, part: Neighbors) -> tuple[Tensor, Tensor]:
    """[m, k] the neighbors' labels, and 1 where there is one, else 0."""
    rows = torch.tensor(part.indices, device=labels.device)
    theirs = labels[rows].masked_fill(rows < 0, -1)
    return theirs, (theirs >= 0).double()
