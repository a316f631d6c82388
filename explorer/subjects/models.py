"""Networks by a word: a function of the user's, an architecture of timm, or an exported program; and their weights."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects.running import run_own
from explorer.subjects.weights import load_state

TIMM, EXPORTED = "timm:", ".pt2"
FORMS = "path/file.py:function, module:function, timm:NAME or a file ending in .pt2"


def make_model(spec: str, weights: Path | None, facts: Mapping[str, int]) -> nn.Module:
    """A network on the CPU, in evaluation mode.

    Args:
        spec: `path/file.py:function` or `module:function`, called with those of the facts that its signature names
            (running it is running the user's code); `timm:NAME`; or an exported program in a .pt2 file.
        weights: .safetensors, or a state_dict saved by torch, read without unpickling anything else; None keeps what
            the function gives the network. Without them first weights are drawn with a fixed seed, so that the network
            is the same every time.
        facts: classes (how many, or how many targets) and, as it applies, features (of a row) or channels (of a
            picture).

    Raises:
        SubjectError: there is no such network, or the weights do not fit it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = _made(spec, weights, facts)
    if not isinstance(model, nn.Module):
        raise SubjectError(f"{spec} must return a torch.nn.Module, found a {type(model).__name__}. Return the network.")
    if weights is not None:
        load_state(model, weights)
    return model if spec.endswith(EXPORTED) else model.eval()


def resolved_model(spec: str) -> str:
    """The same word with the path of its file made absolute, so that it can be loaded from anywhere."""
    file, colon, function = spec.rpartition(":")
    if file.endswith(".py"):
        return f"{Path(file).resolve()}{colon}{function}"
    return str(Path(spec).resolve()) if spec.endswith(EXPORTED) else spec


def _made(spec: str, weights: Path | None, facts: Mapping[str, int]) -> Any:
    if spec.startswith(TIMM):
        return _timm(spec.removeprefix(TIMM), weights, facts)
    if spec.endswith(EXPORTED):
        from explorer.subjects.exported import load_exported

        return load_exported(Path(spec))
    place, _, function = spec.rpartition(":")
    if not place or not function:
        raise SubjectError(f"a model must be {FORMS}, found {spec!r}. Name one of these.")
    if place.endswith(".py"):
        return run_own(Path(place), function, lambda make: _called(make, function, facts))
    try:
        make = getattr(importlib.import_module(place), function, None)
    except (Exception, SystemExit) as error:
        raise SubjectError(
            f"the module {place} of the model {spec} could not be imported: {type(error).__name__}: {error}. "
            "Start where it can be found, or name a file: path/file.py:function."
        ) from error
    if not callable(make):
        raise SubjectError(f"expected a function {function!r} in the module {place}, found none. Check the name.")
    try:
        return _called(make, function, facts)
    except SubjectError:
        raise
    except (Exception, SystemExit) as error:
        raise SubjectError(f"{spec} raised {type(error).__name__}: {error}. Mend it.") from error


def _called(make: Callable[..., Any], name: str, facts: Mapping[str, int]) -> Any:
    if isinstance(make, nn.Module):
        return make
    wanted = inspect.signature(make).parameters
    known = {word: value for word, value in facts.items() if word in wanted}
    plain = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    unknown = [
        word for word, one in wanted.items() if one.default is one.empty and one.kind not in plain and word not in known
    ]
    if unknown:
        raise SubjectError(
            f"{name} may ask for {', '.join(facts)}, found that it also needs {', '.join(unknown)}. "
            "Give these a default, or name a function that needs nothing."
        )
    return make(**known)


def _timm(name: str, weights: Path | None, facts: Mapping[str, int]) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise SubjectError(f"the model timm:{name} needs timm, found none. Install it: pip install timm.") from error
    if weights is None:
        raise SubjectError(f"timm:{name} is a network without training, expected its weights. Add --weights FILE.")
    if name not in timm.list_models():
        raise SubjectError(f"timm knows no network {name!r}. See timm.list_models().")
    return timm.create_model(name, pretrained=False, num_classes=facts["classes"], in_chans=facts.get("channels", 3))
