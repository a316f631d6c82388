"""Whatever the network: both engines and a loop of plain autograd say the same."""

import networks
import pytest
import torch
from oracles import exact_jacobians
from random_networks import FAMILIES, drawn

from explorer.features.gradients import collect_gradients
from explorer.features.network import without_layers
from explorer.features.outputs import output_selection

SEEDS = range(8)


def measured(network, inputs):
    gradients = collect_gradients(network, inputs, lambda outputs: output_selection("all", outputs, None))
    blocks = {block.name: gradients.project(block, None, None) for block in network.blocks}
    return gradients, blocks


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_engines_agree_with_plain_autograd(family, seed):
    """Layers, torch.func and one-by-one autograd give the same blocks, Gram matrices and inner products."""
    model, inputs = drawn(family, seed)
    network = networks.network_of(model, inputs)
    inputs = inputs if inputs.dtype == torch.int64 else inputs.double()
    fast, blocks = measured(network, inputs)
    _, slow = measured(without_layers(network, {layer.name for layer in network.layers}), inputs)
    for name, block in blocks.items():
        torch.testing.assert_close(block, slow[name], rtol=1e-8, atol=1e-9)
    exact = exact_jacobians(network.model, inputs)
    kernel = sum(torch.einsum("mcij,ndij->mcnd", block, block) for block in blocks.values())
    torch.testing.assert_close(kernel, torch.einsum("mcq,ndq->mcnd", exact, exact), rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(fast.total_grams(), exact @ exact.transpose(1, 2), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("family", ["perceptron", "convolutional", "transformer", "embedded"])
def test_ordinary_networks_leave_nothing_to_torch_func(family):
    """Every parameter of the usual architectures has a formula: also packed projections, positions and class tokens."""
    for seed in SEEDS:
        assert "torch.func" not in networks.network_of(*drawn(family, seed)).coverage.values()


def test_a_mixed_network_uses_both_engines():
    """Only the recurrent weights are left to torch.func, and the manifest's words say so."""
    coverage = networks.network_of(*drawn("recurrent on tokens", 0)).coverage
    assert coverage["tokens.weight"] == "embedding" and coverage["head.weight"] == "linear"
    assert all((kind == "torch.func") == name.startswith("inner.") for name, kind in coverage.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_listening_inside_attention_changes_no_answer(seed):
    """The private copy answers as the subject's own network does."""
    model, inputs = drawn("transformer", seed)
    network = networks.network_of(model, inputs)
    torch.testing.assert_close(network.output(inputs.double()), model.eval().double()(inputs.double()))
