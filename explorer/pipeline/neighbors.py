"""Steps neighbors and layout: who is near whom in three spaces, and a map of the network's own."""

import shutil
from functools import partial
from typing import Any

import numpy as np

from explorer.pipeline.blocks import unit_energies
from explorer.pipeline.work import Outcome, Work
from explorer.records import Neighbors
from explorer.similarity import (
    find_stored_neighbors,
    fitted_rows,
    lay_out,
    neighbors_kept,
    stored_principal_coordinates,
    unit_rows,
)
from explorer.similarity.approximate import LEAST_RECALL
from explorer.similarity.neighbors import Estimate
from explorer.similarity.stored_lists import write_index
from explorer.study.saving import save_array
from explorer.study.study import KINDS, SOURCES, Study

INDEX = "index.faiss"
KEPT_ROWS = 512
"""Fitted samples, and as many placed ones, on which it is measured what the map keeps."""


def write_neighbors(work: Work) -> Outcome:
    """Write indices and similarities [n, k] for each kind, and the index of the network's features.

    How they were searched goes into the notes.
    """
    k = min(work.settings.neighbors, work.n - 1)
    searches = {kind: _write_kind(work, number, kind, k) for number, kind in enumerate(KINDS)}
    told = [_told(kind, facts, work.n) for kind, facts in searches.items() if facts["index"] != "flat"]
    for entry in work.part.iterdir():  # a network disk keeps the folder of a file that was removed while it was mapped
        if entry.is_dir() and entry.name not in KINDS:
            shutil.rmtree(entry, ignore_errors=True)
    return Outcome({"stored": k, "search": searches}, told)


def write_layout(work: Work) -> Outcome:
    """Write `coordinates`, [n, 2] float32; nan for samples without neighbors.

    When the map is fitted to some of them and the others are placed, the notes tell how many and what either keeps.
    """
    neighbors, seed = network_neighbors(work.study), work.settings.seed
    start = stored_principal_coordinates(partial(work.study.rows, "units"), work.n, _width(work.study, "network"))
    fitted = fitted_rows(neighbors, seed)
    coordinates = lay_out(neighbors, seed, start=start, fitted=fitted)
    save_array(work.part / "coordinates.npy", coordinates)
    if fitted is None:
        return Outcome()
    placed = np.setdiff1d(np.flatnonzero(np.isfinite(coordinates[:, 0])), fitted, assume_unique=True)
    drawn = [np.random.default_rng(seed).permutation(rows)[:KEPT_ROWS] for rows in (fitted, placed)]
    kept = [neighbors_kept(coordinates, neighbors, rows) for rows in drawn]
    notes = {"fitted": len(fitted), "placed": len(placed), "kept_fitted": kept[0], "kept_placed": kept[1]}
    return Outcome(notes, [_placing_words(notes, neighbors.indices.shape[1])])


def network_neighbors(study: Study) -> Neighbors:
    """The stored neighbors of all samples, seen by the network, [n, k], memory-mapped and read-only."""
    return Neighbors(*(study.array(f"neighbors/network/{name}") for name in ("indices", "similarities")))


def _write_kind(work: Work, number: int, kind: str, k: int) -> dict[str, Any]:
    study, name = work.study, SOURCES[kind]

    def read(rows: np.ndarray) -> np.ndarray:
        return study.rows(name, rows) if kind == "network" else unit_rows(study.rows(name, rows))

    neighbors, facts = find_stored_neighbors(
        read,
        work.n,
        _width(study, kind),
        k,
        valid=study.rows("valid") if kind == "network" else None,
        seed=work.settings.seed,
        folder=work.part,
        keep=(lambda index: write_index(index, work.part / INDEX)) if kind == "network" else None,
        estimate=_estimate(study) if kind == "network" and study.unseen.share else None,
        advance=lambda answered: work.meter.advance((number * work.n + answered) // len(KINDS)),
    )
    folder = work.part / kind
    folder.mkdir()
    save_array(folder / "indices.npy", neighbors.indices)
    save_array(folder / "similarities.npy", neighbors.similarities)
    return facts


def _estimate(study: Study) -> Estimate:
    """Estimates of k^C from inner products of features."""
    energies, unseen = unit_energies(study), study.unseen
    return lambda rows, near, products: unseen.completed(products, energies[rows][:, None], energies[near])


def _width(study: Study, kind: str) -> int:
    return study.rows(SOURCES[kind], [0]).shape[1]


def _told(kind: str, facts: dict[str, Any], n: int) -> str:
    words = (
        f"Neighbors by {kind} were searched among {n} samples with an index: of the ten nearest it finds "
        f"{facts['recall_at_10']:.1%}, measured on {facts['recall_samples']} samples."
    )
    if facts["recall_at_10"] >= LEAST_RECALL:
        return words
    return (
        f"{words} That is less than the {LEAST_RECALL:.0%} that were asked for: near samples are missing from lists of "
        "neighbors and from what is made of them. Measure fewer samples with --limit, so that all are compared."
    )


def _placing_words(notes: dict[str, Any], k: int) -> str:
    return (
        f"The map was fitted to {notes['fitted']} samples, among which the other {notes['placed']} were placed. Of the "
        f"{k} samples that stand nearest on it, {notes['kept_placed']:.1%} are among the {k} neighbors of a placed one "
        f"and {notes['kept_fitted']:.1%} of a fitted one."
    )
