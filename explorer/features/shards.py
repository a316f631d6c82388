"""Measure one shard of samples: the work that is repeated over the whole data set."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.features.calibration import gradient_batches, measured_network
from explorer.features.network import Network
from explorer.features.projection import Projection
from explorer.records import Settings
from explorer.subjects import Subject


@dataclass(frozen=True)
class ShardFeatures:
    """What a study keeps of each sample of one shard. All arrays have one row a sample."""

    units: np.ndarray
    """[m, d] float32 or float16, as the settings say; inner products are k^C, squared lengths the captured energy.
    Zero rows where not valid."""
    grams: np.ndarray
    """[m, c, c] float32 Gram matrices of the full gradients, exact."""
    outputs: np.ndarray
    """[m, C] float32, all outputs of the network."""
    embedding: np.ndarray
    """[m, h] float32, what enters the head; the outputs where there is no head."""
    valid: np.ndarray
    """[m] bool; False where the gradient is zero or not finite."""


class Measurer:
    """A network and a projection, ready to measure one shard after another."""

    def __init__(self, subject: Subject, projection: Projection, settings: Settings):
        self.network: Network = measured_network(subject, settings, projection)
        self.projection = projection.to(self.network.device)
        self.batch_size = settings.batch_size
        self.broken = subject.broken
        self.storage = np.dtype(settings.storage)

    def measure(self, rows: np.ndarray) -> ShardFeatures:
        """Features, exact Gram matrices, outputs and embedding of some rows, in their order.

        Args:
            rows: [m] row numbers.

        Returns:
            Arrays on the CPU, free of nan: a row with anything not finite becomes zeros.

        Cost: one forward and c backward passes a sample, and O(m c p * coordinates); memory of one batch.
        """
        pieces = []
        for _, gradients in gradient_batches(self.network, self.projection.mode, rows, self.batch_size):
            with torch.no_grad():
                grams = gradients.total_grams()
                jacobians = self.projection.jacobians(gradients)
                pieces.append(self._kept(grams, jacobians, gradients.outputs, gradients.embedding))
        units, *others = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        features = ShardFeatures(units.astype(self.storage, copy=False), *others)
        if self.broken is not None:
            features.embedding[self.broken[rows]] = 0.0  # that of the blank input in its place
        return features

    def _kept(self, grams: Tensor, jacobians: Tensor, outputs: Tensor, embedding: Tensor) -> tuple[np.ndarray, ...]:
        size = grams.diagonal(dim1=1, dim2=2).sum(1)
        is_valid = grams.isfinite().all(2).all(1) & jacobians.isfinite().all(2).all(1) & (size > 0)
        keep = is_valid[:, None, None]
        grams, jacobians = (torch.where(keep, one, torch.zeros_like(one)) for one in (grams, jacobians))
        plain = [torch.where(one.isfinite().all(1, keepdim=True), one, 0.0) for one in (outputs, embedding)]
        arrays = [self.projection.units(jacobians, grams), grams, *plain, is_valid]
        return tuple(one.cpu().numpy() if one.dtype is torch.bool else one.float().cpu().numpy() for one in arrays)
