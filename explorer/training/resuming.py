"""A training that was interrupted goes on where it was, and ends as if it had not been: to the last bit on one thread.

All that a training changes stands in one safetensors file: weights, the state of the optimizer and of the generators,
the log so far, and the settings that it belongs to. Nothing is pickled.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from explorer.errors import SettingsError
from explorer.study.steps import write_file
from explorer.subjects.weights import METADATA_KEY

SECONDS = 1.0
"""A training writes down where it is after the first epoch that ends so long after it last did."""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where something lies in memory, which no two processes agree on."""
Row = dict[str, float]


class Point:
    """Where a training is, in memory and in a file.

    Args:
        path: the file; None keeps nothing.
        settings: JSON values; a file that was made with others is refused.
        model: is trained.
        optimizer: trains it.
        generator: of the order of samples; torch's own, which dropout reads, are kept as well.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Mapping[str, Any],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ):
        self.path, self.settings = path, json.loads(json.dumps(dict(settings)))
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.written = time.perf_counter()

    def read(self) -> list[Row]:
        """Put everything back to where the file says, and return the log until there; empty without a file.

        Raises:
            SettingsError: the file was made with other settings, or is damaged.
        """
        if self.path is None or not self.path.is_file():
            return []
        try:
            with safe_open(self.path, framework="pt") as file:
                told = json.loads((file.metadata() or {})[METADATA_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
            self._check(dict(told["settings"]))
            log = _checked_log(told["log"])
            self._fill(tensors)
            return log
        except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(
                f"an interrupted training cannot be read from {self.path}: {' '.join(str(error).split())}. Delete this "
                "file to begin anew."
            ) from error

    def write(self, log: list[Row], *, is_last: bool) -> None:
        """Write where the training is, unless that was done a moment ago and there is more to come."""
        if self.path is None or (time.perf_counter() - self.written < SECONDS and not is_last):
            return
        told = json.dumps({"settings": self.settings, "log": log})
        write_file(self.path, save(self._tensors(), metadata={METADATA_KEY: told}))
        self.written = time.perf_counter()

    def _tensors(self) -> dict[str, Tensor]:
        found = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{number}/{name}": value for name, value in state.items()}
        found = {name: value.detach().cpu().contiguous().clone() for name, value in found.items()}
        found |= {"random/order": self.generator.get_state(), "random/cpu": torch.get_rng_state()}
        place = next(self.model.parameters()).device
        if place.type == "cuda":
            found["random/cuda"] = torch.cuda.get_rng_state(place)
        return found

    def _fill(self, tensors: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "random": {}}
        for name, value in tensors.items():
            part, rest = name.split("/", 1)
            parts[part][rest] = value
        self.model.load_state_dict(parts["model"])
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in parts["optimizer"].items():
            number, rest = name.split("/", 1)
            states.setdefault(int(number), {})[rest] = value
        self.optimizer.load_state_dict({"state": states, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.generator.set_state(parts["random"]["order"])
        torch.set_rng_state(parts["random"]["cpu"])
        if "cuda" in parts["random"]:
            torch.cuda.set_rng_state(parts["random"]["cuda"], next(self.model.parameters()).device)

    def _check(self, former: Mapping[str, Any]) -> None:
        found = _difference(former, self.settings)
        if found:
            name, before, now = found
            raise SettingsError(
                f"{self.path} is an interrupted training with {name} {_short(before)}, found {_short(now)}. Train with "
                "the same settings to go on, or delete this file to begin anew."
            )


def _difference(former: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first setting that differs, by its name, and both values; within a table of settings, that of the line."""
    name = next((name for name in sorted({*former, *now}) if former.get(name) != now.get(name)), None)
    if name is None:
        return None
    values = former.get(name), now.get(name)
    if all(isinstance(value, dict) for value in values):
        inner, *values = _difference(*values)
        name = f"{name} {inner}".rstrip()
    return name, *values


def _checked_log(log: Any) -> list[Row]:
    """The rows of a log, each with the seconds that it goes on counting from."""
    rows = [{str(name): value for name, value in dict(row).items()} for row in log]
    if not rows or not all(isinstance(value, int | float) for row in rows for value in [row["seconds"], *row.values()]):
        raise ValueError("its log is no table of numbers")
    return rows


def network_facts(model: nn.Module) -> dict[str, Any]:
    """What tells a network with its first weights from another, as JSON values; to be taken before it is trained.

    Modules are told by kind and settings (ReLU() is not Tanh()), weights and buffers by shape and by a digest of all.
    What a module of one's own does in its forward is not seen.
    """
    digest = hashlib.sha256()
    for value in model.state_dict().values():
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    modules = {name: f"{type(one).__name__}({one.extra_repr()})" for name, one in model.named_modules()}
    return {
        "module": {name: ADDRESS.sub("", told) for name, told in modules.items()},
        "network": {name: list(value.shape) for name, value in model.state_dict().items()},
        "weights at the start": digest.hexdigest(),
    }


def data_digest(inputs: Tensor, targets: Tensor, rows: Any) -> str:
    """64 hex digits that change with an input, a label or which samples are for training."""
    digest = hashlib.sha256(repr((inputs.shape, inputs.dtype, targets.shape, targets.dtype)).encode())
    for one in (inputs, targets, torch.as_tensor(rows)):
        digest.update(one.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
