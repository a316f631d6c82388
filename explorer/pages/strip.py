"""Pictures of a few samples side by side: for a study with many sheets, of which the map shows little of each."""

from io import BytesIO

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from explorer.errors import SettingsError
from explorer.pages.desk_routes import whole_number
from explorer.study.study import Study
from explorer.views.remembered import remembered

MOST_PICTURES = 32
STRIPS_IN_MEMORY = 256
"""Each some 10 KB. All visitors begin with the same pictures of the whole map."""
PNG_EFFORT = 1


def strip(study: Study, request: Request) -> Response:
    """The pictures of `rows`, numbers separated by commas, from left to right as one PNG."""
    asked = request.query_params.get("rows", "").split(",")
    if len(asked) > MOST_PICTURES:
        raise SettingsError(f"at most {MOST_PICTURES} rows fit on a strip, found {len(asked)}. Ask for fewer.")
    rows = tuple(whole_number(row, "row", study.n) for row in asked)
    return Response(picture_strip(study, rows), media_type="image/png")


@remembered(most=STRIPS_IN_MEMORY)
def picture_strip(study: Study, rows: tuple[int, ...]) -> bytes:
    """Cost: some 0.1 s for each sheet that is not in memory."""
    pictures = {row: study.thumbnail(row) for row in sorted(set(rows))}  # in this order each sheet is unpacked once
    stream = BytesIO()
    Image.fromarray(np.concatenate([pictures[row] for row in rows], axis=1)).save(
        stream, "png", compress_level=PNG_EFFORT
    )
    return stream.getvalue()
