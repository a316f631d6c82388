"""Two measurements of the same samples over each other: histograms, one column against the other, shared neighbors."""

import numpy as np
import plotly.graph_objects as go

from explorer.errors import ShapeError
from explorer.views.charts import HEIGHT, count_bins, plain
from explorer.views.planes import plane
from explorer.views.theme import BAR, CATEGORICAL, LIMIT, SELECTED, figure_layout

ONE, OTHER = CATEGORICAL[0], CATEGORICAL[5]
"""Filled bars of the one, the outline of the other: told apart by form as well as by color."""
BINS = 40
TAILS = (0.002, 0.998)
"""A few extreme values must not squeeze all bars into one: they are counted at the ends."""


def overlaid_histograms(
    values: tuple[np.ndarray, np.ndarray], names: tuple[str, str], title: str, *, row: int | None = None
) -> go.Figure:
    """How one quantity is distributed in two studies, over the same bins.

    Values beyond the middle 99.6 % of both together are counted in the first and the last bin.

    Args:
        values: [n] and [n'] numbers; what is not finite is left out.
        names: of the two studies.
        title: of the horizontal axis, with the unit.
        row: a sample whose two places are marked below the bars.

    Raises:
        ShapeError: one of the two has no finite value.
    """
    one, other = (np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64) for numbers in values)
    if not np.isfinite(one).any() or not np.isfinite(other).any():
        raise ShapeError(
            f"two histograms need a finite value each, found {np.isfinite(one).sum()} and {np.isfinite(other).sum()}. "
            "Choose a column that both studies have measured."
        )
    together = np.concatenate([one, other])
    low, high = np.quantile(together[np.isfinite(together)], TAILS)
    edges = count_bins(together, BINS, span=(float(low), float(high))).edges
    counts = [
        count_bins(np.clip(one, edges[0], edges[-1]), len(edges) - 1, _span(edges)).counts for one in (one, other)
    ]
    figure = go.Figure([_filled(edges, counts[0], names[0]), _outline(edges, counts[1], names[1])])
    if row is not None:
        for numbers, name, symbol in ((one, names[0], "triangle-up"), (other, names[1], "triangle-up-open")):
            if np.isfinite(numbers[row]):
                figure.add_trace(_place(np.clip(numbers[row], edges[0], edges[-1]), f"sample {row}, {name}", symbol))
    figure.update_layout(figure_layout(HEIGHT + 60, title, "samples", lanes=0))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    figure.update_layout(margin={"t": 70}, barmode="overlay", bargap=0)
    figure.layout.annotations = ()
    figure.update_yaxes(title={"text": "samples"})
    medians = [float(np.nanmedian(numbers)) for numbers in (one, other)]
    words = f"Two histograms of {title}: median {medians[0]:.4g} in {names[0]}, {medians[1]:.4g} in {names[1]}."
    if row is not None:
        words += f" Sample {row} at {one[row]:.4g} and {other[row]:.4g}."
    return figure.update_layout(meta={"alt": words})


def against(
    values: tuple[np.ndarray, np.ndarray], names: tuple[str, str], title: str, *, row: int | None = None
) -> go.Figure:
    """One quantity of every sample in two studies, the first across, the second up, with the line of no change.

    Args:
        values: [n] and [n] numbers, row i the same sample.
        names: of the two studies.
        title: of the quantity, with its unit.
        row: the chosen sample.

    Raises:
        ShapeError: as planes.plane.
    """
    one, other = (np.asarray(numbers, dtype=np.float64) for numbers in values)
    figure = plane(one, other, (f"{title}, {names[0]}", f"{title}, {names[1]}"), row=row)
    both = np.isfinite(one) & np.isfinite(other)
    low, high = max(one[both].min(), other[both].min()), min(one[both].max(), other[both].max())
    if low < high:
        line = {"color": LIMIT, "width": 1.5, "dash": "dot"}
        figure.add_shape(type="line", x0=low, y0=low, x1=high, y1=high, line=line)
    return figure


def shared_bars(shared: np.ndarray, k: int, *, value: float | None = None) -> go.Figure:
    """How many samples keep how many of their k nearest neighbors, one bar for each number from 0 to k.

    Args:
        shared: [n] whole numbers from 0 to k; nan is left out.
        k: how many neighbors were compared.
        value: the number of the chosen sample, whose bar is colored.
    """
    counts = np.bincount(shared[np.isfinite(shared)].astype(np.int64), minlength=k + 1)
    places = list(range(k + 1))
    colors = [SELECTED if place == value else BAR for place in places]
    figure = go.Figure(
        go.Bar(
            x=places,
            y=counts,
            marker={"color": colors, "line": {"width": 0}},
            hovertemplate="%{x} in common: %{y} samples<extra></extra>",
        )
    )
    figure.update_layout(figure_layout(HEIGHT, f"neighbors in common, of {k}", "samples"))
    figure.update_xaxes(dtick=1 if k <= 12 else 5)
    told = "; ".join(f"{place} in common: {count} samples" for place, count in zip(places, counts, strict=True))
    return figure.update_layout(meta={"alt": f"Bars of neighbors in common, of {k}: {told}."})


def _span(edges: np.ndarray) -> tuple[float, float]:
    return float(edges[0]), float(edges[-1])


def _filled(edges: np.ndarray, counts: np.ndarray, name: str) -> go.Bar:
    return go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        name=plain(name),
        marker={"color": ONE, "opacity": 0.6, "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], axis=1),
        hovertemplate=f"{plain(name)}<br>%{{customdata[0]:.4g}} to %{{customdata[1]:.4g}}: "
        "%{y} samples<extra></extra>",
    )


def _outline(edges: np.ndarray, counts: np.ndarray, name: str) -> go.Scatter:
    return go.Scatter(
        x=np.repeat(edges, 2),
        y=np.concatenate([[0], np.repeat(counts, 2), [0]]),
        mode="lines",
        name=plain(name),
        line={"color": OTHER, "width": 2.5},
        hovertemplate=f"{plain(name)}<br>near %{{x:.4g}}: %{{y}} samples<extra></extra>",
    )


def _place(value: float, name: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=[value],
        y=[0],
        mode="markers",
        name=plain(name),
        marker={"symbol": symbol, "color": SELECTED, "size": 14, "line": {"width": 2, "color": SELECTED}},
        cliponaxis=False,
        hovertemplate=f"{plain(name)}: %{{x:.4g}}<extra></extra>",
    )
