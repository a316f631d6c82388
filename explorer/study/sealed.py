"""Strict JSON that carries a checksum over its own text: read, sealed and held against what it must be."""

import hashlib
import json
from typing import Any

from explorer.errors import StudyMismatch

BLANK_CHECKSUM = "0" * 64


def sealed(values: dict[str, Any]) -> bytes:
    """The text of a manifest, its checksum put where `values` hold BLANK_CHECKSUM."""
    text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    return text.replace(BLANK_CHECKSUM, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def parsed(content: bytes) -> dict[str, Any]:
    """The values of a manifest's text, any fields, with a format number.

    Raises:
        StudyMismatch: not JSON, a number that JSON does not have, or no format number.
    """
    try:
        values = json.loads(content.decode(), parse_constant=_refuse_constant, parse_float=_finite)
        json.dumps(values, ensure_ascii=False).encode()  # halves of characters cannot be shown or written again
    except (ValueError, RecursionError) as error:
        raise StudyMismatch(
            f"expected JSON, found text that cannot be read ({error}): it is damaged. Build the study again."
        ) from error
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise StudyMismatch("expected a manifest with a format number, found none: it is no study of the explorer.")
    return values


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return value


def check_seal(content: bytes, checksum: str) -> None:
    """Raise StudyMismatch when a text is not the one that was sealed with this checksum."""
    blank = content.replace(checksum.encode(), BLANK_CHECKSUM.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != checksum:
        raise StudyMismatch(
            "its text is not what was written: the checksum differs, so it was edited or damaged. "
            "Restore it from a copy, or build the study again."
        )


def require(values: Any, expected: dict[str, Any], where: str) -> dict[str, Any]:
    """The values, which must have just the expected fields, each of its types; StudyMismatch says where they do not."""
    if not isinstance(values, dict) or set(values) != set(expected):
        found = sorted(values) if isinstance(values, dict) else values
        raise StudyMismatch(f"{where} must have the fields {', '.join(expected)}, found {found}. Build it again.")
    for key, types in expected.items():
        if not isinstance(values[key], types) or isinstance(values[key], bool):
            raise StudyMismatch(f"{where}: field {key} has the unexpected value {values[key]!r}. Build it again.")
    return values
