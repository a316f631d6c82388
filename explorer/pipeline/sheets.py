"""Sheets of small pictures: many samples in one PNG, so that a page loads a few files instead of thousands."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image

SHEET_PIXELS = 1024
"""A sheet is at most this wide and high. Unpacked it is 3 MiB: neighbors stand on as many sheets as there are, and each
must be unpacked for one small picture."""
PNG_EFFORT = 3
"""Beyond this, PNG takes much longer for a few percent."""


def write_sheets(folder: Path, thumbnails: Iterable[np.ndarray], count: int) -> dict[str, int]:
    """Draw thumbnails onto sheets, row by row, in the order of the samples.

    Args:
        folder: gets `sheet-000.png`, `sheet-001.png`, …
        thumbnails: count pictures, [height, width, 3] uint8, all of one size.
        count: how many there are.

    Returns:
        width and height of a picture in pixels, columns of a sheet, pictures per_sheet, count of sheets.
    """
    first, pictures = _peeked(thumbnails)
    height, width = first.shape[:2]
    columns = min(max(1, SHEET_PIXELS // width), count)
    per_sheet = columns * max(1, SHEET_PIXELS // height)
    sheets = -(-count // per_sheet)
    for number in range(sheets):
        shown = min(per_sheet, count - number * per_sheet)
        sheet = _sheet(islice(pictures, shown), shown, columns, (height, width))
        Image.fromarray(sheet).save(folder / f"sheet-{number:03d}.png", compress_level=PNG_EFFORT)
    return {"width": width, "height": height, "columns": columns, "per_sheet": per_sheet, "count": sheets}


def _peeked(pictures: Iterable[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    rest = iter(pictures)
    first = next(rest)
    return first, chain([first], rest)


def _sheet(pictures: Iterable[np.ndarray], count: int, columns: int, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    sheet = np.zeros((-(-count // columns) * height, columns * width, 3), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (place // columns) * height, (place % columns) * width
        sheet[top : top + height, left : left + width] = picture
    return sheet
