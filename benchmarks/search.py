"""Speed of the neighbor search, against the matrix product that it cannot do without, measured in the same run.

    python -m benchmarks.search

The product is a blocked torch matmul of the same samples; it and the search take turns, wall time, best of several
repeats, all cores. Features are made up: 100 classes of small groups, with a spectrum that falls as it does for
gradients. The approximate search is compared with the time that the product alone would take for all its pairs.
"""

import argparse
import time

import numpy as np
import torch

from explorer.similarity import find_neighbors, find_stored_neighbors, unit_rows
from explorer.similarity.search import ready_faiss

BLOCK = 4096
CLASSES = 100
GROUP = 64


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50_000, help="compared with all others")
    parser.add_argument("--many", type=int, default=200_000, help="searched with an index")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--neighbors", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    faiss = ready_faiss()
    threads = f"torch {torch.get_num_threads()}, FAISS {faiss.omp_get_max_threads()}"
    print(f"width {chosen.width}, {chosen.neighbors} neighbors, threads: {threads}, torch {torch.__version__}")
    print(f"{'search':<26}{'samples':>9}{'seconds':>9}{'GFLOP/s':>9}{'/ matmul':>10}{'recall@10':>11}")
    rate = exact_rows(made_up_units(chosen.samples, chosen.width), chosen.neighbors, chosen.repeats)
    if chosen.many:
        approximate_row(made_up_units(chosen.many, chosen.width), chosen.neighbors, rate)


def made_up_units(n: int, width: int, seed: int = 0) -> np.ndarray:
    """[n, width] float32 unit rows in classes of groups, around a common offset."""
    random = np.random.default_rng(seed)
    spectrum = (1 + np.arange(width, dtype=np.float32)) ** -0.5
    classes = random.standard_normal((CLASSES, width), dtype=np.float32)
    groups = random.standard_normal((-(-n // GROUP), width), dtype=np.float32)
    places = random.permutation(np.arange(n) // GROUP)
    units = np.empty((n, width), dtype=np.float32)
    for start in range(0, n, BLOCK):
        place = places[start : start + BLOCK]
        noise = random.standard_normal((len(place), width), dtype=np.float32)
        units[start : start + BLOCK] = unit_rows(
            (classes[place % CLASSES] + 0.7 * groups[place] + noise + 0.5) * spectrum
        )
    return units


def exact_rows(units: np.ndarray, k: int, repeats: int) -> float:
    """Print the lines of the product and of the exact search; returns the operations a second of the product."""
    tensor = torch.from_numpy(units)

    def product() -> None:
        for block in tensor.split(BLOCK):
            block @ tensor.T

    best = best_of([product, lambda: find_neighbors(units, k)], repeats)
    operations = 2 * len(units) ** 2 * units.shape[1]
    for name, seconds, recall in zip(("blocked torch matmul", "all pairs, exact"), best, ("", "1"), strict=True):
        print(line(name, len(units), seconds, operations / seconds, best[0] / seconds, recall), flush=True)
    return operations / best[0]


def approximate_row(units: np.ndarray, k: int, rate: float) -> None:
    """Print the line of the approximate search."""
    started = time.perf_counter()
    _, facts = find_stored_neighbors(lambda rows: units[rows], *units.shape, k, most=0)
    seconds = time.perf_counter() - started
    operations = 2 * len(units) ** 2 * units.shape[1]
    name = f"{facts['index']}, {facts['probes']} of {facts['lists']}"
    share = operations / rate / seconds
    print(line(name, len(units), seconds, operations / seconds, share, f"{facts['recall_at_10']:.3f}"))


def line(name: str, n: int, seconds: float, rate: float, share: float, recall: str) -> str:
    """One row of the table."""
    return f"{name:<26}{n:>9,}{seconds:>9.1f}{rate / 1e9:>9.1f}{share:>10.2f}{recall:>11}"


def best_of(tasks: list, repeats: int) -> list[float]:
    """The smallest wall time of each task in seconds, the tasks taking turns."""
    best = [float("inf")] * len(tasks)
    for _ in range(repeats):
        for place, task in enumerate(tasks):
            started = time.perf_counter()
            task()
            best[place] = min(best[place], time.perf_counter() - started)
    return best


if __name__ == "__main__":
    main()
