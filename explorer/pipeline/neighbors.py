"""Steps neighbors and layout: who is near whom in three spaces, and a map of the network's own."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.pipeline.blocks import unit_energies
from explorer.pipeline.work import Outcome, Work
from explorer.records import Neighbors
from explorer.similarity import (
    find_stored_neighbors,
    lay_out,
    stored_principal_coordinates,
    unit_rows,
)
from explorer.similarity.neighbors import Estimate
from explorer.study.saving import save_array
from explorer.study.study import KINDS, SOURCES, Study

if TYPE_CHECKING:
    import faiss

INDEX = "index.faiss"


def write_neighbors(work: Work) -> Outcome:
    """Write indices and similarities [n, k] for each kind, and the index of the network's features.

    How they were searched goes into the notes.
    """
    k = min(work.settings.neighbors, work.n - 1)
    searches = {kind: _write_kind(work, number, kind, k) for number, kind in enumerate(KINDS)}
    told = [_told(kind, facts, work.n) for kind, facts in searches.items() if facts["index"] != "flat"]
    return Outcome({"stored": k, "search": searches}, told)


def write_layout(work: Work) -> Outcome:
    """Write `coordinates`, [n, 2] float32; nan for samples without neighbors."""
    start = stored_principal_coordinates(partial(work.study.rows, "units"), work.n, _width(work.study, "network"))
    save_array(work.part / "coordinates.npy", lay_out(network_neighbors(work.study), work.settings.seed, start=start))
    return Outcome()


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
        keep=partial(_write_index, work.part / INDEX) if kind == "network" else None,
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


def _write_index(path: Path, index: "faiss.Index") -> None:
    import faiss

    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} could not be written ({error})") from error


def _width(study: Study, kind: str) -> int:
    return study.rows(SOURCES[kind], [0]).shape[1]


def _told(kind: str, facts: dict[str, Any], n: int) -> str:
    return (
        f"Neighbors by {kind} were searched among {n} samples with an index: of the ten nearest it finds "
        f"{facts['recall_at_10']:.1%}, measured on {facts['recall_samples']} samples."
    )
