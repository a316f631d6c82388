"""Weights on disk, whole or not at all: those of a trained network, and those on the way to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from explorer.errors import SettingsError
from explorer.study.steps import write_file
from explorer.subjects.weights import METADATA_KEY


def save_weights(model: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the weights of a network as safetensors, whole or not at all.

    Args:
        model: its parameters and buffers are written; of shared ones each name gets a copy.
        path: replaced when it exists.
        metadata: JSON values to keep beside the weights.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    # One entry, since safetensors keeps several in a new order every time and the file would never be twice the same.
    write_file(path, save(tensors, metadata={METADATA_KEY: json.dumps(dict(metadata), sort_keys=True)}))


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """The weights of a network while it is trained, each as a file of its own beside the final weights."""

    out: Path
    """Where the final weights go; `net.safetensors` has snapshots like `net.epoch-0005.safetensors`."""
    at: Sequence[int] = ()
    """After which epochs (steps, when a training is counted in steps); 0 is before the first."""
    every: int | None = None
    """After each so many epochs or steps, 0 included, in place of `at`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON values to keep beside the weights; the epoch or step is added."""

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise SettingsError(f"snapshots every so many need at least 1, found {self.every}. Raise it.")
        if any(one < 0 for one in self.at):
            raise SettingsError(f"snapshots are taken after 0 or more, found {min(self.at)}. Leave it out.")

    def path(self, name: str, count: int) -> Path:
        """Where a snapshot lies.

        >>> Snapshots(out=Path("net.safetensors")).path("epoch", 5).name
        'net.epoch-0005.safetensors'
        """
        return self.out.with_suffix(f".{name}-{count:04d}.safetensors")

    def is_due(self, count: int) -> bool:
        """Whether there is a snapshot after so many epochs or steps."""
        return count % self.every == 0 if self.every else count in self.at

    def check(self, name: str, reached: range) -> None:
        """Make sure that every snapshot that was asked for will be taken.

        Raises:
            SettingsError: a training does not stop there.
        """
        missed = sorted(one for one in set(self.at) if one not in reached)
        if missed:
            raise SettingsError(
                f"a snapshot after {name} {missed[0]} was asked for, found that the training is whole after "
                f"{reached[-1]} and stops at {_in_words(reached)}. Choose some of these."
            )

    def check_taken(self, name: str, reached: range) -> None:
        """Make sure that what a training is to go on from has the snapshots that lie before it.

        Raises:
            SettingsError: one is not there, so it was not asked for then, or deleted since.
        """
        lost = next((one for one in reached if self.is_due(one) and not self.path(name, one).is_file()), None)
        if lost is not None:
            raise SettingsError(
                f"a snapshot after {name} {lost} was asked for, found an interrupted training that has come to "
                f"{reached[-1]} without it. Ask for later ones, or delete its .resume.safetensors to begin anew."
            )

    def take(self, model: nn.Module, name: str, count: int) -> None:
        """Write a snapshot if one is due."""
        if self.is_due(count):
            save_weights(model, self.path(name, count), {**self.metadata, name: count})


def _in_words(numbers: range) -> str:
    return ", ".join(map(str, numbers[:3])) + (f" … {numbers[-1]}" if numbers[3:] else "")
