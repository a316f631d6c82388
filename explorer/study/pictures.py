"""Small pictures, many on a sheet: where a sample's picture stands, and its pixels."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

SHEETS_IN_MEMORY = 8
"""Unpacked sheets that are kept, at most 12 MiB each."""


def place_on_sheet(row: int, sheets: dict[str, int]) -> tuple[int, int, int]:
    """Number of the sheet that shows a sample, and the top and left of its picture in pixels.

    >>> place_on_sheet(7, {"width": 28, "height": 20, "columns": 2, "per_sheet": 4, "count": 2})
    (1, 20, 28)
    """
    number, place = divmod(row, sheets["per_sheet"])
    return number, place // sheets["columns"] * sheets["height"], place % sheets["columns"] * sheets["width"]


@lru_cache(maxsize=SHEETS_IN_MEMORY)
def unpacked(sheet: Path, version: str) -> np.ndarray:
    """The pixels of a sheet, [height, width, 3] uint8, read-only; the last few are kept.

    Args:
        sheet: path of the picture.
        version: of its study: a sheet that was made anew has another one.
    """
    with Image.open(sheet) as image:
        pixels = np.array(image.convert("RGB"))
    pixels.flags.writeable = False
    return pixels
