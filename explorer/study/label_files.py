"""Decisions about labels as a file to take elsewhere and bring back, and the labels that come out of them.

Two tables, CSV or Parquet. Decisions have a line a decision, with COLUMNS. Cleaned labels have a line a sample in the
order of the subject: `row`, `label` after the decisions, and `keep`, false where the sample was dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.errors import DecisionError
from explorer.study.decision import Decision, checked_decision, now_in_utc, verdicts
from explorer.study.given import WHOLE_NUMBER, GivenLabels, numbers_of
from explorer.study.tables import read_table, save_table

if TYPE_CHECKING:
    import pandas as pd

    from explorer.study.decisions import Decisions

NEEDED = ("row", "label", "decision", "new_label", "note", "decided_at")
COLUMNS = (*NEEDED, "who", "conflict")
"""Of a table of decisions; the last two may be left out of a file that is read."""
CLEANED = ("row", "label", "keep")
TEXTS = ("note", "who")
FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, eq=False)
class CleanedLabels:
    """The labels of all samples after decisions about them. Row i is sample i."""

    values: np.ndarray
    """[n] int64 classes, or [n] or [n, c] float32 targets."""
    keep: np.ndarray
    """[n] bool; False where the sample was dropped: its label is the given one, and not to be learned from."""

    def changed(self, given: np.ndarray) -> np.ndarray:
        """[n] bool, whose label is another than the given one and is kept; nan, no target, is no change."""
        differs = (self.values != given) & ~np.isnan(self.values)
        return differs.reshape(len(self.keep), -1).any(1) & self.keep


def export_decisions(decisions: Decisions, out: Path, *, everyone: bool = False) -> pd.DataFrame:
    """Write the decisions that stand, and return the table (see Decisions.standing)."""
    table = decisions.standing(everyone=everyone)
    save_table(table, out, TEXTS)
    return table


def export_labels(decisions: Decisions, out: Path) -> CleanedLabels:
    """Write the cleaned labels of all samples of a study, and return them."""
    import pandas as pd

    cleaned = cleaned_labels(decisions.given, decisions.current())
    after = replace(decisions.given, values=cleaned.values)
    labels = [after.label(row) for row in range(len(after))]
    save_table(pd.DataFrame({"row": range(len(after)), "label": labels, "keep": cleaned.keep}), out)
    return cleaned


def cleaned_labels(given: GivenLabels, standing: Iterable[Decision]) -> CleanedLabels:
    """The labels after decisions. Where people stand at different decisions the sample stays as it was given."""
    values, keep = np.array(given.values), np.ones(len(given), dtype=bool)
    for row, found in verdicts(standing).items():
        decision, new_label = next(iter(found)) if len(found) == 1 else ("unsure", None)
        keep[row] = decision != "drop"
        if decision == "relabel":
            values[row] = numbers_of(new_label)
    return CleanedLabels(values, keep)


def read_decisions(path: Path, given: GivenLabels, who: str = "") -> list[Decision]:
    """The decisions of a file, all of them checked.

    Args:
        path: .csv or .parquet with COLUMNS in any order. Classes by number or by name; an empty time is now.
        given: the labels that are decided about; the file's own must be the same.
        who: the person, where the file has no such column.

    Raises:
        DecisionError: at the first line that cannot be, by its number.
    """
    columns, lines = read_table(path, TEXTS)
    _check_columns(path, columns, NEEDED, COLUMNS)
    return _decisions(path, lines, given, who)


def read_labels(path: Path, given: GivenLabels) -> CleanedLabels:
    """The labels to train with: of a file of cleaned labels, or the given ones after a file of decisions.

    Args:
        path: .csv or .parquet; which of the two it is shows in its columns.
        given: the labels of the subject that is to be trained.

    Raises:
        DecisionError: the file cannot be read, or is about other samples.
    """
    columns, lines = read_table(path, TEXTS)
    if "decision" in columns:
        _check_columns(path, columns, NEEDED, COLUMNS)
        return cleaned_labels(given, _decisions(path, lines, given, ""))
    _check_columns(path, columns, CLEANED, CLEANED)
    return _cleaned(path, lines, given)


def _decisions(path: Path, lines: Iterator[tuple[str, dict[str, str]]], given: GivenLabels, who: str) -> list[Decision]:
    found, places, now = [], {}, now_in_utc()
    for place, cells in lines:
        try:
            one = _decision(cells, given, who, now)
            former = places.setdefault((one.row, one.who), place)
            if former != place:
                raise DecisionError(
                    f"a person decides once about a sample, found another decision about {one.row} in {former}. "
                    "Keep one of them."
                )
        except DecisionError as error:
            raise DecisionError(f"{path} {place}: {error}") from error
        found.append(one)
    return found


def _decision(cells: dict[str, str], given: GivenLabels, who: str, now: str) -> Decision:
    row = _row(cells, given)
    if not given.is_given(row, given.parsed(cells["label"])):
        raise DecisionError(
            f"the label of sample {row} must be the one that it was given, {given.label(row)}, found "
            f"{cells['label']}. Take decisions about the same data."
        )
    if cells.get("conflict", "") != "":
        _flag(cells, "conflict")
    return checked_decision(
        given,
        row,
        cells["decision"],
        cells["new_label"] or None,
        cells["note"],
        cells.get("who", who),
        cells["decided_at"] or now,
    )


def _cleaned(path: Path, lines: Iterator[tuple[str, dict[str, str]]], given: GivenLabels) -> CleanedLabels:
    values, keep, n = np.array(given.values), [], len(given)
    for place, cells in lines:
        try:
            if len(keep) < n and _row(cells, given) != len(keep):
                raise DecisionError(f"expected row {len(keep)}, found {cells['row']}. Keep the samples in their order.")
            keep.append(_flag(cells, "keep"))
            if len(keep) <= n:
                values[len(keep) - 1] = numbers_of(given.parsed(cells["label"]))
        except DecisionError as error:
            raise DecisionError(f"{path} {place}: {error}") from error
    if len(keep) != n:
        raise DecisionError(
            f"{path} must have a line for each of the {n} samples, found {len(keep)}. "
            "Export the labels of a study of all samples, built without --limit."
        )
    return CleanedLabels(values, np.array(keep, dtype=bool))


def _row(cells: dict[str, str], given: GivenLabels) -> int:
    whole = WHOLE_NUMBER.fullmatch(cells["row"])
    return given.checked_row(int(whole[1]) if whole else cells["row"])


def _flag(cells: dict[str, str], name: str) -> bool:
    found = FLAGS.get(cells[name].lower())
    if found is None:
        raise DecisionError(f"{name} must be true or false, found {cells[name]!r}. Write one of these.")
    return found


def _check_columns(path: Path, found: list[str], needed: Iterable[str], known: Iterable[str]) -> None:
    wrong = [name for name in needed if name not in found] + [name for name in found if name not in known]
    if wrong or len(set(found)) != len(found):
        raise DecisionError(
            f"{path} line 1: expected the columns {', '.join(known)}, found {', '.join(found) or 'none'}. "
            "Rename, add or remove columns."
        )
