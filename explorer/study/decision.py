"""One decision about a label: what it says, and what it may say. No torch, no pandas."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from explorer.errors import DecisionError
from explorer.study import texts
from explorer.study.given import GivenLabels, Label, numbers_of

KINDS = ("keep", "relabel", "drop", "unsure")
LONGEST = {"note": 10_000, "who": 200}
"""Characters in a note, and in the name of a person."""


class Opinion(NamedTuple):
    """What one person stands at about a sample, as in Decision."""

    decision: str
    new_label: Label | None
    note: str
    decided_at: str
    who: str


@dataclass(frozen=True)
class Decision:
    """What one person decided about one sample."""

    row: int
    """The sample."""
    label: Label
    """The label that the data set gives it: what was decided about."""
    decision: str
    """keep (the label is right), relabel (new_label is), drop (no label is: leave it out) or unsure."""
    new_label: Label | None
    """The label in place of the given one; None unless relabel."""
    note: str
    """Anything, up to LONGEST characters; empty for nothing."""
    decided_at: str
    """When, in UTC to the millisecond: 2026-01-31T12:00:00.000+00:00."""
    who: str
    """Name of the person; empty for one who gave none."""

    @property
    def verdict(self) -> tuple[str, Label | None]:
        """What two people must share to agree."""
        return self.decision, self.new_label


def verdicts(standing: Iterable[Decision]) -> dict[int, set[tuple[str, Label | None]]]:
    """Row to the verdicts that people stand at; more than one is a conflict."""
    found = defaultdict(set)
    for one in standing:
        found[one.row].add(one.verdict)
    return found


def checked_decision(
    given: GivenLabels,
    row: Any,
    decision: str,
    new_label: Any = None,
    note: str = "",
    who: str = "",
    decided_at: str | None = None,
) -> Decision:
    """A decision that can be kept. Whoever relabels a sample to the label that it has keeps it.

    Args:
        given: the labels that are decided about.
        row: the sample.
        decision: one of KINDS.
        new_label: for relabel only: a class, a target, or a list of targets, or the same as kept in a file.
        note: free text.
        who: the person.
        decided_at: ISO 8601 with a time zone; now when None.

    Raises:
        DecisionError: a row, a class, a time or a text that cannot be, a relabel without a new label, or a new label
            with anything else.
    """
    return checked_decisions(given, [row], decision, new_label, note, who, decided_at)[0]


def checked_decisions(
    given: GivenLabels,
    rows: Iterable[Any],
    decision: str,
    new_label: Any = None,
    note: str = "",
    who: str = "",
    decided_at: str | None = None,
) -> list[Decision]:
    """The same decision about some samples, a row that is named twice once, in the order named.

    Args:
        given: the labels that are decided about.
        rows: the samples, at least one.
        decision, new_label, note, who, decided_at: as in checked_decision.

    Raises:
        DecisionError: as checked_decision, or there are no rows.

    Cost: a few microseconds a row.
    """
    rows = list(rows)
    if not rows:
        raise DecisionError("expected at least one sample to decide about, found none. Choose some.")
    if not {*map(type, rows)} <= {int}:
        rows = [given.checked_row(row) for row in rows]
    rows = list(dict.fromkeys(rows))
    for extreme in (min(rows), max(rows)):
        given.checked_row(extreme)
    asked = _checked_label(given, decision, new_label)
    note, who, time = checked_text("note", note), checked_text("who", who), _checked_time(decided_at)
    values = given.values[rows]
    labels = values.tolist() if given.classes else [given.label(row) for row in rows]
    kept = np.zeros(len(rows), dtype=bool) if asked is None else _equal(given, values, asked)
    return [
        Decision(row, label, "keep", None, note, time, who)
        if is_kept
        else Decision(row, label, decision, asked, note, time, who)
        for row, label, is_kept in zip(rows, labels, kept.tolist(), strict=True)
    ]


def _checked_label(given: GivenLabels, decision: str, new_label: Any) -> Label | None:
    if not isinstance(decision, str) or decision not in KINDS:
        raise DecisionError(f"a decision must be one of {', '.join(KINDS)}, found {decision!r}. Choose one of these.")
    if (decision == "relabel") != (new_label is not None):
        found = f"a new label, {new_label!r}, with {decision}" if decision != "relabel" else "a relabel without one"
        raise DecisionError(f"a new label belongs to relabel and to nothing else, found {found}. Add or remove it.")
    if new_label is None:
        return None
    return given.parsed(new_label) if isinstance(new_label, str) else given.checked(new_label)


def _equal(given: GivenLabels, values: np.ndarray, label: Label) -> np.ndarray:
    """[r] bool: GivenLabels.is_given of many samples at once, by their values."""
    if given.classes:
        return values == label
    close = np.isclose(numbers_of(label), values, rtol=1e-6, atol=0)
    return close if close.ndim == 1 else close.all(axis=1)


def checked_text(name: str, text: Any) -> str:
    """A note or the name of a person; raises DecisionError when it is none, too long or cannot be kept as UTF-8."""
    return texts.checked_text(name, text, LONGEST[name], DecisionError)


def _checked_time(text: str | None) -> str:
    if text is None:
        return now_in_utc()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise DecisionError(
            f"a time must be written like {now_in_utc()}, with its time zone, found {text!r}. Mend it or leave it out."
        )
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def now_in_utc() -> str:
    """The time in the form in which it is kept."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
