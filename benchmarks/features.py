"""Speed and fidelity of gradient features, against the floor measured in the same run.

    python -m benchmarks.features --data FOLDER

The floor is one ordinary batched forward and backward pass with gradients for all parameters; for ten outputs, one
forward and ten backward passes to the activations, without any weight gradient. Everything is timed in CPU seconds of
this process with one thread, the best of several repeats, floor and features taking turns, so that a busy machine slows
both alike. Fidelity is measured on samples that played no part in the calibration, and on inputs far from the data.
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.networks import CACHE, DATA, FAR_KINDS, far_inputs, trained_subject
from explorer.features import (
    Measurer,
    Projection,
    calibrate,
    exact_similarity,
    exact_soft_density,
    fidelity_report,
    with_unseen,
)
from explorer.features.calibration import BATCH_BYTES, fitting_batch, gradient_batches
from explorer.features.fidelity import fidelity_rows
from explorer.records import Settings
from explorer.subjects import Subject, load_subject

ROWS = 1024
FAR_ROWS = 256
RERANKED, QUERIES, AMONG = 100, 64, 5000
ONE = Settings(outputs="predicted")
ACCURATE = Settings(outputs="predicted", coordinates=4096)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    subject: str
    settings: Settings


CASES = (
    Case("MNIST CNN, one output", "mnist", ONE),
    Case("MNIST CNN, accurate", "mnist", ACCURATE),
    Case("MNIST CNN, ten outputs", "mnist", Settings()),
    Case("Fashion CNN, one output", "small_cnn", ONE),
    Case("ResNet-20, one output", "resnet20", ONE),
    Case("ResNet-20, accurate", "resnet20", ACCURATE),
    Case("small ViT, one output", "small_vit", ONE),
    Case("small ViT, accurate", "small_vit", ACCURATE),
)


def main() -> None:
    """Print one table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with fashion20k.npz")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where trained weights are kept")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--speed-only", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{ROWS} samples, 512 dims, one thread, torch {torch.__version__}; speeds are multiples of the floor")
    print(
        f"{'case':<26}{'hooks':>7}{'features':>9}{'density':>9}{'rmse':>8}{'recall':>8}{'N_S':>9}{'again':>7}", end=""
    )
    print(f"{'fit, s':>8}{'MB':>7}")
    for case in CASES:
        if chosen.only in case.name:
            _report(case, chosen)


def _report(case: Case, chosen: argparse.Namespace) -> None:
    bundled = case.subject == "mnist"
    subject = load_subject("mnist") if bundled else trained_subject(case.subject, chosen.data, cache=chosen.cache)
    started = time.process_time()
    projection = with_unseen(subject, calibrate(subject, case.settings), case.settings)
    fitting = time.process_time() - started
    hooks, features, density = _speeds(subject, projection, case.settings, chosen.repeats)
    print(f"{case.name:<26}{hooks:>7.2f}{features:>9.2f}{density:>9.2f}", end="", flush=True)
    if not chosen.speed_only:
        report = fidelity_report(subject, projection, case.settings)
        print(
            f"{report['rmse']:>8.4f}{report['recall_at_10']:>8.3f}{report['soft_density_spearman']:>9.5f}"
            f"{_reranked_recall(subject, projection, case.settings):>7.3f}",
            end="",
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{fitting:>8.1f}{peak:>7.0f}", flush=True)
    if not chosen.speed_only:
        _report_far(subject, projection, case.settings)


def _reranked_recall(subject: Subject, projection: Projection, settings: Settings) -> float:
    """Share of the ten nearest of AMONG samples, by full gradients, that are among the RERANKED nearest by features."""
    among = np.arange(min(AMONG, len(subject)))
    queries = fidelity_rows(projection, len(among), QUERIES, settings.seed)
    measurer = Measurer(subject, projection, settings)
    by_features = measurer.measure(queries).units @ measurer.measure(among).units.T
    exact = exact_similarity(subject, projection, queries, among, settings)
    for matrix in (by_features, exact):
        matrix[np.arange(len(queries)), queries] = -np.inf
    candidates = np.argsort(-by_features, axis=1)[:, :RERANKED]
    nearest = np.argsort(-exact, axis=1)[:, :10]
    return float(np.mean([np.isin(mine, theirs).mean() for mine, theirs in zip(nearest, candidates, strict=True)]))


def _report_far(subject: Subject, projection: Projection, settings: Settings) -> None:
    """Fidelity on inputs far from the data, with bases fitted to the data."""
    rows = np.arange(len(subject) - FAR_ROWS, len(subject))
    for kind in FAR_KINDS:
        far = far_inputs(subject, kind, rows)
        report = fidelity_report(far, projection, settings, among=np.arange(FAR_ROWS))
        print(
            f"{'  ' + kind:<51}{report['rmse']:>8.4f}{report['recall_at_10']:>8.3f}"
            f"{report['soft_density_spearman']:>9.5f}",
            flush=True,
        )


def _speeds(subject: Subject, projection: Projection, settings: Settings, repeats: int) -> list[float]:
    """Speeds of listening alone, of features with exact Gram matrices, and of the exact soft count."""
    measurer = Measurer(subject, projection, settings)
    network, rows = measurer.network, np.arange(ROWS)
    size = fitting_batch(network, projection.mode, BATCH_BYTES)
    inputs = subject.inputs(rows)

    def floor() -> None:
        for start in range(0, ROWS, size):
            network.model.zero_grad(set_to_none=True)
            network.output(inputs[start : start + size]).max(1).values.sum().backward()

    def hooks() -> None:
        for _ in gradient_batches(network, projection.mode, rows, size):
            pass

    def features() -> None:
        measurer.measure(rows)

    def density() -> None:
        exact_soft_density(subject, projection, rows, settings)

    lowest, *others = best_of([hooks if projection.outputs > 1 else floor, hooks, features, density], repeats)
    return [lowest / one for one in others]


def best_of(tasks: list[Callable[[], None]], repeats: int) -> list[float]:
    """The smallest CPU seconds of each task, the tasks taking turns."""
    for task in tasks:
        task()
    best = [float("inf")] * len(tasks)
    for _ in range(repeats):
        for place, task in enumerate(tasks):
            started = time.process_time()
            task()
            best[place] = min(best[place], time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
