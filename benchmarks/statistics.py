"""All soft statistics of a study: time linear in the number of samples, memory of one block.

    python -m benchmarks.statistics

Features are made up, lie on disk and are read shard by shard, as in a build; what runs is the build's own code: soft
count, moments, denoising factor, effective neighbors, neighbor means, shift, stationarity residual, uncertainty, and
leverage gain with its cross-validated ridge. CPU seconds, both sizes taking turns, best of several repeats, each in a
process of its own with one thread. `above` is the largest resident memory less that at the start; the results, a few
numbers a sample, are in it.
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from benchmarks.memory import resident
from explorer.features import Projection
from explorer.pipeline.answers import Answers
from explorer.pipeline.averaging import averaging_columns
from explorer.pipeline.blocks import UnitBlocks, row_blocks
from explorer.records import Settings
from explorer.similarity import soft_density

FEW, MANY = 50_000, 200_000
WIDTH = 128
FLOOR = 4.4
"""Seconds for four times the samples are at most so many times more."""


@dataclass(frozen=True)
class StoredFeatures:
    """What the statistics ask of a study: some rows of its features, copied from disk."""

    folder: Path
    n: int
    settings: Settings

    def rows(self, name: str, rows: np.ndarray) -> np.ndarray:
        """[m, ...] float32; nothing stays mapped into memory."""
        return np.array(np.load(self.folder / f"{name}.npy", mmap_mode="r")[rows])


def main() -> None:
    """Print one line for each number of samples and of outputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--outputs", type=int, nargs="*", default=[1, 3])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="where features are written and dropped; the system's choice if unset"
    )
    chosen = parser.parse_args()
    print(f"width {chosen.width}, float32 features, one thread, torch {torch.__version__}")
    print(f"{'outputs':>7}{'samples':>10}{'seconds':>9}{'ratio':>7}{'above, MiB':>12}{'features, MiB':>15}")
    for outputs in chosen.outputs:
        seconds, above = {FEW: float("inf"), MANY: float("inf")}, {FEW: 0, MANY: 0}
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            for n in (FEW, MANY):
                write_features(Path(folder), n, outputs, chosen.width)
            for _ in range(chosen.repeats):
                for n in (FEW, MANY):
                    taken, grown = in_a_fresh_process(Path(folder) / str(n), n, outputs, chosen.width)
                    seconds[n], above[n] = min(seconds[n], taken), max(above[n], grown)
        for n in (FEW, MANY):
            ratio = f"{seconds[n] / seconds[FEW]:.2f}" if n == MANY else ""
            sizes = f"{above[n] / 2**20:>12,.0f}{4 * n * chosen.width / 2**20:>15,.0f}"
            print(f"{outputs:>7}{n:>10,}{seconds[n]:>9.1f}{ratio:>7}{sizes}", flush=True)
        if seconds[MANY] > FLOOR * seconds[FEW]:
            print(f"{'':>7}above the floor of {FLOOR}")


def write_features(folder: Path, n: int, outputs: int, width: int) -> None:
    """Rows of length 0.98 around a common one, with a falling spectrum, and Gram matrices of several sizes."""
    (folder / str(n)).mkdir()
    shapes = {"units": (n, width), "grams": (n, outputs, outputs)}
    stored = {
        name: np.lib.format.open_memmap(folder / str(n) / f"{name}.npy", mode="w+", dtype=np.float32, shape=shape)
        for name, shape in shapes.items()
    }
    random = np.random.default_rng(0)
    spectrum = (1 + np.arange(width, dtype=np.float32)) ** -0.5
    common = random.standard_normal(width, dtype=np.float32)
    for start in range(0, n, 4096):
        rows = slice(start, min(start + 4096, n))
        points = (common + random.standard_normal((rows.stop - start, width), dtype=np.float32)) * spectrum
        stored["units"][rows] = 0.98 * points / np.linalg.norm(points, axis=1, keepdims=True)
        sizes = random.uniform(0.5, 2, rows.stop - start)[:, None, None]
        stored["grams"][rows] = sizes * (np.eye(outputs) + 0.2)


def in_a_fresh_process(*words: Path | int) -> tuple[float, int]:
    """What measured says where nothing has run before, so that no memory has been taken already."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(measured, *words).result()


def measured(folder: Path, n: int, outputs: int, width: int) -> tuple[float, int]:
    """CPU seconds of all statistics of n samples, and bytes above those at the start."""
    torch.set_num_threads(1)
    study = StoredFeatures(folder, n, Settings(dim=width))
    projection, answers = made_up_projection(outputs, width), made_up_answers(n, outputs)
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
    base, started = resident("VmRSS"), time.process_time()
    total = sum(units.double().sum(0) for units in UnitBlocks(study))
    counts = torch.empty(n)
    for rows, units in zip(row_blocks(n), UnitBlocks(study), strict=True):
        counts[rows] = soft_density(units, total=total, whole_self=True)
    columns, facts = averaging_columns(study, projection, answers, lambda done: None)
    seconds = time.process_time() - started
    if facts["training_samples"] != n or counts.isnan().any() or np.isnan(columns["leverage_gain"]).any():
        raise RuntimeError(f"all of {n} samples must have their numbers, found {facts}. Mend the made-up features.")
    return seconds, resident("VmHWM") - base


def made_up_projection(outputs: int, width: int) -> Projection:
    """Of several outputs the stored features are a compression of all."""
    basis = None
    if outputs > 1:
        drawn = torch.randn(outputs * width, width, generator=torch.Generator().manual_seed(0))
        basis = torch.linalg.qr(drawn).Q.T.contiguous()
    return Projection({}, None, basis, "all", outputs, width, (), {})


def made_up_answers(n: int, outputs: int) -> Answers:
    """Targets with noise, all of them trained on."""
    generator = torch.Generator().manual_seed(0)
    predictions = torch.randn(n, outputs, generator=generator)
    targets = predictions + 0.3 * torch.randn(n, outputs, generator=generator)
    every = torch.ones(n, dtype=torch.bool)
    return Answers("regression", targets, predictions, every, every, every, 0)


if __name__ == "__main__":
    main()
