"""Our own small charts as SVG that stands alone: in a page, in a mail, on a slide, on light and on dark.

Words and grid have the color of the text around them; as a file of its own the drawing brings that color along. Marks
have those colors of the theme that are legible on light and dark alike.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.views.charts import Bins
from explorer.views.report.axes import SIZE, Axis, axis_across, axis_up, beside, cut, span_of, text_width
from explorer.views.report.markup import Markup, element, together
from explorer.views.theme import BAR, DARK_BACKGROUND, FONT, LIGHT_BACKGROUND, LIMIT, SELECTED

WIDTH = 460
"""Pixels across: two stand beside each other on a screen, and one is still legible on a telephone."""
PLOT = 190
"""Height of what lies between the axes."""
RIGHT, LANE, BELOW = 14, 19, 50
"""Pixels kept free at the right, for each line of words above, and below for ticks and the name of the axis."""
PAD = 8
"""Pixels around everything, so that a drawing on a slide does not touch what is beside it."""
LIGHT_INK, DARK_INK = "#31333f", "#fafafa"
LARGEST_PICTURE = 34
DOT = 4.4
SEEN = 0.1
"""A line of which less is inside than this share of an axis would be a speck in a corner: it is left out."""
LAYERS = 6
"""Dots are painted in so many layers, so that places with many get darker."""

# Only a file of its own has an svg at its root: inside a page these rules ask for nothing but its own color.
STYLE = (
    f".drawing{{color:inherit;max-width:100%;height:auto}}svg.drawing:root{{color:{LIGHT_INK};"
    f"background:{LIGHT_BACKGROUND}}}@media (prefers-color-scheme:dark){{svg.drawing:root{{color:{DARK_INK};"
    f"background:{DARK_BACKGROUND}}}}}"
)
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Mark:
    """A named line across a drawing."""

    value: float
    name: str
    color: str = LIMIT
    dash: str | None = "2 4"


@dataclass(frozen=True)
class Drawing:
    """What is to be seen, before it becomes a file."""

    inside: Markup
    height: float


def whole(name: str, title: str, description: str, drawing: Drawing) -> Markup:
    """The SVG of a drawing, with words for those who cannot see it.

    Args:
        name: letters and dashes, alone of its kind in a page.
        title: what is shown.
        description: what there is to see, in sentences.
        drawing: the picture itself.
    """
    ids = (f"drawing-{name}-title", f"drawing-{name}-description")
    return element(
        "svg",
        element("title", written(title), id=ids[0]),
        element("desc", written(description), id=ids[1]),
        element("style", Markup(STYLE)),
        drawing.inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{-PAD} {-PAD} {WIDTH + 2 * PAD} {number(drawing.height + 2 * PAD)}",
        width=WIDTH + 2 * PAD,
        height=number(drawing.height + 2 * PAD),
        class_="drawing",
        role="img",
        aria_labelledby=" ".join(ids),
        color=LIGHT_INK,
        fill="currentColor",
        font_family=FONT,
        font_size=SIZE,
    )


def bar_chart(
    bins: Bins,
    title: str,
    *,
    marks: Sequence[Mark] = (),
    is_lit: np.ndarray | None = None,
    pictures: Sequence[str | None] = (),
) -> Drawing:
    """Bars of counts, with a typical sample standing on each.

    Args:
        bins: what is counted.
        title: of the axis across, with its unit.
        marks: named lines, each in a lane of its own above the bars; those that are not finite are left out.
        is_lit: [b] bool, the bars that stand out.
        pictures: one data address for each bin; None leaves a place empty.
    """
    marks = [mark for mark in marks if math.isfinite(mark.value)]
    most = int(bins.counts.max())
    labels = axis_up(0, most, PLOT, 0, whole=True).words
    left, top = beside(labels), LANE * (1 + len(marks)) + 6
    low, high = span_of([bins.edges[0], bins.edges[-1], *(mark.value for mark in marks)], 0.012)
    across = axis_across(low, high, left, WIDTH - RIGHT, WIDTH)
    side = min(LARGEST_PICTURE, float(np.diff(across.at(bins.edges)).mean()) - 1) if len(pictures) else 0.0
    bottom = top + PLOT + side
    up = axis_up(0, most, bottom, top + side + 3, whole=True)
    lit = np.zeros(len(bins.counts), dtype=bool) if is_lit is None else is_lit
    filled = np.flatnonzero(bins.counts)
    shown = [_bar(bins, place, across, up, SELECTED if lit[place] else BAR) for place in filled]
    lines = [_upright(mark, across, top, bottom, lane) for lane, mark in enumerate(marks)]
    # Last, so that no line crosses a picture.
    stand = [
        _picture(
            pictures[place], float(across.at(bins.edges[place : place + 2].mean())), up.at(bins.counts[place]), side
        )
        for place in filled
        if len(pictures)
    ]
    return Drawing(together(_axes(across, up, title, "samples", left), shown, lines, stand), bottom + BELOW)


def scatter(
    across: np.ndarray,
    up: np.ndarray,
    titles: tuple[str, str],
    *,
    upright: Sequence[float] = (),
    level: Sequence[float] = (),
    corners: tuple[str, str, str, str] | None = None,
    equal: str = "",
) -> Drawing:
    """Samples as dots, by two finite numbers each.

    Args:
        across: [m] numbers, at least one.
        up: [m] numbers.
        titles: of the two axes, with units.
        upright: values across where a dotted line stands.
        level: values up where a dotted line lies.
        corners: words at top left, top right, bottom left and bottom right, where no dot is drawn.
        equal: words for the line on which both numbers are the same; empty for no such line.
    """
    lane = SIZE + 8 if corners else 0
    top = LANE + 6
    bottom = top + PLOT + 40 + 2 * lane
    low, high = span_of([*up[[up.argmin(), up.argmax()]], *level], 0.04)
    plot = (bottom - 4 - lane, top + 4 + lane)
    left = beside(axis_up(low, high, *plot).words)
    horizontal = axis_across(*span_of([across.min(), across.max(), *upright], 0.03), left, WIDTH - RIGHT, WIDTH)
    vertical = axis_up(low, high, *plot)
    lines = [_line(horizontal.at(value), top + lane, horizontal.at(value), bottom - lane) for value in upright]
    lines += [_line(left, vertical.at(value), WIDTH - RIGHT, vertical.at(value)) for value in level]
    names = _corner_words(corners, left, top, bottom) if corners else None
    dots = _dots(horizontal.at(across), vertical.at(up))
    same = _equal_line(horizontal, vertical, equal) if equal else None
    return Drawing(
        together(_axes(horizontal, vertical, *titles, left, top, bottom), dots, lines, same, names), bottom + BELOW
    )


def number(value: float) -> str:
    """A place in a drawing: to a tenth of a pixel, which is as fine as one sees."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def written(text: str) -> str:
    """A text without the signs that no SVG may hold, such as control characters."""
    return _UNWRITABLE.sub("\ufffd", str(text))


def _axes(
    across: Axis,
    up: Axis,
    title: str,
    up_title: str,
    left: float,
    top: float | None = None,
    bottom: float | None = None,
) -> Markup:
    bottom = up.start if bottom is None else bottom
    levels = [up.at(tick) for tick in up.ticks]
    grid = [_path(left, level, WIDTH - RIGHT, level) for level in levels]
    beside = [
        words_at(word, left - 8, level + SIZE * 0.35, "end") for level, word in zip(levels, up.words, strict=True)
    ]
    notches = [_path(across.at(tick), bottom, across.at(tick), bottom + 4) for tick in across.ticks]
    below = [
        words_at(word, middle, bottom + 18, "middle")
        for middle, word in zip(across.middles(WIDTH), across.words, strict=True)
    ]
    middle = (left + WIDTH - RIGHT) / 2
    room = 2 * min(middle, WIDTH - middle)
    names = [
        words_at(cut(written(title), room), middle, bottom + 40, "middle"),
        words_at(cut(written(up_title), WIDTH), 0, SIZE),
    ]
    edge = _path(left, bottom, WIDTH - RIGHT, bottom)
    return together(
        element("path", d="".join(grid), stroke="currentColor", stroke_opacity=0.14, fill="none"),
        element("path", d="".join([edge, *notches]), stroke="currentColor", stroke_opacity=0.55, fill="none"),
        element("g", beside, below, names),
    )


def _bar(bins: Bins, place: int, across: Axis, up: Axis, color: str) -> Markup:
    left, right = (float(across.at(bins.edges[place + step])) for step in (0, 1))
    top = float(up.at(int(bins.counts[place])))
    gap = min(1.5, 0.1 * (right - left))
    told = f"{bins.edges[place]:.4g} to {bins.edges[place + 1]:.4g}: {int(bins.counts[place]):,} samples"
    bar = element(
        "rect",
        x=number(left + gap / 2),
        y=f"{top:.2f}",
        width=number(right - left - gap),
        height=f"{up.start - top:.2f}",
        fill=color,
    )
    return element("g", element("title", told), bar)


def _picture(address: str | None, middle: float, bottom: float, side: float) -> Markup | None:
    if not address:
        return None
    return element(
        "image",
        href=address,
        x=number(middle - side / 2),
        y=number(bottom - side - 2),
        width=number(side),
        height=number(side),
        style="image-rendering:pixelated",
    )


def _upright(mark: Mark, across: Axis, top: float, bottom: float, lane: int) -> Markup:
    x = float(across.at(mark.value))
    y = LANE * (lane + 2)
    name = cut(written(mark.name), WIDTH - across.start)
    width = text_width(name)
    is_right = x + 6 + width > WIDTH
    start = max(0.0, x - 6 - width) if is_right else x + 6
    words = words_at(name, x - 6, y, "end") if is_right and start > 0 else words_at(name, start, y)
    return together(_line(x, y - SIZE + 2, x, bottom, mark.color, mark.dash), words)


def _line(x: float, y: float, to_x: float, to_y: float, color: str = LIMIT, dash: str | None = "2 4") -> Markup:
    return element("path", d=_path(x, y, to_x, to_y), stroke=color, stroke_width=2, stroke_dasharray=dash, fill="none")


def _path(x: float, y: float, to_x: float, to_y: float) -> str:
    return f"M{number(x)} {number(y)}L{number(to_x)} {number(to_y)}"


def _dots(across: np.ndarray, up: np.ndarray) -> Markup:
    order = np.random.default_rng(0).permutation(len(across))
    layers = [
        "".join(f"M{number(across[place])} {number(up[place])}h0" for place in rows)
        for rows in np.array_split(order, min(LAYERS, len(order)))
    ]
    paths = [element("path", d=layer) for layer in layers]
    return element("g", paths, stroke=BAR, stroke_width=DOT, stroke_opacity=0.6, stroke_linecap="round", fill="none")


def _equal_line(across: Axis, up: Axis, words: str) -> Markup | None:
    low, high = max(across.low, up.low), min(across.high, up.high)
    if high - low < SEEN * max(across.high - across.low, up.high - up.low):
        return None
    ends = [(float(across.at(value)), float(up.at(value))) for value in (low, high)]
    line = _line(*ends[0], *ends[1], LIMIT)
    is_right = ends[1][0] + 6 + text_width(words) > WIDTH
    return together(line, words_at(words, ends[1][0] - 8 if is_right else ends[1][0] + 6, ends[1][1] + SIZE,
                                 "end" if is_right else "start"))  # fmt: skip


def _corner_words(corners: tuple[str, str, str, str], left: float, top: float, bottom: float) -> list[Markup]:
    places = [(left + 4, "start"), (WIDTH - RIGHT - 4, "end")] * 2
    heights = [top + SIZE + 2] * 2 + [bottom - 8] * 2
    return [
        words_at(word, x, y, anchor, font_style="italic")
        for word, (x, anchor), y in zip(corners, places, heights, strict=True)
    ]


def words_at(text: str, x: float, y: float, anchor: str = "start", **others: object) -> Markup:
    """One line of words, its baseline at y."""
    return element(
        "text", written(text), x=number(x), y=number(y), text_anchor=None if anchor == "start" else anchor, **others
    )
