"""What people decided at the desk and how far they are, as the browser asks every second or two. No streamlit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from time import monotonic
from typing import Any

import numpy as np

from explorer.study.decision import Opinion
from explorer.study.decisions import Decisions
from explorer.study.given import numbers_of
from explorer.study.review import left_of, progress_of
from explorer.study.standing import Standing
from explorer.study.study import Study
from explorer.views.reading import label_text

MANY = 100
"""Rows that share all opinions, from which on they are told together."""
KEPT_NEWS, KEPT_PEOPLE, KEPT_ANSWERS = 4, 256, 1000
LEFT_PATIENCE = 20


class DeskState:
    """What stands about one study's labels, ready to be told. Safe to share between threads."""

    def __init__(self, study: Study) -> None:
        """Nothing is read yet."""
        self.decisions = Decisions.open(study)
        self._study = study
        self._standing = Standing(study.n)
        # By what is known: several who ask the same share the work, and what is asked again and again is asked once.
        self._news = lru_cache(maxsize=KEPT_NEWS)(lambda known, since: self._make_news(since))
        self._undoable = lru_cache(maxsize=KEPT_PEOPLE)(lambda known, who: self.decisions.undoable(who))
        self._progress = lru_cache(maxsize=1)(lambda known: progress_of(self._standing.verdicts()))
        self._known_left: dict[str, float] | None = None
        self._left_of, self._left_again_at = (0, 0), 0.0
        self._answers: dict[str, Future[dict[str, Any]]] = {}
        self._answering = threading.Lock()

    def once(self, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do what a message says, or answer as before when one of this name was done: its answer may have been lost.

        Args:
            name: of the message, which nobody else gives; empty for one that is done whenever it comes.
            act: does it. What it raises is raised, and the message may come again.

        Memory: the last KEPT_ANSWERS answers of this start of the app.
        """
        if not name:
            return act()
        with self._answering:
            known = self._answers.get(name)
            answer = self._answers.setdefault(name, Future())
            if len(self._answers) > KEPT_ANSWERS:
                del self._answers[next(iter(self._answers))]
        if known is None:
            try:
                answer.set_result(act())
            except BaseException as error:
                with self._answering:
                    self._answers.pop(name, None)
                answer.set_exception(error)
        return answer.result()

    def told(self, since: int, who: str) -> dict[str, Any]:
        """What is new after a version, whether a person can undo, and how far all are, as JSON can say it.

        Cost: one short question to the file when nothing is new, otherwise in proportion to the rows that are.
        """
        version = self._standing.refresh(self.decisions)
        known = (self._standing.beginnings, version)
        return {
            **self._news(known, since),
            "undoable": self._undoable(known, who),
            "progress": self._progress(known) | {"left": self._left(known)},
        }

    def _make_news(self, since: int) -> dict[str, Any]:
        news = self._standing.news(since)
        kinds, of_row, counts = np.unique(news.stands, return_inverse=True, return_counts=True)
        told = {int(kind): self._opinions_told(news.opinions[kind]) for kind in kinds}
        alone = counts[of_row] < MANY
        return {
            "version": news.version,
            "since": news.since,
            "changed": [
                {"row": row, **told[kind]}
                for row, kind in zip(news.rows[alone].tolist(), news.stands[alone].tolist(), strict=True)
            ],
            "alike": [
                {"rows": news.rows[news.stands == kind].tolist(), **told[int(kind)]} for kind in kinds[counts >= MANY]
            ],
        }

    def _opinions_told(self, opinions: tuple[Opinion, ...]) -> dict[str, Any]:
        return {
            "conflict": len({(one.decision, one.new_label) for one in opinions}) > 1,
            "verdicts": [
                {
                    "decision": one.decision,
                    "new_label": None if one.new_label is None else numbers_of(one.new_label),
                    "text": "" if one.new_label is None else label_text(self._study, one.new_label),
                    "note": one.note,
                    "who": one.who,
                    "decided_at": one.decided_at,
                }
                for one in opinions
            ],
        }

    def _left(self, known: tuple[int, int]) -> dict[str, float] | None:
        """How many wrong labels are expected among the rest, and the share found so far; None where nobody can tell.

        At a million samples this takes a good part of a second, and decisions come by the second: so the answer may be
        LEFT_PATIENCE times as old as it takes to find.
        """
        planted = self._study.notes("statistics").get("planted")
        now = monotonic()
        if planted and known != self._left_of and now >= self._left_again_at:
            suspicion = self._study.samples["suspicion"].to_numpy(dtype=float)
            left = left_of(suspicion, self._standing.verdicts(), planted["suspicion"])
            self._left_of, self._known_left = known, left
            self._left_again_at = now + LEFT_PATIENCE * (monotonic() - now)
        return self._known_left


@lru_cache(maxsize=4)
def desk_state_of(study: Study) -> DeskState:
    """What is known of an opened study's decisions, kept between questions."""
    return DeskState(study)
