"""Both engines, and every layer's own formula, against one-by-one autograd."""

import networks
import pytest
import torch
from oracles import exact_jacobians
from torch import nn

from explorer.features.gradients import collect_gradients
from explorer.features.layers import KINDS
from explorer.features.network import without_layers
from explorer.features.outputs import output_selection


def every_output(outputs):
    return output_selection("all", outputs, None)


def images(*shape):
    return torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))


def tokens():
    return torch.randint(0, 11, (5, 7), generator=torch.Generator().manual_seed(1))


CASES = {
    "linear": (lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3, bias=False)), images(4)),
    "linear on positions": (lambda: networks.Pooled(nn.Linear(4, 6), 6, channels_last=True), images(3, 2, 4)),
    "conv1d": (lambda: networks.Pooled(nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2), 4), images(2, 11)),
    "conv2d": (lambda: networks.Pooled(nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=1), 4), images(2, 6, 7)),
    "conv2d without bias": (lambda: networks.Pooled(nn.Conv2d(2, 4, 3, bias=False), 4), images(2, 6, 7)),
    "conv2d reflected": (
        lambda: networks.Pooled(nn.Conv2d(2, 4, 3, padding=2, padding_mode="reflect"), 4),
        images(2, 6, 7),
    ),
    "conv2d depthwise": (lambda: networks.Pooled(nn.Conv2d(4, 8, 3, groups=4, padding=1), 8), images(4, 5, 5)),
    "conv3d": (lambda: networks.Pooled(nn.Conv3d(2, 3, 2, stride=2), 3), images(2, 4, 4, 5)),
    "layer norm": (lambda: networks.Pooled(nn.LayerNorm(6), 6, channels_last=True), images(4, 6)),
    "rms norm": (lambda: networks.Pooled(nn.RMSNorm(6), 6, channels_last=True), images(4, 6)),
    "instance norm": (lambda: networks.Pooled(nn.InstanceNorm2d(4, affine=True), 4), images(4, 5, 5)),
    "one slope": (lambda: networks.Pooled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU()), 4), images(2, 6, 7)),
    "embedding": (lambda: networks.Pooled(nn.Embedding(11, 5, padding_idx=0), 5, channels_last=True), tokens()),
    "residual": (networks.Residual, images(2, 8, 8)),
    "tied": (networks.Tied, tokens()),
    "time first": (networks.TimeFirst, images(6, 4)),
    "borrowed weight": (networks.Borrowed, images(4)),
    "one token": (lambda: nn.Sequential(nn.Embedding(11, 5), nn.Tanh(), nn.Linear(5, 3)), tokens()[:, 0]),
    "called by name": (networks.Named, images(4)),
    "flattened head": (networks.FlatHead, images(6, 4)),
    "no linear layer": (lambda: nn.Sequential(nn.Conv2d(2, 3, 6), nn.Flatten()), images(2, 6, 6)),
    "recurrent": (lambda: networks.Pooled(First(nn.GRU(4, 5, batch_first=True)), 5, channels_last=True), images(6, 4)),
}


class First(nn.Module):
    """The first thing that a module returns."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs):
        return self.module(inputs)[0]


def collected(build, inputs, functional=False):
    network = networks.network_of(networks.seeded(build), inputs)
    if functional:
        network = without_layers(network, {layer.name for layer in network.layers})
    inputs = inputs if inputs.dtype == torch.int64 else inputs.double()
    return network, inputs, collect_gradients(network, inputs, every_output)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("functional", [False, True], ids=["layers", "torch.func"])
def test_gradients_are_those_of_plain_autograd(case, functional):
    """Whatever the layers, the blocks hold exactly the gradients that one-by-one autograd gives."""
    network, inputs, gradients = collected(*CASES[case], functional)
    exact = exact_jacobians(network.model, inputs)
    blocks = [gradients.project(block, None, None) for block in network.blocks]
    kernel = sum(torch.einsum("mcij,ndij->mcnd", block, block) for block in blocks)
    torch.testing.assert_close(kernel, torch.einsum("mcq,ndq->mcnd", exact, exact), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_projecting_a_block_is_multiplying_it_by_both_bases(case):
    """Left @ block @ right.T without the block equals the product with it."""
    network, _, gradients = collected(*CASES[case])
    generator = torch.Generator().manual_seed(2)
    for block in network.blocks:
        rows, columns = block.shape
        left = torch.randn(3, rows, generator=generator, dtype=torch.float64)
        right = torch.randn(2, columns, generator=generator, dtype=torch.float64) if columns > 2 else None
        whole = left @ gradients.project(block, None, None)
        whole = whole if right is None else whole @ right.T
        torch.testing.assert_close(gradients.project(block, left, right), whole, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_gram_matrices_need_no_block(case):
    """The norm trick gives each sample's Gram matrix of full gradients."""
    network, inputs, gradients = collected(*CASES[case])
    exact = exact_jacobians(network.model, inputs)
    torch.testing.assert_close(gradients.total_grams(), exact @ exact.transpose(1, 2), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_the_embedding_has_one_row_a_sample(case):
    """Whatever a network does to its axes, row i of the embedding belongs to sample i."""
    network, inputs, gradients = collected(*CASES[case])
    order = torch.tensor([3, 0, 4, 1, 2])
    shuffled = collect_gradients(network, inputs[order], every_output)
    assert gradients.embedding.shape[0] == len(inputs) and gradients.embedding.shape[1] > 0
    torch.testing.assert_close(shuffled.embedding, gradients.embedding[order], rtol=1e-9, atol=1e-10)


def test_own_inner_products_are_those_of_the_inputs():
    """Every layer with positions has one rule for its inputs' inner products, however it is computed."""
    for case in ("linear on positions", "conv1d", "conv2d", "conv2d reflected", "conv3d", "embedding"):
        network, _, gradients = collected(*CASES[case])
        layer = network.layers[0]
        inputs = gradients.calls[layer.name][0].inputs
        rows = layer.input_rows(inputs).double()
        torch.testing.assert_close(layer.own_grams(inputs).double(), rows @ rows.transpose(1, 2), rtol=1e-9, atol=1e-9)
        own = layer.input_grams(inputs, inputs).double()
        torch.testing.assert_close(own, torch.einsum("mti,nsi->mtns", rows, rows), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", ["time first", "borrowed weight"])
def test_a_layer_that_would_mislead_is_left_to_torch_func(case):
    """Comparing with autograd finds layers whose formula does not hold, and only those."""
    network, _, _ = collected(*CASES[case])
    assert network.coverage["inner.weight"] == "torch.func"
    assert network.coverage["head.weight"] == "linear"


def test_every_parameter_is_accounted_for():
    """Coverage names all parameters, also tied ones and those that belong to no layer."""
    network, _, _ = collected(*CASES["tied"])
    assert set(network.coverage) == {name for name, _ in network.model.named_parameters()}
    assert network.coverage["tokens.weight"] == "torch.func"
    assert network.coverage["scale"] == "broadcast"
    assert network.coverage["mix.weight"] == "linear"


def test_a_parameter_is_left_out_only_when_the_subject_says_so():
    """Frozen parameters count like all others; filtered ones do not, and coverage says so."""
    build, inputs = CASES["linear"]
    model = networks.seeded(build)
    model[0].weight.requires_grad_(False)
    whole = networks.network_of(model, inputs)
    assert whole.coverage["0.weight"] == "linear"
    filtered = networks.network_of(model, inputs, parameters=lambda name: not name.startswith("0."))
    assert filtered.coverage == {
        **dict.fromkeys(["0.weight", "0.bias"], "left out by the subject"),
        "2.weight": "linear",
    }


def test_measuring_leaves_the_subject_s_model_alone():
    """Its mode, its weights and what requires a gradient stay as they were."""
    build, inputs = CASES["residual"]
    model = networks.seeded(build).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = networks.network_of(model, inputs)
    collect_gradients(network, inputs.double(), every_output)
    assert model.training and all(one.requires_grad for one in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_every_kind_of_layer_is_tried_here():
    """A kind that is added to the table without a case above is found out."""
    used = set()
    for build, inputs in CASES.values():
        network = networks.network_of(networks.seeded(build), inputs)
        used |= {type(layer.module) for layer in network.layers}
    same_formula = {nn.BatchNorm1d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm3d}
    assert used >= set(KINDS) - same_formula
