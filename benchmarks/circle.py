"""The paper's toy problem, run again: a wave on a circle, and how many neighbors the network gives its points.

    python -m benchmarks.circle --quick     # minutes
    python -m benchmarks.circle --jobs 4    # the paper's 5,000 epochs and 5 runs: two hours of one core, shared by four
    python -m benchmarks.circle --noise     # noisy labels: how much of the noise is said to be left, and how much is

Counts are over full gradients in float64, on the training samples, as in the paper. Each run has its own first weights,
points and order of training. The tables are written after every run, to assets/experiments (a temporary folder for
--quick), and the app shows them on its page Training.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from explorer.features.calibration import measured_network, selecting
from explorer.features.fidelity import rank_correlation
from explorer.features.gradients import Gradients, collect_gradients
from explorer.records import Settings
from explorer.similarity import (
    Moments,
    denoising_factor,
    hard_density,
    leverage_gain,
    neighbor_mean,
    power_density,
    shift,
    soft_density,
    stationarity_residual,
    unit_features,
    value_kinds,
)
from explorer.study.counts import EXPONENTS, THRESHOLDS
from explorer.subjects import Subject
from explorer.subjects.circle import SAMPLES, circle_network, wave, wave_subject
from explorer.subjects.recipes import Recipe
from explorer.training.loop import train
from explorer.views.curves import log_slope

SHIPPED = Path(__file__).parents[1] / "assets" / "experiments"
FREQUENCIES = (1, 2, 4, 8, 16)
NOISE = 0.3
"""Deviation of the label noise, in units of the target."""
NOISY = ((2048, 1), (2048, 4), (256, 4))
"""Samples and frequency of the runs with noise."""
NEGLIGIBLE = 1e-14
"""Share of the kernel's largest eigenvalue below which a direction is rounding noise."""


@dataclass(frozen=True)
class Run:
    """One network to train and to measure."""

    run: int
    """Seed of the first weights, the points, the noise and the order of training."""
    frequency: int
    epochs: int
    samples: int = SAMPLES
    noise: float = 0.0

    @property
    def recipe(self) -> Recipe:
        """As in the paper without noise; with noise L2 and a step size that falls to zero, so that training rests."""
        if not self.noise:
            return Recipe(epochs=self.epochs, loss="l1", learning_rate=1e-4, decay=False)
        return Recipe(epochs=self.epochs * SAMPLES // self.samples, loss="l2", learning_rate=1e-3)


def main() -> None:
    """Run, print, and write the tables."""
    chosen = _arguments()
    part = "noise" if chosen.noise else "counts"
    plan = [
        Run(run, frequency, chosen.epochs, samples, NOISE if chosen.noise else 0.0)
        for run in range(chosen.runs)
        for samples, frequency in (NOISY if chosen.noise else [(SAMPLES, one) for one in FREQUENCIES])
    ]
    measure = measured_noise if chosen.noise else measured_counts
    chosen.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[pd.DataFrame]] = {}
    for run, tables in zip(plan, _results(measure, plan, chosen.jobs), strict=True):
        for name, table in tables.items():
            found.setdefault(name, []).append(table.assign(run=run.run))
        print(f"done: {run}", flush=True)
        whole = {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}
        _write(chosen.out, part, whole, chosen.epochs)
    _print_noise(whole["noise"]) if chosen.noise else _print_counts(whole["counts"], whole["runs"])
    print(f"written to {chosen.out}")


def trained(run: Run) -> tuple[Subject, float]:
    """The network of a run on its points, and its error on the given labels after the last epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(run.run)
        model = circle_network()
    subject = wave_subject(model, frequency=run.frequency, samples=run.samples, noise=run.noise, seed=run.run)
    log = train(subject, run.recipe, seed=run.run, device="cpu")
    return subject, float(log["train_rmse"].iloc[-1])


def gradients_of(subject: Subject) -> tuple[Tensor, Tensor]:
    """Gradients of the output in fewer coordinates, and the output, of all samples.

    The coordinates are rows of V √Λ of the kernel K = V Λ Vᵀ of full gradients: all inner products, and so all that
    this file measures, are those of the full gradients.

    Returns:
        [n, 1, r] and [n, 1], float64, with r the rank of the kernel.
    """
    network = measured_network(subject, Settings(device="cpu"))
    rows = np.arange(len(subject))
    inputs = network.inputs(rows.tolist()).double()
    network.model.double()
    gradients = collect_gradients(network, inputs, selecting(network, "all", rows))
    eigenvalues, vectors = torch.linalg.eigh(_kernel(gradients))
    kept = eigenvalues > NEGLIGIBLE * eigenvalues[-1]
    return (vectors[:, kept] * eigenvalues[kept].sqrt())[:, None, :], gradients.outputs


def measured_counts(run: Run) -> dict[str, pd.DataFrame]:
    """All counts of a network that was trained without noise: means over samples, and around the circle for run 0."""
    subject, error = trained(run)
    jacobians, outputs = gradients_of(subject)
    units = unit_features(jacobians)
    soft = soft_density(units)
    counts = [("soft", 1.0, soft)]
    counts += [("hard", threshold, hard_density(units, threshold)) for threshold in THRESHOLDS]
    counts += [("power", exponent, power_density(units, exponent)) for exponent in EXPONENTS]
    others = (units @ units.mT)[~torch.eye(len(units), dtype=torch.bool)]
    one = {
        "frequency": run.frequency,
        "samples": run.samples,
        "negative_share": float((others < 0).double().mean()),
        "curvature_correlation": rank_correlation(soft.numpy(), subject.columns["curvature"]),
        "train_rmse": error,
    }
    means = {
        "frequency": run.frequency,
        "estimator": [kind for kind, _, _ in counts],
        "parameter": [parameter for _, parameter, _ in counts],
        "count": [float(values.mean()) for _, _, values in counts],
    }
    around = {
        "frequency": run.frequency,
        **subject.columns,
        "target": subject.targets,
        "prediction": outputs[:, 0].numpy(),
        "soft_density": soft.numpy(),
    }
    tables = {"counts": pd.DataFrame(means), "runs": pd.DataFrame([one])}
    tables["counts"]["share"] = tables["counts"]["count"] / run.samples
    return tables if run.run else {**tables, "around": pd.DataFrame(around)}


def measured_noise(run: Run) -> dict[str, pd.DataFrame]:
    """What the paper's factor and the leverage gain promise of the label noise, and what is left of it."""
    subject, _ = trained(run)
    jacobians, outputs = gradients_of(subject)
    truth = torch.from_numpy(wave(subject.columns["alpha"], run.frequency))[:, None]
    labels = torch.from_numpy(subject.targets).double()[:, None]
    mean_noise, mean_output = neighbor_mean(jacobians, torch.cat([labels - truth, outputs], 1)).split(1, 1)
    residuals = Moments.of(jacobians, value_kinds(outputs - labels, jacobians))
    error, shifts = (outputs - truth).abs()[:, 0], shift(outputs, mean_output)
    factor = _root_mean_square(denoising_factor(jacobians))
    row = {
        "frequency": run.frequency,
        "samples": run.samples,
        "noise": run.noise,
        "factor": factor,
        "floor": run.samples**-0.5,
        "predicted_mean_noise": run.noise * factor,
        "actual_mean_noise": _root_mean_square(mean_noise),
        "stationarity_residual": float(stationarity_residual(residuals)),
        "error": _root_mean_square(error),
        "true_gain": _root_mean_square(error) / run.noise,
        "leverage_gain": _root_mean_square(leverage_gain(jacobians, values=labels)),
        "shift": _root_mean_square(shifts),
        "shift_correlation": rank_correlation(shifts.numpy(), error.numpy()),
    }
    return {"noise": pd.DataFrame([row])}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="2 runs of 100 epochs, or with noise of 50, unless said otherwise"
    )
    parser.add_argument("--epochs", type=int, help="passes over 2,048 samples; as many steps for fewer samples")
    parser.add_argument("--runs", type=int, help="networks for each setting")
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time, one thread each")
    parser.add_argument("--noise", action="store_true", help="the runs with noisy labels instead")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    chosen = parser.parse_args()
    quick, full = (50, 150) if chosen.noise else (100, 5000)
    chosen.epochs = chosen.epochs or (quick if chosen.quick else full)
    chosen.runs = chosen.runs or (2 if chosen.quick else 5)
    chosen.out = chosen.out or (Path(tempfile.gettempdir()) / "explorer-experiments" if chosen.quick else SHIPPED)
    return chosen


def _results(
    measure: Callable[[Run], dict[str, pd.DataFrame]], plan: list[Run], jobs: int
) -> Iterator[dict[str, pd.DataFrame]]:
    """In the order of the plan, from processes of one thread each."""
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), **one_thread) as pool:
        yield from pool.map(measure, plan)


def _write(out: Path, part: str, tables: dict[str, pd.DataFrame], epochs: int) -> None:
    """The tables as circle-<name>.parquet and how they were made as circle-<part>.json."""
    for name, table in tables.items():
        table.to_parquet(out / f"circle-{name}.parquet", index=False)
    table = tables["noise" if part == "noise" else "runs"]
    made = {
        "epochs": epochs,
        "runs": int(table.groupby(["samples", "frequency"])["run"].nunique().min()),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": asdict(Run(0, 1, epochs, noise=NOISE if part == "noise" else 0.0).recipe),
    }
    (out / f"circle-{part}.json").write_text(json.dumps(made, indent=2) + "\n")


def _kernel(gradients: Gradients) -> Tensor:
    """Inner products of all full gradients, [n, n]; each layer is used once, so its share is a product of two."""
    total = torch.zeros(len(gradients.outputs), len(gradients.outputs), dtype=torch.float64)
    for block in gradients.network.blocks:
        inputs = block.input_rows(gradients.calls[block.name][0].inputs)[:, 0]
        outputs = gradients.output_rows(block)[:, 0, 0]
        total += (inputs @ inputs.mT) * (outputs @ outputs.mT)
    return total


def _print_counts(counts: pd.DataFrame, runs: pd.DataFrame) -> None:
    medians = counts.pivot_table("count", ["estimator", "parameter"], "frequency", aggfunc="median", sort=False)
    slopes = [log_slope(medians.columns, row) for row in medians.to_numpy()]
    print(medians.assign(slope=slopes).round(2).to_string())
    print(runs.groupby("frequency").median().drop(columns="run").round(4).to_string())


def _print_noise(noise: pd.DataFrame) -> None:
    print(noise.groupby(["samples", "frequency"], sort=False).median().drop(columns="run").T.round(5).to_string())


def _root_mean_square(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


if __name__ == "__main__":
    main()
