"""Shares by layer add up to the similarity, and slopes are those of the similarity itself."""

import networks
import numpy as np
import oracles
import pytest
import torch
from torch import nn

from explorer.errors import EngineError
from explorer.features import calibrate, exact_similarity
from explorer.features.attribution import input_gradient, layer_shares, shares_of_pair, similarity_gradient
from explorer.features.gradients import collect_gradients
from explorer.features.network import without_layers
from explorer.features.outputs import output_selection
from explorer.records import Settings

SETTINGS = Settings(dim=8, calibration=4)


def drawn(*shape, seed=5):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth_cnn(outputs=3):
    """Convolutions, a norm and a pooling, and nothing with a kink."""
    return networks.seeded(
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.GroupNorm(2, 4),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(6, outputs),
        )
    )


def selecting(mode):
    return lambda outputs: output_selection(mode, outputs, None)


def one_of(network, inputs, mode="all"):
    return collect_gradients(network, inputs, selecting(mode))


def dense(model, x, y, selection=None):
    """k^C of two inputs from dense jacobians, in numpy."""
    jacobians = oracles.exact_jacobians(model, torch.stack([x, y])).numpy()
    if selection is not None:
        jacobians = np.einsum("oc,ncq->noq", selection, jacobians)
    return oracles.similarity(jacobians[:1], jacobians[1:])[0, 0]


def dense_shares(model, x, y):
    """The share of each parameter, by its name: K restricted to its entries between the roots of the whole."""
    jacobians = oracles.exact_jacobians(model, torch.stack([x, y])).numpy()
    roots = [oracles.inverse_root(one) for one in jacobians]
    shares, start = {}, 0
    for name, parameter in model.named_parameters():
        mine, other = jacobians[:, :, start : start + parameter.numel()]
        start += parameter.numel()
        shares[name] = np.trace(roots[0] @ oracles.kernel(mine, other) @ roots[1]) / len(mine)
    return shares


@pytest.mark.parametrize("outputs", [1, 3])
def test_shares_of_layers_are_the_oracle_s(outputs):
    """A layer's share is what its own parameters add, for one output and for several; together they are k^C."""
    model, inputs = smooth_cnn(outputs), drawn(4, 2, 6, 6).double()
    network = networks.network_of(model, inputs)
    names, shares = shares_of_pair(one_of(network, inputs[:1]), one_of(network, inputs[1:2]))
    alone = dense_shares(network.model, inputs[0], inputs[1])
    expected = [sum(alone[f"{place}.{word}"] for word in ("weight", "bias")) for place in (0, 1, 4, 7)]
    assert names == ["0 (Conv2d)", "1 (GroupNorm)", "4 (Conv2d)", "7 (Linear)"]
    np.testing.assert_allclose(shares, expected, atol=1e-10)
    assert shares.sum() == pytest.approx(dense(network.model, inputs[0], inputs[1]), abs=1e-10)


@pytest.mark.parametrize("build", [networks.Residual, networks.Tied, networks.Borrowed, networks.TimeFirst])
def test_shares_add_up_where_engines_are_mixed(build):
    """Layers used twice, tied weights and parameters of no layer: every parameter is counted once, by either engine."""
    inputs = {
        networks.Residual: drawn(4, 2, 8, 8),
        networks.Tied: torch.randint(0, 11, (4, 6), generator=torch.Generator().manual_seed(1)),
        networks.Borrowed: drawn(4, 4),
        networks.TimeFirst: drawn(4, 5, 4),
    }[build]
    network = networks.network_of(networks.seeded(build).eval(), inputs)
    checked = inputs if inputs.dtype == torch.int64 else inputs.double()
    expected = dense(network.model, checked[0], checked[1])
    for some in (network, without_layers(network, {layer.name for layer in network.layers})):
        names, shares = shares_of_pair(one_of(some, checked[:1]), one_of(some, checked[1:2]))
        assert len(names) == len(set(names)) == len(shares)
        assert shares.sum() == pytest.approx(expected, abs=1e-9)


def test_names_tell_a_parameter_that_belongs_to_no_layer():
    """A layer has its path and type, a parameter of the network itself its own name."""
    tokens = torch.randint(0, 11, (4, 6), generator=torch.Generator().manual_seed(1))
    network = networks.network_of(networks.seeded(networks.Tied), tokens)
    names, _ = shares_of_pair(one_of(network, tokens[:1]), one_of(network, tokens[1:2]))
    assert {"mix (Linear)", "head (Linear)", "scale (parameter)"} < set(names)


def test_shares_of_a_subject_add_up_to_its_exact_similarity():
    """By row numbers of a subject, and the same with the two rows exchanged."""
    subject = networks.subject_of(smooth_cnn(), drawn(8, 2, 6, 6))
    projection = calibrate(subject, SETTINGS)
    names, shares = layer_shares(subject, projection, 1, 6, SETTINGS)
    exact = exact_similarity(subject, projection, [1], [6], SETTINGS)[0, 0]
    assert shares.dtype == np.float64
    assert shares.sum() == pytest.approx(exact, abs=1e-5)
    exchanged = layer_shares(subject, projection, 6, 1, SETTINGS)
    assert exchanged[0] == names
    np.testing.assert_allclose(exchanged[1], shares, atol=1e-5)


@pytest.mark.parametrize(("outputs", "mode"), [(1, "all"), (3, "all"), (3, "predicted"), (3, "contrast")])
def test_the_slope_is_that_of_the_similarity(outputs, mode):
    """Central differences of the dense float64 k^C at every input value, which output is measured held constant."""
    model, inputs = smooth_cnn(outputs), drawn(4, 2, 6, 6).double()
    network = networks.network_of(model, inputs)
    select = selecting(mode)
    found = input_gradient(network, inputs[:1], inputs[1:2], select, select)
    chosen = [select(network.model(inputs[row : row + 1]).detach())[0].numpy() for row in (0, 1)]
    expected, step = torch.zeros(2 * 6 * 6, dtype=torch.float64), 1e-4
    for place in range(len(expected)):
        ends = []
        for sign in (1, -1):
            moved = inputs[0].clone().flatten()
            moved[place] += sign * step
            jacobians = oracles.exact_jacobians(network.model, torch.stack([moved.reshape(2, 6, 6), inputs[1]])).numpy()
            mine, other = (matrix @ jacobian for matrix, jacobian in zip(chosen, jacobians, strict=True))
            ends.append(oracles.similarity(mine[None], other[None])[0, 0])
        expected[place] = (ends[0] - ends[1]) / (2 * step)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found.flatten(), expected, atol=1e-7, rtol=1e-5)


def test_a_sample_is_as_similar_to_its_copy_as_can_be():
    """k^C(x, x) is 1 and no more is possible: its slope is zero."""
    inputs = drawn(4, 2, 6, 6).double()
    network = networks.network_of(smooth_cnn(), inputs)
    slope = input_gradient(network, inputs[:1], inputs[:1], selecting("all"), selecting("all"))
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-10, rtol=0)


def test_outputs_that_depend_on_each_other_have_a_slope():
    """Softmax outputs add up to one: the direction in which they cannot move adds nothing, and nothing blows up."""
    inputs = drawn(4, 4).double()
    body = networks.seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(dim=1)))
    network = networks.network_of(body, inputs)
    select, step = selecting("all"), 1e-4
    found = input_gradient(network, inputs[:1], inputs[1:2], select, select)

    def similarity(x):
        return shares_of_pair(one_of(network, x[None]), one_of(network, inputs[1:2]))[1].sum()

    for place in range(4):
        move = torch.eye(4, dtype=torch.float64)[place] * step
        difference = (similarity(inputs[0] + move) - similarity(inputs[0] - move)) / (2 * step)
        assert float(found[place]) == pytest.approx(difference, abs=1e-5)


def test_a_sample_without_a_gradient_has_neither_shares_nor_slope():
    """A dead network is similar to nothing, however its inputs change."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    inputs = torch.cat([drawn(3, 4), torch.zeros(1, 4)]).double()
    network = networks.network_of(networks.seeded(lambda: model), inputs)
    names, shares = shares_of_pair(one_of(network, inputs[:1]), one_of(network, inputs[3:]))
    assert shares.tolist() == [0.0] * len(names)
    for x, y in ((inputs[:1], inputs[3:]), (inputs[3:], inputs[:1])):
        assert not input_gradient(network, x, y, selecting("all"), selecting("all")).any()


class Attentive(nn.Module):
    """A transformer layer and a recurrent one: fused kernels that have no second derivative by themselves."""

    def __init__(self, recurrent):
        super().__init__()
        self.mix = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, activation="gelu", batch_first=True)
        self.run = nn.LSTM(4, 4, batch_first=True) if recurrent else None
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        found = self.mix(inputs)
        return self.head((self.run(found)[0] if self.run else found).mean(1))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("recurrent", [False, True])
def test_fused_layers_have_a_slope(recurrent):
    """Attention and recurrent layers are taken apart, so that they too can be differentiated twice."""
    subject = networks.subject_of(networks.seeded(lambda: Attentive(recurrent)).eval(), drawn(8, 3, 4))
    projection = calibrate(subject, SETTINGS)
    slope = similarity_gradient(subject, projection, 0, 1, SETTINGS)
    assert slope.shape == (3, 4) and slope.dtype == np.float32
    moved, step = subject.dataset.clone(), 1e-2
    shift = torch.tensor(slope) / np.linalg.norm(slope) * step
    moved[2], moved[3] = moved[0] + shift, moved[0] - shift
    other = networks.subject_of(subject.model, moved)
    ahead, behind = exact_similarity(other, projection, [2, 3], [1], SETTINGS)[:, 0]
    assert (ahead - behind) / (2 * step) == pytest.approx(float(np.linalg.norm(slope)), rel=0.02)


class Once(torch.autograd.Function):
    """A tangent that can be differentiated once only, as some compiled kernels can."""

    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return torch.tanh(inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slopes):
        (inputs,) = ctx.saved_tensors
        return slopes * (1 - torch.tanh(inputs) ** 2)


class OnceOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, inputs):
        return self.head(Once.apply(self.inner(inputs)))


def test_what_cannot_be_differentiated_twice_is_said():
    """One sentence with the cause and a way out, for the network and for inputs that are not numbers on a scale."""
    subject = networks.subject_of(networks.seeded(OnceOnly), drawn(8, 4))
    projection = calibrate(subject, SETTINGS)
    with pytest.raises(EngineError, match="differentiated twice, found: .*Ask for the shares by layer"):
        similarity_gradient(subject, projection, 0, 1, SETTINGS)
    tokens = torch.randint(0, 11, (8, 6), generator=torch.Generator().manual_seed(1))
    subject = networks.subject_of(networks.seeded(networks.Tied), tokens)
    with pytest.raises(EngineError, match="inputs that can change a little, found int64"):
        similarity_gradient(subject, calibrate(subject, SETTINGS), 0, 1, SETTINGS)
