"""Questions to the log of decisions, in SQL, and the one way in which lines are added to it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from explorer.study.decision import Decision, Opinion

STANDING = """
    SELECT row, label, decision, new_label, note, decided_at, who FROM entries JOIN (
        SELECT max(id) AS id FROM entries
        WHERE batch NOT IN (SELECT undoes FROM batches WHERE undoes IS NOT NULL)
        GROUP BY row, who
    ) USING (id) ORDER BY row, id
"""
LATEST = """
    SELECT id FROM batches WHERE who = ? AND kind <> 'undo'
    AND NOT EXISTS (SELECT 1 FROM batches AS later WHERE later.undoes = batches.id)
    ORDER BY id DESC LIMIT 1
"""
CHANGES = """
    WITH touched AS MATERIALIZED (
        SELECT row, max(version) AS version FROM (
            SELECT row, batch AS version FROM entries WHERE batch > :since
            UNION ALL
            SELECT row, undo.id FROM batches AS undo JOIN entries ON entries.batch = undo.undoes WHERE undo.id > :since
        ) GROUP BY row
    )
    SELECT touched.row, version, decision, new_label, note, decided_at, who
    FROM touched LEFT JOIN entries ON entries.row = touched.row
        AND batch NOT IN (SELECT undoes FROM batches WHERE undoes IS NOT NULL)
    ORDER BY touched.row, id
"""
LOG_COLUMNS = (
    *("batch", "kind", "by_whom", "made_at", "undoes"),
    *("row", "label", "decision", "new_label", "note", "decided_at", "who"),
)
LOG = """
    SELECT batches.id, kind, batches.who, made_at, undoes,
        row, label, decision, new_label, note, decided_at, entries.who
    FROM batches LEFT JOIN entries ON entries.batch = batches.id ORDER BY batches.id, entries.id
"""

_shared = attrgetter(*Opinion._fields)
values_of = attrgetter(*(one.name for one in fields(Decision)))
# As dataclasses.astuple, which takes ten times as long because it copies.


def newest(connection: sqlite3.Connection) -> int:
    """The number of the latest batch, 0 when there is none."""
    return connection.execute("SELECT max(id) FROM batches").fetchone()[0] or 0


def standing_of(connection: sqlite3.Connection) -> list[Decision]:
    """What stands: for each sample the latest decision of each person that was not taken back."""
    return [Decision(*line) for line in connection.execute(STANDING)]


def append(connection: sqlite3.Connection, kind: str, made: Sequence[Decision], who: str, now: str) -> int:
    """Add decisions as one batch, and return its number."""
    batch = connection.execute("INSERT INTO batches (kind, who, made_at) VALUES (?, ?, ?)", (kind, who, now)).lastrowid
    # What many of them share is handed over once: that takes a third of the time.
    shared: dict[tuple[Any, ...], int] = {}
    lines = [(one.row, one.label, shared.setdefault(_shared(one), len(shared))) for one in made]
    connection.execute("CREATE TEMP TABLE made (row, label, number)")
    connection.executemany("INSERT INTO made VALUES (?, ?, ?)", lines)
    connection.execute(
        "CREATE TEMP TABLE shared (decision, new_label, note, decided_at, who, number INTEGER PRIMARY KEY)"
    )
    connection.executemany("INSERT INTO shared VALUES (?, ?, ?, ?, ?, ?)", [(*one, at) for one, at in shared.items()])
    connection.execute(
        "INSERT INTO entries (batch, row, label, decision, new_label, note, decided_at, who) "
        "SELECT ?, row, label, decision, new_label, note, decided_at, who FROM made JOIN shared USING (number) "
        "ORDER BY made.rowid",
        (batch,),
    )
    return batch
