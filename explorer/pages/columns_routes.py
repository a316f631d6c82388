"""What the charts and the gallery beside the map ask and tell: routes below the study's address (see routes.py).

Columns, their bins and orders, words under pictures, the selected rows as CSV, and selections under a name.
"""

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer.errors import SettingsError
from explorer.pages.columns import chart_columns, column_values, describe_column, order_of
from explorer.pages.describing import captions
from explorer.pages.desk_routes import NOT_KEPT, whole_number
from explorer.study.selections import Selections
from explorer.study.study import Study
from explorer.study.tables import guarded_cell
from explorer.views.reading import kind_of, write_rows
from explorer.views.selection import Filter

MOST_CAPTIONS = 200
EXPORTED = ("label", "target", "prediction")
EXPORTED_NUMBERS = ("suspicion", "confidence", "soft_density", "target_residual", "denoising_factor")
"""The main numbers of an exported row; `python -m explorer samples` writes all of them."""


def values(study: Study, request: Request) -> Response:
    """A column, one number or code a sample: see columns.column_values."""
    sent = column_values(study, _column(study, request))
    return Response(sent.tobytes(), media_type="application/octet-stream")


def chart(study: Study, request: Request) -> Response:
    """What the values of a column mean, and its bins: see columns.describe_column."""
    return JSONResponse(describe_column(study, _column(study, request)))


def order(study: Study, request: Request) -> Response:
    """All rows by a column, little-endian uint32, the largest first or, with rising=1, the smallest."""
    is_rising = whole_number(request.query_params.get("rising", "0"), "rising", 2) == 1
    return Response(
        order_of(study, _column(study, request), is_rising).tobytes(), media_type="application/octet-stream"
    )


def words(study: Study, request: Request) -> Response:
    """Label and prediction of some rows, in their order."""
    asked = request.query_params.get("rows", "").split(",")
    if len(asked) > MOST_CAPTIONS:
        raise SettingsError(
            f"at most {MOST_CAPTIONS} rows can be asked for at once, found {len(asked)}. Ask for fewer."
        )
    return JSONResponse(captions(study, [whole_number(row, "row", study.n) for row in asked]))


def selected(study: Study, request: Request) -> Response:
    """The rows that a filter lets through, as CSV: row, label, prediction and the main numbers."""
    text = request.query_params.get("filter", "")
    rows = np.flatnonzero(Filter.parse(text).mask(study.samples))
    name = quote(f"{study.path.name}-selection.csv", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(selection_csv(study, rows), media_type="text/csv; charset=utf-8", headers=headers)


def save(study: Study, told: dict[str, Any]) -> Response:
    """Keep the rows that a filter lets through under a name."""
    name, text = (_text(told, key) for key in ("name", "filter"))
    kept = Selections.open(study).save(name, Filter.parse(text).mask(study.samples))
    return JSONResponse({"name": kept}, headers=NOT_KEPT)


def remove(study: Study, told: dict[str, Any]) -> Response:
    """Forget a named selection."""
    name = _text(told, "name")
    Selections.open(study).remove(name)
    return JSONResponse({"name": name}, headers=NOT_KEPT)


QUESTIONS: dict[str, Callable[[Study, Request], Response]] = {
    "values/{column}": values,
    "chart/{column}": chart,
    "order/{column}": order,
    "words": words,
    "selection.csv": selected,
}
TOLD: dict[str, Callable[[Study, dict[str, Any]], Response]] = {"selections/save": save, "selections/remove": remove}
"""What is told comes with POST; the second argument is its JSON."""


def selection_csv(study: Study, rows: np.ndarray) -> str:
    """Some rows as CSV (RFC 4180), classes by name; what a spreadsheet would run as a formula is guarded."""
    columns = [name for quantity in EXPORTED for name in study.columns_of(quantity)]
    numbers = [name for name in EXPORTED_NUMBERS if name in study.samples]
    cells = [_cells(study, name, rows) for name in columns + numbers]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["row", *map(guarded_cell, columns + numbers)])
    writer.writerows(zip(rows.tolist(), *cells, strict=True))
    return out.getvalue()


def _cells(study: Study, column: str, rows: np.ndarray) -> list[Any]:
    if kind_of(study, column) in ("class", "text"):
        return [guarded_cell(text) for text in write_rows(study, column, rows)]
    found = study.samples[column].to_numpy()[rows]
    return ["" if number != number else str(number) for number in found.tolist()]


def _column(study: Study, request: Request) -> str:
    column, known = request.path_params["column"], chart_columns(study)
    if column not in known:
        raise SettingsError(
            f"the column must be one of {', '.join(known)}, found {column[:60]!r}. Choose one of these."
        )
    return column


def _text(told: dict[str, Any], key: str) -> str:
    text = told.get(key)
    if not isinstance(text, str):
        raise SettingsError(f"a message must have a text named {key}, found {repr(text)[:80]}. Send it.")
    return text
