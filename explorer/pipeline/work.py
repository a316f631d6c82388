"""What a step gets to work with, and what it hands back."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from explorer.features.calibration import MOST_AT_ONCE
from explorer.features.memory import in_smaller_batches
from explorer.pipeline.engines import Engine
from explorer.pipeline.progress import Meter
from explorer.records import Settings
from explorer.study.study import Study
from explorer.subjects import Subject

Result = TypeVar("Result")


@dataclass(frozen=True)
class Work:
    """One step at work on one study."""

    subject: Subject
    settings: Settings
    study: Study
    """The study as far as it is done; what the step needs is in it."""
    part: Path
    """What to fill: a folder that exists already, or the name of the file to write."""
    run: Engine
    meter: Meter

    @property
    def n(self) -> int:
        """How many samples are measured."""
        return self.study.n

    @property
    def shards(self) -> list[np.ndarray]:
        """The row numbers of each shard."""
        size = self.settings.shard_size
        return [np.arange(start, min(start + size, self.n)) for start in range(0, self.n, size)]

    def in_memory(self, action: Callable[[Settings], Result]) -> Result:
        """Do something that runs the network in batches, with smaller ones while memory does not suffice.

        Args:
            action: called with the settings, or with those of a smaller batch size.
        """
        return in_smaller_batches(
            lambda size: action(replace(self.settings, batch_size=size)),
            self.settings.batch_size,
            MOST_AT_ONCE,
            self.meter.say,
        )


@dataclass(frozen=True)
class Outcome:
    """What a step says about its result beside the files that it made."""

    notes: dict[str, Any] = field(default_factory=dict)
    """Facts of the step, as JSON values."""
    warnings: list[str] = field(default_factory=list)
    """Sentences that a reader of the study should see."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Fields of the manifest that the step sets."""
