"""How many neighbors each sample has, seen by the network. All counts are in samples and include the sample itself."""

import torch
from torch import Tensor

from explorer.errors import ShapeError
from explorer.similarity.shapes import check_units


def soft_density(units: Tensor, *, total: Tensor | None = None, whole_self: bool = False) -> Tensor:
    """Sum of each sample's similarities to all samples, itself included.

    Between 1 and n when no similarity is negative. Low: isolated or memorized. High: the network treats the sample
    like many others. It does not count labels, and a crowd of vague neighbors counts like a few close ones.

    Args:
        units: [n, d] floating point, unit rows (see unit_features); zero rows are left out. Not modified.
        total: [d] sum of the rows of all samples, when units are only some of them; None sums units.
        whole_self: count the sample itself as exactly one where its row is shorter than that, because features capture
            only part of its gradient (see unit_features with grams).

    Returns:
        [n] samples, in the dtype and on the device of units; 0 for zero rows.

    Raises:
        ShapeError: units are not [n, d] and finite, or total is not [d].

    Cost: time O(n d), memory O(n + d) beyond the input.
    Paper: N_S(x) = Σ_i k^C(x, x_i) in its linear-time form.

    >>> soft_density(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist()
    [2.0, 2.0, 1.0]
    """
    check_units(units)
    if total is None:
        total = units.sum(0, dtype=torch.float64)
    if total.shape != units.shape[1:]:
        raise ShapeError(
            f"total must be [{units.shape[1]}], one entry a column of units, found {list(total.shape)}. "
            "Sum the rows of all samples."
        )
    counts = units @ total.to(units.dtype)
    if whole_self:
        length = units.square().sum(1)
        counts = counts + torch.where(length > 0, 1 - length, 0.0)
    return counts


def hard_density(units: Tensor, threshold: float, *, others: Tensor | None = None, block: int = 1024) -> Tensor:
    """How many samples, itself included, have a similarity above the threshold.

    Args:
        units: [n, d] floating point, unit rows; zero rows are left out. Not modified.
        threshold: dimensionless, compared strictly. Turning it up counts closer neighbors only.
        others: [o, d] the samples to count among, such as one shard of all; None counts among units. Counts of
            disjoint others add up.
        block: rows compared at a time.

    Returns:
        [n] samples, whole numbers in the dtype of units; 0 for zero rows.

    Raises:
        ShapeError: units or others are not [n, d] and finite, or do not agree in d.

    Cost: time O(n o d), memory O(block · o).
    Paper: N_τ(x) = #{i : k^C(x, x_i) > τ}.

    >>> hard_density(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), 0.5).tolist()
    [2.0, 3.0, 2.0]
    """
    others = _others(units, others)
    counted = others.any(1)
    counts = [
        ((_bounded(rows @ others.mT) > threshold) & counted & rows.any(1, keepdim=True)).sum(1)
        for rows in units.split(block)
    ]
    return torch.cat(counts).to(units.dtype)


def power_density(units: Tensor, exponent: float, *, others: Tensor | None = None, block: int = 1024) -> Tensor:
    """Sum of each sample's positive similarities raised to a power, itself included.

    Between the soft count (exponent 1, negative similarities dropped) and the number of duplicates (large exponents).

    Args:
        units: [n, d] floating point, unit rows; zero rows are left out. Not modified.
        exponent: dimensionless, positive. Turning it up gives weight to closer neighbors only.
        others: [o, d] the samples to count among, such as one shard of all; None counts among units. Counts of
            disjoint others add up.
        block: rows compared at a time.

    Returns:
        [n] samples, in the dtype of units; 0 for zero rows.

    Raises:
        ShapeError: units or others are not [n, d] and finite, do not agree in d, or the exponent is not positive.

    Cost: time O(n o d), memory O(block · o).
    Paper: N⁺_α(x), the less soft count.

    >>> power_density(torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5], [-1.0, 0.0]]), 2)[0].item()
    1.25
    """
    others = _others(units, others)
    if not exponent > 0:
        raise ShapeError(f"exponent must be positive, found {exponent}. Use 1 for the count without negative terms.")
    return torch.cat([_bounded(rows @ others.mT).clamp(min=0).pow(exponent).sum(1) for rows in units.split(block)])


def _bounded(similarities: Tensor) -> Tensor:
    """Rounding must not put a sample above a threshold of 1 with itself."""
    return similarities.clamp(-1, 1)


def _others(units: Tensor, others: Tensor | None) -> Tensor:
    check_units(units)
    if others is None:
        return units
    check_units(others, "others")
    if others.shape[1] != units.shape[1]:
        raise ShapeError(
            f"others must have the {units.shape[1]} columns of units, found {others.shape[1]}. "
            "Take both from one study."
        )
    return others
