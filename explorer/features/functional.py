"""The reference engine: per-sample gradients of any module through torch.func, or one by one where that cannot go."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from explorer.errors import EngineError

OutputFunction = Callable[[nn.Module, Tensor], Tensor]


class _Bound(nn.Module):
    """A network with its output function, so that torch.func can exchange the parameters of both at once."""

    def __init__(self, model: nn.Module, output: OutputFunction):
        super().__init__()
        self.model = model
        self.output = output

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output(self.model, inputs)


def functional_jacobians(
    model: nn.Module, output: OutputFunction, inputs: Tensor, selection: Tensor, names: list[str]
) -> dict[str, Tensor]:
    """Gradients of the selected outputs with respect to the named parameters, sample by sample.

    Args:
        model: in eval mode.
        output: maps (model, inputs) to all outputs [m, C].
        inputs: [m, ...], the first axis is the sample.
        selection: [m, c, C]; the c measured outputs of each sample as combinations of all C.
        names: full names of the parameters, as in `model.named_parameters()`.

    Returns:
        For each name, [m, c, *shape of the parameter], in the model's dtype.

    Raises:
        EngineError: the outputs cannot be differentiated.

    Cost: about c backward passes a sample, batched where torch.func allows; memory O(m c q).
    """
    if not names:
        return {}
    try:
        return _batched(model, output, inputs, selection, names)
    except (RuntimeError, ValueError):
        # torch.func refuses data-dependent control flow and some fused kernels; plain autograd does not.
        return plain_jacobians(model, output, inputs, selection, names)


def _batched(
    model: nn.Module, output: OutputFunction, inputs: Tensor, selection: Tensor, names: list[str]
) -> dict[str, Tensor]:
    bound = _Bound(model, output)
    chosen = {f"model.{name}": model.get_parameter(name).detach() for name in names}

    def measured(parameters: dict[str, Tensor], sample: Tensor, weights: Tensor) -> Tensor:
        outputs = torch.func.functional_call(bound, parameters, (sample.unsqueeze(0),), tie_weights=True)
        return weights @ outputs[0]

    # Fused attention has no rule for many samples at once; its plain form has.
    with sdpa_kernel(SDPBackend.MATH):
        jacobians = torch.func.vmap(torch.func.jacrev(measured), in_dims=(None, 0, 0))(chosen, inputs, selection)
    return {name: jacobians[f"model.{name}"].detach() for name in names}


def plain_jacobians(
    model: nn.Module, output: OutputFunction, inputs: Tensor, selection: Tensor, names: list[str]
) -> dict[str, Tensor]:
    """The same as functional_jacobians by plain autograd, one sample and one output after another.

    Cost: m forward and m c backward passes.
    """
    parameters = [model.get_parameter(name) for name in names]
    rows: list[list[Tensor]] = [[] for _ in names]
    for sample, weights in zip(inputs, selection, strict=True):
        outputs = weights @ output(model, sample.unsqueeze(0))[0]
        for one in outputs:
            try:
                gradients = torch.autograd.grad(one, parameters, retain_graph=True, allow_unused=True)
            except RuntimeError as problem:
                raise EngineError(
                    f"the outputs must be differentiable by the parameters, found: {problem}. "
                    "Check that the network detaches nothing and runs outside torch.no_grad()."
                ) from problem
            for row, gradient, parameter in zip(rows, gradients, parameters, strict=True):
                row.append(torch.zeros_like(parameter) if gradient is None else gradient.detach())
    shape = selection.shape[:2]
    return {name: torch.stack(row).reshape(*shape, *row[0].shape) for name, row in zip(names, rows, strict=True)}
