"""The numbers of a made-up study: clusters (one a class) of small groups, and statistics that fit them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 28
GROUP = 64
SHADES = 4
STORED_NEIGHBORS = 50
EXACT_UP_TO = 4000
"""Up to this many samples neighbors are searched among all; beyond, inside small groups only."""
TRAINED_SHARE, FLIPPED_SHARE = 0.8, 0.05


@dataclass(frozen=True)
class World:
    """What is decided before anything is written."""

    true_label: np.ndarray  # [n]
    label: np.ndarray  # [n]
    group: np.ndarray  # [n]
    units: np.ndarray  # [n, dim], squared lengths are the captured energy
    embedding: np.ndarray  # [n, 16]
    shades: np.ndarray  # [n]
    random: np.random.Generator


def world(n: int, classes: int, dim: int, random: np.random.Generator) -> World:
    true_label = random.integers(0, classes, n)
    order = np.argsort(true_label, kind="stable")
    group = np.empty(n, dtype=np.int64)
    group[order] = np.arange(n) // GROUP
    class_centers = random.normal(size=(classes, dim)) + 1.5  # a common offset, as trained networks have
    group_centers = random.normal(0, 0.5, (group.max() + 1, dim))
    points = class_centers[true_label] + group_centers[group] + random.normal(0, 0.4, (n, dim))
    energy = (1 - 0.05 * random.random(n)).astype(np.float32)
    flipped = random.random(n) < FLIPPED_SHARE
    other = (true_label + random.integers(1, max(2, classes), n)) % classes
    return World(
        true_label=true_label,
        label=np.where(flipped & trained(n), other, true_label),
        group=group,
        units=directions(points.astype(np.float32)) * np.sqrt(energy)[:, None],
        embedding=np.maximum(points[:, :16], 0).astype(np.float32) + np.float32(0.01),
        shades=random.integers(0, SHADES, n),
        random=random,
    )


def trained(n: int) -> np.ndarray:
    return np.arange(n) < TRAINED_SHARE * n


def directions(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def class_pictures(classes: int) -> np.ndarray:
    """One small picture for each class and shade, [classes * SHADES, SIDE, SIDE, 3]."""
    font = ImageFont.load_default(size=20)
    pictures = []
    for number in range(classes):
        for shade in range(SHADES):
            image = Image.new("RGB", (SIDE, SIDE), (12, 16, 24))
            light = 150 + 35 * shade
            ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), str(number), (light, light, light), font, anchor="mm")
            pictures.append(np.roll(np.asarray(image), shade - 1, axis=1))
    return np.stack(pictures)


def block_means(pictures: np.ndarray) -> np.ndarray:
    """Each picture as a flat row of block means, float32 in [0, 1]; arbitrary rows where there are no pictures."""
    if pictures.shape[1] == 1:
        return np.random.default_rng(0).random((len(pictures), 49)).astype(np.float32)
    gray = pictures[..., 0].reshape(len(pictures), 7, 4, 7, 4).mean((2, 4)) / 255
    return gray.reshape(len(pictures), -1).astype(np.float32)


def features(world: World, classes: int) -> dict[str, np.ndarray]:
    n, random = len(world.label), world.random
    size = np.exp(random.normal(1, 0.4, n)).astype(np.float32)
    grams = (np.eye(classes, dtype=np.float32) + 0.2) * size[:, None, None] ** 2
    outputs = random.normal(0, 1, (n, classes)).astype(np.float32)
    outputs[np.arange(n), world.true_label] += 4
    return {
        "units": world.units,
        "grams": grams,
        "outputs": outputs,
        "embedding": world.embedding,
        "valid": np.ones(n, dtype=bool),
    }


def neighbors(directions: np.ndarray, group: np.ndarray) -> dict[str, np.ndarray]:
    n = len(directions)
    k = min(STORED_NEIGHBORS, n - 1)
    order = np.arange(n) if n <= EXACT_UP_TO else np.argsort(group, kind="stable")
    size = n if n <= EXACT_UP_TO else GROUP
    indices, similarities = np.empty((n, k), dtype=np.int64), np.empty((n, k), dtype=np.float32)
    for start in range(0, n, size):
        rows = order[min(start, n - size) : min(start, n - size) + size]  # the last block reaches back to be full
        products = np.clip(directions[rows] @ directions[rows].T, -1, 1)
        np.fill_diagonal(products, -2)
        best = np.argsort(-products, axis=1, kind="stable")[:, :k]
        indices[rows] = rows[best]
        similarities[rows] = np.take_along_axis(products, best, axis=1)
    return {"indices": indices, "similarities": similarities}


def statistics(
    world: World, features: dict[str, np.ndarray], neighbors: dict[str, np.ndarray], classes: int
) -> dict[str, np.ndarray]:
    n, units, random = len(world.label), world.units, world.random
    near = world.label[neighbors["indices"]]  # [n, k]
    shares = (near[:, :, None] == np.arange(classes)).mean(axis=1) if n <= EXACT_UP_TO else _shares(near, classes)
    probabilities = _softmax(features["outputs"])
    given, best = shares[np.arange(n), world.label], shares.argmax(axis=1)
    energy = (units**2).sum(axis=1)
    soft = units @ units.sum(axis=0) + 1 - energy
    factor = np.sqrt(1 / n) * (1.2 + 0.5 * random.random(n))
    margin = np.where(best == world.label, -given, shares.max(axis=1) - given)
    loss = -np.log(probabilities[np.arange(n), world.label] + 1e-9)
    doubt = margin + 0.05 * loss
    values = {
        "soft_density": soft,
        "soft_density_share": soft / n,
        "hard_density": _hard_density(units, neighbors),
        "label_variance": 1 - (shares**2).sum(axis=1),
        "denoising_factor": factor,
        "denoising_floor_ratio": factor * np.sqrt(TRAINED_SHARE * n),
        "effective_neighbors": 1 / factor**2,
        "leverage_gain": np.minimum(1, 4 * factor),
        "shift": np.abs(random.normal(0, 0.2, n)),
        "uncertainty": 1 / np.maximum(soft, 1e-6),
        "gradient_norm": np.sqrt(np.trace(features["grams"], axis1=1, axis2=2)),
        "captured_energy": energy,
        "confidence": probabilities.max(axis=1),
        "suspicion": np.argsort(np.argsort(doubt, kind="stable"), kind="stable") / max(1, n - 1),
        "suggested_probability": shares.max(axis=1),
        "label_margin": margin,
        "neighbor_disagreement": 1 - given,
        "given_label_loss": loss,
    }
    whole = {"prediction": probabilities.argmax(axis=1), "suggested_label": best}
    table = {name: array.astype(np.float32) for name, array in values.items()} | whole
    return table | {"neighbor_mean": shares.astype(np.float32), "label_mean": shares.astype(np.float32)}


def _hard_density(units: np.ndarray, neighbors: dict[str, np.ndarray]) -> np.ndarray:
    if len(units) <= EXACT_UP_TO:
        return 1 + (units @ units.T - 2 * np.eye(len(units)) > 0.9).sum(axis=1)
    return 1 + (neighbors["similarities"] > 0.9).sum(axis=1)


def _shares(near: np.ndarray, classes: int) -> np.ndarray:
    return np.stack([(near == number).mean(axis=1) for number in range(classes)], axis=1)


def _softmax(outputs: np.ndarray) -> np.ndarray:
    raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def coordinates(world: World, classes: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(classes) / classes
    centers = 8 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    groups = world.random.normal(0, 1.2, (world.group.max() + 1, 2))
    spread = world.random.normal(0, 0.35, (len(world.label), 2))
    return (centers[world.true_label] + groups[world.group] + spread).astype(np.float32)
