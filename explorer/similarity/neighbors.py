"""The most similar samples of each sample: exact inner products by FAISS. numpy only, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.errors import ShapeError, StudyMismatch, StudyNotFound
from explorer.records import Neighbors

if TYPE_CHECKING:
    import faiss

_MARGIN = 16
"""Candidates fetched beyond those asked for, so that float32 rounding inside FAISS cannot push a true neighbor out."""

_ROUNDING = 5e-7
"""Similarities closer than this may be in any order in FAISS."""

_CHUNK = 256
_CHUNK_VALUES = 2**23  # candidates of a chunk, in float32 and in float64: about 100 MB


def find_neighbors(
    units: np.ndarray,
    k: int,
    *,
    queries: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    index: "faiss.Index | None" = None,
) -> Neighbors:
    """The k most similar samples of each sample, best first, the sample itself left out.

    Exact: the similarities of the candidates are computed again in float64. Equal similarities are ordered by row, and
    of more equals than there is place for the first rows stay. Duplicates of a sample are its neighbors, itself never.

    Args:
        units: [n, d] unit rows (see unit_features), or shorter ones; converted to float32. Not modified.
        k: how many neighbors, at least 1. Places beyond the samples that exist hold -1 and nan.
        queries: [m, d] unit rows of new inputs to find the neighbors of; None asks for the samples themselves.
        valid: [n] bool, the samples that can be neighbors and have some; None takes those that are finite and not zero.
        index: what make_index or load_index gave for these units; None makes it.

    Returns:
        Neighbors [n, k], or [m, k] for queries. A sample that is not valid has index -1 and similarity nan.

    Raises:
        ShapeError: units or queries are not [n, d], not finite where valid, or longer than 1; or k is below 1.

    Cost: time O(n m d), memory O(n d) beyond the input.
    Paper: nearest neighbors under k^C.

    >>> find_neighbors(np.eye(2)[[0, 1, 0]], k=2).indices.tolist()
    [[2, 1], [0, 2], [0, 1]]
    """
    units, usable = _checked(units, valid, "units")
    asked, answerable = (units, usable) if queries is None else _checked(queries, None, "queries")
    if k < 1 or asked.shape[1] != units.shape[1]:
        raise ShapeError(
            f"find_neighbors needs k of at least 1 and queries with the {units.shape[1]} columns of units, found "
            f"k = {k} and {asked.shape[1]} columns. Ask for more neighbors, or take both from one study."
        )
    own = np.arange(len(units)) if queries is None else np.full(len(asked), -1)
    index = make_index(units, usable) if index is None else index
    indices = np.full((len(asked), k), -1, dtype=np.int64)
    similarities = np.full((len(asked), k), np.nan, dtype=np.float32)
    chunk = max(1, min(_CHUNK, _CHUNK_VALUES // ((k + 1 + _MARGIN) * units.shape[1])))
    for start in range(0, len(asked), chunk):
        rows = start + np.flatnonzero(answerable[start : start + chunk])
        if len(rows) and index.ntotal:
            best, values = _nearest(asked[rows], own[rows], units, usable, index, k)
            indices[rows, : best.shape[1]], similarities[rows, : best.shape[1]] = best, values
    return Neighbors(indices, similarities)


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


def make_index(units: np.ndarray, valid: np.ndarray | None = None) -> "faiss.Index":
    """FAISS index of the valid samples by inner product, exact; its ids are row numbers."""
    import faiss

    units, usable = _checked(units, valid, "units")
    index = faiss.IndexIDMap(faiss.IndexFlatIP(units.shape[1]))
    rows = np.flatnonzero(usable)
    if len(rows):
        index.add_with_ids(units[rows], rows)
    return index


def save_index(index: "faiss.Index", path: Path) -> None:
    """Write an index to a file, in FAISS's own format."""
    import faiss

    faiss.write_index(index, str(path))


def load_index(path: Path) -> "faiss.Index":
    """Read an index that save_index wrote.

    Raises:
        StudyNotFound: there is no file.
        StudyMismatch: it is not a FAISS index, or damaged.
    """
    import faiss

    if not Path(path).is_file():
        raise StudyNotFound(f"expected an index at {path}, found no file. Build the study's neighbors first.")
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise StudyMismatch(
            f"expected a FAISS index at {path}, found something that FAISS cannot read. Build the neighbors again."
        ) from error


def _nearest(
    asked: np.ndarray, own: np.ndarray, units: np.ndarray, usable: np.ndarray, index: "faiss.Index", k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities [m, at most k] of valid queries."""
    fetched = min(k + 1 + _MARGIN, index.ntotal)
    candidates = np.sort(index.search(asked, fetched)[1], axis=1)
    values = _similarities(asked, units, candidates)
    furthest = values.min(axis=1)
    best, values = _ranked(candidates, values, own, k)
    undecided = np.flatnonzero(values[:, -1] - furthest <= _ROUNDING)
    if fetched < index.ntotal and len(undecided):
        candidates = _first_of_equals(asked[undecided], units, np.flatnonzero(usable), k + 1)
        again = _similarities(asked[undecided], units, candidates)
        best[undecided], values[undecided] = _ranked(candidates, again, own[undecided], k)
    return best, values


def _ranked(candidates: np.ndarray, values: np.ndarray, own: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best of candidates in rising order, by similarity and then by row, without the query itself."""
    values = np.where(candidates == own[:, None], np.float32(-np.inf), values)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    best, values = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(values, order, axis=1)
    missing = np.isneginf(values)
    return np.where(missing, -1, best), np.where(missing, np.float32(np.nan), values)


def _similarities(asked: np.ndarray, units: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """[m, candidates] float32, computed in float64 so that equal rows have equal similarities."""
    exact = np.einsum("md,mcd->mc", asked.astype(np.float64), units[candidates].astype(np.float64))
    return np.clip(exact, -1, 1).astype(np.float32)


def _first_of_equals(asked: np.ndarray, units: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """[m, count] the best of all rows, rising; of equals the first. Duplicate queries are answered once."""
    distinct, places = np.unique(asked, axis=0, return_inverse=True)
    pool = units[rows].astype(np.float64)
    best = [
        np.argsort(-np.clip(pool @ query, -1, 1).astype(np.float32), kind="stable")[:count]
        for query in distinct.astype(np.float64)
    ]
    return rows[np.sort(best, axis=1)][places.reshape(-1)]


def _checked(rows: np.ndarray, valid: np.ndarray | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Contiguous float32 rows, and which of them can be compared."""
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ShapeError(f"{name} must be [n, d], found {list(rows.shape)}. Pass one row of unit features a sample.")
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    squares = np.einsum("nd,nd->n", rows, rows)
    usable = np.isfinite(squares) & (squares > 0)
    if valid is not None:
        valid = np.asarray(valid, dtype=bool)
        if valid.shape != squares.shape or not np.isfinite(squares[valid]).all():
            raise ShapeError(
                f"valid must name finite rows among {len(rows)} {name}, found shape {list(valid.shape)} or a row with "
                "nan. Set it to False for samples without a gradient."
            )
        usable &= valid
    if (squares[usable] > 1.01).any():
        row = int(np.flatnonzero(usable & (squares > 1.01))[0])
        raise ShapeError(
            f"{name} must be rows of length 1, found length {squares[row] ** 0.5:.3g} in row {row}. "
            "Use unit_rows first."
        )
    return rows, usable
