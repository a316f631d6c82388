"""Sketches of samples that are no pictures: signals as lines, displacements as arrows, tokens as text."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

WIDTH, HEIGHT = 96, 48
"""Pixels of a signal and of a text."""
FINER = 4
"""Lines are drawn so many times larger and made smaller again, so that they are smooth."""
PAPER, LINE, INK = (255, 255, 255), (200, 204, 210), (52, 58, 64)
COLORS = ((31, 119, 180), (214, 96, 32), (44, 140, 80), (130, 90, 180))
"""Of the channels of a signal, in turn."""
ARROWS = 8
"""Arrows along the longer side of a displacement."""
LETTER_PIXELS, LINE_PIXELS, LINES = 10, 11, 4


def signal_drawing(batches: Iterable[np.ndarray]) -> Callable[[Tensor], np.ndarray]:
    """Signals [length] or [channels, length] as lines over time, between the smallest and largest value of all data."""
    low, high = _range(batches)
    return partial(_signal, low=low, high=high)


def displacement_drawing(batches: Iterable[np.ndarray]) -> Callable[[Tensor], np.ndarray]:
    """Displacements [2, h, w], along the rows and along the columns, as arrows; the longest of all data just fits."""
    low, high = _range(batches)
    return partial(_displacement, longest=max(abs(low), abs(high)) or 1.0)


def text_drawing(words: Callable[[Tensor], str] | None) -> Callable[[Tensor], np.ndarray]:
    """The first words of a text, or the numbers of its tokens where their words are not known."""
    return partial(_text, words=words or _token_numbers)


def wrapped(text: str, fits: Callable[[str], bool], lines: int) -> list[str]:
    """A text in lines, broken between words where there are any; what does not fit ends in an ellipsis.

    Args:
        text: any text.
        fits: whether a line is short enough.
        lines: at most so many.

    >>> wrapped("to be or not to be", lambda line: len(line) <= 6, 2)
    ['to be', 'or no…']
    """
    done, rest = [], " ".join(text.split())
    while rest and len(done) < lines:
        length = next((size for size in range(min(len(rest), WIDTH), 0, -1) if fits(rest[:size])), 1)
        is_last = len(done) == lines - 1
        if length < len(rest) and not is_last:
            length = rest.rfind(" ", 0, length + 1) if " " in rest[1 : length + 1] else length
        line, rest = rest[:length].strip(), rest[length:].strip()
        if rest and is_last:
            while line and not fits(f"{line}…"):
                line = line[:-1]
            line = f"{line}…"
        done.append(line)
    return done


def _range(batches: Iterable[np.ndarray]) -> tuple[float, float]:
    finite = (batch[np.isfinite(batch)] for batch in batches)
    ranges = [(part.min(), part.max()) for part in finite if len(part)] or [(0.0, 1.0)]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _canvas(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width * FINER, height * FINER), PAPER)
    return image, ImageDraw.Draw(image)


def _signal(sample: Tensor, low: float, high: float) -> np.ndarray:
    values = sample.numpy().astype(np.float64)
    values = np.nan_to_num(values.reshape(-1, values.shape[-1]), nan=low, posinf=high, neginf=low)  # [channels, length]
    image, pencil = _canvas(WIDTH, HEIGHT)
    steps = WIDTH * FINER
    places = np.linspace(0, values.shape[1] - 1, min(steps, values.shape[1])).round().astype(int)
    across = np.linspace(FINER, steps - FINER, len(places))
    for number, channel in enumerate(values):
        shares = (channel[places] - low) / ((high - low) or 1.0)
        down = (1 - shares) * (HEIGHT - 4) * FINER + 2 * FINER
        points = list(zip(across, down, strict=True))
        points = points if len(points) > 1 else [(0, points[0][1]), (steps, points[0][1])]
        pencil.line(points, fill=COLORS[number % len(COLORS)], width=FINER, joint="curve")
    return np.array(image.reduce(FINER))


def _displacement(sample: Tensor, longest: float) -> np.ndarray:
    field = np.nan_to_num(sample.numpy().astype(np.float64), posinf=0.0, neginf=0.0)
    rows, columns = field.shape[1:]
    cell = WIDTH // min(ARROWS, max(rows, columns))
    counts = [max(1, round(side * WIDTH / max(rows, columns) / cell)) for side in (rows, columns)]
    image, pencil = _canvas(counts[1] * cell, counts[0] * cell)
    for down, some_rows in enumerate(np.array_split(np.arange(rows), counts[0])):
        for right, some_columns in enumerate(np.array_split(np.arange(columns), counts[1])):
            # More arrows than vectors: the nearest one.
            rows_here = some_rows if len(some_rows) else [min(down * rows // counts[0], rows - 1)]
            columns_here = some_columns if len(some_columns) else [min(right * columns // counts[1], columns - 1)]
            mean = field[:, rows_here][:, :, columns_here].mean((1, 2)) / longest
            _arrow(pencil, (right + 0.5) * cell * FINER, (down + 0.5) * cell * FINER, mean, cell * FINER * 0.45)
    return np.array(image.reduce(FINER))


def _arrow(pencil: ImageDraw.ImageDraw, x: float, y: float, vector: Sequence[float], reach: float) -> None:
    down, right = vector[0] * reach, vector[1] * reach
    pencil.line([(x - right, y - down), (x + right, y + down)], fill=COLORS[0], width=FINER)
    pencil.circle((x + right, y + down), FINER * 1.2, fill=COLORS[1])


def _text(sample: Tensor, words: Callable[[Tensor], str]) -> np.ndarray:
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pencil, font = ImageDraw.Draw(image), _font()
    pencil.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=LINE)
    shown = "".join(letter if letter.isprintable() else " " for letter in str(words(sample)))
    for number, line in enumerate(wrapped(shown, lambda one: sum(map(_width, one)) <= WIDTH - 8, LINES)):
        pencil.text((4, 1 + number * LINE_PIXELS), line, fill=INK, font=font)
    return np.array(image)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(LETTER_PIXELS)


@cache
def _width(letter: str) -> float:
    return _font().getlength(letter)


def _token_numbers(sample: Tensor) -> str:
    return " ".join(str(int(value)) for value in sample.reshape(-1)[:WIDTH])
