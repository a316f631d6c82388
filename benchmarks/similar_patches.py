"""For a few query patches of the registration experiment: who is similar in each round, and how much."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from explorer.similarity import rotation_similarity
from explorer.subjects.patches import outlined

QUERIES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.98)
"""The query patches: those at these shares of the order by soft count in round 1, from lonely to crowded."""
NEAREST = 6
BINS = np.linspace(-1, 1, 81)
PAIRS = 1500
COLUMNS = 12
"""Patches in a row of the picture."""
ENLARGED = 2


@dataclass(frozen=True, eq=False)
class Patches:
    """The training samples as one round's network sees them."""

    rows: np.ndarray
    """[n] row numbers among all samples."""
    jacobians: Tensor
    """[n, 2, p] float64."""
    units: Tensor
    """[n, 2p], whose inner products are k^C."""
    counts: Tensor
    """[n] soft count N_S."""
    shifts: Tensor
    """[n] pixels."""
    errors: Tensor
    """[n] pixels from the truth."""


def detailed(rounds: list[Patches], inputs: np.ndarray) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """The tables on single patches, and one picture with all patches that they speak of.

    Args:
        rounds: of one seed, the same samples in each.
        inputs: [N, 5, 32, 32] of all samples.

    Returns:
        patches (a row a sample and round), similarities (histograms of each query), neighbors (with their places in the
        picture), pairs (k^C beside its rotation-invariant form); and the picture, uint8 [h, w, 3].
    """
    order = rounds[0].counts.argsort()
    queries = [int(order[round(share * (len(order) - 1))]) for share in QUERIES]
    tables: dict[str, list[pd.DataFrame]] = {"patches": [], "similarities": [], "neighbors": [], "pairs": []}
    for number, one in enumerate(rounds, 1):
        found = {"patches": _samples(one), "pairs": _pairs(one)}
        found["similarities"], found["neighbors"] = _of_queries(one, queries)
        for name, table in found.items():
            tables[name].append(table.assign(round=number))
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    shown = np.unique(whole["neighbors"]["row"])
    whole["neighbors"]["picture"] = np.searchsorted(shown, whole["neighbors"]["row"])
    return whole, _sprite(inputs[shown])


def _samples(one: Patches) -> pd.DataFrame:
    values = {"row": one.rows, "soft_density": one.counts, "shift": one.shifts, "error": one.errors}
    return pd.DataFrame({name: np.asarray(value, dtype=np.float32) for name, value in values.items()})


def _of_queries(one: Patches, queries: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    kinds = {
        "kC": one.units[queries] @ one.units.mT,
        "rotation": rotation_similarity(one.jacobians[queries], one.jacobians),
    }
    histograms, neighbors = [], []
    for place, query in enumerate(queries):
        others = np.arange(len(one.rows)) != query
        for kind, values in kinds.items():
            counts, _ = np.histogram(np.clip(values[place].numpy()[others], -1, 1), BINS)
            facts = {"query": place, "kind": kind, "low": BINS[:-1], "high": BINS[1:], "count": counts}
            histograms.append(pd.DataFrame(facts))
        nearest = [query, *(int(row) for row in kinds["kC"][place].argsort(descending=True) if row != query)]
        some = nearest[: NEAREST + 1]
        facts = {"query": place, "rank": range(len(some)), "row": one.rows[some]}
        similarities = {kind: values[place][some].numpy() for kind, values in kinds.items()}
        neighbors.append(pd.DataFrame({**facts, **similarities}))
    return pd.concat(histograms, ignore_index=True), pd.concat(neighbors, ignore_index=True)


def _pairs(one: Patches) -> pd.DataFrame:
    """k^C and its rotation-invariant form of random pairs of different samples."""
    generator = np.random.default_rng(0)
    first = generator.integers(len(one.rows), size=PAIRS)
    second = (first + generator.integers(1, len(one.rows), size=PAIRS)) % len(one.rows)
    plain = (one.units[first] * one.units[second]).sum(1)
    turned = torch.cat(
        [rotation_similarity(one.jacobians[[a]], one.jacobians[[b]])[0] for a, b in zip(first, second, strict=True)]
    )
    return pd.DataFrame({"kC": plain.numpy().astype(np.float32), "rotation": turned.numpy().astype(np.float32)})


def _sprite(inputs: np.ndarray) -> np.ndarray:
    tiles = [outlined(one, ENLARGED) for one in inputs]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % COLUMNS)
    lines = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(lines)
