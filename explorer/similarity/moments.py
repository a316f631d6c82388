"""The sums over all samples that averaging needs. They add up, so a study is measured shard by shard."""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.errors import ShapeError
from explorer.similarity.shapes import check_jacobians, check_length


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over samples of gradient blocks G_j [c, p], in float64.

    Add the moments of any split of the samples and get those of all, to rounding. Samples with a zero or non-finite
    block are left out.
    """

    count: int
    """Samples that were added."""
    total: Tensor
    """[c, p] Σ_j G_j."""
    second: Tensor
    """[p, p] Σ_j G_jᵀ G_j."""
    weighted: Tensor
    """[v, p] Σ_j a_jᵀ G_j, one row for each kind of values a."""
    squares: Tensor
    """[v] Σ_j ‖a_j‖²."""

    @classmethod
    def of(cls, jacobians: Tensor, values: Tensor | None = None) -> "Moments":
        """The moments of some samples.

        Args:
            jacobians: [m, c, p] floating point, not normalized. Not modified.
            values: [m, v, c], v kinds of values (targets, predictions, …) with one number an output; None for v = 0.

        Returns:
            Moments on the device of jacobians.

        Raises:
            ShapeError: jacobians are not [m, c, p], values do not fit, or one of a usable sample is not finite.

        Cost: time O(m c p²), memory O(m c p + p²).

        >>> halves = torch.ones(2, 1, 3).split(1)
        >>> (Moments.of(halves[0]) + Moments.of(halves[1])).total.tolist()
        [[2.0, 2.0, 2.0]]
        """
        check_jacobians(jacobians)
        if values is None:
            values = jacobians.new_zeros(len(jacobians), 0, jacobians.shape[1])
        _check_values(values, jacobians)
        usable = usable_samples(jacobians)
        blocks, values = jacobians[usable].double(), values[usable].double()
        if not values.isfinite().all():
            row = int(usable.nonzero()[~values.isfinite().flatten(1).all(1)][0])
            raise ShapeError(f"values must be finite, found one of sample {row} that is not. Leave such samples out.")
        rows = blocks.flatten(0, 1)
        weighted = torch.einsum("mvc,mcp->vp", values, blocks)
        return cls(len(blocks), blocks.sum(0), rows.mT @ rows, weighted, values.square().sum((0, 2)))

    def __add__(self, other: "Moments") -> "Moments":
        if self.total.shape != other.total.shape or self.weighted.shape != other.weighted.shape:
            raise ShapeError(
                f"moments can be added when they have the same outputs, width and values, found "
                f"{list(self.total.shape)} with {len(self.weighted)} values and {list(other.total.shape)} with "
                f"{len(other.weighted)}. Take all shards from one projection."
            )
        return Moments(
            self.count + other.count,
            self.total + other.total,
            self.second + other.second,
            self.weighted + other.weighted,
            self.squares + other.squares,
        )


def value_kinds(values: Tensor, jacobians: Tensor) -> Tensor:
    """Values in the form that Moments.of takes, one kind for each column that is averaged on its own.

    Args:
        values: [m, c]; with one output also [m] or [m, v].
        jacobians: [m, c, p], the samples that they belong to.

    Returns:
        [m, 1, c]; with one output [m, v, 1].

    Raises:
        ShapeError: there is not one value for each output.

    >>> value_kinds(torch.zeros(5, 3), torch.zeros(5, 3, 8)).shape
    torch.Size([5, 1, 3])
    """
    check_length(values, len(jacobians), "values")
    if jacobians.shape[1] == 1 and values.ndim <= 2:
        return values.reshape(len(values), -1, 1)
    if values.ndim != 2 or values.shape[1] != jacobians.shape[1]:
        raise ShapeError(
            f"values must be [n, c] with c = {jacobians.shape[1]} outputs, found {list(values.shape)}. "
            "Pass one number for each output that was differentiated."
        )
    return values[:, None, :]


def usable_samples(jacobians: Tensor) -> Tensor:
    """[n] bool: the sample's block is finite and not zero."""
    return jacobians.isfinite().all(2).all(1) & jacobians.any(2).any(1)


def _check_values(values: Tensor, jacobians: Tensor) -> None:
    check_length(values, len(jacobians), "values")
    if values.ndim != 3 or values.shape[2] != jacobians.shape[1]:
        raise ShapeError(
            f"values must be [m, v, c] with c = {jacobians.shape[1]} outputs, found {list(values.shape)}. "
            "Add the kind axis with values[:, None, :]."
        )
