"""A file beside a study that people write into: how it is opened, and what can go wrong with it, in words.

SQLite in WAL mode, flushed to the disk at every commit: what was acknowledged survives a kill and a power cut.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from explorer.errors import ExplorerError, StudyError, StudyMismatch

PATIENCE_SECONDS = 10.0
"""How long a writer waits for the others; a write takes milliseconds."""
PAUSE_SECONDS = 0.002
ABOUT = "CREATE TABLE about (fingerprint TEXT NOT NULL);\n"


@dataclass(frozen=True)
class Database:
    """One kind of file, of which each study has its own."""

    schema: str
    """Its tables, in SQL; a table that names the study comes before them."""
    format: int
    """Stands in the file as SQLite's user_version; 0 is a file that holds nothing yet."""
    things: str
    """What people keep in it, in a word."""
    contents: str
    """What it holds, in a few words."""
    take_over: str = ""
    """How to bring in what a file of another study holds: the end of a sentence; empty where there is no way."""
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, compare=False)
    # The sessions of one app queue here, in order, instead of asking the file again and again whether it is free.

    @contextmanager
    def reading(self, path: Path, fingerprint: str) -> Iterator[sqlite3.Connection | None]:
        """A connection that only reads; None where nothing was ever written.

        Works in a folder that may not be written.

        Args:
            path: of the file, which need not exist.
            fingerprint: of the study's subject.

        Raises:
            StudyError: the file cannot be read.
            StudyMismatch: it is damaged, of a newer format, or of another study.
        """
        if not path.exists() and not path.is_symlink():
            yield None
            return
        with self._in_words(path), closing(_connected_to_read(path)) as connection:
            connection.execute("BEGIN")
            yield connection if self._is_filled(connection, path, fingerprint) else None

    @contextmanager
    def writing(self, path: Path, fingerprint: str) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: kept, on the disk, when the block ends well; otherwise nothing of it is.

        Args:
            path: of the file, which need not exist.
            fingerprint: of the study's subject.

        Raises:
            StudyError: the file cannot be written, the disk is full, or others kept it for PATIENCE_SECONDS.
            StudyMismatch: it is damaged, of a newer format, or of another study.

        Cost: one flush to the disk, and two more when nobody else has the file open.
        """
        if not self._one_at_a_time.acquire(timeout=PATIENCE_SECONDS):
            raise self._busy(path)
        try:
            with self._in_words(path), closing(_connected(f"{path.resolve().as_uri()}?mode=rwc")) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                if not self._is_filled(connection, path, fingerprint):
                    # Refused while another program begins the file at this moment, and then does the same.
                    with suppress(sqlite3.OperationalError):
                        connection.execute("PRAGMA journal_mode = WAL")
                _begin(connection)
                if not self._is_filled(connection, path, fingerprint):
                    self._fill(connection, fingerprint)
                yield connection
                connection.execute("COMMIT")
        finally:
            self._one_at_a_time.release()

    def refusal(self, path: Path, fingerprint: str) -> str | None:
        """Why nobody can write here now, in a sentence; None where one can, as far as looking tells. Writes nothing."""
        needed = [path.parent, *([path] if path.exists() else [])]
        closed = next((one for one in needed if not os.access(one, os.W_OK)), None)
        if closed:
            return str(self._unusable(path, f"{closed} may not be written"))
        try:
            with self.reading(path, fingerprint):
                return None
        except StudyError as error:
            return str(error)

    def _is_filled(self, connection: sqlite3.Connection, path: Path, fingerprint: str) -> bool:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > self.format:
            raise StudyMismatch(
                f"the {self.things} in {path} have format {found}, this version of the explorer reads up to "
                f"{self.format}. Install a newer explorer."
            )
        if not found and connection.execute("SELECT * FROM sqlite_master").fetchone() is None:
            return False
        self._check_schema(connection, path)
        if connection.execute("SELECT fingerprint FROM about").fetchall() != [(fingerprint,)]:
            raise StudyMismatch(
                f"expected {self.things} about this study in {path}, found those about another one. "
                f"Move the file away{self.take_over}."
            )
        return True

    def _check_schema(self, connection: sqlite3.Connection, path: Path) -> None:
        # A stranger's view or trigger would be run by every question; ours are known word by word.
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if not {_one_line(statement) for (statement,) in made} <= self._own_schema:
            raise StudyMismatch(
                f"expected {self.contents} in {path}, found a file that is damaged or something else. "
                "Move it away to begin anew."
            )

    @cached_property
    def _statements(self) -> tuple[str, ...]:
        return tuple(_statements(ABOUT + self.schema))

    @cached_property
    def _own_schema(self) -> frozenset[str]:
        return frozenset(map(_one_line, self._statements))

    def _fill(self, connection: sqlite3.Connection, fingerprint: str) -> None:
        # Statement by statement, since executescript would commit the transaction first.
        for statement in self._statements:
            connection.execute(statement)
        connection.execute("INSERT INTO about VALUES (?)", (fingerprint,))
        connection.execute(f"PRAGMA user_version = {self.format}")

    @contextmanager
    def _in_words(self, path: Path) -> Iterator[None]:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise StudyMismatch(
                f"expected {self.contents} in {path}, found a link, or no file at all. "
                "Put the file itself in its place."
            )
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(path, error) from error

    def _told(self, path: Path, error: sqlite3.Error) -> ExplorerError:
        code = _kind(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return self._busy(path)
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            return StudyMismatch(
                f"expected {self.contents} in {path}, found a file that is damaged or something else ({error}). "
                "Restore it from a copy, or move it away to begin anew."
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            return self._unusable(path, str(error))
        found = "a full disk" if code == sqlite3.SQLITE_FULL else f"an error ({error})"
        return StudyError(
            f"expected to keep {self.things} in {path}, found {found}. Nothing was written: mend it, try again."
        )

    def _unusable(self, path: Path, why: str) -> StudyError:
        return StudyError(
            f"expected a place to keep {self.things} at {path}, found that it cannot be used ({why}). "
            "Ask for the right to write there, or work in a copy of the study."
        )

    def _busy(self, path: Path) -> StudyError:
        return StudyError(
            f"expected to write {self.things} into {path} within {PATIENCE_SECONDS:g} s, found it held by another "
            "program. Nothing was written: try again, or close that program."
        )


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


def _one_line(statement: str) -> str:
    return " ".join(str(statement).split()).rstrip("; ")


def _statements(script: str) -> Iterator[str]:
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""
