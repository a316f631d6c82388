"""Gradients of the outputs, sample by sample, that can be differentiated once more: what similarity_loss is made of.

A sample's gradient is that of the network's answer to it alone, in evaluation mode. Three ways, the first that is right
and can be differentiated twice: from what is heard at the layers of one common pass; by torch.func; one by one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from types import MethodType
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from explorer.errors import EngineError, ExplorerError, ShapeError
from explorer.features.functional import OutputFunction, plain_jacobians
from explorer.features.layers import ConvolutionLayer, LinearLayer
from explorer.features.memory import is_out_of_memory
from explorer.subjects.subject import evaluating
from explorer.training.heard import Select, heard_calls, known_layers, whole_gradient
from explorer.training.inner_products import SampleGradients
from explorer.training.unheard import batched_jacobians, single_jacobians

AGREEMENT = 1e-3
"""Largest relative difference between a layer's gradient and autograd's, before another way is taken."""
CHECKED = 4
"""Samples on which a way is tried before it is used."""


@dataclass(frozen=True)
class _Way:
    """How the gradients of a network are found."""

    heard: tuple[str, ...]
    """Layers whose gradient follows from what goes in and the gradient of what comes out."""
    batched: bool = True
    """Whether torch.func takes the parameters of all others at once; otherwise one sample after another."""


_WAYS: WeakKeyDictionary[nn.Module, tuple[object, tuple[ref, ...], _Way]] = WeakKeyDictionary()
"""The last way of each network, with what and which output function it was found for. Nothing of a network is kept but
names and weak references, so that it can be freed."""


def sample_gradients(
    model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, names: list[str]
) -> SampleGradients:
    """The gradients of a batch, with their graph.

    Args:
        model: parts that differ while training (dropout, batch statistics) are used as in evaluation, and put back.
        output: maps (model, inputs) to all outputs [m, C]. The same function every time: for another one, were it
            written alike, what was found out about the network is found out again.
        inputs: [m, ...] on the model's device.
        select: chooses the compared outputs.
        names: of the parameters that the gradients are taken of, and that the result can be differentiated by.

    Raises:
        EngineError: the network cannot be differentiated, or not twice.

    Cost: one forward and c backward passes at once for layers of a known kind; for other parameters as much again by
    torch.func, or one by one. The first call for a network also tries on a few samples whether that is right.
    """
    with _twice_differentiable(model):
        way = _way(model, output, inputs, select, names)
        return _found(model, output, inputs, select, names, way)


@contextmanager
def _twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, a graph, and no fused kernels, which can be differentiated only once."""
    is_recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    on_gpu = any(parameter.is_cuda for parameter in model.parameters())
    plain = torch.backends.cudnn.flags(enabled=False) if is_recurrent and on_gpu else nullcontext()
    with evaluating(model), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), plain:
        yield


def _way(model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, names: list[str]) -> _Way:
    modules = tuple((id(module), type(module)) for module in model.modules())
    signature = (modules, tuple(names), inputs.shape[1:], inputs.dtype)
    known = _WAYS.get(model)
    if known is None or known[0] != signature or not _is_same(output, known[1]):
        way, is_sure = _chosen_way(model, output, inputs[:CHECKED].detach(), names)
        known = (signature, _references(output), way)
        if is_sure:
            _WAYS[model] = known
    return known[2]


def _parts(output: OutputFunction) -> tuple[object, ...]:
    """A method is a new object whenever it is looked up: what stays is its function and what it is bound to."""
    return (output.__func__, output.__self__) if isinstance(output, MethodType) else (output,)


def _references(output: OutputFunction) -> tuple[ref, ...]:
    """To tell a function again without keeping it; none where that cannot be."""
    try:
        return tuple(map(ref, _parts(output)))
    except TypeError:
        return ()


def _is_same(output: OutputFunction, references: tuple[ref, ...]) -> bool:
    """Whether references are to this very function; a number of it may have been given to another one by now."""
    parts = _parts(output)
    return len(parts) == len(references) and all(one() is part for one, part in zip(references, parts, strict=True))


def _chosen_way(model: nn.Module, output: OutputFunction, inputs: Tensor, names: list[str]) -> tuple[_Way, bool]:
    """The first way whose gradients are those of autograd, one by one, and can be differentiated.

    And whether it is the way for good: where a gradient is zero, as behind weights of zero, nothing is seen of it yet.
    """
    weights = _mixed(_alone(model, output, inputs[:1])).expand(len(inputs), -1, -1)
    truth = plain_jacobians(model, output, inputs, weights, names)
    right, is_sure = _right_layers(model, output, inputs, names, truth)
    way = _Way(right)
    for one in dict.fromkeys((way, _Way(()), _Way((), batched=False))):
        try:
            found = _found(model, output, inputs, _mixed, names, one)
            grams = found.grams()
            if grams.requires_grad:  # a linear network has gradients that do not depend on its parameters
                _check_graph(grams)
                torch.autograd.grad(grams.sum(), [model.get_parameter(name) for name in names], allow_unused=True)
        except (RuntimeError, ValueError, IndexError) as error:
            if is_out_of_memory(error):
                raise
            problem = error
            continue
        exact = sum(value.flatten(1).square().sum(1) for value in truth.values())
        if not one.batched or _is_close(grams.flatten(), exact):
            return one, is_sure
    raise EngineError(
        f"the network must be differentiable twice to enforce a similarity, found: {problem}. Check that it detaches "
        "nothing, and that its own autograd functions can be differentiated."
    )


def _alone(model: nn.Module, output: OutputFunction, sample: Tensor) -> Tensor:
    """[1, C] what the network says to one sample."""
    try:
        answer = output(model, sample)
    except (RuntimeError, ValueError, IndexError) as problem:
        if is_out_of_memory(problem) or isinstance(problem, ExplorerError):
            raise
        raise EngineError(
            f"the network must answer to one sample alone, {list(sample.shape)} of {sample.dtype}, in evaluation mode, "
            f"found: {problem}. Check its inputs, and that it takes no statistics of a batch in evaluation."
        ) from problem
    if not isinstance(answer, Tensor) or answer.dim() != 2 or len(answer) != 1:
        found = list(answer.shape) if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
        raise ShapeError(
            f"the network must answer [1, C] to one sample, found {found}. Give output=lambda model, inputs: ... that "
            "returns [m, C]."
        )
    return answer


def _check_graph(values: Tensor) -> None:
    """Find what autograd would say only in a backward pass to all: functions that allow one differentiation only."""
    waiting, seen = [values.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name().endswith(("::Error", "::NotImplemented")):
            raise RuntimeError("a function in it can be differentiated only once")
        waiting.extend(before for before, _ in node.next_functions)


def _right_layers(
    model: nn.Module, output: OutputFunction, inputs: Tensor, names: list[str], truth: dict[str, Tensor]
) -> tuple[tuple[str, ...], bool]:
    """The layers whose gradients come out right: not called on something else than samples first, not used twice.

    And whether this is so of all others not: a gradient of zero agrees with whatever is zero too.
    """
    layers, right, is_sure = known_layers(model, names), [], True
    try:
        _, calls = heard_calls(model, output, inputs, _mixed, layers)
    except (RuntimeError, ValueError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        return (), True
    for name, layer in layers.items():
        try:
            mine = whole_gradient(layer, calls[name])
        except (RuntimeError, ValueError, IndexError) as error:
            if is_out_of_memory(error):
                raise
            continue
        exact = layer.join({one: truth[one] for one in layer.parameters})
        if not exact.any():
            is_sure = False
        elif mine.shape == exact.shape and _is_close(mine, exact):
            right.append(name)
    return tuple(right), is_sure


def _is_close(mine: Tensor, exact: Tensor) -> bool:
    return bool((mine - exact).norm() <= AGREEMENT * exact.norm() + 1e-12)


def _mixed(outputs: Tensor) -> Tensor:
    """One fixed combination of all outputs a sample, so that a mistake in any output shows."""
    weights = torch.cos(torch.arange(1, outputs.shape[1] + 1, device=outputs.device, dtype=outputs.dtype))
    return weights.expand(len(outputs), 1, -1)


def _found(
    model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, names: list[str], way: _Way
) -> SampleGradients:
    layers = {name: layer for name, layer in known_layers(model, names).items() if name in way.heard}
    outputs, heard = heard_calls(model, output, inputs, select, layers)
    gradients = SampleGradients(outputs=outputs)
    for name, calls in heard.items():
        layer = layers[name]
        if type(layer) is LinearLayer and len(calls) == 1 and calls[0][0].dim() == 2 and calls[0][1] is not None:
            gradients.factored.append((layer.prepare(calls[0][0], None)[:, 0], calls[0][1]))
        elif isinstance(layer, ConvolutionLayer) and layer.has_bias:
            # A bias as one more column would copy all receptive fields.
            gradients.whole.append(whole_gradient(replace(layer, parameters=layer.parameters[:1]), calls).flatten(2))
            gradients.whole.append(sum(deltas.flatten(3).sum(3) for _, deltas in calls if deltas is not None))
        else:
            gradients.whole.append(whole_gradient(layer, calls).flatten(2))
    explained = {name for layer in layers.values() for name in layer.parameters}
    rest = [name for name in names if name not in explained]
    if rest:
        jacobians = (batched_jacobians if way.batched else single_jacobians)(model, output, inputs, select, rest)
        gradients.whole.extend(jacobian.reshape(*jacobian.shape[:2], -1) for jacobian in jacobians)
    return gradients
