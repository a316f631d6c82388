"""Neighbors of more samples than can all be compared: lists of similar ones, a few of which are looked into.

FAISS holds every sample as d bytes in the list of its nearest center (IndexIVFScalarQuantizer). Candidates from there
are ranked by the features themselves, so that an error of a byte costs a candidate at worst, never a similarity.
Samples are asked list by list: their candidates are nearly the same, and are read once. Lists that take more memory
than may be held lie in a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.similarity.distinct import Groups, Read, blocks, float_rows
from explorer.similarity.search import MARGIN, ranked, ready_faiss, similarities
from explorer.similarity.stored_lists import StoredLists, bytes_each

if TYPE_CHECKING:
    import faiss

RECALL = 0.97
"""Share of the ten nearest that should be found at least."""
LEAST_RECALL = 0.95
"""A study whose recall is below this says so: bytes in place of numbers can lose neighbors even among all lists."""
_MOST_PROBES = 256
"""So many lists are looked into at most, or an eighth of all if that is more: beyond, a search would take days."""
_CHOSEN_RECALL = RECALL + 0.01  # a little more where probes are chosen, since the choice flatters itself
_MEASURED = 256  # samples to choose probes on, and as many to measure the recall on
_TEN = 10
_LISTS_OVER_ROOT = 3
_TRAINED_ON = 40  # samples a list
_ROUNDS = 10  # of k-means
_ASKED = 4096  # samples at a time: the more, the fewer times the places of features are gone through
_GATHERED_VALUES = 2**25  # candidates' features that are read at a time, at most: 128 MiB


@dataclass
class ListIndex:
    """Samples in lists, and how many lists to look into."""

    read: Read
    groups: Groups
    index: "faiss.Index"
    order: np.ndarray
    """[u] int64 groups, list by list."""
    facts: dict[str, Any]
    """index and lists; once tuned also probes, recall_at_10 and recall_samples."""
    stored: StoredLists | None = None
    """Where the lists lie when they are not in memory."""

    @classmethod
    def of(
        cls, read: Read, groups: Groups, width: int, seed: int, *, folder: Path | None = None, held: int = 0
    ) -> "ListIndex":
        """Train lists on a seeded sample and fill them block by block.

        Args:
            read: gives unit rows.
            groups: what is searched.
            width: d, the columns of a row.
            seed: draws the sample.
            folder: for lists beyond memory; None keeps all of them in memory.
            held: bytes of lists that may be in memory when there is a folder.

        Cost: time O(u^1.5 d), memory u d bytes or what may be held, and 4 d bytes for each of 120 √u samples while
        training.
        """
        faiss = ready_faiss()
        lists = min(max(1, round(_LISTS_OVER_ROOT * len(groups) ** 0.5)), len(groups))
        quantizer = faiss.IndexFlatIP(width)
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, width, lists, kind, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = 1 + seed % 2**30, _ROUNDS, 1
        taught = _drawn(len(groups), min(len(groups), _TRAINED_ON * lists), seed)
        index.train(float_rows(read(groups.first[taught])))
        is_stored = folder is not None and len(groups.members) * bytes_each(index) > held
        stored = StoredLists(index, folder, held) if is_stored else None
        list_of = np.empty(len(groups), dtype=np.int64)
        for part in blocks(len(groups), width):
            rows = float_rows(read(groups.first[part]))
            nearest = np.ascontiguousarray(quantizer.search(rows, 1)[1][:, 0])
            # As add_with_ids, which would look for the nearest centers once more.
            samples = groups.first[part]
            index.add_core(len(part), *(faiss.swig_ptr(one) for one in (rows, samples, nearest)))
            list_of[part] = nearest
            if stored is not None:
                stored.spill()
        if stored is not None:
            stored.merge()
        facts = {"index": "ivf-sq8" if stored is None else "ivf-sq8-on-disk", "lists": lists}
        return cls(read, groups, index, np.argsort(list_of, kind="stable"), facts, stored)

    def tune(self, count: int, seed: int) -> None:
        """Look into twice as many lists until enough of the ten nearest are found, and measure how many on others.

        Rows in crowds need few lists; rows without any structure need most of them, and may not get so many.

        Args:
            count: how many samples each answer will hold.
            seed: draws the samples.

        Cost: time O(q u d) for the 2 · 256 samples that are compared with all, and at most twice that in bytes. Each
        later search takes O(u² d probes / lists).
        """
        drawn = _drawn(len(self.groups), min(2 * _MEASURED, len(self.groups)), seed)
        asked = self._rows(drawn)
        tenth = self._tenth_best(drawn, asked)
        chosen_on = np.arange(len(drawn)) % 2 == 0
        lists = self.facts["lists"]
        probes, most = 1, min(lists, max(_MOST_PROBES, lists // 8))
        while True:
            hits = self._hits(drawn, asked, tenth, count, probes)
            if hits[chosen_on].mean() >= _CHOSEN_RECALL or probes == most:
                break
            probes = min(2 * probes, most)
        self.facts["probes"] = probes
        self.facts["recall_at_10"] = round(float(hits[~chosen_on].mean()), 4)
        self.facts["recall_samples"] = int((~chosen_on).sum())

    def answers(self, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """All groups in some order, and for each its count best samples and their similarities."""
        for start in range(0, len(self.order), _ASKED):
            asked = self.order[start : start + _ASKED]
            candidates, values = self._candidates(self._rows(asked), count, self.facts["probes"])
            yield asked, *ranked(candidates, values, self.groups, count)

    def complete(self, folder: Path | None = None) -> "faiss.Index":
        """The index with all samples of all groups, under their numbers, that looks as far as was measured.

        It answers for groups no longer.

        Args:
            folder: where the index will be written; lists that are not in memory are moved there.
        """
        others = np.setdiff1d(self.groups.members, self.groups.first)
        if self.stored is not None and len(others):
            self.stored.add_more()
        for part in blocks(len(others), self.index.d):
            self.index.add_with_ids(float_rows(self.read(others[part])), others[part])
            if self.stored is not None:
                self.stored.spill()
        if self.stored is not None and len(others):
            self.stored.merge()
        if self.stored is not None and folder is not None:
            self.stored.publish(folder)
        self.index.nprobe = self.facts["probes"]
        return self.index

    def _rows(self, groups: np.ndarray) -> np.ndarray:
        return float_rows(self.read(self.groups.first[groups]))

    def _candidates(self, asked: np.ndarray, count: int, probes: int) -> tuple[np.ndarray, np.ndarray]:
        """Groups [q, f], rising, and their similarities by the features; -1 and -inf for none."""
        faiss = ready_faiss()
        fetched = min(count + MARGIN, len(self.groups))
        samples = self.index.search(asked, fetched, params=faiss.SearchParametersIVF(nprobe=probes))[1]
        if self.groups.first[-1] >= len(self.groups):  # else every sample is its own group
            samples = np.where(samples < 0, -1, np.searchsorted(self.groups.first, samples))
        candidates = np.sort(samples, axis=1)
        return candidates, self._similarities(asked, candidates)

    def _similarities(self, asked: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """[q, f] by the features, which are read once for all queries that they are candidates of."""
        near, places = np.unique(candidates, return_inverse=True)
        if len(near) * asked.shape[1] > _GATHERED_VALUES and len(asked) > 1:
            middle = len(asked) // 2
            return np.concatenate(
                [
                    self._similarities(asked[part], candidates[part])
                    for part in np.split(np.arange(len(asked)), [middle])
                ]
            )
        missing = int(near[0] < 0)
        return similarities(asked, self._rows(near[missing:]), places.reshape(candidates.shape) - missing)

    def _tenth_best(self, drawn: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """[q] similarity of the tenth most similar group that is not the query's own, from a comparison with all.

        Of the last one where there are fewer.
        """
        faiss = ready_faiss()
        best = np.full((len(asked), _TEN), -np.inf, dtype=np.float32)
        for part in blocks(len(self.groups), asked.shape[1]):
            found, near = faiss.knn(asked, self._rows(part), min(_TEN + 1, len(part)), metric=0)
            found[part[near] == drawn[:, None]] = -np.inf
            best = -np.sort(-np.concatenate([best, found], axis=1), axis=1)[:, :_TEN]
        return best[:, self._count_asked() - 1]

    def _hits(self, drawn: np.ndarray, asked: np.ndarray, tenth: np.ndarray, count: int, probes: int) -> np.ndarray:
        """[q] share of ten that are as similar as the tenth best; by similarity, so that equals count alike."""
        candidates, values = self._candidates(asked, count, probes)
        as_near = (values >= tenth[:, None] - 1e-6) & (candidates != drawn[:, None]) & (candidates >= 0)
        return np.minimum(as_near.sum(axis=1), self._count_asked()) / self._count_asked()

    def _count_asked(self) -> int:
        return max(1, min(_TEN, len(self.groups) - 1))


def _drawn(count: int, size: int, seed: int) -> np.ndarray:
    """Some of count numbers, rising."""
    return np.sort(np.random.default_rng(seed).choice(count, size, replace=False))
