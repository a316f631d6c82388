"""New weights for a network of one's own: nothing of the former ones is left, or it is refused."""

import pytest
import torch
from torch import nn

from explorer.errors import SubjectError
from explorer.training.beginning import draw_weights


class Scaled(nn.Module):
    """A parameter of its own that it does not know how to draw."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


def everything():
    """Layers of many kinds, among them one that holds others and has parameters of its own."""
    attention = nn.TransformerEncoderLayer(4, 2, 8)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.PReLU(), nn.Embedding(5, 4), attention, nn.GRU(4, 4))


def test_no_weight_is_left_and_the_seed_alone_decides():
    """Running statistics included; torch's own random state stays as it was."""
    torch.manual_seed(1)
    one, other = everything(), everything()
    for value in one.state_dict().values():
        value.fill_(7)
    state = torch.get_rng_state()
    draw_weights(one, 3), draw_weights(other, 3)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert all((value != 7).all() for value in one.state_dict().values())
    draw_weights(other, 4)
    assert not torch.equal(one[0].weight, other[0].weight)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: nn.Sequential(nn.Linear(2, 3), Scaled()), "found Scaled 1 that draws no scale"),
        (Scaled, "found Scaled that draws no scale"),
        (lambda: nn.utils.weight_norm(nn.Linear(2, 3)), "found Linear that draws no weight_g"),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), "that draws no original"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_module_that_cannot_draw_its_weights_is_named(model, words):
    """Else a training would be called fresh that goes on from finished weights."""
    with pytest.raises(SubjectError, match=words):
        draw_weights(model(), 0)
