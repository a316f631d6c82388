"""The file of an album: its tables, and what has come to them since the first format."""

import sqlite3
from typing import Any

from explorer.study.database import Database

_STAGES = "stages (view INTEGER PRIMARY KEY, width REAL NOT NULL, height REAL NOT NULL)"
"""The map on which a view's place was seen; a file of format 1 has no such table."""
ALBUM = Database(
    schema=f"""
CREATE TABLE views (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    page TEXT NOT NULL,
    sample INTEGER,
    color TEXT,
    filter TEXT NOT NULL,
    x REAL,
    y REAL,
    scale REAL,
    who TEXT NOT NULL,
    made_at TEXT NOT NULL,
    options TEXT NOT NULL
);
CREATE TABLE picks (
    row INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    note TEXT NOT NULL,
    who TEXT NOT NULL,
    picked_at TEXT NOT NULL
);
CREATE TABLE {_STAGES};
""",
    format=2,
    things="saved views",
    contents="saved views and picked samples",
)
VIEWS = """
    SELECT id, name, note, page, sample, color, filter, x, y, scale, who, made_at, options, removed FROM views
    ORDER BY position, id
"""
PICKS = "SELECT row, note, who, picked_at FROM picks ORDER BY position"


def read_stages(connection: sqlite3.Connection) -> dict[int, Any]:
    """Width and height of the map on which each view was seen, as the file holds them."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'stages'").fetchone():
        return {}
    return {number: stage for number, *stage in connection.execute("SELECT view, width, height FROM stages")}


def keep_stage(connection: sqlite3.Connection, number: int, stage: tuple[float, float] | None) -> None:
    """Write down on what a view was seen, if that is known; from then on the file has the newest format."""
    if stage:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_STAGES}")
        connection.execute(f"PRAGMA user_version = {ALBUM.format}")
        connection.execute("INSERT INTO stages VALUES (?, ?, ?)", (number, *stage))
