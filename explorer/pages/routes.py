"""Data for the map and the desk in the browser, on the app's own port: points, pictures, samples and neighbors.

The routes carry no login, so their path holds a token that only this process's pages know, and they treat study, row
and column like any stranger's input: what is not known is answered by a sentence, and nothing outside the opened
study can be reached. Everything is addressed with the study's version and may be kept by the browser forever.
"""

import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from io import BytesIO
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from explorer.errors import ExplorerError, SettingsError, StudyNotFound
from explorer.pages import album_routes, columns_routes, strip
from explorer.pages.describing import describe_sample
from explorer.pages.desk_routes import QUESTIONS, TOLD, Refused, read_message, whole_number
from explorer.pages.library import library
from explorer.study.study import KINDS, Study
from explorer.views.coloring import color_codes, legend
from explorer.views.selection import Filter

TOKEN = secrets.token_urlsafe(24)
PREFIX = "/data"
PACKED = "application/octet-stream"
MOST_NEIGHBORS = 100
LONGEST_SENTENCE = 2000

Answer = Callable[[Study, Request], Response]


def data_routes() -> list[Route]:
    """All data routes, for st.App."""
    answers: dict[str, Answer] = {
        "points/{column}": _points,
        "codes/{column}": _codes,
        "legend/{column}": _legend,
        "rows": _rows,
        "sample/{row}": _sample,
        "sheet/{number}": _sheet,
        "picture/{row}.png": _picture,
        "strip": strip.strip,
        **QUESTIONS,
        **columns_routes.QUESTIONS,
        **album_routes.QUESTIONS,
    }
    below = f"{PREFIX}/{{token}}/{{study}}"
    guarded = [Route(f"{below}/{path}", _guard(answer)) for path, answer in answers.items()]
    told = TOLD | columns_routes.TOLD | album_routes.TOLD
    listening = [Route(f"{below}/{path}", _listen(act), methods=["POST"]) for path, act in told.items()]
    # Streamlit answers any other path with its start page; a stranger should read that there is nothing.
    return [*guarded, *listening, Route(f"{PREFIX}/{{rest:path}}", _nothing)]


def data_url(study: Study) -> str:
    """Where this study's data are served, without a slash at the end. Only for this process's own pages."""
    return f"{PREFIX}/{TOKEN}/{quote(study.path.name, safe='')}"


def picture_url(study: Study, row: int) -> str:
    """Address of the picture of one sample, a small PNG."""
    return f"{data_url(study)}/picture/{row}.png?v={study.version}"


def _points(study: Study, request: Request) -> Response:
    codes = color_codes(study, _column(study, request))
    places = study.samples[["x", "y"]].to_numpy(dtype="<f4")
    return Response(places.tobytes() + codes.tobytes(), media_type=PACKED)


def _codes(study: Study, request: Request) -> Response:
    return Response(color_codes(study, _column(study, request)).tobytes(), media_type=PACKED)


def _legend(study: Study, request: Request) -> Response:
    return JSONResponse(legend(study, _column(study, request)))


def _rows(study: Study, request: Request) -> Response:
    let_through = Filter.parse(request.query_params.get("filter", "")).mask(study.samples)
    return Response(np.packbits(let_through, bitorder="little").tobytes(), media_type=PACKED)


def _sample(study: Study, request: Request) -> Response:
    by = request.query_params.get("by", KINDS[0])
    if by not in KINDS:
        raise SettingsError(f"by must be one of {', '.join(KINDS)}, found {by[:40]!r}. Choose one.")
    k = whole_number(request.query_params.get("k", "24"), "k", MOST_NEIGHBORS + 1)
    return JSONResponse(describe_sample(study, _row(study, request), max(k, 1), by))


def _sheet(study: Study, request: Request) -> Response:
    number = whole_number(request.path_params["number"], "sheet", study.sheets["count"])
    return FileResponse(study.sheet(number), media_type="image/png")


def _picture(study: Study, request: Request) -> Response:
    stream = BytesIO()
    Image.fromarray(study.thumbnail(_row(study, request))).save(stream, "png")
    return Response(stream.getvalue(), media_type="image/png")


def _nothing(request: Request) -> Response:
    return JSONResponse({"error": "there is nothing at this address. Open the app's pages instead."}, 404)


def _guard(answer: Answer) -> Callable[[Request], Response]:
    @wraps(answer)
    def respond(request: Request) -> Response:
        try:
            if not _knows_token(request):
                raise StudyNotFound("this address belongs to an earlier start of the app. Reload the page.")
            study = library().open(request.path_params["study"])
            response = answer(study, request)
        except ExplorerError as trouble:
            sentence = str(trouble)[:LONGEST_SENTENCE]  # which may quote what a stranger sent
            return JSONResponse({"error": sentence}, 404 if isinstance(trouble, StudyNotFound) else 400)
        is_current = request.query_params.get("v") == study.version
        kept = "private, max-age=31536000, immutable" if is_current else "no-store"
        response.headers.setdefault("Cache-Control", kept)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.media_type == PACKED:
            # Streamlit would gzip it: a second for a million points, in which nobody else is answered, to save a tenth.
            response.headers["Content-Encoding"] = "identity"
        return response

    return respond


def _listen(act: Callable[[Study, dict[str, Any]], Response]) -> Callable[[Request], Awaitable[Response]]:
    @wraps(act)
    async def respond(request: Request) -> Response:
        told: dict[str, Any] = {}
        if _knows_token(request):
            try:
                told = await read_message(request)
            except Refused as refusal:
                sentence, status = refusal.args
                return JSONResponse({"error": sentence}, status)
        return await run_in_threadpool(_guard(lambda study, _: act(study, told)), request)

    return respond


def _knows_token(request: Request) -> bool:
    return secrets.compare_digest(request.path_params["token"].encode(), TOKEN.encode())


def _column(study: Study, request: Request) -> str:
    column = request.path_params["column"]
    if column not in study.samples:
        known = ", ".join(map(str, study.samples))
        raise SettingsError(f"the column must be one of {known}, found {column[:60]!r}. Choose one of these.")
    return column


def _row(study: Study, request: Request) -> int:
    return whole_number(request.path_params["row"], "row", study.n)
