"""Rounds of training over each other: cumulative curves, histograms as outlines, two similarities, rows of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from explorer.errors import ShapeError
from explorer.views.charts import HEIGHT, plain
from explorer.views.curves import Curve, band
from explorer.views.theme import BAR, CATEGORICAL, FONT, LIMIT, SELECTED, figure_layout

ROUND_COLORS = (BAR, CATEGORICAL[0], CATEGORICAL[4], SELECTED)
"""Before training, and rounds 1, 2 and 3."""
DASHES = ("dot", "dash", "longdash", "solid")
"""The same, so that rounds are told apart without color."""
LEGEND = {"orientation": "h", "x": 0, "y": 1.04, "yanchor": "bottom", "title": {"text": ""}}


@dataclass(frozen=True)
class Picture:
    """One picture of a row."""

    address: str
    """A data address, see gallery.picture_address."""
    words: str
    """What stands below it."""


def cumulative_curves(
    curves: Sequence[Curve], title: str, *, limit: float | None = None, limit_name: str = ""
) -> go.Figure:
    """How large a share of all samples is at most so far off, for each of several stages: higher and further left is
    better.

    Args:
        curves: across is the distance and up the share of samples, from 0 to 1; low and high, where given, are the
            borders of the band.
        title: of the horizontal axis, with its unit.
        limit: a distance to mark.
        limit_name: the words at that mark.

    Raises:
        ShapeError: there is no curve.
    """
    if not curves:
        raise ShapeError("cumulative curves need at least one curve, found none. Leave the figure out.")
    figure = go.Figure([band(one) for one in curves if one.low is not None])
    figure.add_traces([_line(one, title) for one in curves])
    figure.update_layout(figure_layout(HEIGHT + 130, title, "", lanes=0))
    figure.update_layout(showlegend=True, legend=LEGEND, margin={"t": 80})
    figure.update_yaxes(range=[0, 1.01], tickformat=".0%", title={"text": "share of patches"})
    if limit is not None:
        figure.add_vline(limit, line={"color": LIMIT, "dash": "dot", "width": 2})
        place = {"x": limit, "y": 0.04, "yref": "paper", "xanchor": "left", "xshift": 4}
        figure.add_annotation(text=plain(limit_name), showarrow=False, **place)
    told = "; ".join(f"{one.name}: half within {_median(one):.2g}" for one in curves)
    return figure.update_layout(meta={"alt": f"Share of patches within a distance, by {title}. {told}."})


def outlined_histograms(edges: np.ndarray, counts: dict[str, np.ndarray], title: str) -> go.Figure:
    """Several histograms over the same bins, each an outline of its own dash and color.

    Args:
        edges: [b + 1] rising.
        counts: name to [b] counts, in the order of rounds from 1.
        title: of the horizontal axis, with its unit.
    """
    figure = go.Figure()
    for place, (name, own) in enumerate(counts.items(), 1):
        figure.add_trace(
            go.Scatter(
                x=edges,
                y=np.append(own, own[-1]),
                name=plain(name),
                mode="lines",
                line={"shape": "hv", "color": ROUND_COLORS[place % 4], "dash": DASHES[place % 4], "width": 2},
                hovertemplate=f"{plain(name)}<br>from %{{x:.3g}}: %{{y}} samples<extra></extra>",
            )
        )
    figure.update_layout(figure_layout(HEIGHT + 40, title, "", lanes=0))
    figure.update_layout(showlegend=True, legend=LEGEND, margin={"t": 64})
    figure.update_yaxes(title={"text": "samples"})
    middles = (edges[:-1] + edges[1:]) / 2
    told = "; ".join(f"{name} mostly near {middles[own.argmax()]:.2g}" for name, own in counts.items())
    return figure.update_layout(meta={"alt": f"Histograms of {title}: {told}."})


def against_diagonal(across: np.ndarray, up: np.ndarray, titles: tuple[str, str]) -> go.Figure:
    """Points of two similarities, with the line on which they are equal.

    Args:
        across: [n] similarities in [-1, 1].
        up: [n] similarities in [-1, 1].
        titles: of the horizontal and the vertical axis.
    """
    low = float(min(across.min(), up.min(), 0.0))
    figure = go.Figure(
        [
            go.Scatter(x=[low, 1], y=[low, 1], mode="lines", line={"color": LIMIT, "dash": "dot"}, hoverinfo="skip"),
            go.Scatter(
                x=across,
                y=up,
                mode="markers",
                marker={"size": 4, "color": BAR, "opacity": 0.6},
                hovertemplate=f"{plain(titles[0])} %{{x:.3f}}<br>{plain(titles[1])} %{{y:.3f}}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(figure_layout(HEIGHT + 80, *titles))
    gap = float(np.median(np.abs(up - across)))
    alt = f"{titles[1]} against {titles[0]} for {len(across)} pairs; they differ by {gap:.2g} in the median."
    return figure.update_layout(meta={"alt": alt})


def picture_rows(rows: Sequence[tuple[str, Sequence[Picture]]], size: int = 88) -> str:
    """Rows of pictures under headings, as HTML without scripts; every text is escaped.

    Args:
        rows: heading (empty for none) and pictures of each.
        size: pixels a side of a picture.
    """
    return f'<div style="font-family:{escape(FONT)};font-size:13px">{"".join(_row(*row, size) for row in rows)}</div>'


def _row(heading: str, pictures: Sequence[Picture], size: int) -> str:
    above = f'<div style="margin:6px 0 2px;font-weight:600">{escape(heading)}</div>' if heading else ""
    inside = "".join(
        f'<figure style="margin:0;width:{size}px"><img src="{escape(one.address)}" alt="{escape(one.words)}" '
        f'style="width:{size}px;height:{size}px;image-rendering:pixelated;border-radius:4px;display:block">'
        f"<figcaption>{escape(one.words)}</figcaption></figure>"
        for one in pictures
    )
    return f'{above}<div style="display:flex;flex-wrap:wrap;gap:8px">{inside}</div>'


def _line(curve: Curve, title: str) -> go.Scatter:
    return go.Scatter(
        x=curve.across,
        y=curve.up,
        name=plain(curve.name),
        mode="lines",
        line={"color": curve.color, "dash": curve.dash, "width": 2.2},
        hovertemplate=f"{plain(curve.name)}<br>%{{y:.0%}} within %{{x:.1f}} ({plain(title)})<extra></extra>",
    )


def _median(curve: Curve) -> float:
    """Distance at which the curve reaches one half; the last one if it never does."""
    reached = np.flatnonzero(curve.up >= 0.5)
    return float(curve.across[reached[0] if len(reached) else -1])
