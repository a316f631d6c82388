"""A still picture of the map: for saved views, for paper, and for readers whose browser runs no scripts."""

import numpy as np

from explorer.study.study import Study
from explorer.views.coloring import MOST_CODES, NONE, color_codes, legend
from explorer.views.theme import BAR, SELECTED

FOG = (128, 136, 150, 70)
"""A sample that the filter leaves out: seen faintly on light and dark alike."""
FINER = 2
"""Drawn so many times as large, then averaged: points get soft edges."""


def still_map(
    study: Study,
    column: str | None,
    size: tuple[int, int],
    *,
    lit: np.ndarray | None = None,
    place: tuple[float, float, float] | None = None,
    row: int | None = None,
) -> np.ndarray:
    """The map as [h, w, 4] uint8 on nothing, so that it stands on light and dark.

    Args:
        study: whose samples.
        column: colors the points; None leaves them neutral.
        size: width and height in pixels.
        lit: [n] bool, the samples that a filter lets through; None lets all through.
        place: center x, y and pixels for a map unit; None shows all of it.
        row: a sample to ring.

    Cost: some ten milliseconds, and a second for a million points.
    """
    places = study.samples[["x", "y"]].to_numpy(dtype=float)
    known = np.isfinite(places).all(axis=1)
    lit = np.ones(study.n, dtype=bool) if lit is None else lit
    x, y, scale = place or whole_map(places[known], size)
    width, height = size[0] * FINER, size[1] * FINER
    across = (places[:, 0] - x) * scale * FINER + width / 2
    down = height / 2 - (places[:, 1] - y) * scale * FINER
    inside = known & (across > -50) & (across < width + 50) & (down > -50) & (down < height + 50)
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    colors = colors_of(study, column)
    radius = point_radius(int(inside.sum()), size) * FINER
    for is_lit in (False, True):
        rows = np.flatnonzero(inside & (lit == is_lit))
        rows = np.random.default_rng(0).permutation(rows)  # no class covers another because it comes later
        paint = colors[rows] if is_lit else np.broadcast_to(np.array(FOG, dtype=np.uint8), (len(rows), 4))
        _stamp(canvas, across[rows], down[rows], radius if is_lit else radius * 0.8, paint)
    if row is not None and known[row]:
        _ring(canvas, across[row], down[row], max(7 * FINER, 2.2 * radius))
    return _averaged(canvas)


def whole_map(places: np.ndarray, size: tuple[int, int], margin: float = 0.06) -> tuple[float, float, float]:
    """Center and scale that show all places, as SavedView.place has them."""
    if not len(places):
        return 0.0, 0.0, 1.0
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array(size) * (1 - margin)
    scale = float((room / np.maximum(high - low, 1e-9)).min())
    return float((low[0] + high[0]) / 2), float((low[1] + high[1]) / 2), scale


def point_radius(count: int, size: tuple[int, int]) -> float:
    """Radius of a point in pixels: what leaves some room between as many as are shown."""
    return float(np.clip(0.21 * np.sqrt(size[0] * size[1] / max(count, 1)), 0.75, 4.5))


def colors_of(study: Study, column: str | None) -> np.ndarray:
    """[n, 4] uint8, the color of each sample."""
    if column is None:
        return np.tile(np.array([*rgb(BAR), 255], dtype=np.uint8), (study.n, 1))
    return np.array([[*rgb(color), 255] for color in palette(legend(study, column))], dtype=np.uint8)[
        color_codes(study, column)
    ]


def palette(told: dict) -> list[str]:
    """256 colors, one a code of `color_codes`; neutral where a code means nothing."""
    if told["kind"] == "scale":
        stops = np.array([rgb(color) for color in told["colors"]], dtype=float)
        # The darkest and the lightest end would be invisible on a dark and a light page.
        at = np.linspace(0.14, 0.9, MOST_CODES) * (len(stops) - 1)
        mixed = np.stack([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
        colors = ["#{:02x}{:02x}{:02x}".format(*map(int, color.round())) for color in mixed]
    else:
        colors = [entry["color"] for entry in told["entries"]]
    return (colors + [BAR] * (NONE + 1))[: NONE + 1]


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _stamp(canvas: np.ndarray, across: np.ndarray, down: np.ndarray, radius: float, paint: np.ndarray) -> None:
    height, width = canvas.shape[:2]
    reach = int(np.ceil(radius))
    left, top = np.round(across).astype(int), np.round(down).astype(int)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy > radius * radius:
                continue
            column, line = left + dx, top + dy
            on = (column >= 0) & (column < width) & (line >= 0) & (line < height)
            canvas[line[on], column[on]] = paint[on]


def _ring(canvas: np.ndarray, across: float, down: float, radius: float) -> None:
    lines, columns = np.ogrid[: canvas.shape[0], : canvas.shape[1]]
    away = np.abs(np.hypot(columns - across, lines - down) - radius)
    canvas[away <= 2.6 * FINER] = (255, 255, 255, 255)
    canvas[away <= 1.5 * FINER] = (*rgb(SELECTED), 255)


def _averaged(canvas: np.ndarray) -> np.ndarray:
    """Each FINER × FINER pixels as one; colors count by how opaque they are."""
    parts = [canvas[down::FINER, across::FINER] for down in range(FINER) for across in range(FINER)]
    alpha = sum(part[..., 3:].astype(np.uint16) for part in parts)
    color = sum(part[..., :3] * part[..., 3:].astype(np.uint32) for part in parts)
    color = (color + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([color, (alpha + FINER**2 // 2) // FINER**2], axis=2).astype(np.uint8)
