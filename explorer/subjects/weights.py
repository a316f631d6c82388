"""Weights of networks: strictly read, nothing unpickled but the tensors of a state_dict."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

from explorer.errors import SubjectError

METADATA_KEY = "explorer"
OTHERS = "Save model.state_dict(), best with safetensors.torch.save_file."
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Under which names training programs keep the state_dict in their checkpoints."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What wrappers (DataParallel, torch.compile, Lightning) put before every name."""


def load_weights(model: nn.Module, path: Path, remedy: str) -> None:
    """Fill a network with the weights of a file. Either all of them are replaced or none is.

    Args:
        model: modified in place; its weights keep their device.
        path: a safetensors file with exactly the model's names and shapes.
        remedy: what to do when the file cannot be used, the last sentence of the message.

    Raises:
        SubjectError: the file is missing, damaged, or was made for another network.
    """
    tensors, _ = _read(path, remedy)
    _fill(model, tensors, path, remedy)


def load_state(model: nn.Module, path: Path) -> None:
    """Fill a network with the weights of a stranger's file. Either all of them are replaced or none is.

    Args:
        model: modified in place.
        path: .safetensors; or a state_dict saved by torch, alone or inside a checkpoint, read with weights_only, so
            that nothing in it is run. Names may begin with what DataParallel, torch.compile or Lightning put there.

    Raises:
        SubjectError: the file is missing, damaged, holds more than weights, or was made for another network.
    """
    tensors = _read(path, OTHERS)[0] if path.suffix == ".safetensors" else _torch_state(path)
    _fill(model, _without_prefix(tensors, model), path, "Name the network that they were trained in.")


def weights_metadata(path: Path, remedy: str = "Train the network again.") -> dict[str, Any]:
    """What was written about the training beside the weights: subject, seed, epochs, accuracy and more.

    Raises:
        SubjectError: the file is missing or damaged.
    """
    return _read(path, remedy)[1]


def _read(path: Path, remedy: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise SubjectError(f"expected weights in {path}, found no such file. {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118  (not a mapping)
    except (SafetensorError, ValueError, OSError) as error:
        raise SubjectError(f"the weights {path} cannot be read: {error}. {remedy}") from error


def _in_words(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else str(list(shape))


def _fill(model: nn.Module, tensors: Mapping[str, Tensor], path: Path, remedy: str) -> None:
    own = model.state_dict()
    lazy = next((name for name, value in own.items() if isinstance(value, UninitializedTensorMixin)), None)
    if lazy is not None:
        raise SubjectError(
            f"the network must have shapes before it is filled with {path}, found none for {lazy}. "
            "Run it once before returning it."
        )
    odd = next((name for name, value in tensors.items() if not _is_plain(value)), None)
    if odd is not None:
        raise SubjectError(
            f"weights must be dense tensors of real numbers, found another kind in {odd} of {path}. {remedy}"
        )
    expected = {name: tuple(value.shape) for name, value in own.items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
    if wrong:
        others = f" ({len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        raise SubjectError(
            f"the weights {path} do not fit the network: {wrong[0]} should be {_in_words(expected.get(wrong[0]))}, "
            f"found {_in_words(found.get(wrong[0]))}{others}. {remedy}"
        )
    model.load_state_dict(tensors)


def _is_plain(value: Tensor) -> bool:
    return value.layout == torch.strided and not (value.is_meta or value.is_complex() or value.is_quantized)


def _torch_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise SubjectError(f"expected weights in {path}, found no such file. Check the path.")
    _check_unpacked(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise SubjectError(
            f"{path} holds more than weights, expected tensors by name: reading the rest could run a stranger's code. "
            f"{OTHERS}"
        ) from error
    except Exception as error:
        found = " ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise SubjectError(f"the weights {path} cannot be read: {found}. {OTHERS}") from error
    inner = [found[name] for name in WRAPPERS if isinstance(found, Mapping) and isinstance(found.get(name), Mapping)]
    for state in (found, *inner):
        if isinstance(state, Mapping) and state and all(isinstance(value, Tensor) for value in state.values()):
            return {str(name): value for name, value in state.items()}
    raise SubjectError(f"{path} must hold a state_dict, found a {type(found).__name__} without one. {OTHERS}")


def _check_unpacked(path: Path) -> None:
    """Archives of torch are stored as they are; one that is compressed was made by someone else, perhaps as a bomb."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise SubjectError(f"the weights {path} must not be compressed, found that they are. {OTHERS}")


def _without_prefix(tensors: Mapping[str, Tensor], model: nn.Module) -> Mapping[str, Tensor]:
    expected = model.state_dict().keys()
    while tensors.keys() != expected:
        prefix = next((one for one in PREFIXES if tensors and all(name.startswith(one) for name in tensors)), None)
        if prefix is None:
            break
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
