"""Small pictures, many on a sheet: where a sample's picture stands, and its pixels."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.errors import StudyMismatch

SHEETS_IN_MEMORY = 48
"""Unpacked sheets that are kept, 3 MiB each: those of sixty thousand small pictures."""


def place_on_sheet(row: int, sheets: dict[str, int]) -> tuple[int, int, int]:
    """Number of the sheet that shows a sample, and the top and left of its picture in pixels.

    >>> place_on_sheet(7, {"width": 28, "height": 20, "columns": 2, "per_sheet": 4, "count": 2})
    (1, 20, 28)
    """
    number, place = divmod(row, sheets["per_sheet"])
    return number, place // sheets["columns"] * sheets["height"], place % sheets["columns"] * sheets["width"]


def unpacked(sheet: Path, version: str, sheets: dict[str, int]) -> np.ndarray:
    """The pixels of a sheet, [height, width, 3] uint8, read-only; the last few are kept.

    Args:
        sheet: path of the picture.
        version: of its study: a sheet that was made anew has another one.
        sheets: as for place_on_sheet; a picture that is larger than it says is not unpacked.

    Raises:
        StudyMismatch: it is not a PNG of at most that size.
    """
    rows = -(-sheets["per_sheet"] // sheets["columns"])
    return _unpacked(sheet, version, (sheets["width"] * sheets["columns"], sheets["height"] * rows))


@lru_cache(maxsize=SHEETS_IN_MEMORY)
def _unpacked(sheet: Path, version: str, most: tuple[int, int]) -> np.ndarray:
    try:
        with Image.open(sheet, formats=["PNG"]) as image:
            if image.width > most[0] or image.height > most[1]:
                raise StudyMismatch(f"{sheet}: expected at most {most} pixels, found {image.size}. Build it again.")
            pixels = np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise StudyMismatch(f"{sheet}: expected a PNG, found what cannot be read ({error}). Build it again.") from error
    pixels.flags.writeable = False
    return pixels
