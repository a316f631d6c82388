"""Networks by a word and their weights: what fits is taken whole, what does not is told in a sentence."""

import sys

import pytest
import torch
from safetensors.torch import save_file
from subjects.own_data import write_networks
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects.models import make_model

FACTS = {"classes": 3, "features": 5}


@pytest.fixture
def networks(tmp_path):
    return write_networks(tmp_path)


def test_a_function_is_given_what_it_asks_for(networks):
    """By the names in its signature; the network comes in evaluation mode."""
    model = make_model(f"{networks}:row_network", None, FACTS)
    assert model(torch.zeros(2, 5)).shape == (2, 3)
    assert not model.training
    assert isinstance(make_model(f"{networks}:ready", None, FACTS), nn.Linear)


def test_a_module_is_imported(networks, monkeypatch):
    """module:function is found as Python finds modules."""
    monkeypatch.syspath_prepend(str(networks.parent))
    monkeypatch.delitem(sys.modules, "networks", raising=False)
    assert make_model("networks:row_network", None, FACTS)(torch.zeros(1, 5)).shape == (1, 3)
    monkeypatch.delitem(sys.modules, "networks")


def test_a_module_that_ends_the_program_is_told(tmp_path, monkeypatch):
    """A script without a guard, for instance."""
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SubjectError, match="the module leaving .* could not be imported: SystemExit: 3"):
        make_model("leaving:network", None, FACTS)


def test_first_weights_are_the_same_every_time(networks):
    """A network without weights is drawn with a fixed seed, and torch's own random state is left as it was."""
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = (make_model(f"{networks}:row_network", None, FACTS).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{networks}:greedy", "may ask for classes, features, found that it also needs width"),
        ("{networks}:number", "must return a torch.nn.Module, found a int"),
        ("{networks}:failing", "networks.py line 19: RuntimeError: no network today"),
        ("{networks}:none", "expected a function 'none' in networks.py, found"),
        ("{folder}/no.py:f", "expected a Python file at"),
        ("nowhere_at_all:f", "the module nowhere_at_all .* could not be imported: ModuleNotFoundError"),
        ("json:f", "expected a function 'f' in the module json"),
        ("json:loads", "json:loads may ask|loads may ask for classes, features, found that it also needs s"),
        ("resnet18", "a model must be path/file.py:function, .* found 'resnet18'"),
        ("{folder}/no.pt2", "expected an exported program in .*no.pt2, found no such file"),
    ],
)
def test_what_is_no_network_is_told(networks, spec, words):
    """With the line in the user's file where it has one."""
    with pytest.raises(SubjectError, match=words) as caught:
        make_model(spec.format(networks=networks, folder=networks.parent), None, FACTS)
    assert str(caught.value).endswith(".")


def test_timm_is_asked_for_or_told_to_be_installed():
    """A network of timm needs its weights: nothing is downloaded."""
    with pytest.raises(SubjectError, match="pip install timm|expected its weights"):
        make_model("timm:resnet18", None, FACTS)


@pytest.fixture
def trained(networks):
    model = make_model(f"{networks}:row_network", None, FACTS)
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(generator=torch.Generator().manual_seed(1))
    return model


WRAPPED = {
    "alone": lambda state: state,
    "checkpoint": lambda state: {"epoch": 3, "state_dict": state, "loss": 0.5},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled in parallel": lambda state: {f"module._orig_mod.{name}": value for name, value in state.items()},
    "lightning": lambda state: {"state_dict": {f"model.{name}": value for name, value in state.items()}},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
def test_weights_are_found_in_what_training_programs_write(networks, trained, wrapping, suffix):
    """However they are wrapped, the network answers as the trained one does."""
    path = networks.with_name(f"net{suffix}")
    torch.save(WRAPPED[wrapping](trained.state_dict()), path)
    model = make_model(f"{networks}:row_network", path, FACTS)
    rows = torch.randn(4, 5)
    assert torch.equal(model(rows), trained(rows))


def test_weights_are_found_in_safetensors(networks, trained):
    """Also with a prefix."""
    path = networks.with_name("net.safetensors")
    save_file({f"module.{name}": value for name, value in trained.state_dict().items()}, path)
    model = make_model(f"{networks}:row_network", path, FACTS)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in trained.state_dict().items())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"0.weight": torch.zeros(8, 5)}, r"0.bias should be \[8\], found absent \(2 more differ\)"),
        ({"state_dict": 3}, "must hold a state_dict, found a dict without one"),
        ([torch.zeros(2)], "must hold a state_dict, found a list without one"),
        ({}, "must hold a state_dict, found a dict without one"),
        (torch.zeros(3), "must hold a state_dict, found a Tensor without one"),
    ],
)
def test_weights_that_do_not_fit_are_told(networks, content, words):
    """The first difference and how many more there are."""
    path = networks.with_name("net.pt")
    torch.save(content, path)
    with pytest.raises(SubjectError, match=words):
        make_model(f"{networks}:row_network", path, FACTS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x02}", b"hello"])
def test_damaged_weights_are_told(networks, content):
    """A file that is cut, empty or something else has a sentence."""
    path = networks.with_name("net.pt")
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=r"net.pt (cannot be read|holds more than weights|must hold)"):
        make_model(f"{networks}:row_network", path, FACTS)
    with pytest.raises(SubjectError, match=r"expected weights in .*nowhere.pt, found no such file"):
        make_model(f"{networks}:row_network", networks.with_name("nowhere.pt"), FACTS)
