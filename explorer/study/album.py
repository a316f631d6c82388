"""What people chose to present: saved views, in an order, and picked samples with notes. Kept inside the study.

Unlike decisions, both can be changed and removed; a removed view can be brought back, and its number is never given to
another. Several people may save at once, in one app or in several.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import SettingsError, StudyMismatch
from explorer.study.album_file import ALBUM, PICKS, VIEWS, keep_stage, read_stages
from explorer.study.decision import now_in_utc
from explorer.study.saved import Pick, SavedView, checked_place, checked_row, checked_view, checked_words

if TYPE_CHECKING:
    from explorer.study.study import Study

NAME = "album.sqlite"
MOST_VIEWS = 500
MOST_PICKS = 500
"""As many as a page, a report and a reader can bear."""


class Album:
    """The saved views and picked samples of one study. Safe to share between threads; holds no file open."""

    def __init__(self, path: Path, samples: int, fingerprint: str) -> None:
        """Nothing is read or written yet.

        Args:
            path: of the file, which need not exist.
            samples: how many the study has.
            fingerprint: of its subject; a file with another one is refused.
        """
        self.path = path
        self._samples = samples
        self._fingerprint = fingerprint

    @classmethod
    def open(cls, study: Study) -> Album:
        """The album of a study, also one that nobody has saved anything in or that may not be written."""
        return cls(study.path / NAME, study.n, study.subject["fingerprint"])

    @property
    def refusal(self) -> str | None:
        """Why nobody can save here now, in a sentence; None where one can, as far as looking tells."""
        return ALBUM.refusal(self.path, self._fingerprint)

    def views(self) -> list[SavedView]:
        """The saved views in the order in which they are presented.

        Raises:
            StudyError: the file cannot be read; StudyMismatch when it is damaged or of another study.

        Cost: a millisecond, and some microseconds a view.
        """
        with self._reading() as connection:
            return [view for view, is_removed in self._views(connection) if not is_removed] if connection else []

    def view(self, number: int) -> SavedView:
        """One saved view by its number.

        Raises:
            SettingsError: it was removed, or there never was one.
            StudyError: as in views.
        """
        with self._reading() as connection:
            return self._found(self._views(connection) if connection else [], number)

    def save(
        self,
        *,
        name: str,
        note: str = "",
        page: str,
        sample: int | None = None,
        color: str | None = None,
        filter: str = "",
        place: tuple[float, float, float] | None = None,
        who: str = "",
        options: str = "",
        stage: tuple[float, float] | None = None,
    ) -> SavedView:
        """Save a view behind all others. When it returns, the view is on the disk.

        Args:
            name, note, page, sample, color, filter, place, who, options, stage: as in SavedView.

        Raises:
            SettingsError: something cannot be kept (see study.saved), or there are MOST_VIEWS; nothing was written.
            StudyError: it cannot be kept (see Database.writing); nothing was written.
        """
        view = SavedView(0, name, note, page, sample, color, filter, place, who, now_in_utc(), options, stage)
        told = checked_view(asdict(view), self._samples)
        with self._writing() as connection:
            _check_room(self._views(connection))
            place, stage = told.pop("place") or (None, None, None), told.pop("stage")
            values = {**told, **dict(zip(("x", "y", "scale"), place, strict=True))}
            del values["id"]
            names = ", ".join(values)
            number = connection.execute(
                f"INSERT INTO views ({names}, position) VALUES ({', '.join('?' * len(values))}, "
                "(SELECT coalesce(max(position), -1) + 1 FROM views))",
                tuple(values.values()),
            ).lastrowid
            keep_stage(connection, number, stage)
            return self._found(self._views(connection), number)

    def change(self, number: int, name: str | None = None, note: str | None = None) -> SavedView:
        """Another name or note for a saved view; None leaves it.

        Raises:
            SettingsError, StudyError: as in save and view; nothing was written.
        """
        told = {key: checked_words(key, text) for key, text in (("name", name), ("note", note)) if text is not None}
        with self._writing() as connection:
            self._found(self._views(connection), number)
            for key, text in told.items():
                connection.execute(f"UPDATE views SET {key} = ? WHERE id = ?", (text, number))
            return self._found(self._views(connection), number)

    def move(self, number: int, place: int) -> None:
        """Present a view at another place, counted from 0; beyond the ends it stops there. The others keep their order.

        Raises:
            SettingsError, StudyError: as in view; nothing was written.
        """
        with self._writing() as connection:
            views = self._views(connection)
            self._found(views, number)
            order = [view.id for view, is_removed in views if not is_removed and view.id != number]
            order.insert(max(0, min(place, len(order))), number)
            _order(connection, order)

    def remove(self, number: int) -> None:
        """Take a view out of the album; restore brings it back.

        Raises:
            SettingsError, StudyError: as in view; nothing was written.
        """
        with self._writing() as connection:
            self._found(self._views(connection), number)
            connection.execute("UPDATE views SET removed = 1 WHERE id = ?", (number,))

    def restore(self, number: int) -> SavedView:
        """Bring back a removed view, at the place that it had; one that is there stays.

        Raises:
            SettingsError: there never was one of this number, or there are MOST_VIEWS others.
            StudyError: as in view.
        """
        with self._writing() as connection:
            views = self._views(connection)
            _check_room([(view, is_removed) for view, is_removed in views if view.id != number])
            order = [view.id for view, is_removed in views if not is_removed or view.id == number]
            connection.execute("UPDATE views SET removed = 0 WHERE id = ?", (number,))
            _order(connection, order)
            return self._found(self._views(connection), number)

    def picks(self) -> list[Pick]:
        """The picked samples in the order in which they were picked; raises as views."""
        with self._reading() as connection:
            return self._picks(connection) if connection else []

    def pick(self, row: int, note: str = "", who: str = "") -> None:
        """Pick a sample to be shown; one that is picked gets the new note and keeps its place.

        Raises:
            SettingsError: the row or a text cannot be, or there are MOST_PICKS; nothing was written.
            StudyError: it cannot be kept; nothing was written.
        """
        row, note, who = checked_row(row, self._samples), checked_words("note", note), checked_words("who", who)
        with self._writing() as connection:
            known = {one.row for one in self._picks(connection)}
            if row not in known and len(known) >= MOST_PICKS:
                raise SettingsError(f"an album holds at most {MOST_PICKS} picked samples, and has them. Remove some.")
            connection.execute(
                "INSERT INTO picks VALUES (?, (SELECT coalesce(max(position), -1) + 1 FROM picks), ?, ?, ?) "
                "ON CONFLICT (row) DO UPDATE SET note = excluded.note, who = excluded.who, "
                "picked_at = excluded.picked_at",
                (row, note, who, now_in_utc()),
            )

    def unpick(self, row: int) -> None:
        """Leave a sample out again; one that is not picked stays so.

        Raises:
            SettingsError: there is no such row.
            StudyError: it cannot be kept; nothing was written.
        """
        row = checked_row(row, self._samples)
        if self.path.exists():
            with self._writing() as connection:
                self._picks(connection)
                connection.execute("DELETE FROM picks WHERE row = ?", (row,))

    def _found(self, views: list[tuple[SavedView, bool]], number: int) -> SavedView:
        for view, is_removed in views:
            if view.id == number and not is_removed:
                return view
            if view.id == number:
                raise SettingsError(
                    f'the saved view "{view.name}" (number {number}) was removed. Open the page Present for the others.'
                )
        raise SettingsError(
            f"expected the number of a saved view of this study, found {repr(number)[:40]}. "
            "Open the page Present for a list."
        )

    def _views(self, connection: sqlite3.Connection) -> list[tuple[SavedView, bool]]:
        with self._strictly():
            stages = read_stages(connection)
            return [
                self._read_view(stages.get(number), number, *line)
                for number, *line in connection.execute(VIEWS).fetchall()
            ]

    def _read_view(self, stage: Any, number: Any, *line: Any) -> tuple[SavedView, bool]:
        name, note, page, sample, color, filter_text, x, y, scale, who, made_at, options, is_removed = line
        place = None if x is None and y is None and scale is None else checked_place((x, y, scale))
        view = SavedView(number, name, note, page, sample, color, filter_text, place, who, made_at, options, stage)
        return SavedView(**checked_view(asdict(view), self._samples)), bool(is_removed)

    def _picks(self, connection: sqlite3.Connection) -> list[Pick]:
        with self._strictly():
            return [
                Pick(checked_row(row, self._samples), *map(checked_words, ("note", "who", "time"), texts))
                for row, *texts in connection.execute(PICKS).fetchall()
            ]

    @contextmanager
    def _strictly(self) -> Iterator[None]:
        # SQLite keeps no checksums, and files are lent.
        try:
            yield
        except SettingsError as error:
            raise StudyMismatch(
                f"expected {ALBUM.contents} of this study in {self.path}, found a line that is none ({error}) "
                "The file was changed by another program: restore it from a copy, or move it away to begin anew."
            ) from error

    def _reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        return ALBUM.reading(self.path, self._fingerprint)

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        return ALBUM.writing(self.path, self._fingerprint)


def _check_room(views: list[tuple[SavedView, bool]]) -> None:
    if sum(not is_removed for _, is_removed in views) >= MOST_VIEWS:
        raise SettingsError(f"an album holds at most {MOST_VIEWS} saved views, and has them. Remove some first.")


def _order(connection: sqlite3.Connection, numbers: list[int]) -> None:
    connection.executemany("UPDATE views SET position = ? WHERE id = ?", list(enumerate(numbers)))
