"""Who runs the shards. An engine runs work on shards and hands back the results; it never decides what is done."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from explorer.errors import EngineError

Shard = TypeVar("Shard")
Result = TypeVar("Result")
Work = Callable[[Shard], Result]
Engine = Callable[[Work, Iterable[Shard]], Iterator[Result]]


def run_serially(work: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
    """Run the shards in this process, one after the other, in their order."""
    return map(work, shards)


def engine_named(name: str) -> Engine:
    """The engine of a name.

    Raises:
        EngineError: this version has no such engine.
    """
    if name != "serial":
        raise EngineError(
            f"expected the engine serial, found {name!r}: this version measures in one process. "
            "Leave --engine out or say --engine serial."
        )
    return run_serially
