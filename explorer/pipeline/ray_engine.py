"""The Ray engine: shards on the cores and GPUs of one machine or of many, by Ray, which is installed apart.

Work is sent once and kept by each worker process, which then gets one shard after another, computes on one thread and
sends back a small result. What is large a worker writes where the work says, on a path that all machines share. Work
travels between the processes of one build by Ray's own pickling; nothing pickled is ever written into a study or read
from a file. Ray runs the shard of a worker that died again; an error of the work ends the build, as it does serially.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from secrets import token_hex
from types import ModuleType
from typing import Any

from explorer.errors import EngineError, SettingsError, first_line
from explorer.pipeline.engines import Engine, Say, ShardWork

RETRIES = 3
"""So often a shard is run again after its worker died."""
AT_ONCE = 1000
"""Shards that wait with Ray; more would only fill memory with their row numbers."""
PATIENCE_SECONDS = 60.0
"""After so long without a finished shard it is told what is waited for."""
CONNECT_SECONDS = 60.0
CONNECT = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR')"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Ray tells nobody that it is used, and does not warn of what it may change one day."""


def check_ray(address: str | None) -> None:
    """Make sure that Ray is there, and answers if it is to run already. See ray_engine for the address.

    Raises:
        SettingsError: the address is not one.
        EngineError: Ray is not installed, or nothing answers at the address.
    """
    if find_spec("ray") is None:
        raise EngineError("the engine ray needs Ray, found none. Run `pip install -r requirements-ray.txt`.")
    if address is not None:
        _check_answers(address)


@contextmanager
def ray_engine(address: str | None = None) -> Iterator[Engine]:
    """Shards as Ray tasks of one core each, and of the GPUs that the work needs, while the block runs.

    Ray is connected when the first shards come.

    Args:
        address: `auto` for the cluster that runs on this machine, HOST:PORT of one that this machine is part of; None
            starts one here, on all cores, which only this build has the token for. Where the calling program has
            connected Ray itself, that connection is used and kept.
    """
    with ExitStack() as connection:

        def run(work: ShardWork, shards: Iterable[Any], say: Say) -> Iterator[Any]:
            connection.enter_context(_connected(address))
            yield from _run(work, shards, say)

        yield run


def _run(work: ShardWork, shards: Iterable[Any], say: Say) -> Iterator[Any]:
    import ray

    gpus = getattr(work, "gpus", 0)
    kept = [_sent(work)]  # in a list, so that Ray leaves it to the worker to fetch what it does not have yet
    # Where this process finds modules that are not installed: the explorer itself, and the user's own.
    places = os.pathsep.join(os.path.abspath(place) for place in sys.path if not _is_installed(place))
    surroundings = {"env_vars": {"PYTHONPATH": places}}
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES, runtime_env=surroundings)(_run_here)
    numbered = enumerate(shards)
    at_work: dict[Any, int] = {}
    found: dict[int, Any] = {}
    following = 0
    try:
        while True:
            for number, shard in islice(numbered, AT_ONCE - len(at_work) - len(found)):
                at_work[task.remote(kept, shard)] = number
            if not at_work:
                return
            ready, _ = ray.wait(list(at_work), timeout=PATIENCE_SECONDS)
            if not ready:
                say(_waited_for(len(at_work), gpus))
            for one in ready:
                found[at_work.pop(one)] = _result(one, say)
            while following in found:
                yield found.pop(following)
                following += 1
    finally:
        for one in at_work:
            with suppress(ray.exceptions.RayError):
                ray.cancel(one)


def _run_here(kept: list[Any], shard: Any) -> tuple[Any, list[str]]:
    """In a worker: the result of one shard, and what was said meanwhile."""
    notes: list[str] = []
    return _fetched(kept[0])(shard, notes.append), notes


@lru_cache(maxsize=1)
def _fetched(reference: Any) -> ShardWork:
    """In a worker: the work, unpacked once. Computes on one thread from then on, as Ray counts cores."""
    import ray
    import torch

    torch.set_num_threads(1)
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"expected the subject to arrive whole on {socket.gethostname()}, found: {_last_line(str(error))}. "
            "Give all machines the same code, packages and files under the same paths."
        ) from error


def _result(reference: Any, say: Say) -> Any:
    import ray

    try:
        result, notes = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, Exception) and not isinstance(cause, ray.exceptions.RayError):
            raise cause from None  # what a serial build would have raised
        raise EngineError(
            f"expected a shard to be measured, found: {_last_line(str(error))}. Build again to go on."
        ) from error
    except ray.exceptions.OutOfMemoryError as error:
        raise EngineError(
            "memory must suffice for the workers, found that Ray ended one to save its machine. Give Ray fewer cores "
            "(`ray start --num-cpus`), or lower --batch-size, --coordinates or --dim; what is done is kept."
        ) from error
    except ray.exceptions.RayError as error:
        told = "Ray to run a shard, found:"
        if isinstance(error, ray.exceptions.WorkerCrashedError | ray.exceptions.NodeDiedError):
            told = f"workers that stay alive, found that one died on the same shard {RETRIES + 1} times:"
        raise EngineError(
            f"expected {told} {first_line(error)}. Look at `ray status` and the memory of its machine, or build with "
            "--engine serial; what is done is kept."
        ) from error
    for note in notes:
        say(note)
    return result


def _sent(work: ShardWork) -> Any:
    """Send the work to wherever it will be asked for.

    Modules that a worker could not import by their name, such as the file of a subject of one's own, travel with it.
    """
    import ray

    # By name: one module may be there under two.
    own = {module.__name__: module for module in list(sys.modules.values()) if _is_own(module)}.values()
    for module in own:
        ray.cloudpickle.register_pickle_by_value(module)
    try:
        return ray.put(work)
    except Exception as error:
        found = first_line(error.__cause__ or error)
        raise EngineError(
            f"expected a subject that can be sent to other processes, found one that cannot ({found}). Open files, "
            "connections and locks when a sample is first read, or build with --engine serial."
        ) from error
    finally:
        for module in own:
            ray.cloudpickle.unregister_pickle_by_value(module)


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or module.__name__ == "__main__" or _is_installed(file):
        return False
    return PathFinder.find_spec(module.__name__.partition(".")[0]) is None


def _is_installed(place: str) -> bool:
    return any(Path(place).is_relative_to(prefix) for prefix in {sys.prefix, sys.base_prefix})


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """A connection to a cluster while the block runs; one that the caller has opened is used and left open."""
    import ray

    if ray.is_initialized():
        yield
        return
    with _environment(QUIET if address else QUIET | {"RAY_AUTH_MODE": None, "RAY_AUTH_TOKEN": _token()}):
        _connect(address)
        try:
            yield
        finally:
            ray.shutdown()


@cache
def _token() -> str:
    """What a Ray of this process's own asks for, by default something that Ray would leave in the home folder.

    One for all, since Ray reads it once.
    """
    return os.environ.get("RAY_AUTH_TOKEN") or token_hex()


@contextmanager
def _environment(values: dict[str, str | None]) -> Iterator[None]:
    """As they were when the block is left, whoever changed them; None leaves a value to Ray."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _connect(address: str | None) -> None:
    import ray

    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    own = {} if address else {"include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        where = f"at {address}" if address else "on this machine"
        raise EngineError(
            f"expected a Ray cluster {where}, found: {first_line(error)}. Check it with `ray status`, or build with "
            "--engine serial."
        ) from error
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, handler)  # Ray takes it and would end the build without a word


def _check_answers(address: str) -> None:
    """Connect in a process of its own: Ray waits minutes for what does not answer, and then ends the process."""
    host, _, port = address.rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 2**16
    if address != "auto" and not (host and "/" not in host and is_port):
        raise SettingsError(f"--address must be auto or HOST:PORT, found {address!r}. Write what `ray start` printed.")
    try:
        if address != "auto":
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        with _environment(QUIET):
            subprocess.run(
                [sys.executable, "-c", CONNECT, address],
                check=True,
                capture_output=True,
                text=True,
                timeout=CONNECT_SECONDS,
            )
    except subprocess.TimeoutExpired as error:
        said = _last_line((error.stderr or b"").decode(errors="replace")).rpartition("] ")[2]
        found = f"no answer within {CONNECT_SECONDS:.0f} s ({said})"
    except subprocess.CalledProcessError as error:
        found = _last_line(error.stderr)
    except OSError as error:
        found = error.strerror or str(error)
    else:
        return
    raise EngineError(
        f"expected a Ray cluster at {address}, found: {found}. Check that `ray start` has run there and here."
    )


def _waited_for(shards: int, gpus: int) -> str:
    import ray

    whole, free = ray.cluster_resources(), ray.available_resources()
    told = " and ".join(
        f"{int(whole.get(name, 0))} {name}s of which {int(free.get(name, 0))} are free"
        for name in ("CPU", *(["GPU"] if gpus else []))
    )
    each = "one CPU and one GPU" if gpus else "one CPU"
    waited = f"no shard was finished in {PATIENCE_SECONDS:.0f} s"
    return f"{waited}: {shards} are at work or wait for {each} each; Ray has {told}"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing said"])[-1][:200]
