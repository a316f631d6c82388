"""Density columns: how many samples each one counts as, and how far its features can be trusted."""

import numpy as np
import torch
from torch import Tensor

from explorer.similarity import hard_density, soft_density
from explorer.study.study import Study

HARD_THRESHOLD = 0.9
"""A similarity above this counts as a neighbor in the hard count."""
CHUNK_ROWS = 4096


def density_columns(study: Study) -> dict[str, np.ndarray]:
    """Columns soft_density, soft_density_share, hard_density, gradient_norm and captured_energy.

    Both counts are of the similarities that the study shows: a sample counts as one for itself, also where its
    features see only part of its gradient.

    Cost: time O(n d) for the soft count and O(n^2 d) for the hard one.
    """
    units, known = torch.from_numpy(study.rows("units")), torch.from_numpy(study.rows("valid"))
    energy = units.double().square().sum(1)
    soft = soft_density(units, total=units.double().sum(0), whole_self=True)
    columns = {
        "soft_density": soft,
        "soft_density_share": soft / study.n,
        "hard_density": hard_density(units, HARD_THRESHOLD) + (energy <= HARD_THRESHOLD),
        "gradient_norm": _squared_norms(study).sqrt(),
        "captured_energy": energy,
    }
    return {name: values.masked_fill(~known, torch.nan).float().numpy() for name, values in columns.items()}


def _squared_norms(study: Study) -> Tensor:
    """Squared size of each sample's gradient, all outputs together, [n] float64."""
    blocks = (np.arange(start, min(start + CHUNK_ROWS, study.n)) for start in range(0, study.n, CHUNK_ROWS))
    traces = (np.trace(study.rows("grams", rows), axis1=1, axis2=2, dtype=np.float64) for rows in blocks)
    return torch.from_numpy(np.concatenate(list(traces)))
