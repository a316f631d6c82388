"""The triage desk: the queue of doubted samples, what can narrow it, and one sample as a card. No streamlit.

Everything is arrays over the samples, made once a study and kept; a queue is made once for what it is narrowed by.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from explorer.errors import SettingsError
from explorer.pages.describing import describe_sample
from explorer.study.given import GivenLabels
from explorer.study.study import Study
from explorer.views.reading import class_name
from explorer.views.reasons import differs, few_neighbors, known_reasons, ranked_rows, ranking_of, reasons
from explorer.views.selection import Filter

SCOPES = {"doubted": "Doubted only", "all": "All ranked"}
DOUBTED_RESIDUAL = 2.0
"""Usual distances from which on a target is doubted."""
FEWEST_DOUBTED = 20
"""Targets that are doubted at least, so that there is something to look at."""
SHARPNESS = 8
"""Neighbors vote with this power of their similarity: the sharpened vote."""
MOST_CANDIDATES = 9
"""One for each of the keys 1 to 9."""
SHOWN_NEIGHBORS = 16
MOST_CLASSES = 60
"""Classes up to which the confusions are shown as a matrix."""
MOST_PAIRS = 200
LONGEST_FILTER = 10_000
KEPT_QUEUES = 16


class Desk:
    """What the desk asks of one study. Safe to share between threads.

    Memory: some bytes a sample, and 4 more for each sample of each of the last KEPT_QUEUES queues.
    """

    def __init__(self, study: Study) -> None:
        """Nothing is computed yet.

        Raises:
            SettingsError: the study has no doubt about labels or targets.
        """
        ranking = ranking_of(study)
        if ranking is None:
            raise SettingsError(
                "the desk needs labels or targets and a column of doubt about them, found a study without. "
                "Finish its build, or choose another study."
            )
        self.study = study
        self.ranking = ranking
        self.reasons = known_reasons(study)
        self._masks: dict[str, np.ndarray] = {}
        self._queue = lru_cache(maxsize=KEPT_QUEUES)(self._make_queue)

    @cached_property
    def order(self) -> np.ndarray:
        """[r] int64 rows that are ranked, most suspicious first."""
        return ranked_rows(self.study.samples[self.ranking].to_numpy(dtype=float))

    @cached_property
    def ranks(self) -> np.ndarray:
        """[n] int32 place of each row in order, from 1; 0 for rows that are not ranked."""
        ranks = np.zeros(self.study.n, dtype=np.int32)
        ranks[self.order] = np.arange(1, len(self.order) + 1)
        return ranks

    def queue(self, filter_text: str = "", scope: str = "doubted", keys: Sequence[str] = ()) -> np.ndarray:
        """The rows to look at, most suspicious first.

        Args:
            filter_text: conditions that hold (see Filter).
            scope: doubted or all, of the ranked rows.
            keys: of REASONS; all of them hold.

        Returns:
            [q] uint32, not to be changed.

        Raises:
            SettingsError: the filter cannot be read, or the scope or a reason is not known here.

        Cost: O(n) the first time, then nothing.
        """
        if scope not in SCOPES:
            raise SettingsError(f"scope must be one of {', '.join(SCOPES)}, found {scope[:40]!r}. Choose one.")
        unknown = [key for key in keys if key not in self.reasons]
        if unknown:
            known = ", ".join(self.reasons) or "none"
            raise SettingsError(f"reasons must be among {known}, found {unknown[0][:40]!r}. Choose among these.")
        if len(filter_text) > LONGEST_FILTER:
            raise SettingsError(
                f"a filter must have at most {LONGEST_FILTER:,} characters, found {len(filter_text):,}. Clear it."
            )
        return self._queue(filter_text, scope, tuple(sorted(set(keys))))

    def _make_queue(self, filter_text: str, scope: str, keys: tuple[str, ...]) -> np.ndarray:
        let_through = Filter.parse(filter_text).mask(self.study.samples)
        if scope == "doubted":
            let_through &= self.doubted
        for key in keys:
            let_through &= self._mask(key)
        queue = self.order[let_through[self.order]].astype("<u4")
        queue.flags.writeable = False
        return queue

    @cached_property
    def doubted(self) -> np.ndarray:
        """[n] bool: another class is suggested than the given one, or the target is far from what the others predict.

        At least the first FEWEST_DOUBTED targets; everything where nothing of this kind was measured.
        """
        samples = self.study.samples
        if "label" in samples:
            other = next((name for name in ("suggested_label", "prediction") if name in samples), None)
            return np.ones(self.study.n, dtype=bool) if other is None else differs(self.study, other)
        if "target_residual" not in samples:
            return np.ones(self.study.n, dtype=bool)
        doubted = samples["target_residual"].to_numpy(dtype=float) >= DOUBTED_RESIDUAL
        if doubted[self.order].sum() < FEWEST_DOUBTED:
            doubted[self.order[:FEWEST_DOUBTED]] = True
        return doubted

    def _mask(self, key: str) -> np.ndarray:
        if key not in self._masks:
            self._masks[key] = self.reasons[key].mask(self.study)
        return self._masks[key]

    @cached_property
    def choices(self) -> dict[str, Any]:
        """What the queue can be narrowed by, with counts among all ranked rows, and the classes that can be given."""
        study = self.study
        classes = None
        if study.task == "classification":
            count = GivenLabels.of(study).classes
            classes = [{"class": number, "text": class_name(study, number)} for number in range(count)]
        return {
            "task": study.task,
            "classes": classes,
            "ranked": len(self.order),
            "reasons": [
                {"key": key, "title": one.title, "help": one.help, "count": int(self._mask(key)[self.order].sum())}
                for key, one in self.reasons.items()
            ],
            "scopes": [
                {"key": key, "title": title, "count": len(self.queue("", key))} for key, title in SCOPES.items()
            ],
            "confusion": self._confusion() if {"label", "suggested_label"} <= set(study.samples) else None,
        }

    def _confusion(self) -> dict[str, Any]:
        """How often which class is suggested for which, among ranked rows; as a matrix for a few classes only."""
        study, rows = self.study, self.order[differs(self.study, "suggested_label")[self.order]]
        given, suggested = (
            study.samples[name].to_numpy()[rows].astype(np.int64) for name in ("label", "suggested_label")
        )
        classes, numbers = np.unique(np.concatenate([given, suggested]), return_inverse=True)
        size = len(classes)
        cells, counts = np.unique(numbers[: len(rows)] * size + numbers[len(rows) :], return_counts=True)
        top = np.argsort(-counts, kind="stable")[:MOST_PAIRS]
        pairs = [[int(classes[cells[at] // size]), int(classes[cells[at] % size]), int(counts[at])] for at in top]
        if size > MOST_CLASSES:
            return {"pairs": pairs}
        matrix = np.zeros(size * size, dtype=np.int64)
        matrix[cells] = counts
        return {
            "pairs": pairs,
            "numbers": classes.tolist(),
            "classes": [class_name(study, one) for one in classes],
            "counts": matrix.reshape(size, size).tolist(),
        }

    @cached_property
    def _few(self) -> float:
        return few_neighbors(self.study)

    def card(self, row: int) -> dict[str, Any]:
        """Everything that the desk shows of one sample, as JSON can say it."""
        study = self.study
        told = describe_sample(study, row, SHOWN_NEIGHBORS)
        card = {
            "row": row,
            "rank": int(self.ranks[row]) or None,
            "of": len(self.order),
            "reasons": reasons(study, row, self._few),
            "numbers": told["numbers"],
            "facts": told["facts"],
            "neighbors": told["neighbors"],
        }
        if study.task == "classification":
            return card | self._answers(row)
        return card | {
            "given": {"class": None, "text": told["label"]},
            "suggested": None,
            "predicted": {"class": None, "text": told["prediction"], "confidence": None}
            if told["prediction"]
            else None,
            "candidates": [],
            "value": {"target": self._values("target", row), "prediction": self._values("prediction", row)},
        }

    def _answers(self, row: int) -> dict[str, Any]:
        given, suggested, predicted = (self._class(name, row) for name in ("label", "suggested_label", "prediction"))
        told = {"given": given, "suggested": suggested, "predicted": predicted, "value": None}
        if suggested:
            suggested["support"] = self._number("suggested_probability", row)
        if predicted:
            predicted["confidence"] = self._number("confidence", row)
        needed = [one["class"] for one in (given, suggested, predicted) if one and one["class"] is not None]
        return told | {"candidates": self.candidates(row, needed)}

    def candidates(self, row: int, needed: Sequence[int] = ()) -> list[dict[str, Any]]:
        """The classes that a sample may have, the likeliest first: at most MOST_CANDIDATES, all needed ones among them.

        Their share is that of the stored neighbors' similarities to the power of SHARPNESS; without such, 0.
        """
        found = self.study.neighbors(row, k=self._stored)
        near = found.indices >= 0
        labels = self.study.samples["label"].to_numpy()[found.indices[near]].astype(np.int64)
        weights = np.clip(found.similarities[near].astype(np.float64), 0, 1) ** SHARPNESS
        weights[labels < 0] = 0
        votes = np.bincount(np.maximum(labels, 0), weights=weights, minlength=max(needed, default=0) + 1)
        shares = votes / (votes.sum() or 1.0)
        order = [int(one) for one in np.argsort(-shares, kind="stable") if shares[one] > 0 or one in needed]
        spare = MOST_CANDIDATES - len(set(needed))
        others = [one for one in order if one not in needed][:spare]
        return [
            {"class": one, "text": class_name(self.study, one), "share": float(shares[one])}
            for one in order
            if one in needed or one in others
        ]

    @cached_property
    def _stored(self) -> int:
        return self.study.array("neighbors/network/indices").shape[1]

    def _class(self, column: str, row: int) -> dict[str, Any] | None:
        if column not in self.study.samples:
            return None
        number = int(self.study.samples[column].iat[row])
        if number < 0 and column != "label":
            return None
        return {"class": number if number >= 0 else None, "text": class_name(self.study, number)}

    def _number(self, column: str, row: int) -> float | None:
        return _finite(self.study.samples[column].iat[row]) if column in self.study.samples else None

    def _values(self, quantity: str, row: int) -> list[float | None]:
        return [_finite(self.study.samples[name].iat[row]) for name in self.study.columns_of(quantity)]


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


@lru_cache(maxsize=4)
def desk_of(study: Study) -> Desk:
    """The desk of an opened study, made once.

    Raises:
        SettingsError: as Desk.
    """
    return Desk(study)
