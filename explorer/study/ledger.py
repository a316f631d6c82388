"""The file in which decisions are kept: its tables only grow; triggers refuse to change or delete a line."""

from explorer.study.database import Database

SCHEMA = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('decide', 'import', 'undo')),
    who TEXT NOT NULL,
    made_at TEXT NOT NULL,
    undoes INTEGER UNIQUE REFERENCES batches (id),
    CHECK ((kind = 'undo') = (undoes IS NOT NULL))
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (id),
    row INTEGER NOT NULL CHECK (row >= 0),
    label NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('keep', 'relabel', 'drop', 'unsure')),
    new_label,
    note TEXT NOT NULL,
    who TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    CHECK ((decision = 'relabel') = (new_label IS NOT NULL))
);
CREATE INDEX entries_by_batch ON entries (batch);
CREATE INDEX entries_by_row ON entries (row);
""" + "".join(
    f"CREATE TRIGGER no_{change}_of_{table} BEFORE {change} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'decisions are only ever added'); END;\n"
    for table in ("batches", "entries")
    for change in ("update", "delete")
)

LEDGER = Database(
    schema=SCHEMA,
    format=1,
    things="decisions",
    contents="decisions about labels",
    take_over="; to take decisions over, use `labels export` there and `labels import` here",
)
