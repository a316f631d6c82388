"""Whether the lines of a log of decisions could have been written here. SQLite keeps no checksums; files are lent."""

import json
import sqlite3
from pathlib import Path

from explorer.errors import DecisionError, StudyMismatch
from explorer.study.given import LARGEST_TARGET, GivenLabels

NEWEST = "SELECT (SELECT coalesce(max(id), 0) FROM entries), (SELECT coalesce(max(id), 0) FROM batches)"
STRANGE_BATCHES = """
    SELECT count(*) FROM batches WHERE id > :batch AND NOT (
        typeof(who) = 'text' AND typeof(made_at) = 'text' AND kind IN ('decide', 'import', 'undo')
        AND (kind = 'undo') = (undoes IS NOT NULL) AND typeof(coalesce(undoes, 1)) = 'integer'
    )
"""
STRANGE_ENTRIES = """
    SELECT count(*) FROM entries WHERE id > :entry AND NOT (
        typeof(row) = 'integer' AND row >= 0 AND row < :samples AND typeof(batch) = 'integer'
        AND typeof(note) = 'text' AND typeof(who) = 'text' AND typeof(decided_at) = 'text'
        AND decision IN ('keep', 'relabel', 'drop', 'unsure') AND (decision = 'relabel') = (new_label IS NOT NULL)
        AND {label}
    )
"""
CLASS = "typeof({0}) = 'integer' AND {0} >= 0 AND {0} < :classes"
TARGET = "typeof({0}) IN ('real', 'integer') AND abs({0}) <= :largest"
TARGETS = "typeof({0}) = 'text'"
SEVERAL = "SELECT DISTINCT label FROM entries WHERE id > :entry UNION SELECT new_label FROM entries WHERE id > :entry"


def checked_lines(
    connection: sqlite3.Connection, path: Path, given: GivenLabels, known: tuple[int, int]
) -> tuple[int, int]:
    """Make sure that the lines younger than known ones are decisions about these labels.

    Args:
        connection: that reads the log.
        path: of the log, to be named.
        given: the labels that are decided about.
        known: the number of the last entry and batch that were checked before.

    Returns:
        The numbers of the last entry and batch.

    Raises:
        StudyMismatch: a line is none that could have been written here.

    Cost: grows with the lines that are new.
    """
    newest = connection.execute(NEWEST).fetchone()
    if newest == known:
        return known
    entry, batch = known if newest >= known else (0, 0)  # the file was taken away and begun anew
    form = CLASS if given.classes else TARGET if given.outputs == 1 else TARGETS
    both = f"{form.format('label')} AND {form.format('coalesce(new_label, label)')}"
    about = {"samples": len(given), "classes": given.classes, "largest": LARGEST_TARGET, "entry": entry, "batch": batch}
    strange = connection.execute(STRANGE_ENTRIES.format(label=both), about).fetchone()[0]
    strange += connection.execute(STRANGE_BATCHES, about).fetchone()[0]
    if form == TARGETS and not strange:
        strange = sum(
            not _are_targets(text, given) for (text,) in connection.execute(SEVERAL, about) if text is not None
        )
    if strange:
        raise StudyMismatch(
            f"expected decisions about the labels of this study in {path}, found {strange} lines that are none: the "
            "file was changed by another program. Restore it from a copy, or move it away to begin anew."
        )
    return newest


def _are_targets(text: str, given: GivenLabels) -> bool:
    try:
        given.checked(json.loads(text))
        return True
    except (DecisionError, ValueError, RecursionError):
        return False
