"""Lines with names at their ends and bands for their spread, and the power that a line on logarithmic axes shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.errors import ShapeError
from explorer.views.charts import plain
from explorer.views.theme import BAR, LIMIT, SELECTED, figure_layout

HEIGHT = 440
NAME_HEIGHT = 17
"""Pixels between the names of two lines that end close together."""
AROUND_HEIGHT = 430
FINE = 0.08
"""Shares that differ by no more than this are written with a decimal of a percent."""
TICKS = (1, 2, 5)
"""Numbers written on a logarithmic axis, times each power of ten."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A line, and how far what it summarizes was spread."""

    name: str
    """Written at its right end, in its color."""
    across: np.ndarray
    """[k] numbers, rising."""
    up: np.ndarray
    """[k] numbers; on a logarithmic axis positive, like across."""
    low: np.ndarray | None = None
    """[k] lower border of the band; None draws no band."""
    high: np.ndarray | None = None
    """[k] upper border of the band."""
    color: str = BAR
    dash: str = "solid"


def log_slope(across: Sequence[float] | np.ndarray, up: Sequence[float] | np.ndarray) -> float:
    """Slope of the least-squares line through the logarithms of both: the power p of up ∝ across^p.

    Args:
        across: [k] positive numbers, at least two different ones.
        up: [k] positive numbers.

    Raises:
        ShapeError: the lists differ in length, a number is not positive, or all of across is one number.

    >>> round(log_slope([1, 2, 4], [8, 4, 2]), 12)
    -1.0
    """
    across, up = np.asarray(across, dtype=np.float64), np.asarray(up, dtype=np.float64)
    is_line = across.shape == up.shape and across.ndim == 1 and len(np.unique(across)) > 1
    if not is_line or not ((across > 0) & (up > 0)).all():
        raise ShapeError(
            "a slope of logarithms needs two lists of positive numbers, the first not all equal, found "
            f"{across.tolist()} and {up.tolist()}. Leave out what is zero or negative."
        )
    logs = np.log(across)
    centered = logs - logs.mean()
    return float(centered @ np.log(up) / (centered @ centered))


def log_curves(curves: Sequence[Curve], titles: tuple[str, str]) -> go.Figure:
    """Lines on two logarithmic axes, where a power law is straight and its slope is the power.

    Args:
        curves: at least one; drawn in this order, bands below all lines.
        titles: of the horizontal and the vertical axis, with units.

    Raises:
        ShapeError: there is no curve, or a number is not positive.
    """
    numbers = [values for curve in curves for values in (curve.across, curve.up, curve.low, curve.high)]
    if not curves or any((np.asarray(values) <= 0).any() for values in numbers if values is not None):
        raise ShapeError(
            f"logarithmic axes need curves of positive numbers, found {len(curves)} curves. Leave out what is zero."
        )
    figure = go.Figure([band(curve) for curve in curves if curve.low is not None])
    figure.add_traces([_line(curve, titles) for curve in curves])
    figure.update_layout(figure_layout(HEIGHT, *titles))
    across = np.unique(np.concatenate([curve.across for curve in curves]))
    ends = np.log10([across[0], across[-1]]) + np.array([-0.03, 0.01]) * np.log10(across[-1] / across[0])
    figure.update_xaxes(type="log", range=ends, tickvals=across, ticktext=[f"{value:g}" for value in across])
    low = min(float(np.min(curve.up if curve.low is None else curve.low)) for curve in curves)
    high = max(float(np.max(curve.up if curve.high is None else curve.high)) for curve in curves)
    room = 0.04 * np.log10(high / low) + 0.02
    borders = (np.log10(low) - room, np.log10(high) + room)
    ticks = [times * 10.0**power for power in range(int(borders[0]) - 1, int(borders[1]) + 1) for times in TICKS]
    figure.update_yaxes(type="log", range=borders, tickvals=ticks, ticktext=[f"{tick:,g}" for tick in ticks])
    _name_ends(figure, curves, borders, np.log10)
    told = "; ".join(f"{curve.name} from {curve.up[0]:.4g} to {curve.up[-1]:.4g}" for curve in curves)
    alt = f"{titles[1]} against {titles[0]}, from {across[0]:g} to {across[-1]:g}, both logarithmic: {told}."
    return figure.update_layout(meta={"alt": alt})


def arm_curves(curves: Sequence[Curve], titles: tuple[str, str], *, percent: bool = False, zero: str = "") -> go.Figure:
    """Lines of several arms over the same steps on plain axes, each with its band and its name at its end.

    Args:
        curves: at least one; drawn in this order, bands below all lines. Any finite numbers.
        titles: of the horizontal and the vertical axis, with units.
        percent: whether up is a share, to be written as a percentage.

    Raises:
        ShapeError: there is no curve, or a number is not finite.
    """
    numbers = [values for curve in curves for values in (curve.across, curve.up, curve.low, curve.high)]
    numbers = [np.asarray(values, dtype=np.float64) for values in numbers if values is not None]
    if not curves or not all(np.isfinite(values).all() for values in numbers):
        raise ShapeError(
            f"curves of arms need finite numbers, found {len(curves)} curves. Leave out what is not known."
        )
    figure = go.Figure([band(curve) for curve in curves if curve.low is not None])
    form = "%{y:.1%}" if percent else "%{y:.4g}"
    figure.add_traces([_line(curve, titles, form) for curve in curves])
    figure.update_layout(figure_layout(HEIGHT, *titles))
    across = np.concatenate([curve.across for curve in curves])
    wide = float(across.max() - across.min()) or 1.0
    figure.update_xaxes(range=[float(across.min()) - 0.02 * wide, float(across.max()) + 0.015 * wide])
    low = min(float(np.min(curve.up if curve.low is None else curve.low)) for curve in curves)
    high = max(float(np.max(curve.up if curve.high is None else curve.high)) for curve in curves)
    room = 0.04 * (high - low) + 1e-9
    borders = (low - room, high + room)
    ticks = (".0%" if high - low > FINE else ".1%") if percent else None
    figure.update_yaxes(range=borders, tickformat=ticks)
    _name_ends(figure, curves, borders, float)
    written = (lambda value: f"{100 * value:.1f} %") if percent else (lambda value: f"{value:.4g}")
    told = "; ".join(f"{curve.name} from {written(curve.up[0])} to {written(curve.up[-1])}" for curve in curves)
    alt = f"{titles[1]} against {titles[0]}, from {across.min():g} to {across.max():g}: {told}."
    return figure.update_layout(meta={"alt": alt})


def stacked_curves(across: np.ndarray, rows: Sequence[tuple[str, np.ndarray]], title: str) -> go.Figure:
    """Several quantities of the same places, one above the other over one axis, so that the eye can go up and down.

    Args:
        across: [n] numbers, rising.
        rows: title with unit, and [n] numbers, for each; the first on top.
        title: of the common axis, with its unit.
    """
    height, gap = 1 / len(rows), 0.16
    figure = go.Figure()
    layout = figure_layout(AROUND_HEIGHT, title, "")
    for place, (name, values) in enumerate(rows):
        top = 1 - place * height - (gap / 2 if place else 0)
        axis = "" if place == 0 else str(place + 1)
        layout[f"yaxis{axis}"] = {**layout["yaxis"], "domain": [top - height + gap / 2, top], "nticks": 5}
        figure.add_trace(
            go.Scatter(
                x=across,
                y=values,
                yaxis=f"y{axis}",
                mode="lines",
                line={"color": (SELECTED, BAR, LIMIT)[place % 3], "width": 2},
                hovertemplate=f"{plain(title)} %{{x:.3f}}<br>{plain(name)}: %{{y:.4g}}<extra></extra>",
            )
        )
        above = {"x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        layout["annotations"].append({"text": plain(name), **above, "yshift": 4, "showarrow": False})
    figure.update_layout(layout)
    figure.update_xaxes(anchor=f"y{len(rows)}" if len(rows) > 1 else "y")
    told = "; ".join(f"{name} between {np.min(values):.4g} and {np.max(values):.4g}" for name, values in rows)
    return figure.update_layout(meta={"alt": f"Over {title}: {told}."})


def band(curve: Curve) -> go.Scatter:
    """The area between a curve's lowest and highest values, in its color; nothing to hover, no entry in a legend."""
    red, green, blue = (int(curve.color[place : place + 2], 16) for place in (1, 3, 5))
    return go.Scatter(
        x=np.concatenate([curve.across, curve.across[::-1]]),
        y=np.concatenate([curve.high, curve.low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.18)",
        hoverinfo="skip",
        showlegend=False,
    )


def _line(curve: Curve, titles: tuple[str, str], form: str = "%{y:.4g}") -> go.Scatter:
    hover = f"{plain(curve.name)}<br>{plain(titles[0])} %{{x:g}}<br>{plain(titles[1])}: {form}<extra></extra>"
    return go.Scatter(
        x=curve.across,
        y=curve.up,
        mode="lines" if curve.dash != "solid" else "lines+markers",
        line={"color": curve.color, "width": 2.5 if curve.color == SELECTED else 1.8, "dash": curve.dash},
        marker={"size": 6},
        hovertemplate=hover,
    )


def _name_ends(
    figure: go.Figure, curves: Sequence[Curve], borders: tuple[float, float], scale: Callable[[float], float]
) -> None:
    """Names beside the ends of the lines, moved apart where they would write over each other."""
    drawn = HEIGHT - 90
    order = sorted(curves, key=lambda curve: -curve.up[-1])
    wanted = [drawn * (scale(curve.up[-1]) - borders[0]) / (borders[1] - borders[0]) for curve in order]
    for curve, place, at in zip(order, _moved_apart(wanted, drawn), wanted, strict=True):
        figure.add_annotation(
            x=1,
            xref="paper",
            y=scale(curve.up[-1]),
            yshift=place - at,
            xanchor="left",
            xshift=2,
            # The name itself has the color of text: that of a line may be too pale to read.
            text=f'<span style="color:{curve.color}">●</span> {plain(curve.name)}',
            showarrow=False,
        )
    figure.update_layout(margin={"r": 34 + 7 * max(len(curve.name) for curve in curves)})


def _moved_apart(places: list[float], most: float) -> list[float]:
    """Falling places at least NAME_HEIGHT apart and at most so high: what is too close is spread around its middle."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _ends(groups[-2])[1] - _ends(groups[-1])[0] < NAME_HEIGHT:
            groups[-2:] = [groups[-2] + groups[-1]]
    moved = [_ends(group)[0] - NAME_HEIGHT * number for group in groups for number in range(len(group))]
    return [min(place, most - NAME_HEIGHT * number) for number, place in enumerate(moved)]


def _ends(group: list[float]) -> tuple[float, float]:
    """Highest and lowest place of a group's names once they are spread."""
    half = NAME_HEIGHT * (len(group) - 1) / 2
    middle = sum(group) / len(group)
    return middle + half, middle - half
