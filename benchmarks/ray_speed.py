"""Features by the Ray engine: two workers against one, one thread each, in turns.

    python -m benchmarks.ray_speed

The shards of `mnist-noisy` are measured and written as a build does it, by a Ray of one core and by one of two, several
times in turns, and by the serial engine on one thread. Workers are warm: each has run a shard before. `start` is what
that took, with Ray itself, the import of torch in each worker and the subject's way there. The ratio is that of the
best runs; what else the machine does shows in the load.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex

import numpy as np
import torch

import explorer
from explorer.features import calibrate
from explorer.pipeline.engines import Engine, run_serially
from explorer.pipeline.features import ShardMeasuring
from explorer.pipeline.ray_engine import QUIET, ray_engine
from explorer.records import Settings

FLOOR = 1.6
"""Two workers are at least so many times as fast as one."""


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--shard", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(QUIET, RAY_AUTH_TOKEN=token_hex())
    subject = explorer.load_subject("mnist-noisy")
    settings = Settings(device="cpu")
    work = ShardMeasuring(subject, calibrate(subject, settings), settings)
    rows = np.array_split(np.arange(chosen.samples), chosen.samples // chosen.shard)
    seconds: dict[str, list[float]] = {"serial": [], "1 worker": [], "2 workers": []}
    starts: dict[str, list[float]] = {name: [] for name in seconds}
    loads = [os.getloadavg()[0]]
    for _ in range(chosen.repeats):
        for number, name in enumerate(seconds):
            began_at = time.perf_counter()
            with engine_of(number) as engine:
                measured(engine, work, rows[: max(1, number)])
                starts[name].append(time.perf_counter() - began_at)
                seconds[name].append(measured(engine, work, rows))
            loads.append(os.getloadavg()[0])
    best = {name: min(taken) for name, taken in seconds.items()}
    print(f"{chosen.samples} samples, {len(rows)} shards, one thread each, torch {torch.__version__}")
    for name, taken in seconds.items():
        all_of_them = ", ".join(f"{one:.1f}" for one in taken)
        print(f"{name:>9}: best {best[name]:.1f} s of {all_of_them}; start {min(starts[name]):.1f} s")
    ratio = best["1 worker"] / best["2 workers"]
    print(f"two workers are {ratio:.2f} times as fast as one (asked: {FLOOR})")
    print(f"and {best['serial'] / best['2 workers']:.2f} times as fast as the serial engine")
    print(f"load {min(loads):.1f} to {max(loads):.1f}")


def measured(engine: Engine, work: ShardMeasuring, rows: list[np.ndarray]) -> float:
    """Seconds that some shards take; what is written is dropped."""
    folder = Path(tempfile.mkdtemp())
    shards = [(folder / f"{number:04d}", some) for number, some in enumerate(rows)]
    began_at = time.perf_counter()
    with closing(engine(work, shards, print)) as results:
        assert sum(results) == sum(map(len, rows))
    taken = time.perf_counter() - began_at
    shutil.rmtree(folder)
    return taken


@contextmanager
def engine_of(workers: int) -> Iterator[Engine]:
    """A Ray of so many cores while the block runs; the serial engine for none."""
    if not workers:
        yield run_serially
        return
    import ray

    ray.init("local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        with ray_engine() as run:
            yield run
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
