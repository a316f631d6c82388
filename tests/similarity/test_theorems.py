"""The paper's theorems, on real networks: what the similarities promise about outputs, activations and training steps.

Gradients come from one backward pass an output (oracles), in float64.
"""

import oracles
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from explorer.similarity import influence, inverse_square_root, similarity

EXACT = {"rtol": 1e-8, "atol": 1e-10}
INPUTS = 4


def drawn(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small_network(outputs, activation=nn.Tanh, bias=True):
    """Two layers, float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Linear(INPUTS, 7, bias=bias), activation(), nn.Linear(7, outputs, bias=bias)
    return nn.Sequential(*layers).double()


def moved_outputs(model, inputs, step):
    """[m, c] how far the outputs move when the parameters do, by central differences."""
    start, moved = nn.utils.parameters_to_vector(model.parameters()).detach(), []
    for sign in (1, -1):
        nn.utils.vector_to_parameters(start + sign * step, model.parameters())
        moved.append(model(inputs).detach())
    nn.utils.vector_to_parameters(start, model.parameters())
    return (moved[0] - moved[1]) / 2


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_cheapest_step_for_one_sample_moves_another_by_the_kernels_ratio(outputs):
    """Theorem 3: moving f(x) by v in the shortest way moves f(x') by K(x', x) K(x, x)⁻¹ v, for every v."""
    model, inputs, size = small_network(outputs), drawn(2, INPUTS, seed=3), 1e-4
    mover, other = oracles.exact_jacobians(model, inputs)
    columns = []
    for wish in torch.eye(outputs, dtype=torch.float64):
        step = size * torch.linalg.pinv(mover) @ wish  # of all steps with mover @ step = wish the shortest
        moved = moved_outputs(model, inputs, step) / size
        assert_close(moved[0], wish, rtol=0, atol=1e-6)
        columns.append(moved[1])
    responses = torch.stack(columns, dim=1)  # [c of x', c of x]
    own, cross = (torch.from_numpy(oracles.kernel(one.numpy(), mover.numpy())) for one in (mover, other))
    assert_close(responses, cross @ own.inverse(), rtol=1e-6, atol=1e-6)
    table = influence(mover[None], other[None])
    assert_close(table[0, 0], responses.trace() / outputs, rtol=1e-6, atol=1e-6)


def test_full_similarity_tells_equal_outputs_when_the_last_layer_has_a_bias():
    """Corollary 1, and why it asks for the bias: without any, doubling an input doubles gradient and output alike."""
    inputs = drawn(1, INPUTS)
    pair = torch.cat([inputs, 2 * inputs])
    without = small_network(1, nn.ReLU, bias=False)
    first, second = oracles.exact_jacobians(without, pair).split(1)
    assert_close(similarity(first, second).item(), 1.0, **EXACT)
    assert_close(without(pair)[1], 2 * without(pair)[0], **EXACT)
    assert without(pair)[0].abs() > 0.01
    with_bias = nn.Sequential(without[0], nn.ReLU(), nn.Linear(7, 1).double())
    first, second = oracles.exact_jacobians(with_bias, pair).split(1)
    assert similarity(first, second).item() < 1 - 1e-3


def test_inputs_that_reach_no_unit_are_wholly_similar_and_have_one_output():
    """Theorem 1, from the other side: only what is active enters, so inputs that no ReLU lets through are the same."""
    model = small_network(1, nn.ReLU)
    model[0].bias.data.fill_(-100.0)
    pair = drawn(2, INPUTS)
    first, second = oracles.exact_jacobians(model, pair).split(1)
    assert_close(similarity(first, second).item(), 1.0, **EXACT)
    assert_close(model(pair)[0], model(pair)[1], **EXACT)


def test_the_kernel_is_a_sum_over_activities_weighted_by_what_they_matter_for():
    """k^I = Σ_layers ⟨a, a'⟩ ⟨δ, δ'⟩ with activities a (a constant 1 for the bias) and slopes δ of the output."""
    model, pair = small_network(1), drawn(2, INPUTS)
    entering = [pair, torch.tanh(model[0](pair)).detach()]
    slopes = [(1 - entering[1].square()) * model[2].weight.detach(), torch.ones(2, 1, dtype=torch.float64)]
    perceptual = sum((1 + a[0] @ a[1]) * (d[0] @ d[1]) for a, d in zip(entering, slopes, strict=True))
    own = [sum((1 + a[i] @ a[i]) * (d[i] @ d[i]) for a, d in zip(entering, slopes, strict=True)) for i in (0, 1)]
    first, second = oracles.exact_jacobians(model, pair).split(1)
    assert_close(similarity(first, second)[0, 0], perceptual / (own[0] * own[1]).sqrt(), **EXACT)
    assert_close(influence(first, second)[0, 0], perceptual / own[0], **EXACT)


@pytest.mark.parametrize("outputs", [1, 4])
def test_the_last_linear_layer_alone_is_the_cosine_of_what_enters_it(outputs):
    """With a bias, the gradients of a classifier's last layer have k^C = cos([h; 1], [h'; 1])."""
    model, inputs = small_network(outputs), drawn(5, INPUTS)
    model[0].requires_grad_(False)
    extended = torch.cat([torch.tanh(model[0](inputs)), torch.ones(5, 1, dtype=torch.float64)], 1)
    expected = torch.cosine_similarity(extended[:, None], extended[None], dim=2)
    jacobians = oracles.exact_jacobians(model, inputs)
    assert jacobians.shape == (5, outputs, 8 * outputs)
    assert_close(similarity(jacobians, jacobians), expected, **EXACT)


def test_a_log_softmax_is_compared_in_the_directions_that_its_outputs_can_move_in():
    """Σ_c p_c ∇ log p_c = 0, so K^-½ does not exist: its pseudo-inverse stands in, and the mean is over c − 1."""
    model = nn.Sequential(small_network(3), nn.LogSoftmax(dim=1))
    jacobians = oracles.exact_jacobians(model, drawn(4, INPUTS, seed=2))
    roots, touched = inverse_square_root(jacobians @ jacobians.mT)
    assert touched.all() and roots.isfinite().all()
    rows = [torch.linalg.svd(block).Vh[:2] for block in jacobians]  # the plane that each sample's gradients span
    left = [torch.linalg.svd(block).U[:, :2] for block in jacobians]
    expected = [
        [(u @ v @ w.mT @ z.mT).trace() / 2 for w, z in zip(rows, left, strict=True)]
        for v, u in zip(rows, left, strict=True)
    ]
    assert_close(similarity(jacobians, jacobians), torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=1e-8)
    assert_close(similarity(jacobians, jacobians).diagonal(), torch.ones(4, dtype=torch.float64), **EXACT)
