"""A small table of counts as a drawing: which classes are taken for which."""

import math
from collections.abc import Sequence

import numpy as np

from explorer.views.report.axes import SIZE, cut, text_width
from explorer.views.report.drawing import LANE, RIGHT, WIDTH, Drawing, number, words_at, written
from explorer.views.report.markup import Markup, element, together
from explorer.views.theme import CATEGORICAL

LARGEST_CELL = 46.0
LONGEST_NAME = 96
"""Pixels of a class name; longer ones are cut."""


def matrix(counts: np.ndarray, names: Sequence[str], titles: tuple[str, str]) -> Drawing:
    """Counts of pairs of classes, shaded off the diagonal, where they disagree.

    Args:
        counts: [c, c] how many samples of the class of a row are in the class of a column.
        names: [c] of the classes.
        titles: of the rows and of the columns.
    """
    names = [cut(written(name), LONGEST_NAME, SIZE - 1) for name in names]
    longest = max(text_width(name, SIZE - 1) for name in names)
    left = math.ceil(longest) + 10
    cell = min(LARGEST_CELL, (WIDTH - RIGHT - left) / len(names))
    is_level = longest + 6 <= cell
    top = 2 * LANE + 6 + (SIZE if is_level else longest * 0.72 + SIZE)
    apart = counts * (1 - np.eye(len(names), dtype=counts.dtype))
    most = max(int(apart.max()), 1)
    parts = [words_at(titles[0], 0, SIZE), words_at(titles[1], left, LANE + SIZE)]
    for place, name in enumerate(names):
        middle = left + (place + 0.5) * cell
        turn = None if is_level else f"rotate(-45 {number(middle - 4)} {number(top - 8)})"
        anchor, x = ("middle", middle) if is_level else ("start", middle - 4)
        parts.append(words_at(name, x, top - 8, anchor, font_size=SIZE - 1, transform=turn))
        parts.append(words_at(name, left - 8, top + (place + 0.5) * cell + 4, "end", font_size=SIZE - 1))
    parts += [
        _cell(int(counts[row, column]), row, column, int(apart[row, column]) / most, left, top, cell, names)
        for row in range(len(names))
        for column in range(len(names))
    ]
    return Drawing(together(parts), top + len(names) * cell + 6)


def _cell(
    count: int, row: int, column: int, share: float, left: float, top: float, cell: float, names: Sequence[str]
) -> Markup:
    x, y = left + column * cell, top + row * cell
    # No darker than this: the words on it keep their contrast on light and on dark.
    shade = 0.06 if row == column else 0.45 * math.sqrt(share)
    box = element(
        "rect", x=number(x + 0.5), y=number(y + 0.5), width=number(cell - 1), height=number(cell - 1), rx=2,
        fill="currentColor" if row == column else CATEGORICAL[0], fill_opacity=f"{max(shade, 0.03):.3f}",
    )  # fmt: skip
    told = f"{names[row]} → {names[column]}: {count:,} samples"
    words = words_at(short_count(count), x + cell / 2, y + cell / 2 + 4, "middle", font_size=_size(count, cell))
    return element("g", element("title", told), box, words if count else None)


def _size(count: int, cell: float) -> str:
    return number(min(SIZE - 1, (SIZE - 1) * (cell - 4) / text_width(short_count(count), SIZE - 1)))


def short_count(count: int) -> str:
    """A count in at most four signs or so.

    >>> short_count(987), short_count(12_345), short_count(2_500_000)
    ('987', '12k', '2.5M')
    """
    if count < 1000:
        return str(count)
    power, letter = (1e6, "M") if count >= 999_500 else (1e3, "k")
    return f"{count / power:.2g}{letter}" if count < 99.5 * power else f"{count / power:.0f}{letter}"
