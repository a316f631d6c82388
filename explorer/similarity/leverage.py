"""Averaging in the ridge regression that mimics the network: closer to the truth than the raw kernel's."""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.errors import ShapeError
from explorer.similarity.moments import Moments, usable_samples, value_kinds
from explorer.similarity.ridge import FIXED_RIDGE
from explorer.similarity.shapes import check_jacobians

_GRID = torch.logspace(1, -9, 81, dtype=torch.float64)
"""Ridges to try, as shares of n · mean(K_ii); falling, so that a tie is decided for the smoother one."""


@dataclass(frozen=True, eq=False)
class Smoother:
    """Kernel ridge regression H = K (K + ridge·I)⁻¹ on the features of all samples, ready to be evaluated."""

    ridge: float
    """In the units of the kernel, squared gradients."""
    spread: Tensor
    """[p, p] float64 (F + ridge·I)⁻¹ F (F + ridge·I)⁻¹ with F = Σ_j G_jᵀ G_j."""

    def gain(self, jacobians: Tensor) -> Tensor:
        """Share of independent label noise left at each sample, [m]; see leverage_gain."""
        usable = usable_samples(jacobians)
        blocks = torch.where(usable[:, None, None], jacobians, 0.0).double()
        variance = (blocks @ self.spread * blocks).sum(2).mean(1)
        return variance.clamp(min=0).sqrt().masked_fill(~usable, torch.nan).to(jacobians.dtype)


def fit_smoother(moments: Moments, ridge: float | None = None) -> Smoother:
    """Prepare the ridge regression of all samples from their moments.

    Args:
        moments: of all samples. When they carry values, these choose the ridge by generalized cross-validation.
        ridge: in the units of the kernel, positive. Turning it up averages more. None chooses it.

    Returns:
        Smoother for any samples with the same projection.

    Raises:
        ShapeError: the ridge is not positive, or there is no usable sample.

    Cost: time O(p³), whatever the number of samples.
    """
    if moments.count == 0 or (ridge is not None and not ridge > 0):
        raise ShapeError(
            f"a ridge regression needs usable samples and a positive ridge, found {moments.count} samples and ridge "
            f"{ridge}. Check that the gradients are not all zero."
        )
    eigenvalues, vectors = torch.linalg.eigh(moments.second)
    eigenvalues = eigenvalues.clamp(min=0)
    scale = float(eigenvalues.sum()) / len(moments.total)
    if ridge is None:
        ridge = _cross_validated(moments, eigenvalues, vectors, scale) if len(moments.weighted) else FIXED_RIDGE * scale
    return Smoother(ridge, (vectors * (eigenvalues / (eigenvalues + ridge).square())) @ vectors.mT)


def leverage_gain(jacobians: Tensor, ridge: float | None = None, *, values: Tensor | None = None) -> Tensor:
    """Share of independent label noise that is left by the ridge regression that best mimics the network.

    Between 0 and 1. Small: the prediction rests on many labels. Near 1: it follows its own label. It leaves out what
    the network would get wrong without any noise, so the true gain is larger: by less than a factor of two on the
    paper's circle, by more where a small network meets a hard task.

    Args:
        jacobians: [n, c, p] floating point, not normalized, of all samples. Not modified.
        ridge: in the units of the kernel, positive. None chooses it: by generalized cross-validation when there are
            values, else as 0.003 · n · mean(K_ii), because cross-validation has nothing to compare without targets.
        values: [n, c] targets, with one output also [n] or [n, v]; only used to choose the ridge.

    Returns:
        [n] in the dtype of jacobians: the root mean square over a sample's outputs. nan in the rows of zero or
        non-finite blocks, and only there.

    Raises:
        ShapeError: jacobians are not [n, c, p], values do not fit, or no sample is usable.

    Cost: time O(n c p² + p³), memory O(n c p).
    Paper: not in it; √(Σ_j H_ij²) with H = K (K + ridge·I)⁻¹ over all outputs of all samples.

    >>> leverage_gain(torch.eye(3)[:, None, :], ridge=1.0).tolist()
    [0.5, 0.5, 0.5]
    """
    check_jacobians(jacobians)
    kinds = None if values is None else value_kinds(values, jacobians)
    return fit_smoother(Moments.of(jacobians, kinds), ridge).gain(jacobians)


def _cross_validated(moments: Moments, eigenvalues: Tensor, vectors: Tensor, scale: float) -> float:
    """The ridge of the grid with the least generalized cross-validation error ‖(I−H)a‖² / tr(I−H)²."""
    ridges = scale * _GRID.to(eigenvalues.device)
    kept = ridges[:, None] / (eigenvalues + ridges[:, None])  # [grid, p], what I − H keeps of each direction
    seen = eigenvalues > eigenvalues[-1] * 1e-12
    explained = ((moments.weighted @ vectors).square().sum(0) / eigenvalues).where(seen, 0.0)
    unexplained = (moments.squares.sum() - explained.sum()).clamp(min=0)
    error = unexplained + kept.square() @ explained
    freedom = moments.count * len(moments.total) - (1 - kept).sum(1)
    return float(ridges[(error / freedom.square()).argmin()])
