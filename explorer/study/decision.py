"""One decision about a label: what it says, and what it may say. No torch, no pandas."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from explorer.errors import DecisionError
from explorer.study.given import GivenLabels, Label

KINDS = ("keep", "relabel", "drop", "unsure")
LONGEST = {"note": 10_000, "who": 200}
"""Characters in a note, and in the name of a person."""


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
    row = given.checked_row(row)
    if decision not in KINDS:
        raise DecisionError(f"a decision must be one of {', '.join(KINDS)}, found {decision!r}. Choose one of these.")
    if (decision == "relabel") != (new_label is not None):
        found = f"a new label, {new_label!r}, with {decision}" if decision != "relabel" else "a relabel without one"
        raise DecisionError(f"a new label belongs to relabel and to nothing else, found {found}. Add or remove it.")
    if new_label is not None:
        new_label = given.parsed(new_label) if isinstance(new_label, str) else given.checked(new_label)
        if given.is_given(row, new_label):
            decision, new_label = "keep", None
    note, who, time = checked_text("note", note), checked_text("who", who), _checked_time(decided_at)
    return Decision(row, given.label(row), decision, new_label, note, time, who)


def checked_text(name: str, text: Any) -> str:
    """A note or the name of a person; raises DecisionError when it is none or too long."""
    if not isinstance(text, str) or len(text) > LONGEST[name] or "\0" in text:
        found = f"{len(text)} characters" if isinstance(text, str) else repr(text)
        raise DecisionError(f"{name} must be text of at most {LONGEST[name]:,} characters, found {found}. Shorten it.")
    return text


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
