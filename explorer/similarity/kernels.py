"""The paper's similarities of two samples, from the gradients of the network's outputs.

A jacobian block G is c×p: row i is the gradient of output i. All kernels start from K(a, b) = G_a G_bᵀ, c×c, whose
rows are the outputs of a and whose columns are the outputs of b.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from explorer.errors import ShapeError
from explorer.similarity.shapes import check_alike, check_jacobians


def inverse_square_root(grams: Tensor, floor: float = 1e-6) -> tuple[Tensor, Tensor]:
    """Symmetric inverse square root of each sample's Gram matrix.

    Eigenvalues below floor times the largest of their block are raised to it, so that outputs which depend on each
    other (log-softmax, a saturated softmax) do not blow up. Computed in float64 whatever the dtype. Differentiable
    once, also where eigenvalues coincide; raised eigenvalues count as constants.

    Args:
        grams: [n, c, c] floating point, symmetric, no negative eigenvalues; only the lower triangle is read.
        floor: dimensionless, 0 < floor < 1. Turning it up treats more outputs as redundant.

    Returns:
        roots: [n, c, c] in the dtype and on the device of grams; zero for a zero or non-finite block.
        touched: [n] bool, whether an eigenvalue of the block was raised.

    Raises:
        ShapeError: grams are not square blocks, or floor is not between 0 and 1.

    Cost: time O(n c³).
    Paper: K(x, x)^{-1/2} of the normalized kernel K^C; the floor is ours.

    >>> roots, touched = inverse_square_root(torch.tensor([[[4.0]], [[0.0]]]))
    >>> roots.flatten().tolist(), touched.tolist()
    ([0.5, 0.0], [False, False])
    """
    check_jacobians(grams, "grams")
    if grams.shape[1] != grams.shape[2] or not 0 < floor < 1:
        raise ShapeError(
            f"grams must be [n, c, c] and floor between 0 and 1, found {list(grams.shape)} and {floor}. "
            "Make them with jacobians @ jacobians.mT."
        )
    size = grams.detach().diagonal(dim1=1, dim2=2).sum(1)
    usable = grams.detach().isfinite().all(2).all(1) & (size > 0)
    identity = torch.eye(grams.shape[1], dtype=torch.float64, device=grams.device)
    roots, touched = _InverseSquareRoot.apply(torch.where(_blocks(usable), grams.double(), identity), floor)
    return torch.where(_blocks(usable), roots, 0.0).to(grams.dtype), touched


def unit_features(jacobians: Tensor, grams: Tensor | None = None) -> Tensor:
    """One row for each sample, such that the inner product of two rows is their similarity k^C.

    Each c×p block is multiplied by the inverse square root of its own c×c Gram matrix, divided by √c and flattened.
    Rows have length 1, also where outputs depend on each other (see normalizing_roots). Multiplying a sample's
    outputs by a factor, or rotating the outputs of all samples alike, changes no inner product.

    Args:
        jacobians: [n, c, p] floating point. Not modified.
        grams: [n, c, c] Gram matrices of the full gradients, when jacobians are projections that capture only part of
            them. Rows then have the squared length of the captured share, and their inner products have exact norms.

    Returns:
        [n, c·p] in the dtype and on the device of jacobians. A zero or non-finite block gives a row of zeros.

    Raises:
        ShapeError: jacobians are not [n, c, p], or grams do not belong to them.

    Cost: time O(n c² (c + p)), memory O(n c p).
    Paper: Charpiat et al. 2019, k^C = Tr(K^C)/d and its vector u(x) = G(x) K(x, x)^{-1/2}.

    >>> unit_features(torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    check_jacobians(jacobians)
    if grams is not None:
        _check_grams(grams, jacobians)
    blocks, size = _scaled(jacobians)
    grams = blocks @ blocks.mT if grams is None else grams.double() / _blocks(size).square()
    return (normalizing_roots(grams) @ blocks).flatten(1).to(jacobians.dtype)


def normalizing_roots(grams: Tensor) -> Tensor:
    """What to multiply gradient blocks with so that flattened blocks have k^C as inner products.

    The inverse square root over √c; more where outputs depend on each other, so that every sample's similarity to
    itself is 1: the mean then runs over the directions that its outputs can move in, not over their number.

    Args:
        grams: [n, c, c] Gram matrices of full gradients, as inverse_square_root takes them.

    Returns:
        [n, c, c] in the dtype of grams; zero for a zero or non-finite block.
    """
    roots, _ = inverse_square_root(grams)
    safe = torch.where(_blocks(roots.flatten(1).any(1)), grams, 0.0)
    own = torch.einsum("nij,njk,nki->n", roots, safe, roots)
    return roots * _blocks(torch.where(own > 0, own, 1.0).rsqrt())


def similarity(jacobians_a: Tensor, jacobians_b: Tensor) -> Tensor:
    """How alike the network treats two samples: k^C, the normalized trace of K^C.

    1: a training step for one acts on the other as on itself. 0: it does not reach it. Negative: it acts against it.
    It says nothing about labels or losses.

    Args:
        jacobians_a: [a, c, p] floating point; row i of the result is its sample i.
        jacobians_b: [b, c, p] of the same dtype; column j of the result is its sample j.

    Returns:
        [a, b] in [-1, 1], to rounding; 0 for zero or non-finite blocks.

    Raises:
        ShapeError: the two do not agree in c, p or dtype.

    Cost: time O((a + b) c² p + a b c p).
    Paper: k^C_θ(x, x').

    >>> similarity(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[2.0, 0.0]], [[0.0, 3.0]]])).tolist()
    [[1.0, 0.0]]
    """
    check_alike(jacobians_a, jacobians_b)
    return unit_features(jacobians_a) @ unit_features(jacobians_b).mT


def similarity_matrix(jacobian_a: Tensor, jacobian_b: Tensor) -> Tensor:
    """The normalized kernel of one pair, output against output.

    Entry (i, j) relates output i of a to output j of b; entries lie in [-1, 1] and the Frobenius norm is at most √c.
    The matrix of a sample with itself is the identity; exchanging the samples transposes it.

    Args:
        jacobian_a: [c, p] floating point, the gradients of one sample.
        jacobian_b: [c, p] of the same dtype, the gradients of the other.

    Returns:
        [c, c]; rows are the outputs of a, columns the outputs of b.

    Raises:
        ShapeError: a block is not [c, p], or the two do not agree.

    Paper: K^C_θ(x, x') = K(x, x)^{-1/2} K(x, x') K(x', x')^{-1/2}.

    >>> similarity_matrix(torch.eye(2), 5 * torch.eye(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_alike(jacobian_a[None], jacobian_b[None])
    blocks_a, blocks_b = (_whitened(block[None])[0] for block in (jacobian_a, jacobian_b))
    return (blocks_a @ blocks_b.mT).to(jacobian_a.dtype)


def rotation_similarity(jacobians_a: Tensor, jacobians_b: Tensor) -> Tensor:
    """Similarity of samples with two outputs that are known only up to a rotation.

    The largest k^C over all rotations of the output plane of one of the samples: between 0 and 1, and at least |k^C|.

    Args:
        jacobians_a: [a, 2, p] floating point; row i of the result is its sample i.
        jacobians_b: [b, 2, p] of the same dtype; column j of the result is its sample j.

    Returns:
        [a, b] in [0, 1], to rounding.

    Raises:
        ShapeError: there are not exactly two outputs, or the two do not agree.

    Cost: time O(a b p).
    Paper: k^{C,rot} = ½ √(‖K^C‖_F² + 2 det K^C).

    >>> quarter_turn = torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]])
    >>> rotation_similarity(torch.eye(2)[None], quarter_turn).item()
    1.0
    """
    check_alike(jacobians_a, jacobians_b)
    if jacobians_a.shape[1] != 2:
        raise ShapeError(
            f"rotation_similarity needs exactly two outputs, found {jacobians_a.shape[1]}. Use similarity instead."
        )
    kernels = torch.einsum("aip,bjp->abij", _whitened(jacobians_a), _whitened(jacobians_b))
    # ‖K‖² + 2 det K, written as a sum of two squares: never negative by rounding, and with a gradient at zero.
    cosine = kernels[..., 0, 0] + kernels[..., 1, 1]
    sine = kernels[..., 0, 1] - kernels[..., 1, 0]
    return (torch.linalg.vector_norm(torch.stack([cosine, sine]), dim=0) / 2).to(jacobians_a.dtype)


def influence(jacobians_a: Tensor, jacobians_b: Tensor) -> Tensor:
    """What moving one sample does to another: k^N.

    Entry (i, j): when the cheapest training step moves the output of a's sample i by one, the output of b's sample j
    moves by this much (several outputs: mean over the moved output, looking at the same output of b). Not symmetric,
    not bounded; 1 for a sample on itself.

    Args:
        jacobians_a: [a, c, p] floating point; the samples that are moved, one a row of the result.
        jacobians_b: [b, c, p] of the same dtype; the samples that are disturbed, one a column of the result.

    Returns:
        [a, b] dimensionless; 0 for zero or non-finite blocks.

    Raises:
        ShapeError: the two do not agree in c, p or dtype.

    Cost: time O((a + b) c² p + a b c p).
    Paper: k^N_θ(x, x') = ∇f(x)·∇f(x') / ‖∇f(x)‖²; for vectors Tr(K(x', x) K(x, x)^{-1})/d. Singular K(x, x) are
    floored as in inverse_square_root.

    >>> influence(torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[1.0, 5.0]]])).item()
    0.5
    """
    check_alike(jacobians_a, jacobians_b)
    blocks, size = _scaled(jacobians_a)
    roots, _ = inverse_square_root(blocks @ blocks.mT)
    steps = roots @ (roots @ blocks) / _blocks(size)
    moved, size = _scaled(jacobians_b)
    disturbed = moved * _blocks(size)
    return (steps.flatten(1) @ disturbed.flatten(1).mT / jacobians_a.shape[1]).to(jacobians_a.dtype)


def _whitened(jacobians: Tensor) -> Tensor:
    """[n, c, p] float64, each block multiplied by the inverse square root of its Gram matrix."""
    blocks, _ = _scaled(jacobians)
    return inverse_square_root(blocks @ blocks.mT)[0] @ blocks


def _scaled(jacobians: Tensor) -> tuple[Tensor, Tensor]:
    """Float64 blocks divided by their largest entry, and that entry; unusable blocks become zeros of size 1."""
    size = jacobians.detach().abs().amax((1, 2)) if jacobians.shape[2] else jacobians.new_zeros(len(jacobians))
    usable = size.isfinite() & (size > 0)
    size = torch.where(usable, size, 1.0).double()
    return torch.where(_blocks(usable), jacobians, 0.0).double() / _blocks(size), size


def _blocks(values: Tensor) -> Tensor:
    """[n] -> [n, 1, 1]."""
    return values[:, None, None]


def _check_grams(grams: Tensor, jacobians: Tensor) -> None:
    count, outputs, _ = jacobians.shape
    if grams.shape != (count, outputs, outputs):
        raise ShapeError(
            f"grams must be {[count, outputs, outputs]} for these jacobians, found {list(grams.shape)}. "
            "Pass the Gram matrices of the full gradients of the same samples."
        )


class _InverseSquareRoot(torch.autograd.Function):
    """eigh's own derivative divides by differences of eigenvalues, which are zero for a last linear layer."""

    @staticmethod
    def forward(ctx: FunctionCtx, grams: Tensor, floor: float) -> tuple[Tensor, Tensor]:
        eigenvalues, vectors = torch.linalg.eigh(grams)
        least = floor * eigenvalues[:, -1:]
        raised = eigenvalues < least
        deviations = torch.maximum(eigenvalues, least).sqrt()
        touched = raised.any(1)
        ctx.save_for_backward(vectors, deviations, raised)
        ctx.mark_non_differentiable(touched)
        return (vectors / deviations[:, None, :]) @ vectors.mT, touched

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor, _: Tensor) -> tuple[Tensor, None]:
        vectors, deviations, raised = ctx.saved_tensors
        one, other = deviations[:, :, None], deviations[:, None, :]
        slopes = -1 / (one * other * (one + other))  # divided differences of λ^{-1/2}
        slopes = torch.where(raised[:, :, None] & raised[:, None, :], 0.0, slopes)
        inner = vectors.mT @ ((gradient + gradient.mT) / 2) @ vectors
        return vectors @ (slopes * inner) @ vectors.mT, None
