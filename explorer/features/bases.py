"""Two small bases for each block of parameters, as large as the gradient energy that they catch is worth.

The second moments of a block's two sides say how much of the (whitened, hence equally important) gradients each
direction carries. Directions are taken one by one, the most energy for the least arithmetic first, until the
coordinates of all blocks together reach the budget.
"""

import heapq
from collections.abc import Callable

import torch
from torch import Tensor

from explorer.features.gradients import Gradients
from explorer.features.network import Network
from explorer.records import Settings
from explorer.similarity.kernels import inverse_square_root

Bases = dict[str, tuple[Tensor | None, Tensor | None]]
"""Block name to (left [r, rows], right [r, columns]), orthonormal rows; None keeps a side whole."""

EXACT_SIDE = 2048
"""Sides up to this long get exact eigenvectors; longer ones a sketch of their leading space."""
SKETCHED = 256
"""Directions that a sketch of a longer side can give."""
WHOLE_HEAD = 128
"""A last layer with at most so many outputs keeps its output side whole: the classes are never truncated."""
WHOLE_SIDE = 2
"""A side this short is never cut."""
WORTHLESS = 1e-5
"""Share of the energy below which a direction is not worth a coordinate."""


class _Side:
    """The second moment of one side of a block, and its leading eigenvectors."""

    def __init__(self, length: int, dtype: torch.dtype, device: torch.device, seed: int):
        self.length = length
        self.probe = None
        if length > EXACT_SIDE:
            generator = torch.Generator().manual_seed(seed)
            self.probe = torch.randn(length, SKETCHED, generator=generator).to(device, dtype)
        width = length if self.probe is None else SKETCHED
        self.total = torch.zeros(length, width, dtype=torch.float64, device=device)

    def add(self, multiply: Callable[[Tensor | None], Tensor]) -> None:
        """Add a moment, given by how it multiplies a matrix (None stands for the identity)."""
        self.total += multiply(self.probe)

    def directions(self) -> tuple[Tensor, Tensor]:
        """Energies [r] falling, and their directions [r, length], orthonormal rows."""
        if self.probe is None:
            values, vectors = torch.linalg.eigh(self.total)
            return values.flip(0).clamp(min=0), vectors.flip(1).T
        # Nystrom: the moment seen through a random probe has nearly the same leading space.
        inner = self.probe.double().T @ self.total
        roots, _ = inverse_square_root(((inner + inner.T) / 2).unsqueeze(0))
        found = torch.linalg.svd(self.total @ roots[0], full_matrices=False)
        return found.S.square(), found.U.T


class BasesFit:
    """Second moments of both sides of every block, summed over batches of whitened gradients."""

    def __init__(self, network: Network, settings: Settings):
        self.network = network
        self.settings = settings
        self.positions = dict.fromkeys((block.name for block in network.blocks), 1)
        self.sides: dict[tuple[str, int], _Side] = {}
        for block in network.blocks:
            for which, length in enumerate(block.shape):
                self.sides[block.name, which] = _Side(length, network.dtype, network.device, settings.seed)

    def add(self, gradients: Gradients) -> None:
        """Add one batch of whitened gradients."""
        for block in self.network.blocks:
            left, right = self.sides[block.name, 0], self.sides[block.name, 1]
            self.positions[block.name] = gradients.positions(block) or 1
            factors = gradients.factors(block)
            if factors is not None:
                _add_factors(left, right, *factors)
            else:
                matrices = gradients.project(block, None, None).flatten(0, 1)  # [m * c, rows, columns]
                _add_products(left, matrices)
                _add_products(right, matrices.transpose(1, 2))

    def bases(self) -> Bases:
        """The directions worth keeping; a side of which nearly all would be kept stays whole."""
        found = {key: side.directions() for key, side in self.sides.items()}
        ranks = self._ranks({key: energies for key, (energies, _) in found.items()})
        return {
            block.name: tuple(self._basis(ranks[block.name, which], found[block.name, which][1]) for which in (0, 1))
            for block in self.network.blocks
        }

    def _basis(self, rank: int, directions: Tensor) -> Tensor | None:
        return None if rank >= directions.shape[1] else directions[:rank].to(self.network.dtype).contiguous()

    def _ranks(self, energies: dict[tuple[str, int], Tensor]) -> dict[tuple[str, int], int]:
        """How many directions of each side to keep: greedily the most energy for the least arithmetic."""
        total = sum(float(energies[block.name, 0].sum()) for block in self.network.blocks)
        ranks = {key: self._least(key) for key in energies}
        spent = sum(ranks[block.name, 0] * ranks[block.name, 1] for block in self.network.blocks)
        queue = [self._offer(key, ranks, energies, total) for key in ranks]
        heapq.heapify(queue)
        while queue and spent < self.settings.coordinates:
            worth, key, rank = heapq.heappop(queue)
            if worth == 0.0:
                continue
            if rank == ranks[key]:
                offer = self._offer(key, ranks, energies, total)
                if offer[0] > worth + 1e-12:  # the other side has grown since, and with it the price
                    heapq.heappush(queue, offer)
                    continue
                ranks[key] += 1
                spent += ranks[key[0], 1 - key[1]]
            heapq.heappush(queue, self._offer(key, ranks, energies, total))
        return ranks

    def _least(self, key: tuple[str, int]) -> int:
        length = self.sides[key].length
        is_class_side = key == (self.network.head, 0) and length <= WHOLE_HEAD
        return length if length <= WHOLE_SIDE or is_class_side else 1

    def _offer(
        self,
        key: tuple[str, int],
        ranks: dict[tuple[str, int], int],
        energies: dict[tuple[str, int], Tensor],
        total: float,
    ) -> tuple[float, tuple[str, int], int]:
        """(minus the energy a multiply-add buys, side, its rank now); 0 when nothing is left to buy."""
        rank = ranks[key]
        if rank >= len(energies[key]) or float(energies[key][rank]) < WORTHLESS * total:
            return 0.0, key, rank
        other = ranks[key[0], 1 - key[1]]
        positions = self.positions[key[0]]
        price = self.sides[key].length * positions + other * (positions + self.settings.dim)
        return -float(energies[key][rank]) / price, key, rank


def _add_factors(left: _Side, right: _Side, inputs: Tensor, deltas: Tensor) -> None:
    """Add blocks given as inputs [m, t, columns] and deltas [m, c, t, rows], without forming them."""
    weights = torch.einsum("mktr,mksr->mts", deltas, deltas)
    right.add(lambda probe: _weighted(inputs, weights, probe))
    flat = deltas.flatten(0, 1)
    spread = (inputs @ inputs.transpose(1, 2)).repeat_interleave(deltas.shape[1], 0)
    left.add(lambda probe: _weighted(flat, spread, probe))


def _weighted(rows: Tensor, weights: Tensor, probe: Tensor | None) -> Tensor:
    """Sum over samples of rows.T @ weights @ rows (@ probe), [length, length or probes]."""
    other = rows if probe is None else rows @ probe
    return rows.flatten(0, 1).T @ (weights @ other).flatten(0, 1)


def _add_products(side: _Side, matrices: Tensor) -> None:
    """Add the sum of matrix @ matrix.T, matrices [N, length, other]."""
    flat = matrices.transpose(1, 2).flatten(0, 1)  # [N * other, length]
    side.add(lambda probe: flat.T @ (flat if probe is None else flat @ probe))
