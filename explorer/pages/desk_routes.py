"""What the triage desk in the browser asks and tells: routes below the study's address (see routes.py).

Questions only read. What is told, decisions and undos, is answered when it is on the disk; it is taken from this app's
own pages alone, as JSON with known keys, and refused in a sentence otherwise, with nothing written.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer.errors import DecisionError, SettingsError
from explorer.pages.desk import desk_of
from explorer.pages.desk_state import desk_state_of
from explorer.study.decision import checked_text
from explorer.study.study import Study

LARGEST_BODY_BYTES = 8 << 20
"""A decision about a million samples."""
LARGEST_VERSION = 2**53
LONGEST_NAME = 64
NOT_KEPT = {"Cache-Control": "no-store"}


class Refused(Exception):
    """A message that is not even read; its first argument is the sentence, its second the HTTP status."""


def queue(study: Study, request: Request) -> Response:
    """The rows to look at, little-endian uint32, most suspicious first."""
    asked = request.query_params
    keys = [key for key in asked.get("reasons", "").split(",") if key]
    rows = desk_of(study).queue(asked.get("filter", ""), asked.get("scope", "doubted"), keys)
    return Response(rows.tobytes(), media_type="application/octet-stream")


def setup(study: Study, request: Request) -> Response:
    """What the queue can be narrowed by, the classes, and whether decisions can be kept."""
    refusal = desk_state_of(study).decisions.refusal
    told = {**desk_of(study).choices, "decisions_allowed": refusal or True}
    return JSONResponse(told, headers=NOT_KEPT)


def card(study: Study, request: Request) -> Response:
    """One sample with its reasons, candidates and neighbors."""
    return JSONResponse(desk_of(study).card(whole_number(request.path_params["row"], "row", study.n)))


def state(study: Study, request: Request) -> Response:
    """What became of the rows that were decided about since a version, and how far all are."""
    since = whole_number(request.query_params.get("since", "0"), "since", LARGEST_VERSION)
    who = checked_text("who", request.query_params.get("who", ""))
    desk_of(study)
    return JSONResponse(desk_state_of(study).told(since, who), headers=NOT_KEPT)


def decide(study: Study, told: dict[str, Any]) -> Response:
    """Decide the same about some rows, as one batch that one undo takes back."""
    known = checked_keys(told, needed=("rows", "decision", "who"), known=("new_label", "note", "once"))
    if not isinstance(known["rows"], list):
        raise DecisionError(f"rows must be a list of row numbers, found {_short(known['rows'])}. Pass a list.")
    desk_of(study)
    state = desk_state_of(study)

    def act() -> dict[str, Any]:
        batch = state.decisions.decide(
            known["rows"], known["decision"], known.get("new_label"), known.get("note", ""), known["who"]
        )
        return {"version": batch, "batch": batch}

    return JSONResponse(state.once(_checked_name(known), act), headers=NOT_KEPT)


def undo(study: Study, told: dict[str, Any]) -> Response:
    """Take back the latest batch of a person."""
    known = checked_keys(told, needed=("who",), known=("once",))
    desk_of(study)
    state = desk_state_of(study)

    def act() -> dict[str, Any]:
        rows = state.decisions.undo(known["who"])
        return {"version": state.decisions.version, "rows": rows}

    return JSONResponse(state.once(_checked_name(known), act), headers=NOT_KEPT)


QUESTIONS: dict[str, Callable[[Study, Request], Response]] = {
    "desk/queue": queue,
    "desk/setup": setup,
    "desk/card/{row}": card,
    "desk/state": state,
}
TOLD: dict[str, Callable[[Study, dict[str, Any]], Response]] = {"desk/decide": decide, "desk/undo": undo}
"""What is told comes with POST; the second argument is its JSON."""


async def read_message(request: Request) -> dict[str, Any]:
    """The JSON object that one of this app's own pages sent.

    Raises:
        Refused: it is no JSON, too long, or from another site.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(f"the content type must be application/json, found {kind[:80]!r}. Send JSON.", 415)
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        raise Refused(
            f"messages are taken from this app's own pages, found one from {origin[:80]!r}. Open the app.", 403
        )
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY_BYTES:
            raise Refused(
                f"a message must have at most {LARGEST_BODY_BYTES:,} bytes, found more. Decide about fewer samples.",
                413,
            )
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused("a message must be JSON in UTF-8, found something else. Send JSON.", 400) from error
    if not isinstance(told, dict):
        raise Refused(f"a message must be a JSON object, found {_short(told)}. Send an object.", 400)
    return told


def whole_number(text: str, name: str, end: int) -> int:
    """A number in a stranger's address; raises SettingsError unless it is a whole one from 0 to end - 1."""
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) < end):
        raise SettingsError(f"{name} must be a whole number from 0 to {end - 1}, found {text[:40]!r}. Change it.")
    return int(text)


def checked_keys(told: dict[str, Any], needed: Sequence[str], known: Sequence[str] = ()) -> dict[str, Any]:
    """A message with all the keys that it needs and none but known ones; raises DecisionError otherwise."""
    missing = [key for key in needed if key not in told]
    unknown = [key for key in told if key not in (*needed, *known)]
    if missing or unknown:
        found = ", ".join(key[:40] for key in told) if len(told) < 10 else f"{len(told)} keys"
        raise DecisionError(
            f"a message must have the keys {', '.join(needed)}"
            + (f" and may have {', '.join(known)}" if known else "")
            + f", found {found!r}. Send these."
        )
    return told


def _checked_name(told: dict[str, Any]) -> str:
    """What the browser calls a message, so that it can be sent twice and done once; empty where it has no name."""
    name = told.get("once", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise DecisionError(
            f"once must be a text of at most {LONGEST_NAME} characters, found {_short(name)}. Change it."
        )
    return name


def _short(value: Any) -> str:
    return repr(value)[:80]
