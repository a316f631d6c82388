"""What the network's own averaging over similar samples does to independent label noise.

All of it rests on un-normalized kernels K_ij = G_i G_jᵀ and on the paper's assumptions: squared loss, a stationary
point, noise that is independent, centered, and independent of the kernel. The result is never an error bar.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.errors import ShapeError
from explorer.similarity.moments import Moments, usable_samples, value_kinds
from explorer.similarity.shapes import check_jacobians

_FLOOR = 1e-6
"""Smallest singular value of a sum of kernels that is believed, relative to the largest that it could have."""


@dataclass(frozen=True, eq=False)
class LocalAverage:
    """The network's average around each sample: its value and the noise that is left in it."""

    mean: Tensor
    """[m, v, c] E_k[a], for each kind of values a of the moments."""
    covariance: Tensor
    """[m, c, c] S, the covariance of E_k[e] for noise e of unit variance, independent over samples and outputs."""
    touched: Tensor
    """[m] bool, the sample's sum of kernels was close to singular and had to be floored: leave its numbers out."""


def local_average(jacobians: Tensor, moments: Moments) -> LocalAverage:
    """Average all samples around each of these, with the network's own kernel as weights.

    Weights may be negative; they sum to the identity, so the average of a constant is that constant.

    Args:
        jacobians: [m, c, p] floating point, not normalized: samples of the study or new ones. Not modified.
        moments: of all samples that are averaged, with the values to average.

    Returns:
        LocalAverage in the dtype of jacobians; nan in the rows of zero or non-finite blocks, and only there (everywhere
        if the blocks of all samples cancel exactly).

    Raises:
        ShapeError: jacobians are not [m, c, p] or do not have the outputs and width of moments.

    Cost: time O(m c p²), memory O(m c p): linear in the number of samples.
    Paper: E_k[a](i) = Σ_j a_jᵀ A_ij with A_ij = K_ijᵀ (Σ_j K_ijᵀ)⁻¹; differs where: the covariance of these row vectors
    is S_i = Σ_j A_ijᵀ A_ij, not Σ_j A_ij A_ijᵀ, which has the same trace only.
    """
    _check_fit(jacobians, moments)
    usable = usable_samples(jacobians) & moments.total.any()
    blocks = torch.where(usable[:, None, None], jacobians, 0.0).double()
    inverse, touched = _floored_inverse(moments.total @ blocks.mT, _largest(blocks, moments))
    spread = inverse.mT @ blocks
    covariance = spread @ moments.second @ spread.mT
    mean = moments.weighted @ blocks.mT @ inverse
    missing = ~usable[:, None, None]
    return LocalAverage(
        mean.masked_fill(missing, torch.nan).to(jacobians.dtype),
        ((covariance + covariance.mT) / 2).masked_fill(missing, torch.nan).to(jacobians.dtype),
        touched,
    )


def denoising_factor(jacobians: Tensor) -> Tensor:
    """Share of independent label noise that the network's averaging leaves, as a deviation.

    1/√n when all samples are the same to the network, 1 when none has anything in common; above 1 when negative
    weights amplify. Near 1/√n it says how many samples there are, not how good the network is (see floor_ratio).

    Args:
        jacobians: [n, c, p] floating point, not normalized, of all samples. Not modified.

    Returns:
        [n] for one output; otherwise [n, c, c], the symmetric square root of the covariance (see denoising_share for
        one number). nan in the rows of zero or non-finite blocks, and only there.

    Raises:
        ShapeError: jacobians are not [n, c, p].

    Cost: time O(n c p²), memory O(n c p).
    Paper: ‖k^{IN}(·, x_i)‖₂ and S_i^{1/2}, with S_i as in local_average.

    >>> denoising_factor(torch.ones(4, 1, 2)).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    covariance = local_average(jacobians, Moments.of(jacobians)).covariance
    if covariance.shape[1] == 1:
        return covariance.flatten().sqrt()
    missing = ~covariance.isfinite().all(2, keepdim=True).all(1, keepdim=True)
    eigenvalues, vectors = torch.linalg.eigh(covariance.masked_fill(missing, 0.0))
    roots = vectors * eigenvalues.clamp(min=0).sqrt()[:, None, :] @ vectors.mT
    return roots.masked_fill(missing, torch.nan)


def denoising_share(covariance: Tensor) -> Tensor:
    """Denoising factor as one number a sample: root mean square over outputs.

    Args:
        covariance: [n, c, c], see LocalAverage.

    Returns:
        [n] dimensionless, the share of the noise deviation that is left.

    >>> denoising_share(torch.eye(2)[None] / 4).tolist()
    [0.5]
    """
    return covariance.diagonal(dim1=1, dim2=2).mean(1).sqrt()


def floor_ratio(share: Tensor, count: int) -> Tensor:
    """Denoising share divided by 1/√n, the smallest that it could be with n = count samples: 1 or more."""
    return share * count**0.5


def effective_neighbors(share: Tensor) -> Tensor:
    """How many equal votes would leave as much noise: 1 / share², in samples."""
    return 1 / share.square()


def neighbor_mean(jacobians: Tensor, values: Tensor) -> Tensor:
    """Average of the values around each sample, with the network's own kernel as weights.

    At a stationary point of the squared loss the averages of predictions and of labels are the same.

    Args:
        jacobians: [n, c, p] floating point, not normalized, of all samples. Not modified.
        values: [n, c] floating point. With one output also [n] or [n, v]: every column is averaged alike.

    Returns:
        The shape of values, in the dtype of jacobians. nan in the rows of zero or non-finite blocks, and only there.

    Raises:
        ShapeError: jacobians are not [n, c, p], or values do not fit them or are not finite.

    Cost: time O(n c p²), memory O(n c p).
    Paper: E_k[a](i) = Σ_j a_jᵀ A_ij, see local_average.

    >>> neighbor_mean(torch.ones(2, 1, 3), torch.tensor([1.0, 3.0])).tolist()
    [2.0, 2.0]
    """
    check_jacobians(jacobians)
    kinds = value_kinds(values, jacobians)
    return local_average(jacobians, Moments.of(jacobians, kinds)).mean.reshape(values.shape)


def shift(outputs: Tensor, mean: Tensor) -> Tensor:
    """Distance of each prediction from the average prediction around it, in output units.

    It shows smoothing, and neither bounds nor ranks the error.

    Args:
        outputs: [n, c] the network's outputs.
        mean: [n, c] their neighbor_mean.

    Returns:
        [n], 0 or more.

    Paper: ‖ŷ_i − E_k[ŷ](i)‖.

    >>> shift(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)).tolist()
    [5.0]
    """
    return torch.linalg.vector_norm(outputs - mean, dim=1)


def stationarity_residual(moments: Moments) -> Tensor:
    """How far training was from a stationary point, for values that are residuals: prediction minus label.

    The length of the summed pull of all residuals on the parameters, divided by the largest that it could be. 0 at a
    stationary point, at most 1; about 1/√n or less for residuals that have nothing to do with the network. Above that
    the denoising numbers do not apply.

    Args:
        moments: of all samples, with residuals as values (probability minus one-hot label for cross-entropy).

    Returns:
        [v] dimensionless, one for each kind of values; 0 where all residuals are zero.

    Paper: Σ_j (ŷ_j − ỹ_j) ∇ŷ_j = 0; the scale is ours.
    """
    largest = (moments.squares * moments.second.trace()).sqrt()
    pull = torch.linalg.vector_norm(moments.weighted, dim=1)
    return torch.where(largest > 0, pull / largest, 0.0)


def uncertainty(jacobians: Tensor, *, total: Tensor | None = None) -> Tensor:
    """How far a prediction could move at a fixed disturbance of all predictions.

    1/n when all samples are the same to the network, 1 when nothing else would move. Large: cheap to change. Negative
    where the other samples would move the other way, for the paper's linear form drops its absolute values.

    Args:
        jacobians: [n, c, p] floating point, not normalized. Not modified.
        total: [c, p] sum of the blocks of all samples (Moments.total), when jacobians are only some of them.

    Returns:
        [n] in the dtype of jacobians; nan for zero or non-finite blocks and where the disturbance vanishes.

    Raises:
        ShapeError: jacobians are not [n, c, p], or total is not [c, p].

    Cost: time O(n c p).
    Paper: ‖∇f(x)‖² / Σ_i k^I(x, x_i); with several outputs inner products run over all of them.

    >>> uncertainty(torch.ones(4, 1, 2)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    check_jacobians(jacobians)
    usable = usable_samples(jacobians)
    blocks = torch.where(usable[:, None, None], jacobians, 0.0).double()
    total = blocks.sum(0) if total is None else total.double()
    if total.shape != blocks.shape[1:]:
        raise ShapeError(f"total must be {list(blocks.shape[1:])}, found {list(total.shape)}. Sum the same blocks.")
    size = blocks.square().sum((1, 2))
    disturbance = (blocks * total).sum((1, 2))
    vanishes = disturbance.abs() <= _FLOOR * size.sqrt() * torch.linalg.vector_norm(total)
    return torch.where(vanishes, torch.nan, size / disturbance).to(jacobians.dtype)


def _check_fit(jacobians: Tensor, moments: Moments) -> None:
    check_jacobians(jacobians)
    if jacobians.shape[1:] != moments.total.shape:
        raise ShapeError(
            f"jacobians must have the outputs and width {list(moments.total.shape)} of the moments, found "
            f"{list(jacobians.shape[1:])}. Take both from one projection."
        )


def _largest(blocks: Tensor, moments: Moments) -> Tensor:
    """[m, 1] bound on the singular values of total Gᵀ, so that near-orthogonality counts as singular for c = 1 too."""
    return torch.linalg.matrix_norm(blocks)[:, None] * torch.linalg.vector_norm(moments.total)


def _floored_inverse(matrices: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """Inverses with singular values raised to a share of the largest possible; zero where that is zero."""
    left, singular, right = torch.linalg.svd(matrices)
    least = _FLOOR * largest
    raised = torch.maximum(singular, least)
    scale = torch.where(raised > 0, 1 / raised, 0.0)
    return (right.mT * scale[:, None, :]) @ left.mT, (singular < least).any(1)
