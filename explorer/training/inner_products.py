"""Inner products of gradients of many samples, in parts, none of them formed that need not be. Differentiable once."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


@dataclass(frozen=True)
class SampleGradients:
    """The gradients of c outputs of m samples in parts: factored where a layer has one position, otherwise whole."""

    factored: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """Inputs [m, columns] and gradients of the outputs [m, c, rows] of a layer; its gradient is their outer product."""
    whole: list[Tensor] = field(default_factory=list)
    """[m, c, q] gradients of a part of the parameters."""
    outputs: Tensor | None = None
    """[m, C] with its graph, where there was one common pass."""

    def grams(self) -> Tensor:
        """[m, c, c] inner products of each sample's gradients."""
        parts = [inputs.square().sum(1)[:, None, None] * (deltas @ deltas.mT) for inputs, deltas in self.factored]
        return sum([*parts, *(part @ part.mT for part in self.whole)])

    def kernels(self) -> Tensor:
        """[m, c, m, c] inner products of all gradients. Cost: O(m² c² q) for what is not factored."""
        parts = [_factored_kernels(*part) for part in self.factored]
        shape = self.whole[0].shape[:2] if self.whole else ()
        return sum([*parts, *(_Gram.apply(part.flatten(0, 1)).view(*shape, *shape) for part in self.whole)])

    def group_squares(self, roots: Tensor, groups: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Squared lengths of sums of normalized gradients: over each of the groups, added up; and over all samples.

        Args:
            roots: [m, c, c] what each sample's gradients are multiplied with (see kernels.normalizing_roots).
            groups: [m] from 0 to count - 1.
            count: how many groups.

        Cost: linear in m.
        """
        own = everyone = roots.new_zeros(())
        for inputs, deltas in self.factored:
            moved = (roots @ deltas).flatten(1)  # [m, c rows]
            sums = torch.stack([moved[groups == one].mT @ inputs[groups == one] for one in range(count)])
            own, everyone = own + sums.square().sum(), everyone + sums.sum(0).square().sum()
        for part in self.whole:
            sums = part.new_zeros(count, *part.shape[1:]).index_add(0, groups, roots @ part)
            own, everyone = own + sums.square().sum(), everyone + sums.sum(0).square().sum()
        return own, everyone


class _Gram(torch.autograd.Function):
    """rows @ rows.T; autograd would take the two sides for different ones and multiply twice."""

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows @ rows.mT

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        return (gradient + gradient.mT) @ rows


def _factored_kernels(inputs: Tensor, deltas: Tensor) -> Tensor:
    """[m, c, m, c] of a layer with one position."""
    return (inputs @ inputs.mT)[:, None, :, None] * torch.tensordot(deltas, deltas, dims=([2], [2]))
