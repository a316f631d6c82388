"""Steps neighbors and layout: who is near whom in three spaces, and a map of the network's own."""

import numpy as np

from explorer.pipeline.work import Outcome, Work
from explorer.records import Neighbors
from explorer.similarity import (
    find_neighbors,
    lay_out,
    make_index,
    principal_coordinates,
    save_index,
    unit_rows,
)
from explorer.study.study import KINDS, Study

INDEX = "index.faiss"


def write_neighbors(work: Work) -> Outcome:
    """Write indices and similarities [n, k] for each kind, and the index of the network's space."""
    k = min(work.settings.neighbors, work.n - 1)
    for number, kind in enumerate(KINDS, start=1):
        _write_pair(work, kind, _found(work, kind, k))
        work.meter.advance(number * work.n // len(KINDS))
    return Outcome({"stored": k})


def write_layout(work: Work) -> Outcome:
    """Write `coordinates`, [n, 2] float32; nan for samples without neighbors."""
    neighbors = network_neighbors(work.study)
    start = principal_coordinates(work.study.rows("units"))
    np.save(work.part / "coordinates.npy", lay_out(neighbors, work.settings.seed, start=start))
    return Outcome()


def network_neighbors(study: Study) -> Neighbors:
    """The stored neighbors of all samples, seen by the network, [n, k] in memory."""
    return Neighbors(*(np.array(study.array(f"neighbors/network/{name}")) for name in ("indices", "similarities")))


def _found(work: Work, kind: str, k: int) -> Neighbors:
    if kind != "network":
        return find_neighbors(unit_rows(work.study.rows("embedding" if kind == "embedding" else "inputs")), k)
    units, valid = work.study.rows("units"), work.study.rows("valid")
    index = make_index(units, valid)
    save_index(index, work.part / INDEX)
    return find_neighbors(units, k, valid=valid, index=index)


def _write_pair(work: Work, kind: str, neighbors: Neighbors) -> None:
    folder = work.part / kind
    folder.mkdir()
    np.save(folder / "indices.npy", neighbors.indices)
    np.save(folder / "similarities.npy", neighbors.similarities)
