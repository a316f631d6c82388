"""A complete study of made-up numbers, quick at any size: for pages and benchmarks. No torch, no network.

Samples lie in clusters (one a class) of small groups. What must agree agrees: neighbors are those of the unit features,
densities their sums, pictures show the true class, and a few labels are flipped for the suspicion columns to find.
"""

from pathlib import Path

import made_up
import numpy as np
import pandas as pd

from explorer.pipeline.sheets import write_sheets
from explorer.records import Settings
from explorer.study.manifest import Manifest, StepRecord
from explorer.study.steps import PART, with_ending
from explorer.study.writer import StudyWriter

CREATED_AT = "2026-01-01T00:00:00+00:00"


def synthetic_study(
    path: str | Path, n: int = 2000, classes: int = 10, seed: int = 0, dim: int = 32, thumbnails: bool = True
) -> Path:
    """Write a finished classification study and return its folder; the same arguments give the same study."""
    folder = Path(path)
    folder.mkdir(parents=True)
    world = made_up.world(n, classes, dim, np.random.default_rng(seed))
    writer = StudyWriter.create(folder, _manifest(folder.name, n, classes, dim, seed))
    pictures = (
        made_up.class_pictures(classes) if thumbnails else np.zeros((classes * made_up.SHADES, 1, 1, 3), dtype=np.uint8)
    )
    inputs = _commit_previews(writer, world, pictures)
    _commit_files(writer, "projection", {"projection.safetensors": b"made up"}, {"mode": "all"})
    features = made_up.features(world, classes)
    _commit_shards(writer, features)
    neighbors = _commit_neighbors(writer, world, inputs)
    statistics = made_up.statistics(world, features, neighbors, classes)
    _commit_arrays(
        writer, "statistics", statistics, STATISTICS_NOTES | {"training_samples": int(made_up.trained(n).sum())}
    )
    coordinates = made_up.coordinates(world, classes)
    _commit_arrays(writer, "layout", {"coordinates": coordinates})
    writer.commit("fidelity", _record("fidelity"), None, fidelity=FIDELITY)
    _table(world, statistics, coordinates).to_parquet(with_ending(folder / "samples.parquet", PART))
    writer.commit("samples", _record("samples"), "samples.parquet")
    return folder


STATISTICS_NOTES = {
    "threshold": 0.9,
    "stationarity_residual": 0.02,
    "floored_gram_samples": 0,
    "label_neighbors": 50,
}
FIDELITY = {
    "rmse": 0.005,
    "pearson": 0.999,
    "spearman": 0.998,
    "recall_at_10": 0.97,
    "soft_density_spearman": 0.999,
    "rows": 256,
}


def _manifest(name: str, n: int, classes: int, dim: int, seed: int) -> Manifest:
    subject = {
        "name": "synthetic",
        "reference": None,
        "fingerprint": f"synthetic-{n}-{classes}-{dim}-{seed}",
        "samples": n,
        "task": "classification",
        "kind": "image",
        "class_names": [str(number) for number in range(classes)],
        "feature_names": None,
        "description": "Made-up samples in clusters: no network was measured.",
        "outputs": classes,
    }
    settings = Settings(
        dim=dim, outputs="all", neighbors=made_up.STORED_NEIGHBORS, seed=seed, shard_size=max(500, n // 10)
    )
    return Manifest(name, CREATED_AT, subject, settings, {"numpy": np.__version__}, coverage={"weight": "linear"})


def _commit_previews(writer: StudyWriter, world: made_up.World, pictures: np.ndarray) -> np.ndarray:
    shown = world.true_label * made_up.SHADES + world.shades
    inputs = made_up.block_means(pictures)[shown]
    inputs = inputs + world.random.normal(0, 0.05, inputs.shape).astype(np.float32)
    part = writer.part("previews", "previews")
    sheets = write_sheets(part, pictures[shown], len(shown))
    np.save(part / "inputs.npy", inputs)
    notes = {"sheets": sheets, "inputs": {"shape": [1, made_up.SIDE, made_up.SIDE], "mean_over": 4}}
    writer.commit("previews", _record("previews", notes), "previews")
    return inputs


def _commit_neighbors(writer: StudyWriter, world: made_up.World, inputs: np.ndarray) -> dict[str, np.ndarray]:
    spaces = {
        "network": world.units,
        "embedding": made_up.directions(world.embedding),
        "input": made_up.directions(inputs),
    }
    found = {kind: made_up.neighbors(directions, world.group) for kind, directions in spaces.items()}
    arrays = {f"{kind}/{name}": array for kind, pair in found.items() for name, array in pair.items()}
    _commit_arrays(writer, "neighbors", arrays)
    return found["network"]


def _table(world: made_up.World, statistics: dict[str, np.ndarray], coordinates: np.ndarray) -> pd.DataFrame:
    given = {
        "label": world.label,
        "true_label": world.true_label,
        "flipped": world.label != world.true_label,
        "split": np.where(made_up.trained(len(world.label)), "train", "held-out"),
    }
    measured = {name: values for name, values in statistics.items() if values.ndim == 1}
    return pd.DataFrame({**given, **measured, "x": coordinates[:, 0], "y": coordinates[:, 1]})


def _record(step: str, notes: dict | None = None) -> StepRecord:
    return StepRecord(key=step, seconds=1.0, peak_memory_bytes=1 << 28, notes=notes or {})


def _commit_arrays(writer: StudyWriter, step: str, arrays: dict[str, np.ndarray], notes: dict | None = None) -> None:
    part = writer.part(step, step)
    for name, array in arrays.items():
        (part / name).parent.mkdir(exist_ok=True)
        np.save(part / f"{name}.npy", array)
    writer.commit(step, _record(step, notes), step)


def _commit_shards(writer: StudyWriter, features: dict[str, np.ndarray]) -> None:
    size, n = writer.manifest.settings.shard_size, len(features["units"])
    starts = range(0, n, size)
    shards = {
        f"{number:04d}/{name}": array[start : start + size]
        for number, start in enumerate(starts)
        for name, array in features.items()
    }
    _commit_arrays(writer, "features", shards)


def _commit_files(writer: StudyWriter, step: str, files: dict[str, bytes], notes: dict) -> None:
    part = writer.part(step, step)
    for name, content in files.items():
        (part / name).write_bytes(content)
    writer.commit(step, _record(step, notes), step)
