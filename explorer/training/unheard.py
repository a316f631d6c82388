"""Gradients of samples that no layer explains: by torch.func all at once, or one after another by plain autograd."""

import torch
from torch import Tensor, nn

from explorer.features.functional import OutputFunction
from explorer.training.heard import Select


class _Bound(nn.Module):
    """A network with its output function, so that torch.func can exchange the parameters of both at once."""

    def __init__(self, model: nn.Module, output: OutputFunction):
        super().__init__()
        self.model = model
        self.output = output

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output(self.model, inputs)


def batched_jacobians(
    model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, names: list[str]
) -> list[Tensor]:
    """[m, c, *shape] for each name, by torch.func."""
    bound = _Bound(model, output)
    chosen = {f"model.{name}": model.get_parameter(name) for name in names}

    def answers(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        return torch.func.functional_call(bound, parameters, (sample.unsqueeze(0),), tie_weights=True)[0]

    # Not without a graph: transformers would then take a fused path that torch.func has no rule for.
    weights = select(torch.func.vmap(answers, in_dims=(None, 0))(chosen, inputs).detach())

    def compared(parameters: dict[str, Tensor], sample: Tensor, weight: Tensor) -> Tensor:
        return weight @ answers(parameters, sample)

    jacobians = torch.func.vmap(torch.func.jacrev(compared), in_dims=(None, 0, 0))(chosen, inputs, weights)
    return [jacobians[f"model.{name}"] for name in names]


def single_jacobians(
    model: nn.Module, output: OutputFunction, inputs: Tensor, select: Select, names: list[str]
) -> list[Tensor]:
    """The same by plain autograd, one sample and one output after another; all answers are known before a choice."""
    parameters = [model.get_parameter(name) for name in names]
    outputs = torch.cat([output(model, sample.unsqueeze(0)) for sample in inputs])
    compared = torch.einsum("moc,mc->mo", select(outputs.detach()), outputs)
    rows = []
    for one in compared.flatten():
        gradients = torch.autograd.grad(one, parameters, create_graph=True, allow_unused=True)
        rows.append(
            [torch.zeros_like(own) if one is None else one for own, one in zip(parameters, gradients, strict=True)]
        )
    return [torch.stack(one).unflatten(0, compared.shape) for one in zip(*rows, strict=True)]
