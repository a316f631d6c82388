"""Registration in rounds: train on careless annotations, correct them by the network, train again, and hold all of it
against the truth, which is known.

    python -m benchmarks.registration            # three seeds; about ten minutes on one free core
    python -m benchmarks.registration --quick    # one seed, few epochs; a minute or two

Words. The careless hand left every map at `laid` = minus the label noise from its true place. An input shows the map at
`truth`, a known step further; the label is that step, truth minus laid. A network that was trained on such labels looks
at the map where the hand had left it, and what it answers is taken off: aligned = laid − answer. The labels of the next
round are truth minus aligned; a new network, from new weights, learns them.

    protocol   every round corrects the ORIGINAL annotations with its own network
    AS1        every round corrects the previously aligned annotations, with the networks of the protocol
    AS2        every round corrects the previously aligned annotations, with the first network again
    noisier    the protocol, from annotations with extra noise

The tables go to assets/experiments and the app shows them on its page Training.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from benchmarks.similar_patches import Patches, detailed
from explorer.features.calibration import calibrate, gradient_batches, measured_network
from explorer.features.fidelity import rank_correlation
from explorer.records import Settings
from explorer.similarity import (
    Moments,
    denoising_share,
    fit_smoother,
    local_average,
    shift,
    soft_density,
    stationarity_residual,
    unit_features,
    value_kinds,
)
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.subjects.registration import (
    NOISE,
    REGISTRATION,
    SAMPLES,
    AlignmentNetwork,
    Annotations,
    annotations,
    patches_at,
)
from explorer.training.loop import train

SHIPPED = Path(__file__).parents[1] / "assets" / "experiments"
ROUNDS = 3
FEW = 4
"""The gains are also measured with so many times fewer samples, and as many steps: less to average over."""
EXTRA_NOISE = 2.65
"""Standard deviation in pixels of what the noisier start adds: together with the usual noise 4 pixels."""
NORMAL_MEDIAN = 0.6745
"""Median size of a normal variable, in units of its deviation."""
TAUS = np.arange(0, 12.05, 0.1)
"""Distances in pixels at which the cumulative curves are read."""


def main() -> None:
    """Run, print, and write the tables after every seed and start."""
    chosen = _arguments()
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    recipe = replace(REGISTRATION.recipe, epochs=chosen.epochs)
    found: dict[str, list[pd.DataFrame]] = {}
    for start in ("plain", "noisier"):
        for seed in range(chosen.seeds):
            begun = time.perf_counter()
            tables = rounds(seed, start, recipe, chosen.samples, chosen.out)
            if start == "plain":
                tables["gains"] = pd.concat([tables["gains"], few_samples(seed, recipe, chosen.samples)])
            for name, table in tables.items():
                found.setdefault(name, []).append(table)
            for name, tables in found.items():
                pd.concat(tables, ignore_index=True).to_parquet(
                    chosen.out / f"registration-{name}.parquet", index=False
                )
            _write_facts(chosen.out, recipe, chosen)
            print(f"seed {seed}, {start}: {time.perf_counter() - begun:.0f} s", flush=True)
    _print(pd.concat(found["rounds"]), pd.concat(found["gains"]))


def rounds(seed: int, start: str, recipe: Recipe, samples: int, out: Path) -> dict[str, pd.DataFrame]:
    """All rounds from one start, with both ablations.

    Args:
        seed: of places, displacements, noise, first weights and order of training.
        start: plain or noisier.
        recipe: of every training.
        samples: patches, held-out ones included.
        out: where the picture of the patches goes, for seed 0 and the plain start.

    Returns:
        curves and rounds; for the plain start also gains, and for its first seed the tables of similar_patches.
    """
    own = annotations(seed, samples)
    if start == "noisier":
        extra = np.random.default_rng([seed, 1]).normal(0, EXTRA_NOISE, own.noise.shape)
        own = replace(own, noise=own.noise + extra)
    laid, inputs = -own.noise, patches_at(own.places, own.truth)
    aligned = {"protocol": laid, "AS1": laid, "AS2": laid}
    errors, gains, patches, first = [_told("labels", 0, laid)], [], [], None
    for number in range(1, ROUNDS + 1):
        labels = own.truth - aligned["protocol"]
        subject = _subject(inputs, labels, own, seed, number)
        train(subject, recipe, seed=10 * seed + number, device="cpu")
        model = subject.model
        first = first or model
        answers = _answers(model, inputs)
        aligned = {
            "protocol": laid - _answers(model, patches_at(own.places, laid)),
            "AS1": aligned["AS1"] - _answers(model, patches_at(own.places, aligned["AS1"])),
            "AS2": aligned["AS2"] - _answers(first, patches_at(own.places, aligned["AS2"])),
        }
        errors += [_told(method, number, error) for method, error in aligned.items()]
        errors.append(_told("prediction", number, answers - own.truth))
        if start == "plain":
            measured, row = _gains(subject, answers, labels, own)
            gains.append({"seed": seed, "round": number, **row})
            patches.append(measured)
    tables = {name: table.assign(seed=seed, start=start) for name, table in _tables(errors, own).items()}
    if gains:
        tables["gains"] = pd.DataFrame(gains)
    if seed == 0 and start == "plain":
        details, sprite = detailed(patches, inputs.numpy())
        Image.fromarray(sprite).quantize(256).save(out / "registration-patches.png", optimize=True)
        tables.update(details)
    return tables


def few_samples(seed: int, recipe: Recipe, samples: int) -> pd.DataFrame:
    """The line of gains for a first round on one in FEW of the samples."""
    own = annotations(seed, samples)
    own = Annotations(own.places[::FEW], own.truth[::FEW], own.noise[::FEW], own.split[::FEW])
    inputs = patches_at(own.places, own.truth)
    subject = _subject(inputs, own.labels, own, seed, 1)
    train(subject, replace(recipe, epochs=FEW * recipe.epochs), seed=10 * seed + 1, device="cpu")
    _, row = _gains(subject, _answers(subject.model, inputs), own.labels, own)
    return pd.DataFrame([{"seed": seed, "round": 1, **row}])


def _subject(inputs: Tensor, labels: np.ndarray, own: Annotations, seed: int, number: int) -> Subject:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(10 * seed + number)
        model = AlignmentNetwork()
    return Subject(
        name=f"registration, round {number}",
        model=model,
        dataset=TensorDataset(inputs),
        labels=labels.astype(np.float32),
        split=own.split,
        kind="row",
    )


@torch.no_grad()
def _answers(model: nn.Module, inputs: Tensor) -> np.ndarray:
    return torch.cat([model(part) for part in inputs.split(500)]).double().numpy()


def _told(method: str, number: int, errors: np.ndarray) -> tuple[str, int, np.ndarray]:
    return method, number, np.linalg.norm(errors, axis=1)


def _tables(errors: list[tuple[str, int, np.ndarray]], own: Annotations) -> dict[str, pd.DataFrame]:
    """Cumulative curves, and what is said of each of them in a line; distances in pixels."""
    curves, lines = [], []
    for method, number, every in errors:
        for part in np.unique(own.split):
            distances = every[own.split == part]
            facts = {"method": method, "round": number, "part": part}
            shares = (distances[:, None] <= TAUS).mean(0)
            curves.append(pd.DataFrame({**facts, "tau": TAUS, "share": shares}))
            median = float(np.median(distances))
            root = float(np.sqrt((distances**2).mean() / 2))
            lines.append(
                {**facts, "median": median, "median_over_sigma": median / NOISE, "rms_over_sigma": root / NOISE}
            )
    return {"curves": pd.concat(curves, ignore_index=True), "rounds": pd.DataFrame(lines)}


def _gains(subject: Subject, answers: np.ndarray, labels: np.ndarray, own: Annotations) -> tuple[Patches, dict]:
    """What the paper's factor and the leverage gain promise of this round's label noise, and what is left of it.

    All over the training samples, from the product's features. The leverage gain and the truth are root mean squares
    over samples and the two directions. The factor, the averaged noise and the shift are medians: where the kernels
    around a sample nearly cancel, its average is divided by nearly nothing, and a few such would drown the others.
    """
    rows = subject.train_rows
    jacobians = features(subject, rows)
    truth, answered, given = (torch.from_numpy(values[rows]) for values in (own.truth, answers, labels))
    residuals = Moments.of(jacobians, value_kinds(answered - given, jacobians))
    noise, answer = (
        local_average(jacobians, Moments.of(jacobians, value_kinds(values, jacobians)))
        for values in (given - truth, answered)
    )
    share = denoising_share(noise.covariance)
    smoother = fit_smoother(Moments.of(jacobians, value_kinds(given, jacobians)))
    leverage, shifts = smoother.gain(jacobians), shift(answered, answer.mean[:, 0])
    sigma, error = _root_mean_square(given - truth), (answered - truth).norm(dim=1)
    row = {
        "samples": len(rows),
        "label_noise": sigma,
        "factor": float(share.median()),
        "factor_spread": float((share.quantile(0.95) - share.quantile(0.05)) / share.median()),
        "floor": len(rows) ** -0.5,
        "leverage_gain": _root_mean_square(leverage),
        "true_gain": _root_mean_square(answered - truth) / sigma,
        "predicted_mean_noise": sigma * float(share.median()),
        "actual_mean_noise": float(noise.mean[:, 0].abs().median()) / NORMAL_MEDIAN,
        "stationarity_residual": float(stationarity_residual(residuals)),
        "shift": float(shifts.median()),
        "shift_correlation": rank_correlation(shifts.numpy(), error.numpy()),
        "leverage_correlation": rank_correlation(leverage.numpy(), error.numpy()),
    }
    units = unit_features(jacobians)
    return Patches(rows, jacobians, units, soft_density(units), shifts, error), row


def features(subject: Subject, rows: np.ndarray) -> Tensor:
    """The product's features of some rows, [m, 2, p] float64: projected gradients, not normalized."""
    settings = Settings(device="cpu")
    projection = calibrate(subject, settings)
    network = measured_network(subject, settings, projection)
    batches = gradient_batches(network, projection.mode, rows, None)
    return torch.cat([projection.jacobians(gradients).detach() for _, gradients in batches]).double()


def _root_mean_square(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _write_facts(out: Path, recipe: Recipe, chosen: argparse.Namespace) -> None:
    """How the tables were made, as registration.json."""
    facts = {
        "made_with": "python -m benchmarks.registration",
        "seeds": chosen.seeds,
        "samples": chosen.samples,
        "label_noise": NOISE,
        "extra_noise": EXTRA_NOISE,
        "recipe": asdict(recipe),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    (out / "registration.json").write_text(json.dumps(facts, indent=2) + "\n")


def _print(lines: pd.DataFrame, gains: pd.DataFrame) -> None:
    keys = ["start", "method", "round", "part"]
    spread = lines.groupby(keys, sort=False)["median_over_sigma"].agg(["median", "min", "max"])
    print(spread.round(3).to_string())
    print(gains.groupby(["samples", "round"]).agg(["median", "min", "max"]).drop(columns="seed").T.round(4).to_string())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and 3 epochs unless said otherwise")
    parser.add_argument("--seeds", type=int, help="how many, counted from 0")
    parser.add_argument("--epochs", type=int, help="of every training")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="patches, one in five held out")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    chosen = parser.parse_args()
    chosen.seeds = chosen.seeds or (1 if chosen.quick else 3)
    chosen.epochs = chosen.epochs or (3 if chosen.quick else REGISTRATION.recipe.epochs)
    chosen.out = chosen.out or (Path(tempfile.gettempdir()) / "explorer-experiments" if chosen.quick else SHIPPED)
    return chosen


if __name__ == "__main__":
    main()
