"""Parameters that are added to, multiplied with or laid beside every sample: position embeddings, class tokens, scales.

They belong to no layer that could be listened to. While a batch runs, a watcher notes where such a parameter, or
something made of parameters alone, meets the samples; the gradient of what comes out, sample by sample, is then taken
back to the parameter.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from explorer.features.blocks import Block

ADDED = {"add", "__add__", "__radd__", "add_", "__iadd__"}
TAKEN_AWAY = {"sub", "__sub__", "sub_", "__isub__"}
MULTIPLIED = {"mul", "__mul__", "__rmul__", "multiply"}
LAID_BESIDE = {"expand", "expand_as", "broadcast_to", "repeat", "tile"}


@dataclass(frozen=True)
class Use:
    """One place where parameters meet the samples: the result is factor * source, plus something."""

    factor: Tensor
    """A number, or [m, ...] what the source is multiplied with."""
    source: Tensor
    """The parameter, or what was made of parameters alone; the same for all samples."""
    parameter: Tensor

    @property
    def nbytes(self) -> int:
        """Memory that a batch keeps for it."""
        return self.factor.nbytes

    def gradients(self, deltas: Tensor) -> Tensor:
        """From the gradient of the result [m, ...] to that of the parameter, sample by sample, [m, *its shape]."""
        shape = self.source.shape
        if self.source.dim() == deltas.dim():
            if shape[0] != 1:
                raise ValueError("the parameter has a place for every sample")
            shape = shape[1:]
        pieces = deltas * self.factor
        while pieces.dim() - 1 > len(shape):
            pieces = pieces.sum(1)
        for axis, length in enumerate(shape, start=1):
            pieces = pieces.sum(axis, keepdim=True) if length == 1 else pieces
        if self.source is self.parameter:
            return pieces.reshape(len(deltas), *self.parameter.shape)
        pieces = pieces.reshape(len(deltas), *self.source.shape)
        return torch.autograd.grad(self.source, self.parameter, pieces, retain_graph=True, is_grads_batched=True)[0]


@dataclass(frozen=True)
class BroadcastLayer(Block):
    """One parameter that belongs to no layer; its module is None."""

    size: tuple[int, ...]
    """Shape of the parameter."""
    kind = "broadcast"

    @property
    def shape(self) -> tuple[int, int]:
        sides = [side for side in self.size if side != 1] or [1]
        return sides[0], prod(sides[1:])

    def prepare(self, inputs: Use, right: Tensor | None) -> tuple[Use, Tensor | None]:
        return inputs, right

    def contract(self, prepared: tuple[Use, Tensor | None], deltas: Tensor, left: Tensor | None) -> Tensor:
        use, right = prepared
        block = use.gradients(deltas).reshape(len(deltas), *self.shape)
        block = block if left is None else left @ block
        return block if right is None else block @ right.T

    def join(self, gradients: dict[str, Tensor]) -> Tensor:
        gradient = gradients[self.parameters[0]]
        return gradient.reshape(*gradient.shape[: gradient.dim() - len(self.size)], *self.shape)


class Watcher(TorchFunctionMode):
    """Notes every use of the watched parameters while it is entered.

    Args:
        parameters: name to parameter.
        samples: how many samples the batch has.
        note: is called with a name, a use and the result of that use.
    """

    def __init__(self, parameters: dict[str, Tensor], samples: int, note: Callable[[str, Use, Tensor], None]):
        super().__init__()
        self.parameters = parameters
        self.samples = samples
        self.note = note
        self.made_of = {id(value): (value, {name}) for name, value in parameters.items()}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = list(_tensors(args))
        known = [id(one) in self.made_of for one in tensors]
        if any(known) and isinstance(result, Tensor) and result.requires_grad:
            self._look(func.__name__, tensors, known, kwargs or {}, result)
        return result

    def _look(self, word: str, tensors: list[Tensor], known: list[bool], kwargs: dict, result: Tensor) -> None:
        meets_samples = result.dim() > 0 and result.shape[0] == self.samples
        if word in LAID_BESIDE and meets_samples and _grows(tensors[0], result):
            self._note(tensors[0], 1.0, result)
        elif all(known):
            names = set().union(*(self.made_of[id(one)][1] for one in tensors))
            self.made_of[id(result)] = (result, names)
        elif len(tensors) == 2 and meets_samples:
            source, other = (tensors[0], tensors[1]) if known[0] else (tensors[1], tensors[0])
            if word in ADDED:
                self._note(source, kwargs.get("alpha", 1.0) if known[1] else 1.0, result)
            elif word in TAKEN_AWAY:
                self._note(source, -kwargs.get("alpha", 1.0) if known[1] else 1.0, result)
            elif word in MULTIPLIED and other.shape[:1] == result.shape[:1]:
                self._note(source, other.detach(), result)

    def _note(self, source: Tensor, factor: Tensor | float, result: Tensor) -> None:
        factor = torch.as_tensor(factor, dtype=result.dtype, device=result.device)
        for name in self.made_of[id(source)][1]:
            self.note(name, Use(factor, source, self.parameters[name]), result)


def _grows(source: Tensor, result: Tensor) -> bool:
    """Whether the first axis of the result is new: one copy of the source for each sample."""
    return result.dim() > source.dim() or source.shape[0] == 1


def _tensors(args: Iterable[Any]) -> Iterable[Tensor]:
    for one in args:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, list | tuple):
            yield from (each for each in one if isinstance(each, Tensor))
