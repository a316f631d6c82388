"""Blocks: parameters whose gradient, for one sample and one output, is one matrix.

The gradient of a layer's parameters is a sum over positions of (gradient of the layer's output) times (input of the
layer), hence a matrix of `rows` by `columns`. A bias is one more input that is always 1, hence one more column.
`left` and `right` are small bases for the two sides; `left @ block @ right.T` is computed without forming the block.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Block(ABC):
    """Parameters whose gradient follows from what went into a layer and the gradient of what came out."""

    name: str
    parameters: tuple[str, ...]
    """Full names of the parameters: the weight, then the bias if there is one."""
    module: nn.Module | None
    """What is listened to; None for a parameter that belongs to no module of a known kind."""
    kind: ClassVar[str]
    has_positions: ClassVar[bool] = False
    """Whether every row of the block sees the same inputs, position by position; then see PositionBlock."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""

    @property
    def has_bias(self) -> bool:
        """Whether a bias is the block's last column."""
        return len(self.parameters) > 1

    @abstractmethod
    def prepare(self, inputs: Tensor, right: Tensor | None) -> Tensor:
        """The input side, projected on `right` [r, columns]; whole when None. The same for every output."""

    @abstractmethod
    def contract(self, prepared: Tensor, deltas: Tensor, left: Tensor | None) -> Tensor:
        """The block [m, rows or len(left), columns or r], from the prepared input and the output's gradient."""

    def along(self, inputs: Tensor, deltas: Tensor, direction: Tensor) -> Tensor:
        """Inner product [m] of the block with a matrix [rows, columns] that is the same for all samples."""
        block = self.contract(self.prepare(inputs, None), deltas, None)
        return torch.linalg.vecdot(block.flatten(1), direction.flatten())

    def join(self, gradients: dict[str, Tensor]) -> Tensor:
        """The matrix [..., rows, columns] from parameter gradients [..., *shape of the parameter]."""
        weight = gradients[self.parameters[0]]
        batch = weight.shape[: weight.dim() - self.module.weight.dim()]
        columns = [weight.reshape(*batch, self.shape[0], -1)]
        columns += [gradients[name].unsqueeze(-1) for name in self.parameters[1:]]
        return torch.cat(columns, dim=-1)


class PositionBlock(Block):
    """A layer whose block is a sum over positions of outer products, with the same inputs for every row."""

    has_positions = True

    @abstractmethod
    def input_rows(self, inputs: Tensor) -> Tensor:
        """The whole input side, [m, positions, columns]."""

    @abstractmethod
    def output_rows(self, deltas: Tensor) -> Tensor:
        """The gradient of the output, [m, positions, rows]."""

    def along(self, inputs: Tensor, deltas: Tensor, direction: Tensor) -> Tensor:
        # The layer itself with the matrix as its weight: the block is not formed.
        answers = self.prepare(inputs, direction)  # [m, t, rows]
        return torch.linalg.vecdot(answers.flatten(1), self.output_rows(deltas).flatten(1))

    def input_grams(self, inputs: Tensor, others: Tensor) -> Tensor:
        """Inner products of the inputs of two batches at all positions, [m, positions, m', positions']."""
        return torch.einsum("mti,nsi->mtns", self.input_rows(inputs), self.input_rows(others))

    def own_grams(self, inputs: Tensor) -> Tensor:
        """Inner products of each sample's inputs among its own positions, [m, positions, positions]."""
        rows = self.input_rows(inputs)
        return rows @ rows.transpose(1, 2)

    def own_grams_cost(self, inputs: Tensor, positions: int) -> int:
        """Multiply-adds of own_grams for one sample."""
        return positions**2 * self.shape[1]
