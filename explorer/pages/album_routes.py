"""What the map asks and tells about samples that are picked for the report: routes below the study's address.

Told as decisions are (see desk_routes): from this app's own pages alone, as JSON with known keys; answered when it is
on the disk.
"""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer.pages.desk_routes import NOT_KEPT, checked_keys
from explorer.study.album import Album
from explorer.study.study import Study


def picks(study: Study, request: Request) -> Response:
    """The picked samples with their notes, and whether more can be picked."""
    return _told(Album.open(study))


def pick(study: Study, told: dict[str, Any]) -> Response:
    """Pick a sample, or give a picked one another note."""
    known = checked_keys(told, needed=("row",), known=("note", "who"))
    album = Album.open(study)
    album.pick(known["row"], known.get("note", ""), known.get("who", ""))
    return _told(album)


def unpick(study: Study, told: dict[str, Any]) -> Response:
    """Leave a sample out again."""
    album = Album.open(study)
    album.unpick(checked_keys(told, needed=("row",))["row"])
    return _told(album)


def _told(album: Album) -> Response:
    found = [{"row": one.row, "note": one.note, "who": one.who} for one in album.picks()]
    return JSONResponse({"picks": found, "allowed": album.refusal or True}, headers=NOT_KEPT)


QUESTIONS: dict[str, Callable[[Study, Request], Response]] = {"album/picks": picks}
TOLD: dict[str, Callable[[Study, dict[str, Any]], Response]] = {"album/pick": pick, "album/unpick": unpick}
