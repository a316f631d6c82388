"""Speed and fidelity of gradient features, against the floor measured in the same run.

    python -m benchmarks.features

The floor is one ordinary batched forward and backward pass with gradients for all parameters. Everything is timed in
CPU seconds of this process with one thread, the best of several repeats, floor and features taking turns, so that a
busy machine slows both alike. Fidelity is measured on samples that played no part in the calibration.
"""

import argparse
import resource
import time

import numpy as np
import torch

from explorer.features import Measurer, calibrate, fidelity_report
from explorer.features.calibration import BATCH_BYTES, fitting_batch, gradient_batches
from explorer.records import Settings
from explorer.subjects import Subject, load_subject

ROWS = 1024
CASES = {
    "one output": Settings(outputs="predicted"),
    "one output, 4096 coordinates": Settings(outputs="predicted", coordinates=4096),
    "ten outputs": Settings(),
}


def main() -> None:
    """Print one table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default="mnist")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    subject = load_subject(chosen.subject)
    print(f"{chosen.subject}, {ROWS} samples, 512 dims, one thread, torch {torch.__version__}")
    print("speeds are multiples of the floor; with ten outputs the floor is one forward and ten backward passes")
    print(f"{'case':<30}{'hooks':>8}{'features':>10}{'rmse':>9}{'recall':>8}{'N_S':>9}{'fit, s':>8}{'MB':>7}")
    for name, settings in CASES.items():
        print(row_of(subject, name, settings, chosen.repeats), flush=True)


def row_of(subject: Subject, name: str, settings: Settings, repeats: int) -> str:
    """One line: speeds against the floor, fidelity, seconds of calibration, peak memory so far."""
    started = time.process_time()
    projection = calibrate(subject, settings)
    fitting = time.process_time() - started
    measurer = Measurer(subject, projection, settings)
    rows = np.arange(ROWS)
    size = fitting_batch(measurer.network, projection.mode, BATCH_BYTES)
    inputs = subject.inputs(rows)
    model = measurer.network.model

    def floor() -> None:
        for start in range(0, ROWS, size):
            outputs = measurer.network.output(inputs[start : start + size])
            model.zero_grad(set_to_none=True)
            for which in range(projection.outputs):
                keep = which + 1 < projection.outputs
                one = outputs[:, which].sum() if projection.outputs > 1 else outputs.max(1).values.sum()
                one.backward(retain_graph=keep)

    def hooks() -> None:
        for _ in gradient_batches(measurer.network, projection.mode, rows, size):
            pass

    def features() -> None:
        measurer.measure(rows)

    lowest, captured, whole = best_of([floor, hooks, features], repeats)
    report = fidelity_report(subject, projection, settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{name:<30}{lowest / captured:>8.2f}{lowest / whole:>10.2f}{report['rmse']:>9.4f}"
        f"{report['recall_at_10']:>8.3f}{report['soft_density_spearman']:>9.5f}{fitting:>8.1f}{peak:>7.0f}"
    )


def best_of(tasks: list, repeats: int) -> list[float]:
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
