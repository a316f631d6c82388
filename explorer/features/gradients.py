"""Collect the gradients of a batch: one forward pass, one backward pass an output, no weight gradient formed."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from explorer.features.blocks import Block, PositionBlock
from explorer.features.broadcasts import BroadcastLayer, Use, Watcher
from explorer.features.functional import functional_jacobians, plain_jacobians
from explorer.features.memory import is_out_of_memory
from explorer.features.network import Network, entered, without_layers

Select = Callable[[Tensor], Tensor]
"""From all outputs [m, C] to the measured ones as combinations of them, [m, c, C]."""

KEPT_FLOATS = 2**22
"""Largest whole block that a batch keeps."""
AGREEMENT = 1e-3
"""Largest relative difference, in float32, between a layer's gradient and autograd's before torch.func takes over."""


@dataclass
class _Call:
    """One call of one layer: what went in, and where the gradient of what came out will arrive."""

    inputs: Tensor | Use
    edge: torch.autograd.graph.GradientEdge
    deltas: list[Tensor | None] = field(default_factory=list)


@dataclass(frozen=True)
class Gradients:
    """The gradients of the c measured outputs of m samples, block by block, in factored form."""

    network: Network
    outputs: Tensor
    """[m, C] all outputs of the network."""
    selection: Tensor
    """[m, c, C] the measured outputs as combinations of all."""
    embedding: Tensor
    """[m, h] input of the head, averaged over positions; the outputs themselves without a head."""
    calls: dict[str, list[_Call]]
    jacobians: dict[str, Tensor]
    """Parameter name to [m, c, *shape], for the blocks that torch.func explains."""
    formed: dict[str, Tensor] = field(default_factory=dict)
    """Small blocks [m, c, rows, columns] that were needed whole once, kept for the next time."""

    def project(self, block: Block, left: Tensor | None, right: Tensor | None) -> Tensor:
        """The block times its bases, left @ block @ right.T: [m, c, rows or len(left), columns or len(right)]."""
        if block.parameters[0] in self.jacobians or block.name in self.formed:
            whole = self.whole(block)
            whole = whole if left is None else left @ whole
            return whole if right is None else whole @ right.T
        return self._contracted(block, left, right)

    def whole(self, block: Block) -> Tensor:
        """The block itself, [m, c, rows, columns]."""
        if block.parameters[0] in self.jacobians:
            return block.join({name: self.jacobians[name] for name in block.parameters})
        if block.name in self.formed:
            return self.formed[block.name]
        whole = self._contracted(block, None, None)
        if whole.numel() <= KEPT_FLOATS:
            self.formed[block.name] = whole
        return whole

    def _contracted(self, block: Block, left: Tensor | None, right: Tensor | None) -> Tensor:
        total: list[Tensor | None] = [None] * self.selection.shape[1]
        for call in self.calls.get(block.name, []):
            prepared = block.prepare(call.inputs, right)
            for which, deltas in enumerate(call.deltas):
                if deltas is not None:
                    piece = block.contract(prepared, deltas, left)
                    total[which] = piece if total[which] is None else total[which] + piece
        return self._stacked(total, block, left, right)

    def _stacked(self, total: list[Tensor | None], block: Block, left: Tensor | None, right: Tensor | None) -> Tensor:
        if len(total) == 1 and total[0] is not None:
            return total[0].unsqueeze(1)
        if any(one is None for one in total):
            sizes = (
                own if basis is None else len(basis) for own, basis in zip(block.shape, (left, right), strict=True)
            )
            nothing = self.outputs.new_zeros(len(self.outputs), *sizes)
            total = [nothing if one is None else one for one in total]
        return torch.stack(total, dim=1)

    def grams(self, block: Block) -> Tensor:
        """The block's share of each sample's Gram matrix of exact gradients, [m, c, c], by the cheaper of two ways."""
        positions = self.positions(block)
        if positions is not None:
            outputs, (rows, columns) = self.selection.shape[1], block.shape
            inputs = self.calls[block.name][0].inputs
            through_block = outputs * rows * columns * (positions + outputs)
            if block.own_grams_cost(inputs, positions) + positions**2 * outputs * rows < through_block:
                # Sum over positions s, t of (a_s . a_t) (d_s . d_t): the gradient itself is never formed.
                deltas = self.output_rows(block)
                weighted = block.own_grams(inputs)[:, None] @ deltas
                return deltas.flatten(2) @ weighted.flatten(2).transpose(1, 2)
        whole = self.whole(block).flatten(2)
        return whole @ whole.transpose(1, 2)

    def along(self, block: Block, directions: Tensor) -> Tensor:
        """Inner products [m, c] of the block's gradients with one matrix an output, [c, rows, columns]."""
        if block.parameters[0] in self.jacobians or block.name in self.formed:
            return torch.einsum("mcij,cij->mc", self.whole(block), directions)
        products = self.outputs.new_zeros(self.selection.shape[:2])
        for call in self.calls.get(block.name, []):
            for which, deltas in enumerate(call.deltas):
                if deltas is not None:
                    products[:, which] += block.along(call.inputs, deltas, directions[which])
        return products

    def factors(self, block: Block) -> tuple[Tensor, Tensor] | None:
        """The block's two sides, inputs [m, positions, columns] and deltas [m, c, positions, rows]; the block is the
        sum over positions of their outer products. None where that form does not exist or would be larger.
        """
        positions = self.positions(block)
        if positions is None or positions >= self.selection.shape[1] * block.shape[0]:
            return None
        return block.input_rows(self.calls[block.name][0].inputs), self.output_rows(block)

    def positions(self, block: Block) -> int | None:
        """Over how many positions a block is a sum of outer products; None for blocks that are no such sum."""
        calls = self.calls.get(block.name, [])
        if not (isinstance(block, PositionBlock) and block.has_positions and len(calls) == 1):
            return None
        if any(deltas is None for deltas in calls[0].deltas):
            return None
        return block.output_rows(calls[0].deltas[0]).shape[1]

    def output_rows(self, block: Block) -> Tensor:
        """The gradients of a layer's output, [m, c, positions, rows], for a block that has positions."""
        rows = [block.output_rows(deltas) for deltas in self.calls[block.name][0].deltas]
        return rows[0].unsqueeze(1) if len(rows) == 1 else torch.stack(rows, dim=1)

    def total_grams(self) -> Tensor:
        """[m, c, c] Gram matrix of each sample's full gradients."""
        return sum(self.grams(block) for block in self.network.blocks)


def collect_gradients(network: Network, inputs: Tensor, select: Select) -> Gradients:
    """The gradients of a batch, ready to be projected or compared; the one door to both engines.

    Args:
        network: a verified network.
        inputs: [m, ...] on the network's device.
        select: from the outputs [m, C], the measured ones as combinations of all, [m, c, C].

    Cost: one forward and c backward passes to the activations; memory: the inputs of all layers and c times their
    outputs. Parameters left to torch.func cost a further c backward passes.
    """
    with network.full_precision():
        with torch.enable_grad(), _recording(network, len(inputs)) as (calls, embeddings):
            outputs = network.output(inputs)
        selection = select(outputs.detach())
        if calls:
            _fill(calls, torch.einsum("moc,mc->mo", selection, outputs))
        names = [name for block in network.functional for name in block.parameters]
        jacobians = functional_jacobians(network.model, network.subject.output, inputs, selection, names)
    embedding = embeddings[-1] if embeddings else outputs.detach()
    return Gradients(network, outputs.detach(), selection, embedding, calls, jacobians)


def verified(network: Network, inputs: Tensor) -> Network:
    """The network with every layer moved to torch.func whose gradient is not what autograd says.

    A layer is wrong when its module is called on something else than samples first, when its weight is also used
    elsewhere, or when its input is changed in place. Comparing on real inputs finds these, unless they happen only on
    other inputs.
    """
    if not network.layers:
        return network
    names = [name for layer in network.layers for name in layer.parameters]
    with network.full_precision():
        with torch.no_grad():
            selection = _mixed(network.output(inputs))
        truth = plain_jacobians(network.model, network.subject.output, inputs, selection, names)
    try:
        found = collect_gradients(replace(network, functional=()), inputs, _mixed)
        wrong = {layer.name for layer in network.layers if not _agrees(layer, found, truth)}
    except (RuntimeError, ValueError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        # A layer that cannot even be contracted is not to be trusted; nor do we know which one it was.
        wrong = {layer.name for layer in network.layers}
    return without_layers(network, wrong) if wrong else network


def _mixed(outputs: Tensor) -> Tensor:
    """One fixed combination of all outputs a sample, so that a mistake in any output shows."""
    weights = torch.cos(torch.arange(1, outputs.shape[1] + 1, device=outputs.device, dtype=outputs.dtype))
    return weights.expand(len(outputs), 1, -1)


def _agrees(layer: Block, found: Gradients, truth: dict[str, Tensor]) -> bool:
    try:
        mine, grams = found.project(layer, None, None), found.grams(layer)
    except (RuntimeError, ValueError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        return False
    exact = layer.join({name: truth[name] for name in layer.parameters})
    if mine.shape != exact.shape or grams.shape[0] != len(exact):
        return False
    flat = exact.flatten(2)
    pairs = ((mine, exact), (grams, flat @ flat.transpose(1, 2)))
    return all(bool((one - other).norm() <= AGREEMENT * other.norm() + 1e-12) for one, other in pairs)


@contextmanager
def _recording(network: Network, samples: int) -> Iterator[tuple[dict[str, list[_Call]], list[Tensor]]]:
    """Listen to all layers during one forward pass; also keeps what enters the head."""
    calls: dict[str, list[_Call]] = defaultdict(list)
    embeddings: list[Tensor] = []

    def note(name: str, inputs: Tensor | Use, output: Tensor) -> None:
        calls[name].append(_Call(inputs, torch.autograd.graph.get_gradient_edge(output)))

    def listen(layer: Block):  # noqa: ANN202 (a hook)
        def hook(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: Tensor) -> None:
            note(layer.name, entered(args, kwargs).detach(), output)

        return hook

    def remember(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: Tensor) -> None:
        found = entered(args, kwargs).detach()
        embeddings.append(found.reshape(len(found), -1, found.shape[-1]).mean(1))

    alone = {layer.name for layer in network.layers if isinstance(layer, BroadcastLayer)}
    heard = [layer for layer in network.layers if layer.name not in alone]
    handles = [layer.module.register_forward_hook(listen(layer), with_kwargs=True) for layer in heard]
    if network.head is not None:
        head = network.model.get_submodule(network.head)
        handles.append(head.register_forward_hook(remember, with_kwargs=True))
    parameters = {name: network.model.get_parameter(name) for name in alone}
    try:
        with Watcher(parameters, samples, note) if parameters else nullcontext():
            yield calls, embeddings
    finally:
        for handle in handles:
            handle.remove()


def _fill(calls: dict[str, list[_Call]], measured: Tensor) -> None:
    """Run one backward pass to the activations for each measured output."""
    every = [call for named in calls.values() for call in named]
    edges = [call.edge for call in every]
    total = measured.sum(0)
    for which in range(len(total)):
        keep = which + 1 < len(total)
        deltas = torch.autograd.grad(total[which], edges, retain_graph=keep, allow_unused=True)
        for call, delta in zip(every, deltas, strict=True):
            call.deltas.append(delta)
