"""Small pictures of samples: images, bars for rows of a table, a dot for a point of the plane, and sketches."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from explorer.errors import SubjectError
from explorer.subjects.sketches import displacement_drawing, signal_drawing, text_drawing

Drawing = Callable[[Tensor], np.ndarray]
"""One input -> uint8 [h, w, 3]."""

KINDS = ("image", "row", "point", "signal", "displacement", "text")
LARGEST = 96
"""Pixels a side of the largest thumbnail."""
SMALLEST = 28
"""Images smaller than this are enlarged by a whole factor, so that single pixels stay visible."""
ROW_HEIGHT = 48
POINT_SIDE = 48
SPREAD = 3.0
"""Standard deviations from the middle line to the end of a bar."""
PAPER, LINE, ABOVE, BELOW = (255, 255, 255), (200, 204, 210), (31, 119, 180), (214, 96, 32)


def told_kind(shape: Sequence[int], kind: str | None, has_picture: bool = False) -> str:
    """How samples of this shape are drawn: image for [h, w], [1, h, w] and [3, h, w]; point for [2]; else row.

    The others are drawn when asked for: signal [length] or [channels, length], displacement [2, h, w], text [length].

    >>> told_kind((1, 28, 28), None), told_kind((10,), None), told_kind((2,), None)
    ('image', 'row', 'point')
    """
    is_image = (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))) and min(shape) > 0
    if kind is None:
        return "image" if is_image else "point" if tuple(shape) == (2,) else "row"
    if kind not in KINDS:
        raise SubjectError(f"kind must be one of {', '.join(KINDS)}, found {kind!r}. Choose one or leave it out.")
    fits = {
        "image": is_image,
        "point": tuple(shape) == (2,),
        "row": True,
        "signal": len(shape) in (1, 2) and min(shape) > 0,
        "displacement": len(shape) == 3 and shape[0] == 2 and min(shape) > 0,
        "text": len(shape) == 1,
    }
    if not fits[kind] and not has_picture:
        raise SubjectError(
            f'kind="{kind}" does not suit inputs of shape {list(shape)}. '
            "Leave kind out, or pass picture=lambda input: ... that returns uint8 [h, w] or [h, w, 3]."
        )
    return kind


def drawing_for(
    kind: str,
    batches: Iterable[Tensor],
    picture: Callable[[Tensor], Any] | None = None,
    words: Callable[[Tensor], str] | None = None,
) -> Drawing:
    """The one way in which all samples of a subject are drawn, so that their pictures can be compared.

    Args:
        kind: one of KINDS.
        batches: the samples from which the common range is taken, [m, ...] each. Values that are not finite are
            left out of it.
        picture: the subject's own drawing, if it has one; its size is that of the first sample.
        words: the text of an input of tokens, for the kind text.

    Cost: one batch in memory at a time; points are kept.
    """
    if picture is not None:
        first = next(iter(batches))[0]
        return partial(_own_picture, picture, size=_own_picture(picture, first, size=None).shape)
    if kind == "text":
        return text_drawing(words)
    values = (batch.numpy().astype(np.float64) for batch in batches)
    ways = {
        "image": _image_drawing,
        "point": _point_drawing,
        "row": _row_drawing,
        "signal": signal_drawing,
        "displacement": displacement_drawing,
    }
    return ways[kind](values)


def _image_drawing(batches: Iterable[np.ndarray]) -> Drawing:
    finite = (batch[np.isfinite(batch)] for batch in batches)
    ranges = [(part.min(), part.max()) for part in finite if len(part)] or [(0.0, 1.0)]
    return partial(_image, low=min(low for low, _ in ranges), high=max(high for _, high in ranges))


def _point_drawing(batches: Iterable[np.ndarray]) -> Drawing:
    points = np.nan_to_num(np.concatenate(list(batches)), posinf=0.0, neginf=0.0)  # [n, 2]
    low, high = points.min(0), points.max(0)
    ground = _plane(_on_plane(points[:: max(1, len(points) // 500)], low, high))
    return partial(_point, low=low, high=high, ground=ground)


def _row_drawing(batches: Iterable[np.ndarray]) -> Drawing:
    count, total, squares = 0, 0.0, 0.0
    for batch in batches:
        rows = batch.reshape(len(batch), -1)  # [m, f]
        finite = np.isfinite(rows)
        rows = np.where(finite, rows, 0.0)
        count, total, squares = count + finite.sum(0), total + rows.sum(0), squares + (rows**2).sum(0)
    mean = total / np.maximum(count, 1)
    return partial(_row, mean=mean, deviation=np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)))


def _own_picture(picture: Callable[[Tensor], Any], sample: Tensor, size: tuple[int, ...] | None) -> np.ndarray:
    pixels = picture(sample)
    pixels = pixels.numpy(force=True) if isinstance(pixels, Tensor) else np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise SubjectError(
            f"picture must return uint8 [h, w] or [h, w, 3], found {pixels.dtype} {list(pixels.shape)}. Convert it."
        )
    fitted = _fitted(pixels)
    if size is not None and fitted.shape != size:
        raise SubjectError(
            f"picture must return one size for all samples, found {list(size)} and {list(fitted.shape)} once fitted "
            "to the page. Pad or resize them."
        )
    return fitted


def _image(sample: Tensor, low: float, high: float) -> np.ndarray:
    values = np.nan_to_num(sample.numpy().astype(np.float64), nan=low, posinf=high, neginf=low)
    shares = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    pixels = np.round(255 * shares).astype(np.uint8)
    if pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]  # [h, w, 3] or [h, w]
    return _fitted(pixels)


def _fitted(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels).convert("RGB")
    longest = max(image.size)
    if longest > LARGEST:
        size = [max(1, round(side * LARGEST / longest)) for side in image.size]
        image = image.resize(size, Image.Resampling.BOX)
    elif longest < SMALLEST:
        factor = -(-SMALLEST // longest)
        image = image.resize([side * factor for side in image.size], Image.Resampling.NEAREST)
    return np.array(image)


def _row(sample: Tensor, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    values = np.nan_to_num(sample.numpy().astype(np.float64).reshape(-1), posinf=0.0, neginf=0.0)
    # A feature that hardly varies for its size is constant but for rounding.
    varies = deviation > 1e-6 * np.abs(mean)
    scores = np.where(varies, (values - mean) / np.where(varies, deviation, 1.0), 0.0)
    if len(scores) > LARGEST:
        scores = np.array([part.mean() for part in np.array_split(scores, LARGEST)])
    width = LARGEST // len(scores)
    middle = ROW_HEIGHT // 2
    pixels = np.full((ROW_HEIGHT, width * len(scores), 3), PAPER, dtype=np.uint8)
    pixels[middle] = LINE
    heights = np.round(np.clip(scores / SPREAD, -1, 1) * (middle - 1)).astype(int)
    for place, height in enumerate(heights):
        columns = slice(place * width, (place + 1) * width - (width > 2))
        if height > 0:
            pixels[middle - height : middle, columns] = ABOVE
        elif height < 0:
            pixels[middle + 1 : middle + 1 - height, columns] = BELOW
    return pixels


def _on_plane(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Pixel places [m, 2] on a canvas four times as large as the thumbnail; up is up."""
    side, margin = 4 * POINT_SIDE, 4 * 6
    # One scale for both axes, so that a circle is drawn as a circle.
    centered = (points - (low + high) / 2) / (float((high - low).max()) or 1.0)
    return side / 2 + centered * [1, -1] * (side - 2 * margin)


def _plane(places: np.ndarray) -> Image.Image:
    ground = Image.new("RGB", (4 * POINT_SIDE, 4 * POINT_SIDE), PAPER)
    pencil = ImageDraw.Draw(ground)
    for x, y in places:
        pencil.circle((x, y), 3, fill=LINE)
    return ground


def _point(sample: Tensor, low: np.ndarray, high: np.ndarray, ground: Image.Image) -> np.ndarray:
    image = ground.copy()
    [(x, y)] = _on_plane(np.nan_to_num(sample.numpy()[None], posinf=0.0, neginf=0.0), low, high)
    ImageDraw.Draw(image).circle((x, y), 18, fill=ABOVE)
    return np.array(image.reduce(4))
