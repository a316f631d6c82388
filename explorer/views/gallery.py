"""Rows of sample pictures as HTML. Every string from outside is escaped; a picture is a PNG inside the page."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from explorer.errors import ShapeError
from explorer.study.study import Study
from explorer.views.theme import FONT, SELECTED

LEAST_SIDE = 112
"""Small pictures are enlarged to about so many pixels, each pixel a square, so that they stay sharp."""


@dataclass(frozen=True)
class Tile:
    """One sample in a row of pictures."""

    row: int
    picture: str
    """A data address, see `picture_address`."""
    lines: tuple[str, ...] = ()
    """Plain text below the picture, the first line in bold."""
    mark: str = ""
    """A sign at the picture's corner, such as ≠; empty for none. What it means belongs into help."""
    help: str = ""
    """What a pointer that rests on the tile, or a screen reader, is told."""


def picture_address(pixels: np.ndarray) -> str:
    """A picture as a PNG data address, small ones enlarged by a whole factor without smoothing.

    Args:
        pixels: [h, w, 3] or [h, w] uint8.

    Raises:
        ShapeError: pixels is no such picture.

    Cost: about half a millisecond for 28 × 28 pixels.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ShapeError(
            f"a picture must be uint8 [h, w] or [h, w, 3], found {pixels.dtype} {list(pixels.shape)}. "
            "Scale it to 0 … 255 and leave out an alpha channel."
        )
    factor = max(1, -(-LEAST_SIDE // max(pixels.shape[:2])))
    enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(enlarged)).save(target, format="PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode("ascii")


def pictures(study: Study, rows: Iterable[int]) -> list[str | None]:
    """Picture addresses of samples; None for row −1."""
    return [picture_address(study.thumbnail(row)) if row >= 0 else None for row in rows]


def gallery(tiles: Sequence[Tile], *, label: str, chosen: int | None = None) -> str:
    """A row of tiles that wraps, each a button that carries its row number in `data-row`.

    Args:
        tiles: in the order shown.
        label: what the row is, read out by screen readers.
        chosen: the row number to mark as the chosen one.

    Returns:
        HTML without scripts; styles come from `STYLE`.
    """
    inside = "".join(_tile(tile, tile.row == chosen) for tile in tiles)
    return f'<div class="tiles" role="group" aria-label="{escape(label)}">{inside}</div>'


def large_picture(picture: str, description: str) -> str:
    """One picture at full size, with its description for those who cannot see it."""
    style = "width:100%;max-width:224px;image-rendering:pixelated;border-radius:6px;display:block"
    return f'<img style="{style}" src="{escape(picture)}" alt="{escape(description)}">'


def _tile(tile: Tile, is_chosen: bool) -> str:
    first, *others = tile.lines or ("",)
    lines = f"<b>{escape(first)}</b>" + "".join(f"<span>{escape(line)}</span>" for line in others)
    mark = f'<i class="mark">{escape(tile.mark)}</i>' if tile.mark else ""
    words = tile.help or f"Sample {tile.row}: {', '.join(tile.lines)}"
    current = ' aria-current="true"' if is_chosen else ""
    return (
        f'<button type="button" class="tile" data-row="{int(tile.row)}" title="{escape(words)}"'
        f' aria-label="{escape(words)}"{current}>'
        f'<img src="{escape(tile.picture)}" alt="">{mark}{lines}</button>'
    )


STYLE = f"""
.tiles {{ display: flex; flex-wrap: wrap; gap: 8px; margin: 0 -6px; font-family: var(--st-font, {FONT}); }}
.tile {{
  width: var(--tile-width, 124px); padding: 4px; border: 2px solid transparent; border-radius: 6px; background: none;
  cursor: pointer; color: var(--st-text-color, inherit); font: inherit; font-size: var(--tile-font, 12px);
  line-height: 1.3; text-align: left;
  position: relative; overflow: hidden;
}}
.tile:hover {{ background: var(--st-secondary-background-color, rgba(128, 128, 128, 0.15)); }}
.tile:focus-visible {{ outline: 2px solid var(--st-primary-color, {SELECTED}); }}
.tile[aria-current] {{ border-color: {SELECTED}; }}
.tile img {{
  width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; display: block; border-radius: 3px;
  box-sizing: border-box; outline: 1px solid rgba(128, 128, 128, 0.35); outline-offset: -1px;
}}
.tile b, .tile span {{ display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.tile .mark {{
  position: absolute; top: 6px; right: 6px; padding: 0 4px; border-radius: 3px; font-style: normal; font-weight: 700;
  background: #fff; color: #a01040; box-shadow: 0 0 0 1px #a01040;
}}
@media (max-width: 480px) {{ .tile {{ width: calc(33.3% - 6px); }} }}
"""
