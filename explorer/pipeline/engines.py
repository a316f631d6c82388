"""Who runs the shards. An engine runs work on shards and hands back the results; it never decides what is done."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from explorer.errors import SettingsError
from explorer.records import Settings

Say = Callable[[str], None]
"""Is told in a sentence what whoever waits should know."""
ShardWork = Callable[[Any, Say], Any]
"""What is done to one shard, perhaps in another process: it, the shards and the results must be able to travel. An
attribute gpus says how many it needs, none where there is no such attribute."""
Engine = Callable[[ShardWork, Iterable[Any], Say], Iterator[Any]]
"""The results of some shards, in their order, whoever ran them: sums over shards come out the same. Close the iterator
when it is left before its end."""


def run_serially(work: ShardWork, shards: Iterable[Any], say: Say) -> Iterator[Any]:
    """Run the shards in this process, one after the other."""
    for shard in shards:
        yield work(shard, say)


def check_engine(settings: Settings, address: str | None = None) -> None:
    """Make sure that the engine which settings ask for is there, before anything long.

    Args:
        settings: whose engine.
        address: of a running Ray cluster: auto or HOST:PORT; None starts one on this machine when there are shards.

    Raises:
        SettingsError: an address was given to an engine that has none, or it is not one.
        EngineError: Ray is not installed, or nothing answers at the address.
    """
    if settings.engine == "ray":
        from explorer.pipeline.ray_engine import check_ray

        check_ray(address)
    elif address is not None:
        raise SettingsError(
            f"--address names a Ray cluster, found {address!r} with the engine serial. Add --engine ray, or leave it "
            "out."
        )


@contextmanager
def opened_engine(settings: Settings, address: str | None = None) -> Iterator[Engine]:
    """The engine that settings ask for, while the block runs; see check_engine."""
    if settings.engine == "serial":
        yield run_serially
        return
    from explorer.pipeline.ray_engine import ray_engine

    with ray_engine(address) as run:
        yield run
