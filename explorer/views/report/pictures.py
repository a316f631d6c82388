"""Pictures of samples inside a page: packed as small as they get, and no more of them than fit."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from explorer.study.pictures import unpacked
from explorer.study.study import Study

LEAST_SIDE = 4
"""Pictures of fewer pixels show nothing: the study has none."""
ROOM = 3_000_000
"""Bytes for all pictures under the pointer together, before they are written as text."""
MOST = 10_000
MOST_PIXELS = 2**26
"""Of all these pictures together: what is unpacked at once takes three bytes each."""
TRIED = 64
PER_SHEET, ACROSS = 512, 32
LOSSY = 82
"""Quality of the pictures of a sheet when exact ones would not fit."""


@dataclass(frozen=True)
class Sheets:
    """Pictures of some samples, side by side."""

    rows: np.ndarray
    """[m] int64 rows, in the order in which they stand: place i on sheet i // PER_SHEET, ACROSS in a line."""
    side: tuple[int, int]
    """Width and height of one, in pixels."""
    addresses: list[str]
    is_exact: bool
    """Whether each pixel is that of the study's small picture."""


def has_pictures(study: Study) -> bool:
    """Whether the study has pictures that can be seen."""
    sheets = {} if "previews" in study.steps_missing else study.sheets
    return min(sheets.get("width", 0), sheets.get("height", 0)) >= LEAST_SIDE


def address_of(pixels: np.ndarray, exact: bool = True) -> str:
    """A picture as a data address, in the form that is smallest.

    Args:
        pixels: [h, w, 3] or, with transparency, [h, w, 4] uint8.
        exact: PNG or lossless WebP; otherwise JPEG or WebP of a quality at which one sees no difference at this size.
    """
    kind, content = min(_packed(pixels, exact), key=lambda one: len(one[1]))
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def sheets_of(study: Study, order: np.ndarray) -> Sheets:
    """As many pictures as fit into ROOM, the first of an order.

    Args:
        study: whose pictures.
        order: [n] rows, those that matter most first.

    Cost: some seconds for MOST pictures.
    """
    sheets = study.sheets
    side = (sheets["width"], sheets["height"])
    pictures = _gathered(study, order[: min(MOST, MOST_PIXELS // (side[0] * side[1]))])
    tried = np.linspace(0, len(pictures) - 1, min(TRIED, len(pictures))).astype(int)
    sample = _arranged(pictures[tried], side)
    exact, lossy = (min(len(content) for _, content in _packed(sample, kind)) / len(tried) for kind in (True, False))
    wanted = len(pictures)
    is_exact = wanted * exact <= ROOM or exact <= lossy
    rows = order[: max(1, min(wanted, int(ROOM / (exact if is_exact else lossy))))]
    addresses = [
        address_of(_arranged(pictures[start : min(start + PER_SHEET, len(rows))], side), is_exact)
        for start in range(0, len(rows), PER_SHEET)
    ]
    return Sheets(rows, side, addresses, is_exact)


def spread_over(places: np.ndarray, first: Sequence[int], seed: int = 0) -> np.ndarray:
    """All rows in an order whose every beginning covers the whole map: one of each cell, then the next of each.

    Args:
        places: [n, 2] on the map; rows without a finite place come last.
        first: rows that stand at the beginning whatever their place.
        seed: which of a cell comes first.

    Returns:
        [n] int64.
    """
    n = len(places)
    shuffled = np.random.default_rng(seed).permutation(n)
    finite = np.isfinite(places).all(axis=1)
    known = shuffled[finite[shuffled]]
    cells = np.zeros(len(known), dtype=np.int64)
    if len(known):
        low, high = places[finite].min(axis=0), places[finite].max(axis=0)
        grid = np.floor((places[known] - low) / np.maximum(high - low, 1e-9) * 63.999).astype(np.int64)
        cells = grid[:, 0] * 64 + grid[:, 1]
    by_cell = np.argsort(cells, kind="stable")
    begins = np.r_[0, np.flatnonzero(np.diff(cells[by_cell])) + 1] if len(known) else np.zeros(0, dtype=np.int64)
    rank = np.empty(len(known), dtype=np.int64)
    rank[by_cell] = np.arange(len(known)) - np.repeat(begins, np.diff(np.r_[begins, len(known)]))
    order = np.concatenate([known[np.argsort(rank, kind="stable")], shuffled[~finite[shuffled]]])
    chosen = np.array(list(dict.fromkeys(int(row) for row in first)), dtype=np.int64)
    return np.concatenate([chosen, order[~np.isin(order, chosen)]])


def _packed(pixels: np.ndarray, exact: bool) -> list[tuple[str, bytes]]:
    """The picture in each form that is worth a try: its kind and its bytes."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    is_gray = (
        pixels.shape[2] == 3 and (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()
    )
    if exact:
        ways = [("webp", image, {"lossless": True, "quality": 60, "method": 3, "exact": True})]
        ways.append(("png", image.convert("L") if is_gray else image, {"optimize": pixels.size < 2**18}))
    else:
        ways = [("webp", image, {"quality": LOSSY, "method": 3})]
        if image.mode == "RGB":
            ways.append(("jpeg", image, {"quality": LOSSY, "optimize": True}))
    return [(kind, _saved(picture, kind, options)) for kind, picture, options in ways]


def _saved(image: Image.Image, kind: str, options: dict) -> bytes:
    target = io.BytesIO()
    image.save(target, format=kind, **options)
    return target.getvalue()


def _gathered(study: Study, rows: np.ndarray) -> np.ndarray:
    """[m, h, w, 3] small pictures of samples. Each sheet of the study is unpacked once."""
    sheets, version = study.sheets, study.version
    height, width = sheets["height"], sheets["width"]
    found = np.empty((len(rows), height, width, 3), dtype=np.uint8)
    numbers = rows // sheets["per_sheet"]
    for number in np.unique(numbers):
        sheet = unpacked(study.sheet(int(number)), version, sheets)
        for place in np.flatnonzero(numbers == number):
            down, across = divmod(int(rows[place]) % sheets["per_sheet"], sheets["columns"])
            found[place] = sheet[down * height : (down + 1) * height, across * width : (across + 1) * width]
    return found


def _arranged(pictures: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    width, height = side
    lines = -(-len(pictures) // ACROSS)
    whole = np.zeros((lines * height, min(len(pictures), ACROSS) * width, 3), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        down, across = divmod(place, ACROSS)
        whole[down * height : (down + 1) * height, across * width : (across + 1) * width] = picture
    return whole
