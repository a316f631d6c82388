"""The soft count over full gradients, in three passes over the data, with no gradient ever stored."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from explorer.features.calibration import fitting_batch, gradient_batches, measured_network, selecting
from explorer.features.exact import TILE_BYTES
from explorer.features.gradients import collect_gradients
from explorer.features.network import Network
from explorer.features.projection import Projection
from explorer.records import Settings
from explorer.similarity.kernels import normalizing_roots
from explorer.subjects import Subject


def exact_soft_density(
    subject: Subject, projection: Projection, rows: np.ndarray, settings: Settings, grams: np.ndarray | None = None
) -> np.ndarray:
    """Sum of each sample's similarities to all of the given ones, itself included, from full gradients.

    The sum of all normalized gradients is one ordinary backward pass with weights; its inner product with a sample's
    own normalized gradient is one pass with that sum in place of the network's weights.

    Args:
        subject: the subject that the projection was fitted to.
        projection: tells which outputs are measured and how each parameter's gradient is found.
        rows: [m] row numbers, the samples that are counted and that are counted among.
        settings: device and batch size.
        grams: [m, c, c] exact Gram matrices as a study stores them; None measures them, in a first pass.

    Returns:
        [m] float64, samples; nan where a sample has no usable gradient, which is left out of every count.

    Cost: two passes over the rows beside that for the Gram matrices, each about one forward and c backward passes.
    Memory: one batch, and c gradients of the size of the network.
    Paper: N_S(x) = Σ_i k^C(x, x_i).
    """
    network = measured_network(subject, settings, projection)
    rows = np.asarray(rows)
    if grams is None:
        batches = gradient_batches(network, projection.mode, rows, settings.batch_size)
        found = torch.cat([gradients.total_grams() for _, gradients in batches])
    else:
        found = torch.from_numpy(grams).to(network.device, network.dtype)
    size = found.diagonal(dim1=1, dim2=2).sum(1)
    is_valid = (found.isfinite().all(2).all(1) & (size > 0)).cpu().numpy()
    roots = normalizing_roots(found)
    counts = np.full(len(rows), np.nan)
    usable = np.flatnonzero(is_valid)
    if len(usable):
        with network.full_precision():
            total = _sum_of_units(network, projection.mode, rows[usable], roots[usable], settings)
        counts[usable] = _along(network, projection.mode, rows[usable], roots[usable], total, settings)
    return counts


def _sum_of_units(
    network: Network, mode: str, rows: np.ndarray, roots: Tensor, settings: Settings
) -> list[dict[str, Tensor]]:
    """The sum of all samples' normalized gradients, parameter by parameter, for each of the c outputs."""
    names = [name for block in network.blocks for name in block.parameters]
    parameters = [network.model.get_parameter(name) for name in names]
    totals = [[torch.zeros_like(one, dtype=torch.float64) for one in parameters] for _ in range(roots.shape[1])]
    size = settings.batch_size or fitting_batch(network, mode, TILE_BYTES)
    for place in _batches(len(rows), size):
        with torch.enable_grad():
            outputs = network.output(network.inputs(rows[place].tolist()))
        weights = roots[place] @ selecting(network, mode, rows[place])(outputs.detach())  # [m, c, C]
        for which, sums in enumerate(totals):
            measured = (weights[:, which] * outputs).sum()
            keep = which + 1 < len(totals)
            pieces = torch.autograd.grad(measured, parameters, retain_graph=keep, allow_unused=True)
            for total, piece in zip(sums, pieces, strict=True):
                if piece is not None:
                    total += piece
    return [dict(zip(names, (one.to(network.dtype) for one in sums), strict=True)) for sums in totals]


def _along(
    network: Network,
    mode: str,
    rows: np.ndarray,
    roots: Tensor,
    total: list[dict[str, Tensor]],
    settings: Settings,
) -> np.ndarray:
    """Inner products of each sample's normalized gradients with the sum, all outputs together."""
    directions = {block.name: torch.stack([block.join(one) for one in total]) for block in network.blocks}
    counts = []
    for place in _batches(len(rows), settings.batch_size or fitting_batch(network, mode, TILE_BYTES)):
        select = selecting(network, mode, rows[place])
        whitened = lambda outputs, select=select, place=place: roots[place] @ select(outputs)  # noqa: E731
        gradients = collect_gradients(network, network.inputs(rows[place].tolist()), whitened)
        with torch.no_grad():
            products = sum(gradients.along(block, directions[block.name]).double() for block in network.blocks)
        counts.append(products.sum(1).cpu().numpy())
    return np.concatenate(counts)


def _batches(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
