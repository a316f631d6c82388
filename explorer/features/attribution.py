"""Why two samples are alike: what each layer adds to their similarity, and on which inputs it hangs."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from explorer.errors import EngineError, first_line
from explorer.features.blocks import Block
from explorer.features.calibration import measured_network, selecting
from explorer.features.exact import layer_kernels
from explorer.features.gradients import Gradients, Select, collect_gradients
from explorer.features.network import Network
from explorer.features.projection import Projection
from explorer.records import Settings
from explorer.similarity.kernels import normalizing_roots
from explorer.subjects import Subject


def layer_shares(
    subject: Subject, projection: Projection, row_a: int, row_b: int, settings: Settings
) -> tuple[list[str], np.ndarray]:
    """What each layer adds to the similarity of two samples.

    k^C is a sum over parameters, so it is one over layers: Tr(R_a K_l R_b), where K_l holds the inner products of the
    gradients of layer l's parameters alone, and R are the normalizing roots of the full gradients' Gram matrices. A
    share may be negative: there a training step for one sample acts against the other. It is no measure of how much
    the network needs a layer: a layer with large inputs has large gradients.

    Args:
        subject: the subject that the projection was fitted to.
        projection: tells which outputs are measured and how each parameter's gradient is found.
        row_a: the one sample.
        row_b: the other; exchanging the two changes nothing.
        settings: device.

    Returns:
        names: of each layer, or parameter outside of the known layers, its path in the network and its type, such as
            `body.0 (Conv2d)`, in the network's own order.
        shares: [len(names)] float64; they add up to the exact k^C, and all are 0 when a sample has no usable gradient.

    Cost: one forward and c backward passes of either sample, and O(c² q) inner products.
    Paper: the terms of k^C_θ(x, x') = Tr(K^C) / d that belong to one layer, Charpiat et al. 2019.
    """
    network = measured_network(subject, settings, projection)
    one, other = (
        collect_gradients(network, network.inputs([row]), _select(network, projection, row)) for row in (row_a, row_b)
    )
    return shares_of_pair(one, other)


def similarity_gradient(
    subject: Subject, projection: Projection, row_a: int, row_b: int, settings: Settings
) -> np.ndarray:
    """How the similarity of two samples changes with each input value of the first.

    The derivative of k^C(x, x') by x, including how the normalization depends on x. Positive: raising this value a
    little makes the two more alike for the network. It is a slope at x and says nothing about large changes. Which
    outputs are measured is held constant where the network's answer chooses them (predicted, contrast). Where units
    have kinks (ReLU, max pooling) the similarity jumps as one switches, and the slope is that between the jumps.

    Args:
        subject: the subject that the projection was fitted to.
        projection: tells which outputs are measured.
        row_a: the sample x whose input is varied.
        row_b: the sample x' that it is compared with.
        settings: device.

    Returns:
        float32 in the shape of one input: similarity a unit of the input. All zeros when a sample has no usable
        gradient.

    Raises:
        EngineError: the inputs are not floating point, or the network cannot be differentiated twice.

    Cost: c backward passes of x', c backward and c double backward passes of x; memory 3 c q for q parameters.
    Paper: k^C_θ(x, x') = Tr(K^C) / d, Charpiat et al. 2019; its derivative by x is ours.
    """
    network = measured_network(subject, settings, projection)
    inputs = [network.inputs([row]) for row in (row_a, row_b)]
    if not inputs[0].is_floating_point():
        raise EngineError(
            f"{subject.name}: the slope of a similarity needs inputs that can change a little, found "
            f"{str(inputs[0].dtype).removeprefix('torch.')} inputs. Ask for the shares by layer instead."
        )
    selects = [_select(network, projection, row) for row in (row_a, row_b)]
    return input_gradient(network, *inputs, *selects).float().cpu().numpy()


def shares_of_pair(one: Gradients, other: Gradients) -> tuple[list[str], np.ndarray]:
    """The shares of layer_shares, from the gradients of one sample each."""
    network = one.network
    roots = [normalizing_roots(each.total_grams().double())[0] for each in (one, other)]
    order = {name: place for place, (name, _) in enumerate(network.model.named_parameters())}
    blocks = sorted(network.blocks, key=lambda block: order[block.parameters[0]])
    kernels = [layer_kernels(one, other, block)[0, :, 0].double() for block in blocks]  # [c, c] each
    usable = bool(roots[0].any() and roots[1].any())
    shares = [float((roots[0] @ kernel @ roots[1]).trace()) if usable else 0.0 for kernel in kernels]
    return [_told_name(network, block) for block in blocks], np.array(shares)


def input_gradient(
    network: Network, varied: Tensor, fixed: Tensor, select_varied: Select, select_fixed: Select
) -> Tensor:
    """The derivative of k^C of two inputs by the first.

    With G, G' the [c, q] gradients of both, k^C = Tr(R K' R') for K' = G G'^T and R, R' the normalizing roots of
    K = G G^T and of G' G'^T. Its derivatives A by K' and B by K are constants of size [c, c], so the wanted one is
    that of sum_a <G_a, V_a> for the constant V = A G' + 2 B G: one double backward pass an output.

    Args:
        network: a verified network.
        varied: [1, ...] floating point, the input x.
        fixed: [1, ...] the input x'.
        select_varied: the measured outputs of x.
        select_fixed: those of x'.

    Returns:
        [...] the shape and dtype of x.

    Raises:
        EngineError: the network cannot be differentiated twice.
    """
    parameters = [network.model.get_parameter(name) for block in network.blocks for name in block.parameters]
    leaf = varied.detach().clone().requires_grad_()
    try:
        with torch.enable_grad(), _twice_differentiable():
            theirs = _output_gradients(_measured(network, fixed, select_fixed), parameters)
            measured = _measured(network, leaf, select_varied)
            directions = _directions(_output_gradients(measured, parameters), theirs)
            return _slope(measured, leaf, parameters, directions)[0]
    except RuntimeError as problem:  # also what torch has not implemented
        found = first_line(problem).rstrip(".")
        raise EngineError(
            f"{network.subject.name}: the slope of a similarity needs a network that can be differentiated twice, "
            f"found: {found}. Ask for the shares by layer instead."
        ) from problem


def _select(network: Network, projection: Projection, row: int) -> Select:
    return selecting(network, projection.mode, np.array([row]))


def _measured(network: Network, inputs: Tensor, select: Select) -> Tensor:
    """The measured outputs of one sample, [c]; which they are is held constant."""
    outputs = network.output(inputs)
    return select(outputs.detach())[0] @ outputs[0]


def _output_gradients(measured: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """The gradients of all outputs by each parameter, [c, size of the parameter]."""
    rows = [torch.autograd.grad(one, parameters, retain_graph=True, allow_unused=True) for one in measured]
    return [
        torch.stack([torch.zeros_like(own) if one is None else one for one in column]).flatten(1)
        for own, column in zip(parameters, zip(*rows, strict=True), strict=True)
    ]


def _directions(mine: list[Tensor], theirs: list[Tensor]) -> list[Tensor]:
    """V = A G' + 2 B G by each parameter, [c, size of the parameter]."""
    own, other, cross = (
        sum((one @ two.T).double() for one, two in zip(left, right, strict=True))[None]
        for left, right in ((mine, mine), (theirs, theirs), (mine, theirs))
    )
    roots = normalizing_roots(own.requires_grad_())
    other_roots = normalizing_roots(other)
    if not (roots.any() and other_roots.any()):
        return [torch.zeros_like(one) for one in mine]
    similarity = (roots @ cross.requires_grad_() @ other_roots).diagonal(dim1=1, dim2=2).sum()
    by_own, by_cross = (slope[0].to(mine[0].dtype) for slope in torch.autograd.grad(similarity, (own, cross)))
    return [by_cross @ two + (by_own + by_own.T) @ one for one, two in zip(mine, theirs, strict=True)]


def _slope(measured: Tensor, leaf: Tensor, parameters: list[nn.Parameter], directions: list[Tensor]) -> Tensor:
    """The derivative of sum_a <G_a, V_a> by the input."""
    total = torch.zeros_like(leaf)
    for which, output in enumerate(measured):
        gradients = torch.autograd.grad(output, parameters, create_graph=True, allow_unused=True)
        products = [
            (one.flatten() * direction[which]).sum()
            for one, direction in zip(gradients, directions, strict=True)
            if one is not None and one.requires_grad
        ]
        if products:
            _refuse_hidden_ends(sum(products))
            (slope,) = torch.autograd.grad(sum(products), leaf, retain_graph=True, allow_unused=True)
            total = total if slope is None else total + slope
    return total


def _refuse_hidden_ends(product: Tensor) -> None:
    """Raise where a function is differentiable only once: autograd would leave its part out without a word."""
    seen, waiting = set(), [product.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            if node.name() == "torch::autograd::Error":
                raise RuntimeError("a function that is marked as differentiable once only")
            seen.add(node)
            waiting.extend(following for following, _ in node.next_functions)


@contextmanager
def _twice_differentiable() -> Iterator[None]:
    """Plain kernels in place of fused ones, which have no second derivative."""
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield


def _told_name(network: Network, block: Block) -> str:
    path, _, _ = block.parameters[0].rpartition(".")
    kind = type(network.model.get_submodule(path)).__name__ if path or not block.name else "parameter"
    return f"{block.name} ({kind})" if block.name else kind
