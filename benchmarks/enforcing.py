"""The paper's experiment on enforcing similarity, with every reading of its sign, and what it costs.

    python -m benchmarks.enforcing                       # about half an hour of one core
    python -m benchmarks.enforcing --only mnist-2        # the published protocol alone
    python -m benchmarks.enforcing --data fashion20k.npz # Fashion-MNIST too
    python -m benchmarks.enforcing --quick               # two seeds, a few steps: whether all of it runs

Protocol (Charpiat et al. 2019, as released): the small convolutional network, Adam with step size 1e-3, 150 steps. For
each step a class is drawn uniformly, and two of its images with replacement; batches of 32 are 16 such draws. The
accuracy is that on 500 images which are never trained on. Images are standardized; "mnist-unit" is MNIST with pixels
from 0 to 1, which the network learns from more slowly.

Arms. The loss is cross-entropy, plus for all but the baseline a term about the similarity of the pairs of one class:

    baseline      nothing
    reward        −1 × k^C, as the paper describes it
    penalise      +1 × k^C, the sign of the released code
    reward .1     −0.1 × k^C
    penalise .1   +0.1 × k^C
    contrast      k^C to another class − k^C within the class
    …, all        the same with k^C over all ten outputs; without it, one number an image as in the released code (+1
                  for its class, −1/9 for each other, of the log-softmax). contrast compares all images of a step by the
                  number of one class, that of the first: by numbers of two classes, two images are hardly ever alike

Batches of 2 are of one class. For contrast one image of another class joins them, which is not learned from.

On the circle, a regression by absolute error, alike are the points up to NEAR turns apart: their targets nearly agree.
Half a batch of such pairs is drawn for the term, two at least for contrast, beside the points that are learned from;
others are those among them that are farther apart.

The released code measured on 1,000 images after every step, and drew 60 runs.

Equal seeds have equal first weights and equal draws in all arms, so arms are compared seed by seed: a paired t-test at
each of COMPARED steps, corrected by Holm for all arms and steps of a data set and batch size together. Every run is
added to assets/experiments as soon as it ends, and a run that is there is not made again. The app shows the tables on
its page Training.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.paired import paired_tests
from benchmarks.runs import SHIPPED, Runs, save, save_facts
from benchmarks.samples import FREQUENCY, MEASURED, NEAR, TRAINED, near_pairs, subject_of
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.training.enforcement import Enforcement, Pace
from explorer.training.loop import train

STEPS, EVERY = 150, 10
COMPARED = (20, 40, 60, 80, 100, 150)
CIRCLE_STEPS, CIRCLE_EVERY = 600, 50
CIRCLE_COMPARED = (100, 200, 300, 400, 500, 600)
KEYS = ("data", "batch", "arm", "seed")
COST_STEPS = (4, 24)
COST_REPEATS = 5


@dataclass(frozen=True)
class Setting:
    """A data set and batch size, and the arms that are compared there."""

    data: str
    batch: int
    arms: tuple[str, ...]
    seeds: int

    @property
    def name(self) -> str:
        """What --only takes."""
        return f"{self.data}-{self.batch}{'-all' if any(arm.endswith('all') for arm in self.arms) else ''}"

    @property
    def is_circle(self) -> bool:
        """Whether it is the regression."""
        return self.data == "circle"

    @property
    def steps(self) -> int:
        """Of every run."""
        return CIRCLE_STEPS if self.is_circle else STEPS

    @property
    def every(self) -> int:
        """Steps between two measurements."""
        return CIRCLE_EVERY if self.is_circle else EVERY

    @property
    def recipe(self) -> Recipe:
        """Adam with a constant step size."""
        loss = "l1" if self.is_circle else "cross-entropy"
        return Recipe(epochs=1, loss=loss, batch_size=self.batch, learning_rate=1e-3, decay=False)


TERMS: dict[str, tuple[str, float, str]] = {
    "reward": ("reward", 1.0, "mask"),
    "penalise": ("penalise", 1.0, "mask"),
    "reward .1": ("reward", 0.1, "mask"),
    "penalise .1": ("penalise", 0.1, "mask"),
    "contrast": ("contrast", 1.0, "mask"),
    "reward, all": ("reward", 1.0, "all"),
    "penalise, all": ("penalise", 1.0, "all"),
    "contrast, all": ("contrast", 1.0, "all"),
}
"""Mode, weight and outputs of every arm but the baseline."""
SETTINGS = (
    Setting("mnist", 2, ("baseline", *list(TERMS)[:5]), 24),
    Setting("mnist-unit", 2, ("baseline", *list(TERMS)[:5]), 24),
    Setting("circle", 2, ("baseline", "reward", "penalise", "contrast"), 20),
    Setting("circle", 32, ("baseline", "reward", "penalise", "contrast"), 20),
    Setting("mnist", 32, ("baseline", "reward", "penalise", "contrast"), 20),
    Setting("fashion", 2, ("baseline", "reward", "penalise", "contrast"), 20),
    Setting("mnist", 2, ("baseline", "reward, all", "penalise, all", "contrast, all"), 20),
    Setting("fashion", 32, ("baseline", "reward", "penalise", "contrast"), 20),
)
"""In the order in which they are run; what the published protocol asks for first."""


def main() -> None:
    """Run what is missing, and write the tables anew after every run."""
    chosen = _arguments()
    torch.set_num_threads(1)
    runs = Runs(chosen.out / "enforcing-runs.parquet", KEYS)
    before = len(runs.table)
    for setting in SETTINGS:
        if setting.name not in (chosen.only or [setting.name]) or (setting.data == "fashion" and not chosen.data):
            continue
        if chosen.quick:
            setting = replace(setting, seeds=2)  # noqa: PLW2901
        for seed in range(setting.seeds):
            for arm in setting.arms:
                key = {"data": setting.data, "batch": setting.batch, "arm": arm, "seed": seed}
                if runs.has(**key):
                    continue
                begun = time.perf_counter()
                runs.add(one_run(setting, arm, seed, chosen.data, chosen.quick), **key)
                print(f"{setting.name} {arm}, seed {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
            if len(runs.table) > before:  # otherwise date and version would be those of a look at them
                _write(runs.table, chosen.out)
    if not chosen.no_costs:
        costs = pd.DataFrame(step_costs())
        save(costs, chosen.out / "enforcing-costs.parquet")
        print(costs.round(2).to_string(index=False))
    if len(runs.table):
        print(tests_of(runs.table).round(4).to_string(index=False))


def one_run(setting: Setting, arm: str, seed: int, data: Path | None, is_quick: bool = False) -> pd.DataFrame:
    """Train one network; a line for every measurement.

    Returns:
        step, value (accuracy, or RMSE on the circle, of held-out samples), loss and similarity (means over the steps
        since the line before; similarity is nan in the baseline).
    """
    subject = subject_of(setting.data, data, seed)
    steps = 2 * setting.every if is_quick else setting.steps
    pace = Pace(steps=steps, every=setting.every, draw="any" if setting.is_circle else "pairs")
    log = train(subject, setting.recipe, seed=seed, device="cpu", enforce=term_of(setting, arm, subject), pace=pace)
    name = "held_out_rmse" if setting.is_circle else "held_out_accuracy"
    nothing = np.full(len(log), np.nan)
    return pd.DataFrame(
        {
            "step": log["step"].astype(np.int64),
            "value": log[name].astype(np.float64),
            "loss": log["loss"].astype(np.float64),
            "similarity": log["similarity"].astype(np.float64) if "similarity" in log else nothing,
        }
    )


def term_of(setting: Setting, arm: str, subject: Subject) -> Enforcement | None:
    """What an arm adds to the loss."""
    if arm == "baseline":
        return None
    mode, weight, outputs = TERMS[arm]
    if setting.is_circle:
        return Enforcement(mode=mode, weight=weight, pairs=near_pairs(subject), outputs="all")
    return Enforcement(mode=mode, weight=weight, pairs="class", outputs=outputs)


def tests_of(runs: pd.DataFrame) -> pd.DataFrame:
    """The paired tests of every data set and batch size, each corrected on its own (see benchmarks.paired)."""
    found = [
        paired_tests(own, CIRCLE_COMPARED if data == "circle" else COMPARED).assign(data=data, batch=batch)
        for (data, batch), own in runs.groupby(["data", "batch"], sort=False)
    ]
    table = pd.concat(found, ignore_index=True)
    return table[["data", "batch", *table.columns.drop(["data", "batch"])]]


def step_costs(batches: tuple[int, ...] = (2, 32)) -> Iterator[dict[str, float | int | str]]:
    """CPU time of a step on MNIST, in milliseconds, and how many times that of a plain step.

    The time of a longer training less that of a shorter, so that what is not a step falls out; arms in turns, of each
    length the smallest of COST_REPEATS, since another program can only add to it.
    """
    for batch in batches:
        # No arm over all outputs is compared with larger batches, where one of its steps takes a second.
        setting = Setting("mnist", batch, ("baseline", "reward", "contrast", *(["reward, all"] * (batch == 2))), 1)
        least: dict[tuple[str, int], float] = {}
        for _ in range(COST_REPEATS):
            for arm in setting.arms:
                for steps in COST_STEPS:
                    spent = _seconds(setting, arm, steps)
                    least[arm, steps] = min(spent, least.get((arm, steps), spent))
        few, many = COST_STEPS
        milliseconds = {arm: 1000 * (least[arm, many] - least[arm, few]) / (many - few) for arm in setting.arms}
        for arm, spent in milliseconds.items():
            times = spent / milliseconds["baseline"]
            yield {"data": "mnist", "batch": batch, "arm": arm, "milliseconds": spent, "times": times}


def _seconds(setting: Setting, arm: str, steps: int) -> float:
    subject = subject_of(setting.data, None, 0)
    enforce = term_of(setting, arm, subject)
    begun = time.thread_time()
    train(subject, setting.recipe, seed=0, device="cpu", enforce=enforce, pace=Pace(steps=steps, every=steps))
    return time.thread_time() - begun


def _write(runs: pd.DataFrame, out: Path) -> None:
    save(tests_of(runs), out / "enforcing-tests.parquet")
    facts = {
        "made_with": "python -m benchmarks.enforcing",
        "steps": STEPS,
        "compared": COMPARED,
        "circle_steps": CIRCLE_STEPS,
        "circle_compared": CIRCLE_COMPARED,
        "near": NEAR,
        "frequency": FREQUENCY,
        "trained": TRAINED,
        "measured": MEASURED,
        "terms": TERMS,
    }
    save_facts(out / "enforcing.json", facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds and few steps, into a temporary folder")
    names = [*(setting.name for setting in SETTINGS), "costs"]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"some of {', '.join(names)}")
    parser.add_argument("--data", type=Path, help="Fashion-MNIST as .npz with x and y")
    parser.add_argument("--no-costs", action="store_true", help="leave the time of a step out")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    chosen = parser.parse_args()
    if not chosen.data and any(name.startswith("fashion") for name in chosen.only or []):
        parser.error("Fashion-MNIST is read from a file. Say where it is with --data.")
    chosen.out = chosen.out or (Path(tempfile.gettempdir()) / "explorer-experiments" if chosen.quick else SHIPPED)
    return chosen


if __name__ == "__main__":
    main()
