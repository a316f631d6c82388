"""Fit a projection to a subject: the directions in which its own gradients lie, rather than random ones."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from explorer.errors import SubjectError
from explorer.features.bases import Bases, BasesFit
from explorer.features.gradients import Gradients, Select, collect_gradients, verified
from explorer.features.network import Network, chosen_device, open_network, without_layers
from explorer.features.outputs import output_selection, resolved_mode
from explorer.features.projection import Projection
from explorer.records import Settings
from explorer.similarity.kernels import inverse_square_root
from explorer.subjects import Subject

NEGLIGIBLE = 1e-9
"""Share of the largest second moment below which a direction is rounding noise."""
DRAWS = 4
"""Random combinations of a sample's whitened outputs that the bases are fitted on, at most one an output."""
CHECKED_ROWS = 16
"""Samples, spread over the data, on which every layer is compared with plain autograd."""
BATCH_BYTES = 128 * 2**20
MOST_AT_ONCE = 256
FITTED_FLOATS = 2**28
"""Coordinates of all calibration samples and outputs that are held at once: 1 GiB. Many outputs mean fewer samples."""


def measured_network(subject: Subject, settings: Settings, projection: Projection | None = None) -> Network:
    """The subject's network on the device of the settings, with each parameter given to the engine that is right.

    Args:
        subject: a checked subject.
        settings: device, batch size.
        projection: takes the choice of engines from it; None finds out by comparing with autograd.
    """
    network = open_network(subject, chosen_device(settings.device))
    if projection is not None:
        return without_layers(network, set(projection.functional)) if projection.functional else network
    rows = np.unique(np.linspace(0, len(subject) - 1, CHECKED_ROWS).astype(np.int64))
    size = settings.batch_size or CHECKED_ROWS
    for start in range(0, len(rows), size):
        network = verified(network, network.inputs(rows[start : start + size].tolist()))
    return network


def selecting(network: Network, mode: str, rows: np.ndarray) -> Select:
    """How to choose the measured outputs of some rows."""
    labels = network.subject.targets[rows] if mode in ("contrast", "adversary") else None
    return lambda outputs: output_selection(mode, outputs, labels, rows)


def gradient_batches(
    network: Network, mode: str, rows: np.ndarray, batch_size: int | None, budget: int = BATCH_BYTES
) -> Iterator[tuple[np.ndarray, Gradients]]:
    """The gradients of many rows, batch by batch, in the order of the rows.

    Args:
        network: a verified network.
        mode: which outputs are measured.
        rows: [m] row numbers.
        batch_size: samples in a batch; None fits the batch into the budget.
        budget: bytes that the recorded inputs and gradients of a batch may take.
    """
    size = batch_size or fitting_batch(network, mode, budget)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        yield some, collect_gradients(network, network.inputs(some.tolist()), selecting(network, mode, some))


def fitting_batch(network: Network, mode: str, budget: int) -> int:
    """How many samples keep the recorded inputs and gradients of a batch within a budget of bytes."""
    gradients = collect_gradients(network, network.inputs([0]), selecting(network, mode, np.zeros(1, dtype=np.int64)))
    calls = [call for named in gradients.calls.values() for call in named]
    bytes_each = sum(call.inputs.nbytes + sum(one.nbytes for one in call.deltas if one is not None) for call in calls)
    bytes_each += sum(one.nbytes for one in gradients.jacobians.values())
    if network.device.type == "cuda":
        budget *= 16
    return max(1, min(MOST_AT_ONCE, budget // max(1, bytes_each)))


def calibration_rows(subject: Subject, settings: Settings, count: int) -> np.ndarray:
    """Rows to fit on, in rising order: as many as the settings ask for, at most half of all, evenly over classes.

    Args:
        subject: its labels stratify the choice when it is a classifier.
        settings: calibration and seed.
        count: number n of samples in the study.
    """
    wanted = min(settings.calibration, max(2, count // 2), count)
    order = np.random.default_rng(settings.seed).permutation(count)
    if subject.task == "classification":
        labels = subject.targets[:count][order]
        within = np.empty(count, dtype=np.int64)
        for label in np.unique(labels):
            members = labels == label
            within[members] = np.arange(members.sum())
        order = order[np.argsort(within, kind="stable")]
    return np.sort(order[:wanted])


def calibrate(subject: Subject, settings: Settings) -> Projection:
    """Fit the bases, the directions and the compression on a sample of the subject's own gradients.

    Whitened gradients are what similarity compares, so they are what the bases are fitted to: every fitted direction
    is one in which the normalized gradients of the calibration samples are large.

    Args:
        subject: a checked subject.
        settings: dim, outputs, coordinates, calibration, seed, device, batch size, limit.

    Returns:
        A projection on the CPU. Equal for equal subject and settings on the same machine.

    Raises:
        SubjectError: every calibration sample has a zero or non-finite gradient.

    Cost: two passes over the calibration samples and one eigen-decomposition a layer side.
    """
    network = measured_network(subject, settings)
    with torch.no_grad():
        outputs = network.output(network.inputs([0])).shape[1]
    mode = resolved_mode(settings.outputs, outputs, subject.task)
    most = FITTED_FLOATS // (settings.coordinates * (outputs if mode == "all" else 1))
    count = min(len(subject), settings.limit or len(subject))
    rows = calibration_rows(subject, replace(settings, calibration=max(2, min(settings.calibration, most))), count)
    bases, roots = _fit_bases(network, mode, rows, settings)
    projection = _fit_directions(network, mode, rows, settings, bases, roots)
    return projection.to(torch.device("cpu"))


def _fit_bases(network: Network, mode: str, rows: np.ndarray, settings: Settings) -> tuple[Bases, list[Tensor]]:
    """The bases, and for each batch the inverse square roots [m, c, c] of its Gram matrices."""
    fit = BasesFit(network, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    every = []
    for some, gradients in gradient_batches(network, mode, rows, settings.batch_size):
        roots, _ = inverse_square_root(gradients.total_grams())
        mixed = _drawn(roots, gradients.selection, generator)
        fit.add(collect_gradients(network, network.inputs(some.tolist()), lambda _, mixed=mixed: mixed))
        every.append(roots)
    if not any(roots.any() for roots in every):
        raise SubjectError(
            f"{network.subject.name}: gradients of the calibration samples must be finite and not zero, found none of "
            f"{len(rows)}. Check that the network is trained and that its outputs depend on its parameters."
        )
    return fit.bases(), every


def _drawn(roots: Tensor, selection: Tensor, generator: torch.Generator) -> Tensor:
    """Random sign combinations of the whitened outputs, [m, draws, C]: their second moment is that of all outputs."""
    samples, count, _ = roots.shape
    draws = min(count, DRAWS)
    signs = torch.randint(0, 2, (samples, draws, count), generator=generator).to(roots) * 2 - 1
    return (signs @ roots @ selection) * draws**-0.5


def _fit_directions(
    network: Network,
    mode: str,
    rows: np.ndarray,
    settings: Settings,
    bases: Bases,
    roots: list[Tensor],
) -> Projection:
    moved = tuple(block.name for block in network.functional)
    draft = Projection(bases, None, None, mode, 1, 0, tuple(rows.tolist()), network.coverage, moved)
    batches = gradient_batches(network, mode, rows, settings.batch_size)
    pieces = [root @ draft.coordinates(gradients) for root, (_, gradients) in zip(roots, batches, strict=True)]
    normalized = torch.cat(pieces)  # [samples, c, coordinates]
    outputs = normalized.shape[1]
    directions = leading_directions(normalized.flatten(0, 1), settings.dim)
    units = (normalized if directions is None else normalized @ directions.T).flatten(1)
    compression = leading_directions(units, settings.dim)
    width = units.shape[1] if compression is None else len(compression)
    return Projection(
        bases, directions, compression, mode, outputs, width, draft.rows, network.coverage, draft.functional
    )


def leading_directions(rows: Tensor, count: int) -> Tensor | None:
    """The directions of largest second moment, [min(count, rank), length], orthonormal; None keeps all.

    Args:
        rows: [N, length].
        count: how many directions to keep; None is returned when the length is no larger.
    """
    if rows.shape[1] <= count:
        return None
    # Products in the dtype of the rows: what they round away is far below the directions that are kept.
    if len(rows) < rows.shape[1]:
        values, vectors = torch.linalg.eigh((rows @ rows.T).double())
        kept = min(count, int((values > values[-1] * NEGLIGIBLE).sum()))
        leading = (vectors[:, len(values) - kept :] / values[len(values) - kept :].sqrt()).to(rows.dtype).T @ rows
        leading = torch.linalg.qr(leading.T).Q.T
    else:
        leading = torch.linalg.eigh((rows.T @ rows).double()).eigenvectors[:, -count:].T.to(rows.dtype)
    return leading.flip(0).contiguous()
