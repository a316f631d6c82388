"""Where new inputs stand among the samples of a study: the nearest, the count, and how usual both are. No network."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.features import Projection
from explorer.pipeline.blocks import UnitBlocks, row_blocks, row_energies
from explorer.records import Neighbors
from explorer.similarity import soft_density
from explorer.study.study import Study

ROUNDING = 1e-5
"""Where features miss less than this share of every sample's gradient, its share tells nothing of an input."""
FEWEST_FRESH = 20
"""With fewer samples that the projection was not fitted to, all samples say what is usual."""
UNLIKE, UNUSUAL = 0.01, 0.05
"""Chances that a further sample like the others has so small a share of its gradient seen."""


@dataclass(frozen=True)
class Found:
    """Some inputs among all samples."""

    neighbors: Neighbors
    """[m, k], best first; index -1 and similarity nan for an input without a usable gradient."""
    counts: np.ndarray
    """[m] float64 soft counts, the input itself included once; nan likewise."""
    energies: np.ndarray
    """[m] float32 captured energies; nan likewise."""


@dataclass(frozen=True)
class Usual:
    """What is usual among the samples of a study."""

    counts: np.ndarray
    """Soft counts by features, rising."""
    energies: np.ndarray
    """Captured energies, rising, of samples that the projection was not fitted to where there are enough."""

    @classmethod
    def of(cls, study: Study, projection: Projection) -> "Usual":
        """Read from the samples table; counts are summed up again where the table has those over full gradients."""
        counts = _feature_counts(study) if study.settings.exact_density else study.samples["soft_density"].to_numpy()
        energies = study.samples["captured_energy"].to_numpy()
        fresh = np.setdiff1d(np.arange(study.n), projection.rows)
        fresh = fresh if np.isfinite(energies[fresh]).sum() >= FEWEST_FRESH else np.arange(study.n)
        return cls(*(np.sort(values[np.isfinite(values)]) for values in (counts, energies[fresh])))

    def places(self, count: float, energy: float) -> dict[str, Any]:
        """A count and an energy with their places among these: the fields of a Probe that are about them."""
        return {
            "soft_density": float(count),
            "soft_density_percentile": _percentile(self.counts, count),
            "captured_energy": float(energy),
            "captured_energy_percentile": _percentile(self.energies, energy),
            "familiarity": self._familiarity(energy),
        }

    def _familiarity(self, energy: float) -> str:
        if not np.isfinite(energy) or not len(self.energies) or 1 - self.energies[0] < ROUNDING:
            return "untold"
        # The chance that one more sample of the same kind comes out at least so low, whatever their distribution.
        chance = (1 + np.searchsorted(self.energies, energy, side="right")) / (1 + len(self.energies))
        return "unlike" if chance <= UNLIKE else "unusual" if chance <= UNUSUAL else "familiar"


def nearest(study: Study, units: np.ndarray, same: np.ndarray, k: int) -> Found:
    """The k samples most alike to each of some inputs, and their soft counts, in one pass over the features.

    Args:
        study: the study.
        units: [m, d] float32 features of the inputs by the study's projection; zero rows are not usable.
        same: [m] int64: the sample that an input is, or -1. That sample comes first, with similarity 1.
        k: at most n.

    Cost: time O(m n d), memory a block of features and its similarities to all inputs.
    """
    probes, known = torch.from_numpy(units), torch.from_numpy(units).any(1)
    energies, own = row_energies(probes), torch.from_numpy(same)
    best, rows = torch.empty(len(units), 0), torch.empty(len(units), 0, dtype=torch.int64)
    counts = torch.zeros(len(units), dtype=torch.float64)
    for places, others in zip(row_blocks(study.n), UnitBlocks(study), strict=True):
        products = probes @ others.T  # [m, b]
        counts += products.double().sum(1)
        completed = study.unseen.completed(products.numpy(), energies[:, None].numpy(), row_energies(others).numpy())
        ranked = torch.from_numpy(completed).clamp(-1, 1).masked_fill(~others.any(1), -torch.inf)
        ranked[own[:, None] == torch.from_numpy(places)] = torch.inf
        both, numbers = torch.cat([best, ranked], 1), torch.cat([rows, torch.from_numpy(places).expand_as(ranked)], 1)
        best, kept = both.topk(min(k, both.shape[1]), dim=1)
        rows = numbers.gather(1, kept)
    # The input itself counts as one: what features see of a sample that is counted already, is in the sum.
    counts += torch.where(own >= 0, 1 - energies.double(), 1.0)
    usable = known[:, None] & (best > -torch.inf)
    neighbors = Neighbors(
        rows.masked_fill(~usable, -1).numpy(), best.clamp(max=1).masked_fill(~usable, torch.nan).float().numpy()
    )
    unknown = ~known
    return Found(
        neighbors, counts.masked_fill(unknown, torch.nan).numpy(), energies.masked_fill(unknown, torch.nan).numpy()
    )


def _feature_counts(study: Study) -> np.ndarray:
    total = sum((units.double().sum(0) for units in UnitBlocks(study)), torch.zeros(()))
    return torch.cat([_counts(units, total) for units in UnitBlocks(study)]).numpy()


def _counts(units: Tensor, total: Tensor) -> Tensor:
    return soft_density(units, total=total, whole_self=True).masked_fill(~units.any(1), torch.nan)


def _percentile(rising: np.ndarray, value: float) -> float:
    if not np.isfinite(value) or not len(rising):
        return float("nan")
    return float(100 * np.searchsorted(rising, value, side="left") / len(rising))
