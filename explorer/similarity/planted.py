"""Errors planted on paper: how far up the list would one come that nobody has made.

What all other samples say about one of them has not heard its own label (leave-one-out). So the label can be replaced
by a wrong one and judged with no number computed anew, each sample in turn and all others left as they are.
"""

import torch
from torch import Tensor

QUANTILES = 101
SEED = 0


def plant_labels(confusion: Tensor, labels: Tensor) -> Tensor:
    """A wrong label for each sample, drawn as labels go wrong in this data set.

    Args:
        confusion: [classes, classes] chance of each given label (column) for each true class (row), see LabelNoise.
        labels: [n] int64 given classes, taken for the true ones; -1 where there is none.

    Returns:
        [n] int64, never the given one, the same in every call; -1 without a label or without another class.
    """
    chances = confusion - confusion.diagonal().diag()
    some = (labels >= 0) & (chances.sum(1) > 0)[labels.clamp(min=0)]
    planted = torch.full_like(labels, -1)
    drawn = torch.rand(int(some.sum()), 1, generator=_generator(), dtype=torch.float64).to(chances.device)
    # A draw below the last sum: rounding must not lead past the last class that can be.
    sums = chances.cumsum(1)[labels[some]]
    planted[some] = torch.searchsorted(sums, drawn * sums[:, -1:] * (1 - 1e-12), right=True)[:, 0]
    return planted


def plant_targets(targets: Tensor) -> Tensor:
    """The target of another sample for each one, at random.

    Args:
        targets: [n, c] floating point; rows with nan have no target.

    Returns:
        [n, c] the same in every call; nan without a target, without another sample and where the other has the same.
    """
    planted = torch.full_like(targets, torch.nan)
    known = targets.isfinite().all(1).nonzero()[:, 0]
    shuffled = known[torch.randperm(len(known), generator=_generator()).to(known.device)]
    planted[shuffled] = targets[shuffled.roll(1)]
    return planted.masked_fill((planted == targets).all(1)[:, None], torch.nan)


def planted_suspicion(reason: Tensor, planted: Tensor) -> Tensor:
    """The suspicion that planted errors would have, among the real ones: where in the list they would come up.

    Args:
        reason: [n] what the samples are ranked by, larger for more suspicious (odds of a label, residual of a target);
            nan is not ranked.
        planted: [n] the same with the planted error in place of the given label or target; nan where none was planted.

    Returns:
        [101] float64 quantiles from the least to the most, each 0 to 1 on the scale of rank_share; empty when nothing
        was planted or fewer than two samples are ranked.

    Cost: time O(n log n), memory O(n).

    >>> planted_suspicion(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.5, torch.nan, torch.nan]))[:2].tolist()
    [0.75, 0.75]
    """
    ranked, found = reason[~reason.isnan()].sort().values, planted[~planted.isnan()]
    if len(ranked) < 2 or not len(found):
        return reason.new_zeros(0, dtype=torch.float64)
    below, upto = (torch.searchsorted(ranked, found, right=right).double() for right in (False, True))
    shares = (((below + upto - 1) / 2) / (len(ranked) - 1)).clamp(0, 1).sort().values
    places = torch.linspace(0, len(shares) - 1, QUANTILES, dtype=torch.float64, device=shares.device)
    lower = places.floor().long()
    upper = (lower + 1).clamp(max=len(shares) - 1)
    return torch.lerp(shares[lower], shares[upper], places - lower)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
