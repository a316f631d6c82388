"""Weights of networks as safetensors: strictly read, nothing unpickled."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from explorer.errors import SubjectError

METADATA_KEY = "explorer"


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
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise SubjectError(
                f"the weights {path} do not fit the network: {name} should be {_in_words(expected.get(name))}, "
                f"found {_in_words(found.get(name))}. {remedy}"
            )
    model.load_state_dict(tensors)


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
