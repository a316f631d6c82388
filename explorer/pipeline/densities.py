"""Density columns: how many samples each one counts as, and how far its features can be trusted.

Features are read block by block, in one pass for a sum and in pairs of blocks for a count; never all at once.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.pipeline.blocks import UnitBlocks, row_blocks, row_energies
from explorer.records import Unseen
from explorer.similarity import soft_density
from explorer.study.study import Study

HARD_THRESHOLD = 0.9
"""A similarity above this counts as a neighbor in the hard count."""
COUNTED_SAMPLES = 2**17
"""Up to so many samples the hard count is exact: its time grows with the square of their number."""
PAIRED_ROWS = 512
"""Samples that are compared with a block at once; keeps what is between products and counts small."""
SAMPLED = 2**16
"""Beyond, crowds are counted among so many samples."""


def density_columns(study: Study) -> dict[str, np.ndarray]:
    """Columns soft_density, soft_density_share, hard_density, gradient_norm and captured_energy.

    A sample counts as one for itself, also where its features see only part of its gradient. The hard count is of the
    similarities that the study shows; the soft one of inner products of features, whose sum takes linear time and is
    lower by what near samples share unseen. See density_facts for how the hard count was made.

    Cost: time O(n d) for the soft count; for the hard one O(n m d) with m samples that have more neighbors above the
    threshold than are stored. Memory O(n) and two blocks.
    """
    known = torch.from_numpy(study.rows("valid"))
    total = sum(units.double().sum(0) for units in UnitBlocks(study))
    soft, energy, norms = torch.empty(study.n), torch.empty(study.n), torch.empty(study.n)
    for rows, units in zip(row_blocks(study.n), UnitBlocks(study), strict=True):
        soft[rows] = soft_density(units, total=total, whole_self=True)
        energy[rows] = row_energies(units)
        traces = np.trace(study.rows("grams", rows), axis1=1, axis2=2, dtype=np.float64)
        norms[rows] = torch.from_numpy(traces).sqrt().float()
    columns = {
        "soft_density": soft,
        "soft_density_share": soft / study.n,
        "hard_density": _hard_counts(study, energy.numpy()),
        "gradient_norm": norms,
        "captured_energy": energy,
    }
    return {name: values.masked_fill(~known, torch.nan).float().numpy() for name, values in columns.items()}


def density_facts(study: Study) -> dict[str, Any]:
    """How the hard count was made: hard_density_is_exact, and among how many samples crowds were counted."""
    is_found = study.notes("neighbors").get("search", {}).get("network", {}).get("index", "flat")
    is_counted = study.n <= COUNTED_SAMPLES
    return {
        # By estimates, a sample beyond the candidates that were looked at could still be near; hardly ever is.
        "hard_density_is_exact": is_found == "flat" and is_counted and not study.unseen.share,
        "hard_density_counted_among": study.n if is_counted else SAMPLED,
    }


def _hard_counts(study: Study, energies: np.ndarray) -> Tensor:
    """[n] samples above the threshold, itself included.

    Whoever has fewer of them than neighbors are stored has all of them stored; only the others are compared with all
    samples, or with an evenly spaced part of them, in proportion.
    """
    counts = torch.empty(study.n)
    stored = study.array("neighbors/network/similarities")
    for rows in row_blocks(study.n):
        counts[rows] = 1 + torch.from_numpy((stored[rows] > HARD_THRESHOLD).sum(1)).float()
    crowded = np.flatnonzero(counts.numpy() > stored.shape[1])
    if not len(crowded):
        return counts
    is_exact = study.n <= COUNTED_SAMPLES
    others = np.arange(study.n) if is_exact else np.linspace(0, study.n - 1, SAMPLED).astype(np.int64)
    above = torch.zeros(len(crowded))
    for places, units in zip(row_blocks(len(crowded)), UnitBlocks(study, crowded), strict=True):
        rows = crowded[places]
        for part, near in zip(row_blocks(len(others)), UnitBlocks(study, others), strict=True):
            for start in range(0, len(rows), PAIRED_ROWS):
                some = slice(start, start + PAIRED_ROWS)
                mine, theirs = rows[some], others[part]
                products = units[some] @ near.T
                inside = np.flatnonzero(np.isin(mine, theirs))
                products[inside, np.searchsorted(theirs, mine[inside])] = -1.0  # itself is not counted here
                above[places[some]] += _close(products, energies[mine], energies[theirs], study.unseen)
    counts[crowded] = (1 + above * (1 if is_exact else (study.n - 1) / (SAMPLED - 1))).clamp(min=stored.shape[1] + 1)
    return counts


def _close(products: Tensor, energies: np.ndarray, others: np.ndarray, unseen: Unseen) -> Tensor:
    """[m] how many estimates of k^C are above the threshold; only those that what is unseen could lift are made."""
    counts = (products > HARD_THRESHOLD).sum(1)
    most = unseen.share * np.sqrt((1 - energies.min()).clip(0) * (1 - others.min()).clip(0))
    if most > 0:
        mine, theirs = ((products > HARD_THRESHOLD - 1.001 * most) & (products <= HARD_THRESHOLD)).nonzero(
            as_tuple=True
        )
        estimates = unseen.completed(products[mine, theirs].numpy(), energies[mine.numpy()], others[theirs.numpy()])
        counts += torch.bincount(mine[torch.from_numpy(estimates > HARD_THRESHOLD)], minlength=len(counts))
    return counts
