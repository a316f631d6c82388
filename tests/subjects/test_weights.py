"""Weights are read strictly: all that fit, or none and a sentence."""

import copy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects.weights import load_state, load_weights, weights_metadata

REMEDY = "Make them again."


@pytest.fixture
def file(tmp_path, model):
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_reading_gives_back_what_was_written(file, model):
    """Another network of the same shape becomes the same network."""
    other = nn.Linear(5, 3)
    load_weights(other, file, REMEDY)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Linear(5, 4), "bias should be [4], found [3]"),
        (nn.Linear(5, 3, bias=False), "bias should be absent, found [3]"),
        (nn.PReLU(), "bias should be absent, found [3]"),
    ],
    ids=["shape", "one too many", "another network"],
)
def test_weights_of_another_network_are_refused(file, network, words):
    """What does not fit is named, and the network is left as it was."""
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(SubjectError) as caught:
        load_weights(network, file, REMEDY)
    assert words in str(caught.value)
    assert str(caught.value).endswith(REMEDY)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "kind", [lambda value: value.to_sparse(), lambda value: value + 0j, lambda value: value.to("meta")]
)
def test_tensors_that_are_no_plain_numbers_are_refused(model, tmp_path, kind):
    """Sparse, complex or empty ones cannot be copied; all weights stay as they were."""
    before = copy.deepcopy(model.state_dict())
    torch.save({**before, "weight": kind(before["weight"])}, tmp_path / "weights.pt")
    with pytest.raises(SubjectError, match="must be dense tensors of real numbers, found another kind in weight"):
        load_state(model, tmp_path / "weights.pt")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_network_without_shapes_is_not_filled(file):
    """Lazy layers have none until they are run."""
    with pytest.raises(SubjectError, match="must have shapes .* found none for weight. Run it once"):
        load_state(nn.LazyLinear(3), file)


def test_missing_weights_are_named_with_the_remedy(tmp_path, model):
    """The sentence says where they should be and how to get them."""
    with pytest.raises(SubjectError, match=r"nowhere.safetensors, found no such file. Make them again."):
        load_weights(model, tmp_path / "nowhere.safetensors", REMEDY)


@pytest.mark.parametrize("keep", [0, 7, 40, -1])
def test_damaged_weights_are_refused(file, model, keep):
    """A file cut off anywhere is not read."""
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(SubjectError, match="cannot be read: .* Make them again."):
        load_weights(model, file, REMEDY)


def test_weights_of_others_have_no_metadata(file):
    """A file without our words in it is a file all the same."""
    assert weights_metadata(file) == {}
