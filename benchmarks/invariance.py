"""Whether it helps to enforce that a picture and its turned copy are alike, against plain augmentation at equal cost.

    python -m benchmarks.invariance            # twenty minutes of one core
    python -m benchmarks.invariance --quick    # two seeds, few steps, into a temporary folder

The small convolutional network learns from upright images of MNIST, 16 a step, and is measured on 500 that are held
out: upright, and each turned by an angle drawn once, up to MOST degrees either way. Arms:

    plain        upright images
    augmented    each image turned by a new random angle
    enforced     upright images, and a term −1 × k^C of each image and a turned copy of it, without a loss on the copy
    both         each image turned, and the term between it and a further turned copy

A step with the term costs more. So the CPU time of a step of every arm is measured first, in one process, and every arm
gets as many steps as fit into the time of BUDGET plain ones. To tell what the term does from what it costs, the two
arms without it are also trained for as few steps as `enforced` gets. Equal seeds have equal first weights; the arms are
compared with augmented by a paired t-test, corrected by Holm for the arms and both kinds of images.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.paired import BASELINE, holm, paired_tests
from benchmarks.runs import SHIPPED, Runs, save, save_facts
from benchmarks.samples import subject_of
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.training.enforcement import Enforcement, Pace
from explorer.training.loop import train
from explorer.training.measuring import accuracy, answers
from explorer.training.moves import Move, rotated

ARMS = {"plain": (False, False), "augmented": (True, False), "enforced": (False, True), "both": (True, True)}
"""Whether images are turned, and whether the term is added."""
FEW = {"plain, few steps": "plain", "augmented, few steps": "augmented"}
"""Arms that are trained for as many steps as `enforced`."""
AGAINST = "augmented"
MOST = 45.0
"""Degrees."""
ANGLES_SEED = 7
BUDGET, BATCH, SEEDS = 600, 16, 20
KEYS = ("arm", "seed")
COST_STEPS, COST_REPEATS = (4, 24), 5
RECIPE = Recipe(epochs=1, loss="cross-entropy", batch_size=BATCH, learning_rate=1e-3, decay=False)


def main() -> None:
    """Measure the cost of a step, train what is missing, and write the tables anew after every seed."""
    chosen = _arguments()
    torch.set_num_threads(1)
    runs = Runs(chosen.out / "invariance-runs.parquet", KEYS)
    # An interrupted experiment goes on with the costs that it began with.
    known = runs.table.groupby("arm")[["steps", "milliseconds"]].first() if len(runs.table) else pd.DataFrame()
    if not set(ARMS) <= set(known.index):
        known = step_costs()
        known["steps"] = (
            (chosen.budget * known.loc["plain", "milliseconds"] / known["milliseconds"]).round().astype(int)
        )
    print(known.round(2).to_string())
    for seed in range(chosen.seeds):
        for arm in [*ARMS, *FEW]:
            if runs.has(arm=arm, seed=seed):
                continue
            begun = time.perf_counter()
            kind = FEW.get(arm, arm)
            steps = int(known.loc["enforced" if arm in FEW else arm, "steps"])
            cost = {"milliseconds": float(known.loc[kind, "milliseconds"]), "steps": steps}
            runs.add(one_run(kind, seed, steps).assign(**cost), arm=arm, seed=seed)
            print(f"{arm}, seed {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
        _write(runs.table, chosen)  # only now are there pairs of all arms
    print(tests_of(runs.table).round(4).to_string(index=False))


def one_run(arm: str, seed: int, steps: int) -> pd.DataFrame:
    """Train one network; a line for upright and one for turned held-out images: images, value (accuracy)."""
    subject = _trained(arm, seed, steps)
    rows = subject.held_out_rows
    inputs, classes = subject.inputs(rows), torch.from_numpy(subject.targets[rows])
    degrees = np.random.default_rng(ANGLES_SEED).uniform(-MOST, MOST, len(rows)).astype(np.float32)
    parts = {"upright": inputs, "turned": rotated(inputs, torch.from_numpy(degrees))}
    found = {name: accuracy(answers(subject, part), classes) for name, part in parts.items()}
    return pd.DataFrame({"images": list(found), "value": list(found.values())})


def step_costs() -> pd.DataFrame:
    """CPU time of a step of every arm, in milliseconds.

    That of a longer training less that of a shorter one; arms in turns, of each length the smallest of COST_REPEATS,
    since another program can only add to it.
    """
    least: dict[tuple[str, int], float] = {}
    for _ in range(COST_REPEATS):
        for arm in ARMS:
            for steps in COST_STEPS:
                begun = time.thread_time()
                _trained(arm, 0, steps)
                spent = time.thread_time() - begun
                least[arm, steps] = min(spent, least.get((arm, steps), spent))
    few, many = COST_STEPS
    return pd.DataFrame(
        {"milliseconds": {arm: 1000 * (least[arm, many] - least[arm, few]) / (many - few) for arm in ARMS}}
    )


def tests_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Every arm against plain augmentation, on upright and on turned images."""
    named = runs.assign(arm=runs["arm"].replace(AGAINST, BASELINE), step=runs["steps"] * 0)
    found = [paired_tests(own, [0]).assign(images=name) for name, own in named.groupby("images", sort=False)]
    table = pd.concat(found, ignore_index=True)
    return table.assign(p_holm=holm(table["p"])).drop(columns="step") if len(table) else table


def _trained(arm: str, seed: int, steps: int) -> Subject:
    is_turned, is_enforced = ARMS[arm]
    subject = subject_of("mnist-unit", None, seed)
    enforce = Enforcement(mode="reward", weight=1.0, pairs="rotation", most=MOST) if is_enforced else None
    augment = Move(kind="rotation", most=MOST) if is_turned else None
    pace = Pace(steps=steps, every=steps, draw="any")
    train(subject, RECIPE, seed=seed, device="cpu", enforce=enforce, augment=augment, pace=pace)
    return subject


def _write(runs: pd.DataFrame, chosen: argparse.Namespace) -> None:
    save(tests_of(runs), chosen.out / "invariance-tests.parquet")
    facts = {"made_with": "python -m benchmarks.invariance", "most_degrees": MOST, "batch": BATCH}
    save_facts(chosen.out / "invariance.json", {**facts, "budget_plain_steps": chosen.budget})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds and few steps unless said otherwise")
    parser.add_argument("--seeds", type=int, help=f"how many, counted from 0 (default {SEEDS})")
    parser.add_argument("--budget", type=int, help=f"time of so many plain steps for every run (default {BUDGET})")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    chosen = parser.parse_args()
    chosen.seeds = chosen.seeds or (2 if chosen.quick else SEEDS)
    chosen.budget = chosen.budget or (40 if chosen.quick else BUDGET)
    chosen.out = chosen.out or (Path(tempfile.gettempdir()) / "explorer-experiments" if chosen.quick else SHIPPED)
    return chosen


if __name__ == "__main__":
    main()
