"""Gradients of a batch from one common pass: what went into each layer, and what came back to it."""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from explorer.features.blocks import Block
from explorer.features.functional import OutputFunction
from explorer.features.layers import kind_of
from explorer.features.network import entered

Select = Callable[[Tensor], Tensor]
"""From all outputs [m, C] to the compared ones as combinations of them, [m, c, C]."""


def known_layers(model: nn.Module, names: list[str]) -> dict[str, Block]:
    """Layers of a known kind that own their parameters alone and have all of them compared."""
    owners = Counter(id(own) for module in model.modules() for own in module.parameters(recurse=False))
    found, kept = {}, set(names)
    for name, module in model.named_modules():
        own, kind = dict(module.named_parameters(recurse=False)), kind_of(module)
        full = tuple(f"{name}.{one}" if name else one for one in ("weight", "bias") if one in own)
        if kind is None or "weight" not in own or len(full) != len(own) or not kept.issuperset(full):
            continue
        if all(owners[id(one)] == 1 for one in own.values()):
            found[name] = kind(name, full, module)
    return found


Call = tuple[Tensor, Tensor | None]
"""What went into a layer, [m, ...], and the gradients of what came out, [m, c, ...]; None where it is of no use."""


def heard_calls(
    model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, layers: dict[str, Block]
) -> tuple[Tensor | None, dict[str, list[Call]]]:
    """One forward pass, listened to, and one backward pass to the layers for each compared output."""
    if not layers:
        return None, {}
    entries: list[tuple[str, Tensor]] = []
    edges: list[GradientEdge] = []

    def listen(name: str):  # noqa: ANN202 (a hook)
        def hook(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], result: Tensor) -> None:
            entries.append((name, entered(args, kwargs)))
            edges.append(get_gradient_edge(result))

        return hook

    handles = [layer.module.register_forward_hook(listen(name), with_kwargs=True) for name, layer in layers.items()]
    try:
        outputs = output(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    compared = torch.einsum("moc,mc->o", select(outputs.detach()), outputs)
    columns = [torch.autograd.grad(one, edges, create_graph=True, allow_unused=True) for one in compared]
    calls: dict[str, list[Call]] = {name: [] for name in layers}
    for (name, came), deltas in zip(entries, zip(*columns, strict=True), strict=True):
        is_used = all(delta is not None for delta in deltas)
        if not is_used and any(delta is not None for delta in deltas):
            deltas = _filled(deltas)  # noqa: PLW2901
            is_used = True
        calls[name].append((came, _stacked(deltas) if is_used else None))
    return outputs, calls


def _stacked(outputs: Sequence[Tensor]) -> Tensor:
    """One more axis after the first; nothing is copied when there is one output."""
    return outputs[0].unsqueeze(1) if len(outputs) == 1 else torch.stack(list(outputs), dim=1)


def _filled(deltas: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
    """Zeros for the outputs that do not depend on a layer."""
    like = next(delta for delta in deltas if delta is not None)
    return tuple(torch.zeros_like(like) if delta is None else delta for delta in deltas)


def whole_gradient(layer: Block, calls: list[Call]) -> Tensor:
    """[m, c, rows, columns] the gradient of a layer, added up over its calls."""
    used = [(layer.prepare(came, None), deltas) for came, deltas in calls if deltas is not None]
    if not used:
        raise ValueError(f"nothing depends on {layer.name}")
    columns = [
        sum(layer.contract(prepared, deltas[:, which], None) for prepared, deltas in used)
        for which in range(used[0][1].shape[1])
    ]
    return _stacked(columns)
