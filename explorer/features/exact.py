"""Similarities from full gradients, block by block, with no gradient ever stored."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from explorer.features.blocks import Block
from explorer.features.calibration import gradient_batches, measured_network
from explorer.features.gradients import Gradients
from explorer.features.network import Network
from explorer.features.projection import Projection
from explorer.records import Settings
from explorer.similarity.kernels import normalizing_roots
from explorer.subjects import Subject

TILE_BYTES = 192 * 2**20
"""Recorded inputs and gradients of the samples that are compared at once."""
BLOCK_FLOATS = 2**23
"""Largest piece of a layer's gradients that is formed at once."""


def pair_kernels(first: Gradients, second: Gradients) -> Tensor:
    """Inner products of all full gradients of two batches (the paper's K for every pair), [m, c, m', c]."""
    return sum(layer_kernels(first, second, block) for block in first.network.blocks)


def layer_kernels(first: Gradients, second: Gradients, block: Block) -> Tensor:
    """One block's share of the inner products, [m, c, m', c], by the cheaper of two ways."""
    positions = (first.positions(block), second.positions(block))
    if None not in positions:
        outputs, (rows, columns) = first.selection.shape[1], block.shape
        pairs = positions[0] * positions[1]
        if pairs * (columns + outputs**2 * rows) <= outputs**2 * rows * columns:
            return _through_positions(first, second, block)
    return _through_blocks(first, second, block)


def _through_positions(first: Gradients, second: Gradients, block: Block) -> Tensor:
    """Sum over positions s, t of (a_s . a_t) (d_s . d_t): the gradients themselves are never formed."""
    mine, other = first.output_rows(block), second.output_rows(block)
    inputs = block.input_grams(first.calls[block.name][0].inputs, second.calls[block.name][0].inputs)
    inputs = inputs.permute(0, 2, 1, 3)  # [m, m', t, s]
    columns = []
    for which in range(other.shape[1]):
        spread = inputs @ other[:, which]  # [m, m', t, rows]
        columns.append(torch.einsum("mntr,matr->man", spread, mine))
    return torch.stack(columns, dim=-1)


def _through_blocks(first: Gradients, second: Gradients, block: Block) -> Tensor:
    """Forms the gradients a few rows at a time."""
    rows, columns = block.shape
    largest = max(len(first.outputs), len(second.outputs)) * first.selection.shape[1] * columns
    step = max(1, BLOCK_FLOATS // largest)
    total: Tensor | float = 0.0
    for start in range(0, rows, step):
        some = (
            None
            if step >= rows
            else torch.eye(rows, dtype=first.outputs.dtype, device=first.outputs.device)[start : start + step]
        )
        mine = first.project(block, some, None).flatten(2)
        other = mine if second is first else second.project(block, some, None).flatten(2)
        total = total + (mine.flatten(0, 1) @ other.flatten(0, 1).T)
    shapes = [(len(one.outputs), one.selection.shape[1]) for one in (first, second)]
    return total.reshape(*shapes[0], *shapes[1])


def similarities(first: Gradients, second: Gradients) -> Tensor:
    """k^C of every pair from full gradients, [m, m'] float64; 0 for samples without a usable gradient."""
    kernels = pair_kernels(first, second).double()
    roots = [normalizing_roots(one.total_grams().double()) for one in (first, second)]
    return torch.einsum("mea,manb,nbe->mn", roots[0], kernels, roots[1])


def exact_similarity(
    subject: Subject, projection: Projection, rows_a: np.ndarray, rows_b: np.ndarray, settings: Settings
) -> np.ndarray:
    """k^C from full gradients: what the stored features approximate.

    Args:
        subject: the subject that the projection was fitted to.
        projection: tells which outputs are measured and how each parameter's gradient is found.
        rows_a: [a] row numbers.
        rows_b: [b] row numbers.
        settings: device and batch size.

    Returns:
        [a, b] float32 in [-1, 1]; 0 where a sample has no usable gradient.

    Cost: gradients of every row of b once for each batch of a, and O(a b q) at worst. Memory: two batches.
    Paper: k^C = Tr(K^C) / d, Charpiat et al. 2019.
    """
    network = measured_network(subject, settings, projection)
    rows_a, rows_b = np.asarray(rows_a), np.asarray(rows_b)
    is_square = np.array_equal(rows_a, rows_b)
    result = np.zeros((len(rows_a), len(rows_b)), dtype=np.float32)
    for down, mine in _placed(network, projection.mode, rows_a, settings):
        for across, other in _placed(network, projection.mode, rows_b, settings):
            if is_square and across.start < down.start:
                continue
            same = is_square and across == down
            block = similarities(mine, mine if same else other).clamp(-1, 1).cpu().numpy()
            result[down, across] = block
            if is_square:
                result[across, down] = block.T
    return result


def _placed(network: Network, mode: str, rows: np.ndarray, settings: Settings) -> Iterator[tuple[slice, Gradients]]:
    start = 0
    for some, gradients in gradient_batches(network, mode, rows, settings.batch_size, TILE_BYTES):
        yield slice(start, start + len(some)), gradients
        start += len(some)
