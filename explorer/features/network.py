"""A private copy of a subject's network, and which of its parameters each engine can explain."""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from explorer.errors import EngineError
from explorer.features.attention import listen_inside
from explorer.features.blocks import Block
from explorer.features.broadcasts import BroadcastLayer
from explorer.features.layers import PackedLayer, kind_of
from explorer.subjects import Subject

LEFT_OUT = "left out by the subject"
FUNCTIONAL = "torch.func"


@dataclass(frozen=True)
class Network:
    """A subject's network in eval mode on one device, its parameters grouped into blocks."""

    subject: Subject
    model: nn.Module
    device: torch.device
    layers: tuple[Block, ...]
    """Blocks whose gradient follows from what is heard at their layer."""
    functional: tuple[Block, ...]
    """Blocks left to torch.func: those whose formula does not hold here."""
    head: str | None
    """Name of the linear layer that is called last on something with one row a sample; None without one."""
    left_out: tuple[str, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, in the order in which features stand."""
        return (*self.layers, *self.functional)

    @property
    def dtype(self) -> torch.dtype:
        """Of the parameters, and so of all that is computed from gradients before it is stored."""
        return next(self.model.parameters()).dtype

    @property
    def coverage(self) -> dict[str, str]:
        """Parameter name to where its gradient comes from; every parameter of the model is here."""
        found = {name: layer.kind for layer in self.layers for name in layer.parameters}
        rest = dict.fromkeys((name for block in self.functional for name in block.parameters), FUNCTIONAL)
        return {**found, **rest, **dict.fromkeys(self.left_out, LEFT_OUT)}

    def output(self, inputs: Tensor) -> Tensor:
        """All outputs, [m, C]."""
        return self.subject.output(self.model, inputs)

    def inputs(self, rows: list[int]) -> Tensor:
        """The inputs of some rows, on this network's device."""
        inputs = self.subject.inputs(rows)
        # From pinned memory the copy to a GPU runs beside its arithmetic.
        return inputs.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else inputs

    @contextmanager
    def full_precision(self) -> Iterator[None]:
        """On a GPU: no reduced precision, the same result every time, and gradients of recurrent layers in eval mode.

        Those have no cuDNN kernel, so a network that has one does without cuDNN.
        """
        if self.device.type != "cuda":
            yield
            return
        is_recurrent = any(isinstance(module, nn.RNNBase) for module in self.model.modules())
        matmul = torch.backends.cuda.matmul
        before = matmul.allow_tf32
        matmul.allow_tf32 = False
        try:
            with torch.backends.cudnn.flags(
                enabled=not is_recurrent, benchmark=False, deterministic=True, allow_tf32=False
            ):
                yield
        finally:
            matmul.allow_tf32 = before


def chosen_device(name: str) -> torch.device:
    """The device for auto, cpu or cuda.

    Raises:
        EngineError: cuda was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise EngineError("device cuda needs an NVIDIA GPU that torch can see, found none. Use --device cpu or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def open_network(subject: Subject, device: torch.device) -> Network:
    """A copy of the subject's network, ready to be measured; the subject's own model is not touched.

    Args:
        subject: a checked subject.
        device: where to compute.

    Returns:
        Layers as far as their type tells. Call `verified` before relying on them.
    """
    model = copy.deepcopy(subject.model).eval().to(device)
    names = [name for name, _ in model.named_parameters()]
    kept = list(subject.measured_parameters())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in kept)
    layers = tuple(_layers(model, set(kept)))
    explained = {name for layer in layers for name in layer.parameters}
    alone = tuple(
        BroadcastLayer(name, (name,), None, tuple(model.get_parameter(name).shape))
        for name in kept
        if name not in explained
    )
    left_out = tuple(name for name in names if name not in kept)
    return Network(subject, model, device, (*layers, *alone), (), _head(subject, model, device), left_out)


def entered(args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> Tensor:
    """The tensor that a layer was called on, whether by place or by name."""
    return args[0] if args else next(iter(kwargs.values()))


def _head(subject: Subject, model: nn.Module, device: torch.device) -> str | None:
    """The linear layer that is called last on something whose first axis is the sample, for one sample and for two."""
    found = []
    for rows in ([0], [0, 1][: len(subject)]):
        called: list[str] = []
        handles = [
            module.register_forward_hook(_noting(name, len(rows), called), with_kwargs=True)
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear)
        ]
        with torch.no_grad():
            subject.output(model, subject.inputs(rows).to(device))
        for handle in handles:
            handle.remove()
        found.append(called)
    return next((name for name in reversed(found[0]) if name in found[1]), None)


def _noting(name: str, samples: int, called: list[str]):  # noqa: ANN202 (a hook)
    def hook(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: Tensor) -> None:
        if len(entered(args, kwargs)) == samples:
            called.append(name)

    return hook


def without_layers(network: Network, names: set[str]) -> Network:
    """The same network with the named layers left to torch.func; blocks, and so features, stay the same."""
    moved = tuple(layer for layer in network.layers if layer.name in names)
    layers = tuple(layer for layer in network.layers if layer.name not in names)
    return replace(network, layers=layers, functional=(*network.functional, *moved))


def _layers(model: nn.Module, kept: set[str]) -> list[Block]:
    """Modules of a known type that own their parameters alone and have all of them measured."""
    packed = listen_inside(model)
    owners = Counter(id(own) for module in model.modules() for own in module.parameters(recurse=False))
    layers = []
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if name in packed:
            kind, module, words = PackedLayer, packed[name], ("in_proj_weight", "in_proj_bias")  # noqa: PLW2901
        else:
            kind, words = kind_of(module), ("weight", "bias")
        full = tuple(f"{name}.{one}" if name else one for one in words if one in own)
        is_plain = kind is not None and len(own) == len(full) > 0 and words[0] in own
        if is_plain and kept.issuperset(full) and all(owners[id(one)] == 1 for one in own.values()):
            layers.append(kind(name, full, module))
    return layers
