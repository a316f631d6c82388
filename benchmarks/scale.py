"""Growth of a build from 10,000 samples to 1,000,000: CPU seconds and peak memory of every step, one thread.

    python -m benchmarks.scale --out FOLDER                                    (10,000 to 100,000)
    python -m benchmarks.scale --out FOLDER --sizes 10000 31623 100000 1000000

A small network, taught for a second, on points of 32 numbers in crowds of two kinds: some grow with the data, as real
ones do, and others keep their size. Every size is built by the real `build`, in a process of its own, into a study
under FOLDER that stays there; the peak that Linux keeps for that process is set back as each step begins, so that the
manifest tells each step's own. A size that was stopped is taken up again. Printed are a table, the slopes between
successive sizes (1 is linear, n log n is 1.08 from 100,000 to 1,000,000) and what is said of the floors; written are
scale.parquet and scale.svg.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.scale_picture import drawn

if TYPE_CHECKING:  # torch is not loaded in the process that waits
    from explorer.study.study import Study
    from explorer.subjects import Subject

SIZES = (10_000, 31_623, 100_000)
INPUTS, HIDDEN, CLASSES, CROWDS, GROUP = 32, 32, 4, 200, 40
WRONG = 0.03
"""Share of the labels that are another class than the true one."""
STEPS, BATCH, RATE = 400, 256, 5e-3
MOST_BYTES = 6e9
LEAST_RECALL = 0.95
MOST_GROWTH = 10.0
"""All soft statistics of 1,000,000 samples take at most so many times those of 100,000."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
"""A second thread that waits for the first spins, which counts as time of the processor."""
SLACK = 0.1
"""A slope may be so much above that of n log n: two runs of one size differ by as much."""
SAID = {
    "neighbors": "n² up to 131,072 samples, n^1.5 beyond",
    "statistics": "counts of crowds: n² up to 131,072",
    "all": "as neighbors",
}
"""Steps that may grow faster, and as what."""
COMPARED = 2**17
"""Up to so many samples all pairs are compared."""
STEEPEST, STEEPEST_BEYOND = 2.0, 1.5
"""Slopes of a search up to there and beyond; those of all steps together never reach the first."""


def main() -> int:
    """Build what is missing, print the tables; exit 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="studies and results are kept there")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--neighbors", type=int, default=50)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        measure(chosen.measure, chosen.out, chosen.dim, chosen.neighbors)
        return 0
    chosen.out.mkdir(parents=True, exist_ok=True)
    for n in chosen.sizes:
        words = ["--out", str(chosen.out), "--dim", str(chosen.dim), "--neighbors", str(chosen.neighbors)]
        command = [sys.executable, "-m", "benchmarks.scale", "--measure", str(n), *words]
        subprocess.run(command, check=True, env=os.environ | ONE_THREAD)
    table = pd.concat([read_table(chosen.out, n) for n in sorted(chosen.sizes)], ignore_index=True)
    table.to_parquet(chosen.out / "scale.parquet", index=False)
    (chosen.out / "scale.svg").write_text(drawn(table), encoding="utf-8")
    print_table(table)
    return int(print_floors(table, chosen.out))


def measure(n: int, folder: Path, dim: int, neighbors: int) -> None:
    """Build the study of n samples, or what is missing of it, and time its soft statistics alone."""
    import torch

    from explorer.pipeline.build import build
    from explorer.pipeline.progress import Advance
    from explorer.records import Settings

    torch.set_num_threads(1)
    subject = made_up_subject(n)
    place = study_folder(folder, n).with_suffix(".json")
    facts = json.loads(place.read_text()) if place.exists() else {"cpu": {}}
    step, started = "", 0.0

    def watch(advance: Advance) -> None:
        nonlocal step, started
        if advance.step != step:
            before = facts["cpu"].get(advance.step, 0.0) if advance.resumed_at else 0.0
            step, started = advance.step, time.process_time() - before
            Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held
        facts["cpu"][step] = time.process_time() - started
        place.write_text(json.dumps(facts))
        if advance.is_finished:
            told = f"{advance.seconds:>9.1f} s, {facts['cpu'][step]:>9.1f} of the processor"
            print(f"{n:>9,} {step:<12}{told}", file=sys.stderr, flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(dim=dim, neighbors=neighbors, device="cpu")
    study = build(subject, study_folder(folder, n), settings=settings, progress=watch)
    if "soft" not in facts:
        place.write_text(json.dumps({**facts, **soft_statistics(subject, study)}))


def soft_statistics(subject: "Subject", study: "Study") -> dict[str, float]:
    """CPU seconds of the soft count and of all that averaging needs, as in benchmarks.statistics; width and outputs."""
    import torch

    from explorer.pipeline.answers import Answers
    from explorer.pipeline.averaging import averaging_columns
    from explorer.pipeline.blocks import UnitBlocks
    from explorer.pipeline.features import stored_projection
    from explorer.similarity import soft_density

    projection = stored_projection(study)
    answers = Answers.of(subject, study.rows("outputs"), study.rows("valid"))
    started = time.process_time()
    total = sum((units.double().sum(0) for units in UnitBlocks(study)), torch.zeros(()))
    for units in UnitBlocks(study):
        soft_density(units, total=total, whole_self=True)
    averaging_columns(study, projection, answers, lambda done: None)
    return {
        "soft": time.process_time() - started,
        "width": int(study.rows("units", [0]).shape[1]),
        "outputs": projection.outputs,
    }


def made_up_subject(n: int) -> "Subject":
    """A classifier of points in crowds, half of which have GROUP samples however many there are."""
    import torch
    from torch import nn

    from explorer.subjects import Subject

    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(CROWDS, INPUTS, generator=generator)
    crowd = torch.randint(0, CROWDS, (n,), generator=generator)
    small = torch.randn(-(-n // GROUP), INPUTS, generator=generator)[torch.randperm(n, generator=generator) // GROUP]
    spread = torch.randn(n, INPUTS, generator=generator)
    points = centers[crowd] + torch.where((crowd < CROWDS // 2)[:, None], 0.8 * small + 0.1 * spread, 0.3 * spread)
    labels = crowd % CLASSES
    wrong = torch.rand(n, generator=generator) < WRONG
    labels[wrong] = (labels[wrong] + torch.randint(1, CLASSES, (int(wrong.sum()),), generator=generator)) % CLASSES
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, CLASSES))
    search = torch.optim.Adam(network.parameters(), lr=RATE)
    for _ in range(STEPS):
        rows = torch.randint(0, n, (BATCH,), generator=generator)
        search.zero_grad()
        nn.functional.cross_entropy(network(points[rows]), labels[rows]).backward()
        search.step()
    return Subject(
        name="scale",
        model=network.eval(),
        dataset=points,
        labels=labels,
        picture=lambda sample: (128 + 40 * sample.numpy().reshape(4, 8)).clip(0, 255).astype(np.uint8),
        columns={"wrong": wrong.numpy(), "crowd": crowd.numpy()},
        description="Points in crowds, made up to measure how a build grows.",
    )


def study_folder(folder: Path, n: int) -> Path:
    """Where the study of n samples lies."""
    return folder / f"scale-{n}"


def read_table(folder: Path, n: int) -> pd.DataFrame:
    """A row a step, one for all, one for soft statistics: seconds (of the processor), bytes, recall of the search."""
    manifest = json.loads((study_folder(folder, n) / "manifest.json").read_text())
    facts = json.loads(study_folder(folder, n).with_suffix(".json").read_text())
    sizes = {**manifest["arrays"], **manifest["files"]}
    rows = [
        {
            "samples": n,
            "step": name,
            "seconds": facts["cpu"].get(name, np.nan),  # killed before it was noted
            "wall_seconds": record["seconds"],
            "peak_bytes": record["peak_memory_bytes"],
            "file_bytes": sum(one["bytes"] for file, one in sizes.items() if file.split("/")[0].split(".")[0] == name),
        }
        for name, record in manifest["steps"].items()
    ]
    whole = pd.DataFrame(rows)
    every = {**whole.drop(columns="step").sum(), "samples": n, "step": "all", "peak_bytes": whole.peak_bytes.max()}
    soft = {"samples": n, "step": "soft statistics", "seconds": facts["soft"], "file_bytes": 0}
    ends = pd.DataFrame([every, soft])
    search = manifest["steps"]["neighbors"]["notes"]["search"]["network"]
    return pd.concat([whole, ends], ignore_index=True).assign(
        index=search["index"], recall_at_10=search["recall_at_10"]
    )


def print_table(table: pd.DataFrame) -> None:
    """Seconds, peaks and bytes a sample by step, and the slopes between successive sizes."""
    sizes = sorted(table.samples.unique())
    print(f"{'CPU seconds':<16}" + "".join(f"{n:>12,}" for n in sizes) + "   slopes")
    for step, rows in table.groupby("step", sort=False):
        seconds = rows.set_index("samples").seconds.reindex(sizes)
        told = "  ".join(f"{slope:.2f}" for slope in slopes(sizes, seconds))
        print(f"{step:<16}" + "".join(f"{one:>12.1f}" for one in seconds) + f"   {told}")
    print(f"\n{'peak, MiB':<16}" + "".join(f"{n:>12,}" for n in sizes) + "   bytes on disk a sample")
    for step, rows in table[table.peak_bytes.notna()].groupby("step", sort=False):
        peaks = rows.set_index("samples").peak_bytes.reindex(sizes) / 2**20
        stored = rows.file_bytes.iloc[-1] / rows.samples.iloc[-1]
        print(f"{step:<16}" + "".join(f"{one:>12,.0f}" for one in peaks) + f"   {stored:,.0f}")


def slopes(sizes: list[int], seconds: pd.Series) -> np.ndarray:
    """Exponents of growth between successive sizes."""
    return np.diff(np.log(np.maximum(seconds.to_numpy(), 1e-3))) / np.diff(np.log(sizes))


def allowed_slope(step: str, few: int, many: int) -> float:
    """How fast a step may grow from one size to another: as n log n, or as it is said of it."""
    if step == "all":
        return STEEPEST_BEYOND
    cost = _searched if step in SAID else (lambda n: n * np.log(n))
    return float(slopes([few, many], pd.Series([cost(few), cost(many)], dtype=float))[0])


def _searched(n: int) -> float:
    """Time of a search, in some unit."""
    return float(n) ** STEEPEST if n <= COMPARED else COMPARED**STEEPEST * (n / COMPARED) ** STEEPEST_BEYOND


def soft_floor(table: pd.DataFrame, facts: Path) -> list[tuple[str, bool]]:
    """The line of the soft statistics and whether their floor is met; none without the two sizes that it compares.

    Args:
        table: of read_table.
        facts: what `measure` noted beside the largest study; outputs and width are told where it is there.
    """
    seconds = table[table.step == "soft statistics"].set_index("samples").seconds
    if not {100_000, 1_000_000} <= set(seconds.index):
        return []
    noted = json.loads(facts.read_text()) if facts.exists() else {}
    about = f", {noted['outputs']} outputs, width {noted['width']}" if noted else ""
    times = seconds[1_000_000] / seconds[100_000]
    told = f"soft statistics{about}: 1,000,000 take {times:.2f} times 100,000, of {MOST_GROWTH:.0f}"
    return [(told, bool(times <= MOST_GROWTH))]


def print_floors(table: pd.DataFrame, folder: Path) -> bool:
    """A line a floor; whether one is missed."""
    sizes = sorted(table.samples.unique())
    largest, by_step = sizes[-1], table.set_index(["step", "samples"])
    peak = table[table.samples == largest].peak_bytes.max()
    recall = table[table.samples == largest].recall_at_10.iloc[0]
    lines = [
        (f"peak memory at {largest:,}: {peak / 1e9:.2f} GB of {MOST_BYTES / 1e9:.0f}", peak <= MOST_BYTES),
        (f"recall@10 at {largest:,}: {recall:.4f} of {LEAST_RECALL}", recall >= LEAST_RECALL),
    ]
    lines += soft_floor(table, study_folder(folder, largest).with_suffix(".json"))
    for step in table.step.unique() if len(sizes) > 1 else ():
        steepest = slopes(sizes[-2:], by_step.loc[step].seconds.reindex(sizes[-2:]))[-1]
        usual = slopes(sizes[-2:], pd.Series([n * np.log(n) for n in sizes[-2:]]))[-1]
        allowed = allowed_slope(step, *sizes[-2:])
        excuse = f" ({SAID[step]}: {allowed:.2f})" if step in SAID else ""
        short = by_step.loc[(step, largest), "seconds"] < 1
        told = f"{step}: slope {steepest:.2f}, n log n has {usual:.2f}{excuse}, slack {SLACK}"
        lines.append((told, steepest <= allowed + SLACK or short))
    print()
    for line, is_met in lines:
        print(f"{'met   ' if is_met else 'MISSED'} {line}")
    return not all(is_met for _, is_met in lines)


if __name__ == "__main__":
    sys.exit(main())
