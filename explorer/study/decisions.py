"""What people decided about labels: an append-only log inside the study, the one thing in it that pages may write.

A decision is one of keep, relabel, drop and unsure. Decisions that were made together are a batch, which is what one
undo takes back; an undo is itself an entry of the log. What stands is, for each sample, the latest decision of each
person that was not taken back. Several people may decide at once, in one app or in several.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from explorer.study.decision import Decision, Opinion, checked_decisions, checked_text, now_in_utc, verdicts
from explorer.study.entries import checked_lines
from explorer.study.given import GivenLabels
from explorer.study.ledger import LEDGER
from explorer.study.queries import CHANGES, LATEST, LOG, LOG_COLUMNS, append, newest, standing_of, values_of

if TYPE_CHECKING:
    import pandas as pd

    from explorer.study.study import Study

NAME = "decisions.sqlite"


class Changes(NamedTuple):
    """What became of the rows that were decided about after some version."""

    version: int
    """The version that this is true of."""
    touched: dict[int, int]
    """Row to the version at which it was last decided about or taken back; by row."""
    opinions: dict[int, tuple[Opinion, ...]]
    """Row to what stands about it, a person once, as decided; empty where all was taken back."""


class Decisions:
    """The decisions about the labels of one study. Safe to share between threads; holds no file open."""

    def __init__(self, path: Path, given: GivenLabels, fingerprint: str) -> None:
        """Nothing is read or written yet.

        Args:
            path: of the file, which need not exist.
            given: the labels that are decided about.
            fingerprint: of the subject; a file with another one is refused.
        """
        self.path = path
        self.given = given
        self._fingerprint = fingerprint
        self._known = (0, 0)

    @classmethod
    def open(cls, study: Study) -> Decisions:
        """The decisions of a study, also one that nobody has decided about or that may not be written.

        Raises:
            StepMissing: the study has no samples table yet.
        """
        return cls(study.path / NAME, GivenLabels.of(study), study.subject["fingerprint"])

    @property
    def version(self) -> int:
        """Grows with every decision, import and undo, of whomever; 0 when there is none. Cheap: ask every second."""
        with self._reading() as connection:
            return newest(connection) if connection else 0

    def decide(self, rows: Iterable[int], decision: str, new_label: Any = None, note: str = "", who: str = "") -> int:
        """Decide the same about some samples, as one batch. When it returns, the decision is on the disk.

        Args:
            rows: the samples, at least one.
            decision: keep, relabel, drop or unsure.
            new_label: for relabel only: a class number or name, a target, or a list of targets.
            note: free text.
            who: who decides.

        Returns:
            The number of the batch, which is the new version.

        Raises:
            DecisionError: it cannot be decided (see checked_decisions); nothing was written.
            StudyError: it cannot be kept (see Database.writing); nothing was written.
        """
        now = now_in_utc()
        made = checked_decisions(self.given, rows, decision, new_label, note, who, now)
        with self._writing() as connection:
            return append(connection, "decide", made, who, now)

    def adopt(self, decisions: Sequence[Decision], who: str = "") -> int:
        """Take over decisions that were made elsewhere, as one batch of whoever does so; their makers stay named.

        What the same person already stands at, with the same note, is left out: to import twice is to import once.

        Args:
            decisions: of this study's samples (see checked_decision).
            who: whose undo takes them back.

        Returns:
            How many were new.

        Raises:
            StudyError: they cannot be kept; nothing was written.
        """
        who = checked_text("who", who)
        if not decisions:
            return 0
        with self._writing() as connection:
            standing = {replace(one, decided_at="") for one in standing_of(connection)}
            added = [one for one in decisions if replace(one, decided_at="") not in standing]
            if added:
                append(connection, "import", added, who, now_in_utc())
        return len(added)

    def undo(self, who: str = "") -> list[int]:
        """Take back the latest batch of a person that was not taken back yet; again, the one before, to the first.

        Returns:
            The rows that it was about, rising; empty when nothing is left to take back.

        Raises:
            DecisionError: who is no text that can be kept.
            StudyError: it cannot be kept; nothing was written.
        """
        who = checked_text("who", who)
        if not self.path.exists():
            return []
        with self._writing() as connection:
            found = connection.execute(LATEST, (who,)).fetchone()
            if found is None:
                return []
            connection.execute(
                "INSERT INTO batches (kind, who, made_at, undoes) VALUES ('undo', ?, ?, ?)", (who, now_in_utc(), *found)
            )
            taken = connection.execute("SELECT DISTINCT row FROM entries WHERE batch = ? ORDER BY row", found)
            return [row for (row,) in taken.fetchall()]

    def current(self) -> list[Decision]:
        """What stands: for each sample the latest decision of each person, by row, then as decided.

        Cost: time O(entries of the log).
        """
        with self._reading() as connection:
            return standing_of(connection) if connection else []

    def changes(self, since: int) -> Changes:
        """What stands now about the rows that were decided about, imported or taken back after a version.

        Args:
            since: a version that was read before; 0 for all rows that anything was ever said about.

        Cost: grows with the rows in question, not with the log.
        """
        with self._reading() as connection:
            if not connection:
                return Changes(0, {}, {})
            touched, opinions = {}, {}
            for row, lines in groupby(connection.execute(CHANGES, {"since": since}), itemgetter(0)):
                latest = {}
                for line in lines:
                    touched[row], opinion = line[1], Opinion._make(line[2:])
                    latest.pop(opinion.who, None)  # whoever decides again comes last
                    latest[opinion.who] = opinion
                latest.pop(None, None)  # the line of a row about which nothing stands
                opinions[row] = tuple(latest.values())
            return Changes(newest(connection), touched, opinions)

    def undoable(self, who: str) -> bool:
        """Whether a person has something to take back; raises DecisionError when who is no text that can be kept."""
        who = checked_text("who", who)
        with self._reading() as connection:
            return connection is not None and connection.execute(LATEST, (who,)).fetchone() is not None

    @property
    def refusal(self) -> str | None:
        """Why nobody can decide here now, in a sentence; None where one can, as far as looking tells."""
        return LEDGER.refusal(self.path, self._fingerprint)

    def standing(self, *, everyone: bool = False) -> pd.DataFrame:
        """What stands, a line a sample; a line a person where people stand at different decisions.

        Args:
            everyone: a line a person also where they agree, in place of the latest alone.

        Returns:
            row, label, decision, new_label, note, decided_at, who, conflict; by row, then as decided. label and
            new_label are int64 and Int64 for classes, float64 for targets, JSON text for several targets a sample;
            new_label is missing unless relabel. conflict: others stand at another decision about this sample.
        """
        standing = self.current()
        conflicts = {row for row, found in verdicts(standing).items() if len(found) > 1}
        latest = {one.row: one for one in standing}
        shown = [one for one in standing if everyone or one.row in conflicts or one is latest[one.row]]
        lines = [(*values_of(one), one.row in conflicts) for one in shown]
        columns = [*(one.name for one in fields(Decision)), "conflict"]
        is_class = {"label": "int64"} if self.given.classes else {}
        return self._table(lines, columns, {"row": "int64", "conflict": "bool", **is_class})

    def log(self) -> pd.DataFrame:
        """Everything that ever happened, in order: what was decided, imported and undone, by whom and when.

        Returns:
            batch, kind (decide, import or undo), by_whom, made_at, undoes (the batch that an undo took back), and of
            each decision row, label, decision, new_label, note, decided_at, who; the line of an undo has none of these.
        """
        with self._reading() as connection:
            lines = connection.execute(LOG).fetchall() if connection else []
        return self._table(lines, LOG_COLUMNS, {"batch": "int64", "undoes": "Int64", "row": "Int64"})

    def _table(self, lines: list[tuple[Any, ...]], columns: Sequence[str], types: dict[str, str]) -> pd.DataFrame:
        import pandas as pd

        label = "str" if self.given.outputs > 1 else "Int64" if self.given.classes else "float64"
        types = {"label": label, "new_label": label, **types}
        table = pd.DataFrame(lines, columns=list(columns), dtype=object)
        return table.astype({name: types.get(name, "str") for name in columns})

    def _reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        return self._checked(LEDGER.reading(self.path, self._fingerprint))

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._checked(LEDGER.writing(self.path, self._fingerprint))

    @contextmanager
    def _checked(self, opened: AbstractContextManager) -> Iterator[sqlite3.Connection | None]:
        with opened as connection:
            if connection:
                self._known = checked_lines(connection, self.path, self.given, self._known)
            yield connection
