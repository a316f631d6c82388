"""Pictures with a slope drawn over each pixel: where more light would raise a number, and where it would lower it."""

from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from explorer.errors import ShapeError
from explorer.views.theme import DIVERGING

MORE, LESS = DIVERGING[-1], DIVERGING[0]
"""Orange and blue: the two that every kind of eye tells apart."""
NAMES = {MORE: "orange", LESS: "blue"}
SMALLEST_SIDE, LARGEST_SIDE = 280, 448
"""Pixels of the longer side on the page: smaller pictures are enlarged by a whole factor, larger ones averaged."""
SHADES = (52, 204)
"""What black and white become beneath the colors, so that both colors are legible on either."""
OPACITY = 0.92
QUANTILE = 0.99
NINTHS = (("upper", "middle", "lower"), ("left", "middle", "right"))


def pixel_slopes(gradient: np.ndarray) -> np.ndarray:
    """One slope a pixel from one an input value: the sum over colors, what a change of all colors at once does.

    Args:
        gradient: [channels, h, w] or [h, w].

    Returns:
        [h, w] float64.

    Raises:
        ShapeError: the inputs are not laid out as a picture.
    """
    if gradient.ndim not in (2, 3) or not gradient.size:
        raise ShapeError(
            f"slopes by pixel need inputs of shape [channels, h, w] or [h, w], found {list(gradient.shape)}. "
            "Look at the shares by layer instead."
        )
    return gradient.astype(np.float64) if gradient.ndim == 2 else gradient.astype(np.float64).sum(0)


def slope_scale(maps: Sequence[np.ndarray]) -> float:
    """The slope that is drawn in full color: the 99th percentile of sizes over all pictures that are compared.

    Where fewer pixels than that have any slope it is the largest one; 0 when there is none at all.
    """
    sizes = np.abs(np.concatenate([one.ravel() for one in maps]))
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return 0.0
    return float(np.quantile(sizes, QUANTILE) or sizes.max())


def slope_overlay(picture: np.ndarray, slopes: np.ndarray, scale: float) -> np.ndarray:
    """The picture in grey with each pixel's slope over it: orange above zero, blue below, nothing at zero.

    Args:
        picture: [h', w', 3] uint8; stretched to the shape of the slopes.
        slopes: [h, w].
        scale: size of a slope in full color; larger ones look the same. 0 draws none.

    Returns:
        [h", w", 3] uint8, the slopes' shape enlarged or averaged to what a page shows.
    """
    slopes = np.nan_to_num(slopes, posinf=0.0, neginf=0.0)
    height, width = (max(1, round(side * _zoom(slopes.shape))) for side in slopes.shape)
    down = Image.Resampling.BOX if height < slopes.shape[0] else Image.Resampling.NEAREST
    drawn = np.asarray(Image.fromarray(slopes.astype(np.float32)).resize((width, height), down))
    # A thumbnail smaller than the input has no pixels of the input to show: smoothing hides squares that mean nothing.
    is_reduced = picture.shape[0] < slopes.shape[0]
    ground = Image.fromarray(picture).convert("L")
    ground = ground.resize((width, height), Image.Resampling.BILINEAR if is_reduced else Image.Resampling.NEAREST)
    grey = SHADES[0] + np.asarray(ground, dtype=np.float64) / 255 * (SHADES[1] - SHADES[0])
    strength = OPACITY * np.clip(np.abs(drawn) / scale, 0, 1)[..., None] if scale > 0 else np.zeros((height, width, 1))
    color = np.where(drawn[..., None] > 0, _channels(MORE), _channels(LESS))
    return np.round(grey[..., None] * (1 - strength) + color * strength).astype(np.uint8)


def slopes_in_words(slopes: np.ndarray, scale: float) -> str:
    """Where the strongest slopes of both signs lie, in ninths of the picture, for those who cannot see it."""
    words = []
    for sign, color in ((1, MORE), (-1, LESS)):
        strength = np.clip(np.nan_to_num(sign * slopes), 0, None)
        if scale > 0 and strength.max() > 0.1 * scale:
            down, across = np.unravel_index(strength.argmax(), strength.shape)
            ninth = (NINTHS[0][3 * down // slopes.shape[0]], NINTHS[1][3 * across // slopes.shape[1]])
            words.append(f"{NAMES[color]} strongest in the {' '.join(dict.fromkeys(ninth))}")
    return ", ".join(words) or "no pixel stands out"


def overlay_row(figures: Sequence[tuple[str, str, str]], more: str, less: str) -> str:
    """Pictures side by side with a line below each, and one legend for all, as HTML.

    Args:
        figures: address, caption and description for those who cannot see it, one a picture.
        more: what a pixel in the color of positive slopes means.
        less: what one in the color of negative slopes means.
    """
    shown = "".join(
        f'<figure style="margin:0;flex:1 1 140px;max-width:280px"><img src="{escape(address)}" '
        f'alt="{escape(description)}" style="width:100%;image-rendering:pixelated;border-radius:6px;display:block">'
        f'<figcaption style="padding-top:4px">{escape(caption)}</figcaption></figure>'
        for address, caption, description in figures
    )
    legend = "".join(
        f'<div style="display:flex;gap:8px;align-items:baseline"><span style="flex:none;width:12px;height:12px;'
        f'border-radius:3px;background:{color}"></span><span>{NAMES[color]}: {escape(words)}</span></div>'
        for color, words in ((MORE, more), (LESS, less))
    )
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:12px;font-size:0.9rem">{shown}</div>'
        f'<div style="margin-top:10px;font-size:0.9rem">{legend}</div>'
    )


def _zoom(shape: tuple[int, ...]) -> float:
    longest = max(shape)
    return LARGEST_SIDE / longest if longest > LARGEST_SIDE else max(1, -(-SMALLEST_SIDE // longest))


def _channels(color: str) -> np.ndarray:
    return np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float64)
