"""Similarity as a loss: value and derivative are those of the definition, for any network, in pairs and groups."""

import gc
import weakref
from itertools import combinations

import networks
import numpy as np
import oracles
import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.attention import SDPBackend, sdpa_kernel

from explorer.errors import EngineError, SettingsError, ShapeError
from explorer.similarity import unit_features
from explorer.training import gradients, similarity_loss
from explorer.training.loss import FEW, mean_similarities


class Doubled(torch.autograd.Function):
    """A function of one's own without a rule for many samples at once; it can be differentiated twice."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return values**3

    @staticmethod
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        return 3 * values**2 * gradient


class Once(Doubled):
    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        return 3 * values**2 * gradient


class Own(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.inner, self.head, self.function = nn.Linear(4, 4), nn.Linear(4, 3), function

    def forward(self, inputs):
        return self.head(self.function.apply(self.inner(inputs)))


class Crowded(nn.Module):
    """Answers to a sample by the others of its batch, even in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        found = torch.tanh(self.inner(inputs))
        return self.head(found - found.mean(0) / 2)


class Branching(Own):
    """Its flow depends on the numbers, which torch.func refuses."""

    def __init__(self):
        super().__init__(None)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs):
        found = self.inner(inputs)
        return self.head(torch.tanh(found * self.scale if found.sum() > 0 else found))


class Bound(nn.Module):
    """A network that answers by an output function."""

    def __init__(self, model, output):
        super().__init__()
        self.model, self.output = model, output

    def forward(self, inputs):
        return self.output(self.model, inputs)


def perceptron(outputs=3):
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


def convolutions():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.PReLU(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 2, groups=1), nn.PReLU(4), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip


NETWORKS = {
    "one output": (lambda: perceptron(1), (4,)),
    "perceptron": (perceptron, (4,)),
    "convolutions": (convolutions, (2, 6, 6)),
    "grouped convolutions": (lambda: networks.Pooled(nn.Conv2d(2, 4, 3, groups=2), 4), (2, 6, 6)),
    "norms, in place, a layer used twice": (networks.Residual, (2, 6, 6)),
    "positions before samples": (networks.TimeFirst, (3, 4)),
    "a weight used behind the layer's back": (networks.Borrowed, (4,)),
    "a function of one's own": (lambda: Own(Doubled), (4,)),
    "answers by the batch": (Crowded, (4,)),
    "flow by the numbers": (Branching, (4,)),
    "attention": (lambda: networks.Pooled(nn.TransformerEncoderLayer(4, 2, 6, 0.1, batch_first=True), 4, True), (3, 4)),
    "channels last": (lambda: networks.Pooled(nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5)), 5, True), (3, 4)),
}
"""Between them they take every way: heard at the layers, torch.func, one by one."""


def sound(build, shape=(4,), samples=4):
    """A network in float64 and evaluation mode, and samples for it."""
    model = networks.seeded(build).double().eval()
    generator = torch.Generator().manual_seed(1)
    return model, torch.randn(samples, *shape, generator=generator, dtype=torch.float64)


def slopes(loss, model):
    """The derivative by all parameters, flat; the graph is kept."""
    parameters = list(model.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    pieces = [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]
    return torch.cat([piece.flatten() for piece in pieces])


def assert_same(mine, exact, model):
    """The same number with the same derivative."""
    torch.testing.assert_close(mine, exact, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(slopes(mine, model), slopes(exact, model), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_value_and_gradient_are_those_of_the_definition(name):
    """Minus the mean k^C of two pairs, and its derivative, for any network, from gradients taken one by one."""
    model, inputs = sound(*NETWORKS[name])
    pairs = torch.tensor([[0, 2], [3, 1]])
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel can be differentiated only once
        exact = sum(oracles.pair_similarity(model, inputs[one], inputs[other]) for one, other in pairs) / 2
    assert_same(similarity_loss(model, inputs, pairs), -exact, model)


@pytest.mark.parametrize("mode", ["reward", "penalise", "contrast"])
@pytest.mark.parametrize("pairs", [torch.tensor([[0, 1], [2, 3]]), torch.tensor([0, 0, 1, 1])], ids=["pairs", "groups"])
@pytest.mark.parametrize("outputs", ["all", "mask"])
def test_the_gradient_is_the_numerical_one(mode, pairs, outputs):
    """Every parameter of a network with convolutions moved a little, in float64."""
    model, inputs = sound(convolutions, (2, 6, 6))
    labels = torch.tensor([0, 1, 2, 1])

    def loss(*_):
        return similarity_loss(model, inputs, pairs, mode=mode, outputs=outputs, labels=labels)

    assert torch.autograd.gradcheck(loss, tuple(model.parameters()), atol=1e-6)


@pytest.mark.parametrize("samples", [9, FEW + 7], ids=["few", "many"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_groups_are_the_mean_over_their_pairs(samples, outputs):
    """Both ways of adding up a group give what the pairs give, one by one; also the others, of different groups."""
    model, inputs = sound(
        lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(9, outputs)), (2, 4), samples
    )
    groups = torch.arange(samples) % 4 - 1  # the first of four belongs to none
    both = list(combinations(range(samples), 2))
    same = [pair for pair in both if groups[pair[0]] == groups[pair[1]] >= 0]
    other = [pair for pair in both if groups[pair[0]] != groups[pair[1]] and min(groups[pair[0]], groups[pair[1]]) >= 0]
    found = mean_similarities(model, inputs, groups)
    for mine, pairs in ((found.same, same), (found.other, other)):
        assert_same(mine, mean_similarities(model, inputs, torch.tensor(pairs)).same, model)
    assert found.pairs == len(same)


def test_lists_of_rows_are_groups():
    """The same as numbers of groups, whatever the order; a row that is in no list counts for nothing."""
    model, inputs = sound(perceptron, samples=6)
    lists = similarity_loss(model, inputs, [[4, 1], [0, 5, 2]], mode="contrast")
    assert_same(lists, similarity_loss(model, inputs, torch.tensor([1, 7, 1, -1, 7, 1]), mode="contrast"), model)


def test_contrast_of_pairs_is_against_rows_that_are_in_none_together():
    """Of the pairs (0, 1) and (2, 3) the others are the four between them; row 4 is in no pair."""
    model, inputs = sound(perceptron, samples=5)

    def alike(one, other):
        return oracles.pair_similarity(model, inputs[one], inputs[other])

    same = (alike(0, 1) + alike(2, 3)) / 2
    other = (alike(0, 2) + alike(0, 3) + alike(1, 2) + alike(1, 3)) / 4
    found = similarity_loss(model, inputs, torch.tensor([[0, 1], [3, 2]]), mode="contrast")
    assert_same(found, other - same, model)


def test_the_modes_are_signs_of_one_number():
    """Reward is minus penalise; contrast without others, or without pairs, is the one that is left."""
    model, inputs = sound(perceptron)
    pairs = torch.tensor([[0, 1]])
    reward, penalise, contrast = (
        similarity_loss(model, inputs, pairs, mode=mode) for mode in ("reward", "penalise", "contrast")
    )
    assert reward == contrast == -penalise
    alone = torch.tensor([0, 1, 2, 3])
    assert similarity_loss(model, inputs, alone) == 0
    everyone = torch.tensor(list(combinations(range(4), 2)))
    torch.testing.assert_close(
        similarity_loss(model, inputs, alone, mode="contrast"),
        similarity_loss(model, inputs, everyone, mode="penalise"),
    )


def test_the_mask_is_that_of_log_softmax():
    """+1 for the label and -1/(C-1) for all others add up to zero, so on log-softmax it is the same number."""
    model, inputs = sound(perceptron)
    labels = torch.tensor([2, 0, 1, 2])

    def masked(label):
        weights = torch.full((3,), -0.5, dtype=torch.float64)
        weights[label] = 1.0
        return lambda outputs: outputs.log_softmax(0) @ weights

    gradients_of = []
    for one, label in zip(inputs, labels, strict=True):
        found = torch.autograd.grad(masked(label)(model(one[None])[0]), list(model.parameters()), create_graph=True)
        gradients_of.append(torch.cat([piece.flatten() for piece in found]))
    exact = torch.nn.functional.cosine_similarity(gradients_of[0], gradients_of[1], dim=0)
    found = similarity_loss(model, inputs, torch.tensor([[0, 1]]), mode="penalise", outputs="mask", labels=labels)
    assert_same(found, exact, model)


def test_outputs_that_depend_on_each_other_are_normalized_as_features_are():
    """Log-softmax has a singular Gram matrix: the value is that of unit_features, and the gradient is finite."""
    model, inputs = sound(lambda: nn.Sequential(perceptron(), nn.LogSoftmax(1)))
    units = unit_features(oracles.exact_jacobians(model, inputs))
    found = similarity_loss(model, inputs, torch.tensor([[0, 3]]), mode="penalise")
    torch.testing.assert_close(found, units[0] @ units[3])
    assert slopes(found, model).isfinite().all()


@pytest.mark.parametrize("pairs", [torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 0, 0])], ids=["pairs", "groups"])
def test_a_sample_without_a_gradient_is_alike_to_none(pairs):
    """Similarity 0 and no nan in the derivative."""
    model, inputs = sound(
        lambda: nn.Sequential(nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 1, bias=False)), samples=3
    )
    inputs[1] = 0
    found = similarity_loss(model, inputs, pairs)
    kept = similarity_loss(model, inputs, torch.tensor([[0, 2]])) / 3 if pairs.dim() == 1 else 0 * found
    torch.testing.assert_close(found, kept)
    assert slopes(found, model).isfinite().all()


@pytest.mark.parametrize("build", [perceptron, networks.Borrowed])
def test_only_the_chosen_parameters_are_compared_and_all_are_moved(build):
    """The filter says whose gradients make the similarity; its derivative is by every parameter that they depend on."""
    model, inputs = sound(build)
    first = next(name for name, _ in model.named_parameters())
    exact = oracles.pair_similarity(model, inputs[0], inputs[1], names=[first])
    found = similarity_loss(
        model, inputs, torch.tensor([[0, 1]]), mode="penalise", parameters=lambda name: name == first
    )
    assert_same(found, exact, model)


def test_frozen_parameters_are_constants():
    """They are neither compared nor given a gradient."""
    model, inputs = sound(perceptron)
    exact = oracles.pair_similarity(model, inputs[0], inputs[1], names=["2.weight", "2.bias"])
    model[0].requires_grad_(False)
    found = similarity_loss(model, inputs, torch.tensor([[0, 1]]), mode="penalise")
    torch.testing.assert_close(found, exact)
    found.backward()
    assert model[0].weight.grad is None


def test_a_network_in_training_is_compared_as_in_evaluation():
    """Dropout is off and statistics are fixed: the value is that of evaluation mode, and nothing is updated."""
    model, inputs = sound(
        lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 2))
    )
    model(inputs)
    exact = similarity_loss(model, inputs, torch.tensor([[0, 1]]))
    model.train()
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert similarity_loss(model, inputs, torch.tensor([[0, 1]])) == exact
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model] == [True, True, False, True, True]


def test_a_gradient_step_makes_pairs_more_or_less_alike():
    """Reward raises what penalise lowers."""
    pairs = torch.tensor([[0, 1], [2, 3]])
    for mode, sign in (("reward", 1), ("penalise", -1)):
        model, inputs = sound(perceptron)
        before = mean_similarities(model, inputs, pairs).same.item()
        similarity_loss(model, inputs, pairs, mode=mode).backward()
        with torch.no_grad():
            for value in model.parameters():
                value -= 1e-3 * value.grad if value.grad is not None else 0
        assert sign * (mean_similarities(model, inputs, pairs).same.item() - before) > 0


def test_a_linear_network_has_a_constant_similarity():
    """Its gradients are the inputs, so there is nothing to enforce; the loss can be propagated all the same."""
    model, inputs = sound(lambda: nn.Linear(4, 2))
    similarity_loss(model, inputs, torch.tensor([[0, 1]])).backward()
    assert all(not value.grad.any() for value in model.parameters() if value.grad is not None)


def test_a_network_that_changes_is_looked_at_anew():
    """What was found out about a network is not used for another that took its place."""
    model, inputs = sound(perceptron)
    pairs = torch.tensor([[0, 1]])
    similarity_loss(model, inputs, pairs)
    model[1] = nn.Sequential(nn.PReLU(), nn.Linear(5, 5)).double()
    exact = oracles.pair_similarity(model, inputs[0], inputs[1])
    assert_same(similarity_loss(model, inputs, pairs), -exact, model)


def test_an_output_function_that_changes_is_looked_at_anew():
    """A function that is written on the spot may be given the place in memory of the one before it."""
    model, inputs = sound(perceptron)

    def of_both(model, inputs):
        return model(inputs) + (inputs @ model[0].weight.T.sin())[:, :3]

    exact = oracles.pair_similarity(Bound(model, of_both), inputs[0], inputs[1])
    for _ in range(5):
        similarity_loss(model, inputs, torch.tensor([[0, 1]]), output=lambda model, inputs: model(inputs))
        found = similarity_loss(
            model, inputs, torch.tensor([[0, 1]]), output=lambda model, inputs: of_both(model, inputs)
        )
        torch.testing.assert_close(found, -exact)


def test_networks_are_let_go_of():
    """Nothing keeps a network alive that was compared once."""
    model, inputs = sound(perceptron)
    similarity_loss(model, inputs, torch.tensor([[0, 1]])).backward()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert not len(gradients._WAYS)


def test_a_network_that_cannot_be_differentiated_twice_is_refused():
    """Before the backward pass of the loss, and in a sentence."""
    model, inputs = sound(lambda: Own(Once))
    with pytest.raises(EngineError, match="must be differentiable twice to enforce a similarity, found"):
        similarity_loss(model, inputs, torch.tensor([[0, 1]]))


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (torch.tensor([[0, 4]]), "rows must be from 0 to 3, found 0 to 4"),
        (torch.tensor([[-1, 2]]), "rows must be from 0 to 3, found -1 to 2"),
        (torch.tensor([[2, 2]]), "two different rows"),
        (torch.tensor([[0.0, 1.0]]), "must be whole numbers"),
        (torch.tensor([0, 1, 0]), r"groups \[4\], found torch.int64 \[3\]"),
        (torch.tensor(3), "must be whole numbers"),
        ([[0, 1], [1, 2]], "in one group at most"),
        ([[0, 9]], "rows must be from 0 to 3"),
        ([0, 0, 1, 1], "must be lists of row numbers, found int"),
        ([[0.5, 1.5]], "must be lists of row numbers"),
        (None, "found a NoneType"),
        (np.zeros((2, 3), dtype=int), "must be whole numbers"),
    ],
)
def test_pairs_that_do_not_belong_to_the_inputs_are_refused(pairs, words):
    model, inputs = sound(perceptron)
    with pytest.raises(ShapeError, match=words):
        similarity_loss(model, inputs, pairs)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"mode": "praise"}, SettingsError, "mode must be one of reward, penalise, contrast, found 'praise'"),
        ({"outputs": "some"}, ShapeError, "outputs must be one of all, mask"),
        ({"outputs": "mask"}, ShapeError, r"labels for outputs='mask' must be \[4\], found none"),
        ({"outputs": "mask", "labels": torch.zeros(3)}, ShapeError, r"must be \[4\], found \[3\]"),
        (
            {"outputs": "mask", "labels": torch.full((4,), 0.5)},
            ShapeError,
            "must be whole numbers, found torch.float32",
        ),
        ({"outputs": "mask", "labels": torch.tensor([0, 1, 2, 3])}, ShapeError, "must be from 0 to 2, found 0 to 3"),
        ({"parameters": lambda name: False}, ShapeError, "expected parameters to take gradients of, found none"),
        ({"output": lambda model, inputs: {"a": 1}}, ShapeError, r"must answer \[1, C\] to one sample, found a dict"),
        ({"output": lambda model, inputs: model(inputs)[:, 0]}, ShapeError, r"must answer \[1, C\] .*, found \[1\]"),
    ],
)
def test_options_that_cannot_be_are_refused(options, error, words):
    model, inputs = sound(perceptron)
    with pytest.raises(error, match=words):
        similarity_loss(model, inputs, torch.tensor([[0, 1]]), **options)


def test_a_network_that_answers_with_more_than_outputs_is_refused():
    with pytest.raises(ShapeError, match=r"must answer \[1, C\] to one sample, found a tuple"):
        similarity_loss(nn.LSTM(4, 3, batch_first=True), torch.randn(4, 1, 4), torch.tensor([[0, 1]]))


def test_what_is_hidden_behind_weights_of_zero_is_looked_at_again():
    """A head of zeros stops all gradients before it, right and wrong ones alike; the first step takes it away."""
    model, inputs = sound(lambda: nn.Sequential(networks.Borrowed(), nn.Linear(3, 2)))
    head = model[1].weight.detach().clone()
    pairs = torch.tensor([[0, 1]])
    with torch.no_grad():
        model[1].weight.zero_()
    similarity_loss(model, inputs, pairs)
    with torch.no_grad():
        model[1].weight.copy_(head)
    assert_same(
        similarity_loss(model, inputs, pairs, mode="penalise"), oracles.pair_similarity(model, *inputs[:2]), model
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can see")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_gives_the_same(name):
    """Value and derivative in float64, to rounding."""
    model, inputs = sound(*NETWORKS[name])
    pairs = torch.tensor([[0, 2], [3, 1]])
    on_cpu = similarity_loss(model, inputs, pairs)
    expected = slopes(on_cpu, model)
    model.cuda()
    on_gpu = similarity_loss(model, inputs.cuda(), pairs)
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(slopes(on_gpu, model).cpu(), expected, rtol=1e-6, atol=1e-8)
