"""The most similar samples of each sample, exact or, for very many, by an index. numpy and FAISS only, no torch."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.errors import ShapeError
from explorer.records import Neighbors
from explorer.similarity.approximate import ListIndex
from explorer.similarity.distinct import Groups, Read, blocks, float_rows, usable_rows
from explorer.similarity.memory import available_memory
from explorer.similarity.search import chunk_rows, exact_best, flat_index
from explorer.similarity.stored_lists import array_on_disk, can_store_lists

if TYPE_CHECKING:
    import faiss

EXACT_SAMPLES = 2**17
"""Up to so many different samples all pairs are compared: their number grows with the square."""
EXACT_BYTES = 2**30
"""At most so many bytes of features are compared pair by pair."""
WIDER = 4
"""How many times as many candidates are looked at when they are ranked by an estimate in place of the product."""
_ANSWERED = 2**15  # samples whose answers are copied at a time

Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(rows [m], near [m, f], products [m, f]) -> [m, f] similarities to rank by; nan where the product is."""
Answers = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Groups [g], and for each the best samples and their similarities, [g, k + 1]."""


def find_neighbors(
    units: np.ndarray, k: int, *, queries: np.ndarray | None = None, valid: np.ndarray | None = None
) -> Neighbors:
    """The k most similar samples of each sample, best first, the sample itself left out.

    Exact: FAISS names candidates, whose similarities are computed again in float64. Equal similarities are ordered by
    row, and of more equals than there is place for the first rows stay. Duplicates of a sample are its neighbors,
    itself never.

    Args:
        units: [n, d] unit rows (see unit_features), or shorter ones; converted to float32. Not modified.
        k: how many neighbors, at least 1. Places beyond the samples that exist hold -1 and nan.
        queries: [m, d] unit rows of new inputs to find the neighbors of; None asks for the samples themselves.
        valid: [n] bool, the samples that can be neighbors and have some; None takes those that are finite and not zero.

    Returns:
        Neighbors [n, k], or [m, k] for queries. A sample that is not valid has index -1 and similarity nan.

    Raises:
        ShapeError: units or queries are not [n, d], not finite where valid, or longer than 1; or k is below 1.

    Cost: time O(n m d), at most the time of the matrix product and a quarter; memory of the result and, where units
    are not float32 or some are equal or not valid, of one copy of them.
    Paper: nearest neighbors under k^C.

    >>> find_neighbors(np.eye(2)[[0, 1, 0]], k=2).indices.tolist()
    [[2, 1], [0, 2], [0, 1]]
    """
    units = _checked(units, "units")
    asked = units if queries is None else _checked(queries, "queries")
    if k < 1 or asked.shape[1] != units.shape[1]:
        raise ShapeError(
            f"find_neighbors needs k of at least 1 and queries with the {units.shape[1]} columns of units, found "
            f"k = {k} and {asked.shape[1]} columns. Ask for more neighbors, or take both from one study."
        )
    groups = Groups.of(lambda rows: units[rows], len(units), units.shape[1], valid=valid)
    pool = units if len(groups) == len(units) else units[groups.first]
    if queries is None:
        return _handed_out(_compared(pool, groups, k), groups, len(units), k)
    found = _nobody(len(asked), k)
    answerable = usable_rows(asked, None, "queries") if len(groups) else np.empty(0, dtype=np.int64)
    for rows in _chunks(answerable, k):
        found.indices[rows], found.similarities[rows] = exact_best(asked[rows], pool, groups, k)
    return found


def find_stored_neighbors(
    read: Read,
    count: int,
    width: int,
    k: int,
    *,
    valid: np.ndarray | None = None,
    seed: int = 0,
    most: int = EXACT_SAMPLES,
    most_bytes: int = EXACT_BYTES,
    held: int | None = None,
    folder: Path | None = None,
    advance: Callable[[int], None] = lambda answered: None,
    keep: "Callable[[faiss.Index], None] | None" = None,
    estimate: Estimate | None = None,
) -> tuple[Neighbors, dict[str, Any]]:
    """As find_neighbors, for features that are read from where they are stored; approximate beyond a bound.

    Whether it is exact follows from the samples alone, from how many differ and how wide they are. Beyond, candidates
    come from a FAISS index that is built from blocks, and are ranked by the stored features; how many of the ten
    nearest are found is measured on samples that played no part in choosing how far to look. What memory is free
    decides only what lies in files meanwhile.

    Args:
        read: gives unit rows, or shorter ones, of row numbers.
        count: n, how many samples there are.
        width: d, the columns of a row.
        k: how many neighbors, at least 1.
        valid: as in find_neighbors.
        seed: chooses the samples that the index is trained and measured on.
        most: how many different samples are compared pair by pair,
        most_bytes: and how many bytes of their features.
        held: bytes that each may take of a copy of the features, the lists of an index and the neighbors; None takes a
            quarter of what is free.
        folder: where what takes more lies, all but the lists in files that are gone when nobody holds them any more;
            None keeps all in memory.
        advance: is told how many samples are answered.
        keep: is given a FAISS index by inner product of all usable samples under their row numbers, to write it into
            folder, where lists beyond memory already lie (see stored_lists.DATA); None makes none. It is flat after an
            exact search, and read in anew, unless equal samples make it larger than most_bytes: then it has lists.
        estimate: what to rank by in place of the inner product; the WIDER k best by inner product are ranked anew.

    Returns:
        neighbors: [n, k].
        facts: index (flat: exact; ivf-sq8: approximate; ivf-sq8-on-disk: the same from a file), distinct (how many
            different samples), recall_at_10 (1 for flat), and for ivf-sq8 lists, probes (lists looked into for a
            sample) and recall_samples.

    Raises:
        ShapeError: as find_neighbors.
        OSError: what lies in folder could not be written to its end.

    Cost: flat: time O(n² d), memory 4 n d bytes and the result. ivf-sq8: time O(n² d probes / lists), memory (d + 8) n
    bytes and the result, of 12 n k bytes. Of each no more than may be held, but for a flat index that is kept; on disk
    twice as much. Some 200 bytes a sample in any case.
    """
    groups = Groups.of(read, count, width, valid=valid)
    wide = k if estimate is None else max(k, min(WIDER * k, count - 1))
    held = available_memory() // 4 if held is None else held
    is_exact = len(groups) < 2 or (len(groups) <= most and 4 * len(groups) * width <= most_bytes)
    is_on_disk = folder is not None and can_store_lists()
    with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) if is_on_disk else nullcontext() as place:
        place = Path(place) if is_on_disk else None
        index, facts = None, {"index": "flat", "recall_at_10": 1.0}
        if is_exact:
            answers = _compared(_read_pool(read, groups, width, place, held), groups, wide)
        else:
            index = _tuned(ListIndex.of(read, groups, width, seed, folder=place, held=held), wide, seed)
            answers, facts = index.answers(wide + 1), index.facts
        found = _handed_out(answers, groups, count, k, advance, estimate, _nobody(count, k, place, held))
        if keep is not None:
            del answers  # with the copy of the features
            if is_exact and 4 * len(groups.members) * width <= most_bytes:
                keep(flat_index(read, np.sort(groups.members), width))
            else:
                index = index or _tuned(ListIndex.of(read, groups, width, seed, folder=place, held=held), wide, seed)
                keep(index.complete(folder))
    return found, {"distinct": len(groups), **facts}


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Rows divided by their length, so that inner products are cosines: for embeddings and raw inputs.

    Args:
        values: [n, f] numbers. Not modified.

    Returns:
        [n, f] float32; a zero or non-finite row gives a row of zeros.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    usable = np.isfinite(values).all(axis=1)
    values = np.where(usable[:, None], values, 0.0)
    largest = np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    values = values / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.where(length > 0, length, 1.0)).astype(np.float32)


def _tuned(index: ListIndex, wide: int, seed: int) -> ListIndex:
    index.tune(wide + 1, seed)
    return index


def _compared(pool: np.ndarray, groups: Groups, k: int) -> Answers:
    """All groups against all, by the rows in pool."""
    for part in _chunks(np.arange(len(groups)), k + 1):
        yield part, *exact_best(pool[part[0] : part[-1] + 1], pool, groups, k + 1)


def _chunks(rows: np.ndarray, count: int) -> Iterator[np.ndarray]:
    size = chunk_rows(count)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _handed_out(
    answers: Answers,
    groups: Groups,
    count: int,
    k: int,
    advance: Callable[[int], None] = lambda answered: None,
    estimate: Estimate | None = None,
    nobody: Neighbors | None = None,
) -> Neighbors:
    """Neighbors [n, k]: every sample gets the answer of its group, without itself."""
    found = _nobody(count, k) if nobody is None else nobody
    answered = 0
    for part, samples, similarities in answers:
        places, members = groups.samples_of(part)
        for start in range(0, len(members), _ANSWERED):
            rows, place = members[start : start + _ANSWERED], places[start : start + _ANSWERED]
            others = samples[place] != rows[:, None]
            others[:, -1] &= ~others.all(axis=1)  # one more than was asked for
            near, values = (each[place][others].reshape(len(rows), -1) for each in (samples, similarities))
            if estimate is not None:
                values = estimate(rows, near, values)
                order = np.argsort(-values, axis=1, kind="stable")  # nan, where there is nobody, stays last
                near, values = (np.take_along_axis(each, order, axis=1) for each in (near, values))
            found.indices[rows], found.similarities[rows] = near[:, :k], values[:, :k]
        answered += len(members)
        advance(answered)
    return found


def _nobody(count: int, k: int, folder: Path | None = None, held: int = 0) -> Neighbors:
    """No neighbors yet; in files of a folder when they would take more memory than may be held."""
    if folder is None or 12 * count * k <= held:
        return Neighbors(np.full((count, k), -1, dtype=np.int64), np.full((count, k), np.nan, dtype=np.float32))
    indices = array_on_disk(folder / "indices", (count, k), np.int64)
    similarities = array_on_disk(folder / "similarities", (count, k), np.float32)
    indices[:], similarities[:] = -1, np.nan
    return Neighbors(indices, similarities)


def _read_pool(read: Read, groups: Groups, width: int, folder: Path | None, held: int) -> np.ndarray:
    """The row of each group; in a file of a folder when they would take more memory than may be held."""
    shape = (len(groups), width)
    is_held = folder is None or 4 * len(groups) * width <= held
    pool = np.empty(shape, np.float32) if is_held else array_on_disk(folder / "features", shape, np.float32)
    for part in blocks(len(groups), width):
        pool[part] = float_rows(read(groups.first[part]))
    return pool


def _checked(rows: np.ndarray, name: str) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ShapeError(f"{name} must be [n, d], found {list(rows.shape)}. Pass one row of unit features a sample.")
    return np.ascontiguousarray(rows, dtype=np.float32)
