"""A second study of the same samples: as if the network had been trained again, or the inputs prepared otherwise."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.study.manifest import StepRecord
from explorer.study.writer import StudyWriter


def retrained(folder: Path, seed: int = 0, dim: int = 8) -> Path:
    """Other features, of another width, with the neighbors that they give; inputs, pictures and table stay."""
    writer = StudyWriter.resume(folder)
    random = np.random.default_rng(seed)
    shards = sorted((folder / "features").glob("*/units.npy"))
    units = np.concatenate([np.load(path) for path in shards])
    units = units @ random.normal(size=(units.shape[1], dim)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    products = units @ units.T
    np.fill_diagonal(products, -2)
    stored = np.load(folder / "neighbors/network/indices.npy").shape[1]
    indices = np.argsort(-products, axis=1, kind="stable")[:, :stored]
    places = np.split(np.arange(len(units)), np.cumsum([len(np.load(path)) for path in shards])[:-1])
    features = {f"{path.parent.name}/units": units[rows] for path, rows in zip(shards, places, strict=True)}
    neighbors = {"network/indices": indices, "network/similarities": np.take_along_axis(products, indices, 1)}
    _replaced(writer, "features", features)
    _replaced(writer, "neighbors", neighbors)
    return folder


def without_direction(folder: Path, row: int) -> Path:
    """The features of one sample of the first shard all zero, as when its gradient lies outside of what they see."""
    units = np.load(folder / "features/0000/units.npy")
    units[row] = 0
    _replaced(StudyWriter.resume(folder), "features", {"0000/units": units})
    return folder


def recut(folder: Path, inputs, pictures=None) -> Path:
    """The inputs changed and, when asked for, the pictures."""
    writer = StudyWriter.resume(folder)
    paths = (folder / "previews").glob("*.png") if pictures else ()
    sheets = {path.name: pictures(np.asarray(Image.open(path))) for path in paths}
    _replaced(writer, "previews", {"inputs": inputs(np.load(folder / "previews/inputs.npy"))}, sheets)
    return folder


def _replaced(writer: StudyWriter, step: str, arrays: dict, sheets: dict | None = None) -> None:
    part = writer.part(step, "replaced")
    shutil.copytree(writer.folder / step, part, dirs_exist_ok=True)
    for name, array in arrays.items():
        np.save(part / f"{name}.npy", array)
    for name, image in (sheets or {}).items():
        Image.fromarray(image).save(part / name)
    writer.commit(step, StepRecord("replaced", 0.0, 0, writer.manifest.steps[step].notes), step)
