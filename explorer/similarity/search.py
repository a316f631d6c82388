"""Exact search for the largest inner products: candidates by FAISS, their order in float64. numpy only, no torch."""

import os
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from explorer.similarity.distinct import Groups, Read, blocks, float_rows

if TYPE_CHECKING:
    import faiss

MARGIN = 16
"""Candidates fetched beyond those asked for, so that float32 rounding inside FAISS cannot push a true neighbor out."""

_CHUNK = 4096
_CHUNK_CANDIDATES = 2**21
_RECHECKED_VALUES = 2**18  # candidates' features that are gathered at a time: 1 MiB, which stays in the cache
_COMPARED_VALUES = 2**24  # similarities of some queries with everybody: 64 MiB


def ready_faiss() -> ModuleType:
    """FAISS, told how many threads to use: OMP_NUM_THREADS, or every core that this process may run on.

    FAISS and torch carry an OpenMP each. They never work at the same time here, so both may take all cores.
    """
    import faiss

    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    faiss.omp_set_num_threads(int(asked) if asked.isdigit() and int(asked) else _cores())
    return faiss


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunk_rows(count: int) -> int:
    """How many queries to answer at a time when each has count candidates."""
    return max(1, min(_CHUNK, _CHUNK_CANDIDATES // max(1, count + MARGIN)))


def flat_index(read: Read, samples: np.ndarray, width: int) -> "faiss.Index":
    """FAISS index by inner product of the features of some samples, under their numbers; memory 4 d bytes a sample."""
    faiss = ready_faiss()
    stored = faiss.IndexFlatIP(width)
    index = faiss.IndexIDMap(stored)
    # Made as large as it will be: FAISS would double its memory again and again, and copy.
    stored.codes.resize(len(samples) * stored.code_size)
    faiss.copy_array_to_vector(np.ascontiguousarray(samples, dtype=np.int64), index.id_map)
    stored.ntotal = index.ntotal = len(samples)
    if len(samples):
        rows = faiss.rev_swig_ptr(stored.get_xb(), len(samples) * width).reshape(-1, width)
        for part in blocks(len(samples), width):
            rows[part] = float_rows(read(samples[part]))
    return index


def exact_best(asked: np.ndarray, pool: np.ndarray, groups: Groups, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The count most similar samples of each query, best first, equals in the order of their rows.

    Args:
        asked: [q, d] float32 rows.
        pool: [u, d] float32, the row of each group, contiguous.
        groups: the samples that share these rows.
        count: how many samples, at least 1.

    Returns:
        samples [q, count] int64 and similarities [q, count] float32, computed in float64; -1 and nan beyond the
        samples that exist.

    Cost: time O(q u d), memory of the result and some 100 MiB.
    """
    fetched, rounding = min(count + MARGIN, len(pool)), _rounding(pool.shape[1])
    found, candidates = ready_faiss().knn(asked, pool, fetched, metric=0)
    furthest = found[:, -1]
    # Most of the margin is out of reach of the last place by more than rounding, and needs no second look.
    held = int((found >= found[:, min(count, fetched) - 1, None] - rounding).sum(axis=1).max(initial=0))
    candidates = np.sort(candidates[:, :held], axis=1)
    samples, best = ranked(candidates, similarities(asked, pool, candidates), groups, count)
    if fetched < len(pool):
        undecided = np.flatnonzero(best[:, -1] - furthest <= rounding)
        samples[undecided], best[undecided] = _best_of_all(asked[undecided], pool, groups, count)
    return samples, best


def similarities(asked: np.ndarray, pool: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Inner products [q, f] of queries with candidates (places in pool), float32, computed in float64.

    Equal rows have equal similarities, whatever FAISS made of them. A candidate of -1 has -inf.
    """
    found = np.empty(candidates.shape, dtype=np.float32)
    size = max(1, _RECHECKED_VALUES // max(1, candidates.shape[1] * pool.shape[1]))
    for start in range(0, len(asked), size):
        part = slice(start, start + size)
        near = pool[candidates[part]]
        found[part] = np.einsum("qd,qfd->qf", asked[part], near, dtype=np.float64, casting="safe").clip(-1, 1)
    found[candidates < 0] = -np.inf
    return found


def ranked(candidates: np.ndarray, values: np.ndarray, groups: Groups, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The count best samples among candidate groups, as exact_best gives them.

    Args:
        candidates: [q, f] groups, rising along f, each once; -1 for none.
        values: [q, f] their similarities, -inf for none.
        groups: the samples of each group.
        count: how many samples.
    """
    order = np.argsort(-values, axis=1, kind="stable")
    candidates, values = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(values, order, axis=1)
    samples = np.full((len(candidates), count), -1, dtype=np.int64)
    best = np.full((len(candidates), count), np.nan, dtype=np.float32)
    if groups.are_single:
        held = min(count, candidates.shape[1])
        known = candidates[:, :held] >= 0
        samples[:, :held] = np.where(known, groups.first[candidates[:, :held]], -1)
        best[:, :held] = np.where(known, values[:, :held], np.nan)
        return samples, best
    query, place = np.nonzero(_needed(candidates, values, groups, count))
    inner, sample = groups.samples_of(candidates[query, place], count)
    query, value = query[inner], values[query, place][inner]
    order = np.lexsort((sample, -value, query))
    query, sample, value = query[order], sample[order], value[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    kept = rank < count
    samples[query[kept], rank[kept]], best[query[kept], rank[kept]] = sample[kept], value[kept]
    return samples, best


def _needed(candidates: np.ndarray, values: np.ndarray, groups: Groups, count: int) -> np.ndarray:
    """[q, f] bool: the groups, in falling order, at least as similar as the one with which count samples are full."""
    reached = np.cumsum(np.where(candidates >= 0, groups.sizes[candidates], 0), axis=1)
    last = np.minimum((reached < count).sum(axis=1), candidates.shape[1] - 1)
    return (values >= values[np.arange(len(values)), last][:, None]) & (candidates >= 0)


def _best_of_all(asked: np.ndarray, pool: np.ndarray, groups: Groups, count: int) -> tuple[np.ndarray, np.ndarray]:
    """As exact_best without FAISS: for queries with more equals than it was asked for."""
    samples = np.empty((len(asked), count), dtype=np.int64)
    best = np.empty((len(asked), count), dtype=np.float32)
    size = max(1, _COMPARED_VALUES // len(pool))
    for start in range(0, len(asked), size):
        part = slice(start, start + size)
        values = _all_similarities(asked[part], pool)
        last = np.partition(values, len(pool) - count, axis=1)[:, len(pool) - count]
        candidates = np.full((len(values), 2 * count), -1, dtype=np.int64)
        for row, (mine, least) in enumerate(zip(values, last, strict=True)):
            # Of groups as similar as the last one, the first ones hold the first samples.
            above, equal = np.flatnonzero(mine > least), np.flatnonzero(mine == least)[:count]
            found = np.sort(np.concatenate([above, equal]))
            candidates[row, : len(found)] = found
        near = np.where(candidates >= 0, np.take_along_axis(values, candidates, axis=1), np.float32(-np.inf))
        samples[part], best[part] = ranked(candidates, near, groups, count)
    return samples, best


def _all_similarities(asked: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """[q, u] float32, computed in float64."""
    asked = asked.astype(np.float64)
    values = np.empty((len(asked), len(pool)), dtype=np.float32)
    for start in range(0, len(pool), _CHUNK):
        part = slice(start, start + _CHUNK)
        values[:, part] = (asked @ pool[part].astype(np.float64).T).clip(-1, 1)
    return values


def _rounding(width: int) -> float:
    """Similarities of unit rows closer than this may be in any order in FAISS: twice the error of a float32 sum.

    Errors of a long sum grow with the square root of its length; of a short one they cannot exceed its length.
    """
    return 2 * min(width, 8 + width**0.5) * float(np.finfo(np.float32).eps) / 2
