"""The file in which decisions are kept: how it is opened, its tables, and what can go wrong with it, in words.

SQLite in WAL mode, flushed to the disk at every commit: what was acknowledged survives a kill and a power cut. The
tables only grow; triggers refuse to change or delete a line.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

from explorer.errors import ExplorerError, StudyError, StudyMismatch

FORMAT = 1
"""Stands in the file as SQLite's user_version; 0 is a file that holds nothing yet."""
PATIENCE_SECONDS = 10.0
"""How long a writer waits for the others; a write takes milliseconds."""
PAUSE_SECONDS = 0.002

SCHEMA = """
CREATE TABLE about (fingerprint TEXT NOT NULL);
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

_ONE_AT_A_TIME = threading.Lock()
# The sessions of one app queue here, in order, instead of asking the file again and again whether it is free.


@contextmanager
def reading(path: Path, fingerprint: str) -> Iterator[sqlite3.Connection | None]:
    """A connection that only reads; None where nothing was ever written.

    Works in a folder that may not be written.

    Raises:
        StudyError: the file cannot be read.
        StudyMismatch: it is damaged, of a newer format, or of another study.
    """
    if not path.exists() and not path.is_symlink():
        yield None
        return
    with _in_words(path), closing(_connected_to_read(path)) as connection:
        connection.execute("BEGIN")
        yield connection if _is_filled(connection, path, fingerprint) else None


@contextmanager
def writing(path: Path, fingerprint: str) -> Iterator[sqlite3.Connection]:
    """One transaction that writes: kept, on the disk, when the block ends well; otherwise nothing of it is.

    Raises:
        StudyError: the file cannot be written, the disk is full, or others kept it for PATIENCE_SECONDS.
        StudyMismatch: it is damaged, of a newer format, or of another study.

    Cost: one flush to the disk, and two more when nobody else has the file open.
    """
    if not _ONE_AT_A_TIME.acquire(timeout=PATIENCE_SECONDS):
        raise _busy(path)
    try:
        with _in_words(path), closing(_connected(f"{path.resolve().as_uri()}?mode=rwc")) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            if not _is_filled(connection, path, fingerprint):
                # Refused while another program begins the file at this moment, and then does the same.
                with suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA journal_mode = WAL")
            _begin(connection)
            if not _is_filled(connection, path, fingerprint):
                _fill(connection, fingerprint)
            yield connection
            connection.execute("COMMIT")
    finally:
        _ONE_AT_A_TIME.release()


def refusal(path: Path, fingerprint: str) -> str | None:
    """Why nobody can write here now, in a sentence; None where one can, as far as looking tells. Writes nothing."""
    needed = [path.parent, *([path] if path.exists() else [])]
    closed = next((one for one in needed if not os.access(one, os.W_OK)), None)
    if closed:
        return str(_unusable(path, f"{closed} may not be written"))
    try:
        with reading(path, fingerprint):
            return None
    except StudyError as error:
        return str(error)


def _connected_to_read(path: Path) -> sqlite3.Connection:
    # Open for writing all the same, where that is allowed: only then SQLite clears away what it keeps beside the file.
    connection = _connected(f"{path.resolve().as_uri()}?mode=rw")
    try:
        connection.execute("PRAGMA schema_version")
        return connection
    except sqlite3.OperationalError:
        connection.close()
        # Beside a file in WAL mode SQLite wants to write two others. Where it cannot, and nothing waits in the -wal of
        # another program, the file holds all, and can be read as one that does not change.
        waiting = path.with_name(f"{path.name}-wal")
        if waiting.exists() and waiting.stat().st_size:
            raise
        return _connected(f"{path.resolve().as_uri()}?mode=ro&immutable=1")


def _begin(connection: sqlite3.Connection) -> None:
    """Wait for the turn to write.

    SQLite's own waiting asks less and less often, so that among many writers the one who waits longest loses.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        time.sleep(PAUSE_SECONDS)
    connection.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE_SECONDS:.0f}")


def _kind(error: sqlite3.Error) -> int:
    # The low byte is the kind of error, the rest says where it arose.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _connected(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)


def _is_filled(connection: sqlite3.Connection, path: Path, fingerprint: str) -> bool:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise StudyMismatch(
            f"the decisions in {path} have format {found}, this version of the explorer reads up to {FORMAT}. "
            "Install a newer explorer."
        )
    if not found and connection.execute("SELECT * FROM sqlite_master").fetchone() is None:
        return False
    _check_schema(connection, path)
    if connection.execute("SELECT fingerprint FROM about").fetchall() != [(fingerprint,)]:
        raise StudyMismatch(
            f"expected decisions about this study in {path}, found those about another one. Move the file away; "
            "to take decisions over, use `labels export` there and `labels import` here."
        )
    return True


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    # A stranger's view or trigger would be run by every question; ours are known word by word.
    made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    if not {_one_line(statement) for (statement,) in made} <= _own_schema():
        raise StudyMismatch(
            f"expected decisions about labels in {path}, found a file that is damaged or something else. "
            "Move it away to begin anew."
        )


@cache
def _own_schema() -> frozenset[str]:
    return frozenset(_one_line(statement) for statement in _statements(SCHEMA))


def _one_line(statement: str) -> str:
    return " ".join(str(statement).split()).rstrip("; ")


def _fill(connection: sqlite3.Connection, fingerprint: str) -> None:
    # Statement by statement, since executescript would commit the transaction first.
    for statement in _statements(SCHEMA):
        connection.execute(statement)
    connection.execute("INSERT INTO about VALUES (?)", (fingerprint,))
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _statements(script: str) -> Iterator[str]:
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise StudyMismatch(
            f"expected decisions about labels in {path}, found a link, or no file at all. "
            "Put the file itself in its place."
        )
    try:
        yield
    except sqlite3.Error as error:
        raise _told(path, error) from error


def _told(path: Path, error: sqlite3.Error) -> ExplorerError:
    code = _kind(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(path)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
        return StudyMismatch(
            f"expected decisions about labels in {path}, found a file that is damaged or something else ({error}). "
            "Restore it from a copy, or move it away to begin anew."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _unusable(path, str(error))
    found = "a full disk" if code == sqlite3.SQLITE_FULL else f"an error ({error})"
    return StudyError(f"expected to keep decisions in {path}, found {found}. Nothing was written: mend it, try again.")


def _unusable(path: Path, why: str) -> StudyError:
    return StudyError(
        f"expected a place to keep decisions at {path}, found that it cannot be used ({why}). "
        "Ask for the right to write there, or decide in a copy of the study."
    )


def _busy(path: Path) -> StudyError:
    return StudyError(
        f"expected to write decisions into {path} within {PATIENCE_SECONDS:g} s, found it held by another program. "
        "Nothing was written: try again, or close that program."
    )
