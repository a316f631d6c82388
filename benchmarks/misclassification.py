"""Labels made wrong on purpose, anew at every step of a training: whether fewer units fire, and what it costs.

    python -m benchmarks.misclassification            # some minutes of one core
    python -m benchmarks.misclassification --quick    # one seed, two epochs, into a temporary folder

Cornacchia, Hązła, Nachum, Yehudayoff 2021 (arXiv 2111.02154): with probability p the label of a sample is replaced by a
random one whenever it is seen. They say that networks of ReLU units become sparse: for a typical input fewer units
fire. Here a perceptron with two hidden layers of 256 ReLU units learns 4,000 MNIST images in 20 passes; equal seeds
have equal first weights and equal order in all arms. Accuracies are by the published labels.

    activity    share of units that are above zero, mean over the 4,000 training images
    dead        units that are above zero for none of them

Tables go to assets/experiments after every run, a run that is there is not made again, and the app shows them on its
page Training.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch

from benchmarks.paired import BASELINE, paired_tests
from benchmarks.runs import SHIPPED, Runs, save, save_facts
from explorer.subjects import Subject
from explorer.subjects.mnist import mnist_subject
from explorer.subjects.networks import multilayer_perceptron
from explorer.subjects.recipes import Recipe
from explorer.training.activity import unit_activity
from explorer.training.loop import train

PROBABILITIES = (0.0, 0.1, 0.3, 0.5, 1.0)
WIDTHS = [784, 256, 256, 10]
EPOCHS, SEEDS = 20, 8
MEASURED = ("held_out_accuracy", "activity", "dead")
"""What is compared with p = 0, after the last epoch."""


def main() -> None:
    """Train what is missing, and write the tables anew after every run."""
    chosen = _arguments()
    torch.set_num_threads(1)
    runs = Runs(chosen.out / "misclassification-runs.parquet", ("probability", "seed"))
    layers = Runs(chosen.out / "misclassification-layers.parquet", ("probability", "seed"))
    recipe = Recipe(epochs=chosen.epochs, loss="cross-entropy")
    for seed in range(chosen.seeds):
        for probability in PROBABILITIES:
            key = {"probability": probability, "seed": seed}
            if runs.has(**key) and layers.has(**key):
                continue
            begun = time.perf_counter()
            epochs, units = one_run(probability, seed, recipe)
            layers.add(units, **key)
            runs.add(epochs, **key)
            _write(runs.table, recipe, chosen)
            print(f"p = {probability:g}, seed {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
    print(tests_of(runs.table).round(4).to_string(index=False))


def one_run(probability: float, seed: int, recipe: Recipe) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one network.

    Returns:
        A line an epoch (epoch, train_accuracy, held_out_accuracy, activity, dead), and a line for each hidden layer at
        the end (layer from 1, units, activity, dead, and dead_units, their numbers joined by spaces).
    """
    subject = _subject(seed)
    log = train(subject, recipe, seed=seed, device="cpu", misclassify=probability)
    units = unit_activity(subject, subject.inputs(subject.train_rows))
    lines = []
    for number, (_, own) in enumerate(units.groupby("layer", sort=False), start=1):
        dead = own.loc[own["activity"] == 0, "unit"]
        facts = {"units": len(own), "activity": own["activity"].mean(), "dead": len(dead)}
        lines.append({"layer": number, **facts, "dead_units": " ".join(map(str, dead))})
    return log[["epoch", "train_accuracy", "held_out_accuracy", "activity", "dead"]], pd.DataFrame(lines)


def tests_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Every p against p = 0 after the last epoch, seed by seed; corrected by Holm within each measure."""
    last = runs[runs["epoch"] == runs["epoch"].max()].rename(columns={"epoch": "step"})
    last["arm"] = [BASELINE if one == 0 else f"{one:g}" for one in last["probability"]]
    found = [paired_tests(last, [last["step"].max()], value=name).assign(measure=name) for name in MEASURED]
    table = pd.concat(found, ignore_index=True).rename(columns={"arm": "probability", "step": "epoch"})
    return table.astype({"probability": float} if len(table) else {})


def _subject(seed: int) -> Subject:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = multilayer_perceptron(WIDTHS)
    return replace(mnist_subject(model, noisy=False), reference=None)


def _write(runs: pd.DataFrame, recipe: Recipe, chosen: argparse.Namespace) -> None:
    save(tests_of(runs), chosen.out / "misclassification-tests.parquet")
    facts = {"made_with": "python -m benchmarks.misclassification", "widths": WIDTHS, "recipe": asdict(recipe)}
    save_facts(chosen.out / "misclassification.json", facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and two epochs unless said otherwise")
    parser.add_argument("--seeds", type=int, help=f"how many, counted from 0 (default {SEEDS})")
    parser.add_argument("--epochs", type=int, help=f"passes over the data (default {EPOCHS})")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    chosen = parser.parse_args()
    chosen.seeds = chosen.seeds or (1 if chosen.quick else SEEDS)
    chosen.epochs = chosen.epochs or (2 if chosen.quick else EPOCHS)
    chosen.out = chosen.out or (Path(tempfile.gettempdir()) / "explorer-experiments" if chosen.quick else SHIPPED)
    return chosen


if __name__ == "__main__":
    main()
