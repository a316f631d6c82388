"""Slow and obviously right: float64 references, written from the definitions and sharing no code with the product.

Everything is dense, one pair at a time, in numpy and scipy. A jacobian block is [c, p]; blocks are [n, c, p].
"""

import numpy as np
import scipy.linalg
import torch


def exact_jacobians(model, inputs):
    """[n, c, q] gradients of every output of every sample by one backward pass each, parameters in their own order."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    samples = []
    for one in inputs:
        outputs = model(one[None]).reshape(-1)
        rows = []
        for output in outputs:
            gradients = torch.autograd.grad(output, parameters, retain_graph=True, allow_unused=True)
            rows.append(
                torch.cat(
                    [
                        (torch.zeros_like(p) if g is None else g).reshape(-1)
                        for g, p in zip(gradients, parameters, strict=True)
                    ]
                )
            )
        samples.append(torch.stack(rows))
    return torch.stack(samples).detach()


def kernel(block_a, block_b):
    """K(a, b) [c, c]: entry (i, j) is the inner product of the gradients of output i of a and output j of b."""
    c = len(block_a)
    return np.array([[np.sum(block_a[i] * block_b[j]) for j in range(c)] for i in range(c)])


def inverse_root(block):
    """K(a, a)^-½ [c, c], through a dense matrix square root."""
    return np.linalg.inv(np.real(scipy.linalg.sqrtm(kernel(block, block))))


def normalized_kernel(block_a, block_b):
    """K^C(a, b) [c, c]."""
    return inverse_root(block_a) @ kernel(block_a, block_b) @ inverse_root(block_b)


def similarity(blocks_a, blocks_b):
    """[a, b] mean of the diagonal of each pair's normalized kernel."""
    roots_a, roots_b = [inverse_root(a) for a in blocks_a], [inverse_root(b) for b in blocks_b]
    return np.array(
        [
            [np.trace(root_a @ kernel(a, b) @ root_b) / len(a) for b, root_b in zip(blocks_b, roots_b, strict=True)]
            for a, root_a in zip(blocks_a, roots_a, strict=True)
        ]
    )


def influence(blocks_a, blocks_b):
    """[a, b] Tr(K(b, a) K(a, a)⁻¹) / c."""
    return np.array(
        [[np.trace(kernel(b, a) @ np.linalg.inv(kernel(a, a))) / len(a) for b in blocks_b] for a in blocks_a]
    )


def rotated_similarity(blocks_a, blocks_b, angles=100_000):
    """[a, b] the largest ½ Tr(K^C R) over a fine grid of rotations R; relative error below 1e-9."""
    angle = np.arange(angles) * 2 * np.pi / angles
    rotations = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.array(
        [[np.einsum("ij,jit->t", normalized_kernel(a, b), rotations).max() / 2 for b in blocks_b] for a in blocks_a]
    )


def soft_count(similarities):
    """[n] sums of the rows of a table of similarities."""
    return np.array([sum(row) for row in similarities])


def hard_count(similarities, threshold):
    """[n] how many entries of each row lie strictly above the threshold."""
    return np.array([sum(1 for one in row if one > threshold) for row in similarities])


def power_count(similarities, exponent):
    """[n] sums of the positive entries of each row, raised to the exponent."""
    return np.array([sum(one**exponent for one in row if one > 0) for row in similarities])


def averaging_weights(blocks):
    """[n, n, c, c] A_ij = K_ijᵀ (Σ_j K_ijᵀ)⁻¹: what sample j, as a row vector, adds to the average at sample i."""
    n, c = blocks.shape[:2]
    weights = np.zeros((n, n, c, c))
    for i in range(n):
        transposed = [kernel(blocks[i], blocks[j]).T for j in range(n)]
        inverse = np.linalg.inv(sum(transposed))
        for j in range(n):
            weights[i, j] = transposed[j] @ inverse
    return weights


def local_mean(blocks, values):
    """[n, c] Σ_j a_jᵀ A_ij."""
    weights = averaging_weights(blocks)
    return np.array([sum(values[j] @ weights[i, j] for j in range(len(blocks))) for i in range(len(blocks))])


def noise_covariance(blocks):
    """[n, c, c] covariance of Σ_j e_jᵀ A_ij for independent noise e of unit variance: Σ_j A_ijᵀ A_ij."""
    weights = averaging_weights(blocks)
    return np.array([sum(weights[i, j].T @ weights[i, j] for j in range(len(blocks))) for i in range(len(blocks))])


def smoother_matrix(blocks, ridge):
    """[n·c, n·c] H = K (K + ridge·I)⁻¹ over all outputs of all samples."""
    rows = blocks.reshape(-1, blocks.shape[2])
    gram = rows @ rows.T
    return gram @ np.linalg.inv(gram + ridge * np.eye(len(gram)))


def smoother_gain(blocks, ridge):
    """[n] √ of the mean over a sample's outputs of Σ_j H_ij²."""
    squares = (smoother_matrix(blocks, ridge) ** 2).sum(axis=1)
    return np.sqrt(squares.reshape(blocks.shape[:2]).mean(axis=1))


def cross_validation_error(blocks, values, ridge):
    """Generalized cross-validation error ‖(I − H)a‖² / tr(I − H)² of one ridge."""
    rest = np.eye(blocks.shape[0] * blocks.shape[1]) - smoother_matrix(blocks, ridge)
    return np.sum((rest @ values.reshape(-1)) ** 2) / np.trace(rest) ** 2


def refitted_without(units, values, ridge, intercept=False):
    """[n, v] prediction of each sample by a dual kernel ridge regression that was fitted on all the others."""
    predictions = np.zeros_like(values)
    for i in range(len(units)):
        others = np.arange(len(units)) != i
        gram = units[others] @ units[others].T + ridge * np.eye(others.sum())
        ones = np.ones((others.sum(), 1))
        constant = np.zeros((1, values.shape[1]))
        if intercept:  # generalized least squares for the part that the ridge leaves free
            solved = np.linalg.solve(gram, ones)
            constant = (solved.T @ values[others]) / (solved.T @ ones)
        dual = np.linalg.solve(gram, values[others] - ones @ constant)
        predictions[i] = units[i] @ units[others].T @ dual + constant[0]
    return predictions


def nearest(units, k, queries=None, valid=None):
    """Lists of (row, similarity) without the sample itself, best first, then by row; None where a sample is not valid.

    Similarities are rounded to float32 before they are compared, as they are stored.
    """
    units = np.asarray(units, dtype=np.float64)
    valid = np.ones(len(units), dtype=bool) if valid is None else valid
    asked = units if queries is None else np.asarray(queries, dtype=np.float64)
    answers = []
    for i, one in enumerate(asked):
        others = [j for j in range(len(units)) if valid[j] and (queries is not None or j != i)]
        pairs = [(j, np.float32(np.dot(one, units[j]))) for j in others]
        found = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]
        answers.append(found if queries is not None or valid[i] else None)
    return answers


def average_precision(suspicion, wrong):
    """Mean over the wrong samples of the share of wrong ones among all that rank at least as high."""
    order = np.argsort(-np.asarray(suspicion), kind="stable")
    hits = np.asarray(wrong)[order]
    return float(np.mean(np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)))


def pair_similarity(model, one, other, compared=None, names=None):
    """k^C of two samples as a scalar tensor with its graph: full gradients one by one, dense inverse square roots.

    compared maps the outputs [C] of a sample to what is compared; names are the parameters that gradients are taken of.
    """
    parameters = [value for name, value in model.named_parameters() if names is None or name in names]
    blocks = []
    for sample in (one, other):
        outputs = model(sample[None])[0]
        outputs = outputs if compared is None else compared(outputs)
        rows = []
        for output in outputs.reshape(-1):
            gradients = torch.autograd.grad(output, parameters, create_graph=True, allow_unused=True)
            pieces = zip(gradients, parameters, strict=True)
            rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pieces]))
        blocks.append(torch.stack(rows))
    roots = []
    for block in blocks:
        values, vectors = torch.linalg.eigh(block @ block.T)
        roots.append(vectors @ torch.diag(values**-0.5) @ vectors.T)
    return torch.trace(roots[0] @ blocks[0] @ blocks[1].T @ roots[1]) / len(blocks[0])
