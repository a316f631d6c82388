"""Read-only data for the map in the browser, on the app's own port: points, pictures, samples and neighbors.

The routes carry no login, so their path holds a token that only this process's pages know, and they treat study, row
and column like any stranger's input: what is not known is answered by a sentence, and nothing outside the opened
study can be reached. Everything is addressed with the study's version and may be kept by the browser forever.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from io import BytesIO
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from explorer.errors import ExplorerError, SettingsError, StudyNotFound
from explorer.pages.coloring import color_codes, legend
from explorer.pages.library import library
from explorer.pages.reading import read_value, write_rows
from explorer.pages.selection import Filter
from explorer.study.study import KINDS, Study

TOKEN = secrets.token_urlsafe(24)
PREFIX = "/data"
MOST_NEIGHBORS = 100
FACTS = ("label", "true_label", "flipped", "target", "prediction", "suggested_label", "split")
NUMBERS = (
    "suspicion",
    "confidence",
    "soft_density",
    "label_variance",
    "denoising_factor",
    "effective_neighbors",
    "uncertainty",
    "shift",
    "gradient_norm",
)
"""What the panel beside the map tells about a sample; the Sample page tells the rest."""

Answer = Callable[[Study, Request], Response]


def data_routes() -> list[Route]:
    """All data routes, for st.App."""
    answers: dict[str, Answer] = {
        "points/{column}": _points,
        "legend/{column}": _legend,
        "rows": _rows,
        "sample/{row}": _sample,
        "sheet/{number}": _sheet,
        "picture/{row}.png": _picture,
    }
    guarded = [Route(f"{PREFIX}/{{token}}/{{study}}/{path}", _guard(answer)) for path, answer in answers.items()]
    # Streamlit answers any other path with its start page; a stranger should read that there is nothing.
    return [*guarded, Route(f"{PREFIX}/{{rest:path}}", _nothing)]


def data_url(study: Study) -> str:
    """Where this study's data are served, without a slash at the end. Only for this process's own pages."""
    return f"{PREFIX}/{TOKEN}/{quote(study.path.name, safe='')}"


def picture_url(study: Study, row: int) -> str:
    """Address of the picture of one sample, a small PNG."""
    return f"{data_url(study)}/picture/{row}.png?v={study.version}"


def describe_sample(study: Study, row: int, k: int, by: str = "network") -> dict[str, Any]:
    """Everything that the panel shows of one sample: facts, numbers in words, and its k best neighbors."""
    found = study.neighbors(row, k=k, by=by)
    near = [int(other) for other in found.indices if other >= 0]
    captions = _captions(study, [row, *near])
    return {
        **captions[0],
        "facts": [asdict(read_value(study, one, row)) for name in FACTS for one in study.columns_of(name)],
        "numbers": [asdict(read_value(study, name, row)) for name in NUMBERS if name in study.samples],
        "neighbors": [
            {
                **caption,
                "similarity": float(similarity),
                "has_other_label": study.task == "classification" and caption["label"] != captions[0]["label"],
            }
            for caption, similarity in zip(captions[1:], found.similarities, strict=False)
        ],
    }


def _captions(study: Study, rows: list[int]) -> list[dict[str, Any]]:
    is_classification = study.task == "classification"
    labels = write_rows(study, "label" if is_classification else "target", rows)
    predictions = write_rows(study, "prediction", rows)
    return [
        {
            "row": row,
            "label": label,
            "prediction": prediction,
            "agrees": not is_classification or not label or label == prediction,
        }
        for row, label, prediction in zip(rows, labels, predictions, strict=True)
    ]


def _points(study: Study, request: Request) -> Response:
    codes = color_codes(study, _column(study, request))
    places = study.samples[["x", "y"]].to_numpy(dtype="<f4")
    return Response(places.tobytes() + codes.tobytes(), media_type="application/octet-stream")


def _legend(study: Study, request: Request) -> Response:
    return JSONResponse(legend(study, _column(study, request)))


def _rows(study: Study, request: Request) -> Response:
    let_through = Filter.parse(request.query_params.get("filter", "")).mask(study.samples)
    return Response(np.packbits(let_through, bitorder="little").tobytes(), media_type="application/octet-stream")


def _sample(study: Study, request: Request) -> Response:
    by = request.query_params.get("by", KINDS[0])
    if by not in KINDS:
        raise SettingsError(f"by must be one of {', '.join(KINDS)}, found {by[:40]!r}. Choose one.")
    k = _whole(request.query_params.get("k", "24"), "k", MOST_NEIGHBORS + 1)
    return JSONResponse(describe_sample(study, _row(study, request), max(k, 1), by))


def _sheet(study: Study, request: Request) -> Response:
    number = _whole(request.path_params["number"], "sheet", study.sheets["count"])
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
            if not secrets.compare_digest(request.path_params["token"].encode(), TOKEN.encode()):
                raise StudyNotFound("this address belongs to an earlier start of the app. Reload the page.")
            study = library().open(request.path_params["study"])
            response = answer(study, request)
        except ExplorerError as trouble:
            return JSONResponse({"error": str(trouble)}, 404 if isinstance(trouble, StudyNotFound) else 400)
        is_current = request.query_params.get("v") == study.version
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable" if is_current else "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return respond


def _column(study: Study, request: Request) -> str:
    column = request.path_params["column"]
    if column not in study.samples:
        known = ", ".join(map(str, study.samples))
        raise SettingsError(f"the column must be one of {known}, found {column[:60]!r}. Choose one of these.")
    return column


def _row(study: Study, request: Request) -> int:
    return _whole(request.path_params["row"], "row", study.n)


def _whole(text: str, name: str, end: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) < end):
        raise SettingsError(f"{name} must be a whole number from 0 to {end - 1}, found {text[:40]!r}. Change it.")
    return int(text)
