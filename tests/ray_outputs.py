"""Networks' answers that go wrong in Ray's workers only: in this process, which calibrates, all is well."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from explorer.errors import SubjectError


@dataclass
class Answer:
    """The plain answer of a network."""

    driver: int = field(default_factory=os.getpid)

    def __call__(self, model, inputs):
        if os.getpid() != self.driver:
            self.in_a_worker(inputs)
        return model(inputs)

    def in_a_worker(self, inputs):
        """Nothing happens."""


@dataclass
class DiesOnce(Answer):
    """The first worker that gets here is killed in the midst of a shard."""

    marker: Path = Path()

    def in_a_worker(self, inputs):
        try:
            self.marker.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class DiesAlways(Answer):
    """No worker survives a shard."""

    def in_a_worker(self, inputs):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Refuses(Answer):
    """Says what is wrong."""

    def in_a_worker(self, inputs):
        raise SubjectError("expected a kinder network, found this one. Be kind.")


@dataclass
class NeedsSpace(Answer):
    """Has no memory for more than so many samples at once."""

    most: int = 0

    def in_a_worker(self, inputs):
        if len(inputs) > self.most:
            raise MemoryError("out of memory")


@dataclass
class TakesLong(Answer):
    """A second for a batch."""

    def in_a_worker(self, inputs):
        time.sleep(1)


def slow():
    """The tiny subject, slow in workers; its driver is whoever calls this."""
    from dataclasses import replace

    import tiny

    return replace(tiny.subject(), outputs=TakesLong())
