"""The stored features of a study, block by block: for sums and counts that never need all of them at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.study.study import Study

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class UnitBlocks:
    """Units [m, d] float32 of all samples or of some, read anew each time they are asked for."""

    study: Study
    rows: np.ndarray | None = None
    """Row numbers; None takes all."""

    def __iter__(self) -> Iterator[Tensor]:
        for places in row_blocks(self.study.n if self.rows is None else len(self.rows)):
            yield torch.from_numpy(self.study.rows("units", places if self.rows is None else self.rows[places]))


def unit_energies(study: Study) -> np.ndarray:
    """Squared lengths of the units of all samples, [n] float32: the share of each gradient that they see."""
    return torch.cat([row_energies(units) for units in UnitBlocks(study)]).numpy()


def row_energies(units: Tensor) -> Tensor:
    """Squared lengths of some units, [m] float32, added up in float64."""
    return units.double().square().sum(1).float()


def row_blocks(count: int) -> Iterator[np.ndarray]:
    """Numbers 0 to count, some thousand at a time."""
    return (np.arange(start, min(start + BLOCK_ROWS, count)) for start in range(0, count, BLOCK_ROWS))
