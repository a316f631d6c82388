"""What stands about the labels of one study, kept in memory and brought up to date by what is new. No torch, no pandas.

Many visitors ask every second or two what others decided; nearly always the answer is nothing. A version is asked of
the file, and only what is younger than what is known is read.
"""

import threading
from typing import NamedTuple

import numpy as np

from explorer.study.decision import Opinion
from explorer.study.decisions import Changes, Decisions

VERDICTS = ("", "keep", "relabel", "drop", "unsure", "conflict")
"""What stands about a row in a word: nothing, what all agree on, or conflict."""
PATIENCE_SECONDS = 0.25
"""How long one who asks waits for another who reads: the next question comes soon."""


class News(NamedTuple):
    """What is new after a version."""

    version: int
    """The version that this is true of."""
    since: int
    """The version after which; 0 when the one that was asked about has never been: forget what you know."""
    rows: np.ndarray
    """int64 rows that anything was decided or taken back about, latest last."""
    stands: np.ndarray
    """int32 for each of these rows, a place in opinions."""
    opinions: list[tuple[Opinion, ...]]
    """Each a different set of opinions about a row, in the order decided; empty where nothing stands."""


class Standing:
    """What stands, as of a version. Safe to share between threads.

    Memory: 12 bytes a sample, and some hundred for each different set of opinions.
    """

    def __init__(self, n: int) -> None:
        """Nothing stands yet about any of n samples."""
        self._n = n
        self._reading = threading.Lock()  # whoever holds it alone adds opinions, and may take long
        self._lock = threading.Lock()
        self.beginnings = 0
        """Grows when the log is begun anew: the same version may then say something else."""
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._version = 0
            self.beginnings += 1
            self._opinions: list[tuple[Opinion, ...]] = [()]
            self._place = {(): 0}
            self._verdicts = [0]
            self._stands = np.zeros(self._n, dtype=np.int32)
            self._changed_at = np.zeros(self._n, dtype=np.int64)

    def refresh(self, decisions: Decisions) -> int:
        """Take over what was decided since; everything when the file was taken away and begun anew.

        Returns:
            The version that is known now; an older one while another thread takes long to read.

        Cost: one short question to the file when nothing is new, otherwise in proportion to the rows that are.
        """
        version = decisions.version
        if version == self._version or not self._reading.acquire(timeout=PATIENCE_SECONDS):
            return self._version
        try:
            version = decisions.version  # another thread may have taken over more since it was asked
            if version < self._version:
                self._forget()
            if version > self._version:
                self._take_over(decisions.changes(self._version))
            return self._version
        finally:
            self._reading.release()

    def news(self, since: int) -> News:
        """What was decided or taken back after a version, and what stands about it now."""
        with self._lock:
            since = since if since <= self._version else 0
            rows = np.flatnonzero(self._changed_at > since) if since < self._version else np.empty(0, dtype=np.int64)
            rows = rows[np.argsort(self._changed_at[rows], kind="stable")]
            return News(self._version, since, rows, self._stands[rows], self._opinions)

    def verdicts(self) -> np.ndarray:
        """[n] uint8, for each row the place of what stands about it in VERDICTS. Cost: time O(n)."""
        with self._lock:
            return np.array(self._verdicts, dtype=np.uint8)[self._stands]

    def _take_over(self, changes: Changes) -> None:
        count = len(changes.touched)
        rows = np.fromiter(changes.touched.keys(), dtype=np.int64, count=count)
        versions = np.fromiter(changes.touched.values(), dtype=np.int64, count=count)
        stands = np.fromiter(map(self._placed, changes.opinions.values()), dtype=np.int32, count=count)
        with self._lock:
            self._changed_at[rows], self._stands[rows], self._version = versions, stands, changes.version

    def _placed(self, opinions: tuple[Opinion, ...]) -> int:
        place = self._place.setdefault(opinions, len(self._opinions))
        if place == len(self._opinions):
            self._opinions.append(opinions)
            verdicts = {(one.decision, one.new_label) for one in opinions}
            self._verdicts.append(VERDICTS.index(opinions[0].decision if len(verdicts) == 1 else "conflict"))
        return place
