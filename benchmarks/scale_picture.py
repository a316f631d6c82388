"""The growth of a build as a picture: two log-log plots, written as SVG by hand. Follows the reader's color scheme."""

import numpy as np
import pandas as pd

PANEL, MARGIN, GAP, HEIGHT = 330, 64, 150, 380
COLORS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #24292f } .head { font-weight: 600; font-size: 13px }
.grid { stroke: #d0d7de } .law { stroke: #8c959f; stroke-dasharray: 4 4; fill: none } svg { background: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .grid { stroke: #3d444d } svg { background: #0d1117 }
}
</style>"""


def drawn(table: pd.DataFrame) -> str:
    """SVG of seconds and of peak memory over samples, both on logarithmic axes, a line a step.

    Args:
        table: samples, step, seconds, peak_bytes, a row a step and size.
    """
    width = 2 * (MARGIN + PANEL) + 2 * GAP
    parts = [
        _panel(table, "seconds", 1.0, "seconds", MARGIN, "n log n"),
        _panel(table[table.peak_bytes.notna()], "peak_bytes", 1e9, "peak memory, GB", 2 * MARGIN + PANEL + GAP, "n"),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}">'
    return "\n".join([head, STYLE, *parts, "</svg>\n"])


def _panel(table: pd.DataFrame, column: str, unit: float, title: str, left: int, law: str) -> str:
    values = table.assign(value=(table[column] / unit).clip(lower=1e-2))
    xs, ys = _decades(values.samples), _decades(values.value)
    top, bottom = 40, HEIGHT - 50

    def place(n: float, value: float) -> tuple[float, float]:
        right = (np.log10(n) - xs[0]) / (xs[-1] - xs[0])
        up = (np.log10(value) - ys[0]) / (ys[-1] - ys[0])
        return left + PANEL * right, bottom - (bottom - top) * up

    lines = [f'<text class="head" x="{left}" y="22">{title}</text>']
    for power in xs:
        x, _ = place(10.0**power, 10.0 ** ys[0])
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>')
    for power in ys:
        _, y = place(10.0 ** xs[0], 10.0**power)
        lines.append(f'<line class="grid" x1="{left}" x2="{left + PANEL}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    lines.append(f'<text x="{left + PANEL / 2}" y="{bottom + 36}" text-anchor="middle">samples (dashed: {law})</text>')
    frame = f'<rect x="{left}" y="{top}" width="{PANEL}" height="{bottom - top}"/>'
    lines.append(f'<clipPath id="{column}">{frame}</clipPath>')
    lines.append(_law(values[values.step == "all"], place, law, column))
    steps = list(values.step.unique())
    ends = _apart({step: place(*_last(values, step))[1] for step in steps})
    for step, color in zip(steps, COLORS, strict=False):
        points = [place(row.samples, row.value) for row in values[values.step == step].itertuples()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        lines.append(
            f'<text x="{left + PANEL + 12}" y="{ends[step] + 4:.1f}"><tspan fill="{color}">●</tspan> {step}</text>'
        )
    return "\n".join(lines)


def _decades(values: pd.Series) -> range:
    """Powers of ten around all values, two at least."""
    low = int(np.floor(np.log10(values.min())))
    return range(low, max(int(np.ceil(np.log10(values.max()))), low + 1) + 1)


def _last(values: pd.DataFrame, step: str) -> tuple[float, float]:
    row = values[values.step == step].iloc[-1]
    return row.samples, row.value


def _law(values: pd.DataFrame, place, law: str, inside: str) -> str:
    """A dashed line from the first point of all steps together, growing as the law says, cut at the panel's edge."""
    first, last = values.iloc[0], values.iloc[-1]
    growth = last.samples / first.samples
    if law == "n log n":
        growth *= np.log(last.samples) / np.log(first.samples)
    ends = [place(first.samples, first.value), place(last.samples, first.value * growth)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
    return f'<polyline class="law" clip-path="url(#{inside})" points="{points}"/>'


def _apart(heights: dict[str, float], least: float = 16.0) -> dict[str, float]:
    """The same heights, moved down until no two labels lie on each other."""
    found, before = {}, -np.inf
    for step, y in sorted(heights.items(), key=lambda one: one[1]):
        before = max(y, before + least)
        found[step] = before
    return found
