"""Histograms and bars from arrays. Every figure carries its own alternative text in `layout.meta["alt"]`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.errors import ShapeError
from explorer.views.theme import BAR, LANE, LIMIT, SELECTED, class_color, figure_layout

HEIGHT = 260
PICTURE_STRIP = 0.26
"""Share of a histogram's height that its example pictures take."""


@dataclass(frozen=True)
class Bins:
    """A histogram at rest: bin b holds the values from edges[b] (included) to edges[b + 1]."""

    edges: np.ndarray
    """[b + 1] float64, rising. The last bin includes its upper edge."""
    counts: np.ndarray
    """[b] int64, how many finite values each bin holds."""

    def place(self, values: np.ndarray) -> np.ndarray:
        """The bin of each value, [n] int64; -1 for a value that is not finite or outside all bins."""
        values = np.asarray(values, dtype=np.float64)
        places = np.searchsorted(self.edges, values, side="right") - 1
        places[values == self.edges[-1]] = len(self.counts) - 1
        return np.where(np.isfinite(values) & (places >= 0) & (places < len(self.counts)), places, -1)


def count_bins(values: np.ndarray, bins: int = 40, span: tuple[float, float] | None = None) -> Bins:
    """Sort values into bins of equal width.

    Args:
        values: [n] numbers; what is not finite belongs to no bin.
        bins: how many bins when the values differ; one when all are equal.
        span: lower and upper end of all bins; the values' own range when None.

    Raises:
        ShapeError: values is not one-dimensional, or none of them is finite.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if values.ndim != 1 or not len(finite):
        raise ShapeError(
            f"a histogram needs one list with a finite value, found shape {list(values.shape)} with {len(finite)} "
            "finite values. Leave the figure out when there is nothing to count."
        )
    low, high = span or (float(finite.min()), float(finite.max()))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):
        half = abs(low) * 0.05 or 0.5
        low, high, bins = low - half, high + half, 1
    edges = np.linspace(low, high, bins + 1)
    result = Bins(edges, np.zeros(bins, dtype=np.int64))
    places = result.place(finite)
    return Bins(edges, np.bincount(places[places >= 0], minlength=bins))


def round_bins(values: np.ndarray, about: int = 12) -> Bins:
    """Bins whose edges are multiples of 1, 2 or 5 times a power of ten, so that a person can say where one begins.

    Args:
        values: [n] numbers, at least one finite.
        about: roughly how many bins; between half and twice as many come out when the values differ.

    Raises:
        ShapeError: as count_bins.
    """
    coarse = count_bins(values, about)
    low, high = coarse.edges[0], coarse.edges[-1]
    if len(coarse.counts) == 1:
        return coarse
    power = 10.0 ** np.floor(np.log10((high - low) / about))
    step = power * min((1, 2, 5, 10), key=lambda times: abs((high - low) / (times * power) - about))
    first, last = np.floor(low / step), np.floor(high / step) + 1
    return count_bins(values, int(last - first), span=(float(first * step), float(last * step)))


def bin_examples(values: np.ndarray, bins: Bins) -> np.ndarray:
    """One typical sample of each bin: the one nearest to the bin's middle, the first of equals.

    Returns:
        [b] int64 row numbers; -1 for an empty bin.
    """
    values = np.asarray(values, dtype=np.float64)
    places = bins.place(values)
    middles = (bins.edges[:-1] + bins.edges[1:]) / 2
    rows = np.flatnonzero(places >= 0)
    nearest_first = rows[np.lexsort((rows, np.abs(values[rows] - middles[places[rows]])))]
    found, first = np.unique(places[nearest_first], return_index=True)
    examples = np.full(len(bins.counts), -1, dtype=np.int64)
    examples[found] = nearest_first[first]
    return examples


def histogram(
    bins: Bins,
    title: str,
    *,
    value: float | None = None,
    value_name: str = "this sample",
    limit: float | None = None,
    limit_name: str = "",
    pictures: Sequence[str | None] = (),
    chosen: int | None = None,
) -> go.Figure:
    """Bars of counts, with the place of one sample and of one limit marked by named lines.

    Args:
        bins: what is counted.
        title: of the horizontal axis, with the unit.
        value: place of the marked sample; None marks nothing, nor does a value that is not finite.
        value_name: the words at that line.
        limit: place of a second, dotted line, such as a threshold or a floor.
        limit_name: the words at that line.
        pictures: one data address of a picture for each bin, shown above its bar; None leaves a place empty.
        chosen: the bin to color as chosen.
    """
    figure = go.Figure(_count_bars(bins, np.arange(len(bins.counts)) == chosen))
    has_limit, has_value = (mark is not None and bool(np.isfinite(mark)) for mark in (limit, value))
    height = HEIGHT + (110 if len(pictures) else 0)
    figure.update_layout(figure_layout(height, title, "samples", lanes=has_limit + has_value))
    figure.update_xaxes(range=_padded(bins, value, limit))
    if len(pictures):
        _add_pictures(figure, bins, pictures)
    if has_limit:
        _mark(figure, limit, limit_name, LIMIT, "dot", lane=0)
    if has_value:
        _mark(figure, value, value_name, SELECTED, "solid", lane=has_limit)
    figure.update_layout(meta={"alt": _describe(bins, title, value, value_name, limit, limit_name)})
    return figure


def similarity_histogram(similarities: np.ndarray, threshold: float, k: int) -> go.Figure:
    """How similar one sample is to all others, with the similarity of its k-th neighbor as a dotted line.

    Args:
        similarities: [n - 1] float32 in [-1, 1], the sample itself left out.
        threshold: similarity of the k-th neighbor; all k stand at or right of it.
        k: how many neighbors the page shows.
    """
    similarities = np.clip(similarities, -1.0, 1.0)  # rounding may leave a hair beyond
    bins = count_bins(similarities, 60, span=(min(0.0, float(np.nanmin(similarities))), 1.0))
    name = "the nearest" if k == 1 else f"the {k} nearest start here"
    figure = histogram(bins, "similarity kᶜ to this sample", limit=threshold, limit_name=name)
    first = bins.place(np.array([min(threshold, 1.0)]))[0]
    figure.data[0].marker.color = [SELECTED if place >= first else BAR for place in range(len(bins.counts))]
    return figure


def factor_histogram(factors: np.ndarray, floor: float, value: float | None) -> go.Figure:
    """Denoising factors of all samples beside 1/√n, the smallest that a factor of positive weights can be.

    Args:
        factors: [n] shares of label noise that remain; not finite where there is none.
        floor: 1/√n of the n samples that were averaged over.
        value: factor of the chosen sample; None marks nothing.
    """
    finite = factors[np.isfinite(factors)]
    high = float(finite.max()) if len(finite) else 1.0
    low = min(floor, float(finite.min())) if len(finite) else floor
    bins = count_bins(factors, 40, span=(low, high))
    return histogram(
        bins, "denoising factor (share of label noise left)", value=value, limit=floor, limit_name=f"floor {floor:.3g}"
    )


def bars(
    names: Sequence[str],
    values: Sequence[float],
    title: str,
    *,
    colors: Sequence[int] = (),
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """Horizontal bars, the first on top.

    Args:
        names: one a bar; shown as plain text, whatever they contain.
        values: one a bar, in the title's unit.
        title: of the horizontal axis, with the unit.
        colors: a class number for each bar, see `class_color`; all neutral when empty.
        span: ends of the axis, widened where a bar goes beyond; the bars' own when None.
    """
    shown = [plain(name) for name in names]
    places = list(range(len(shown)))
    marker = {"color": [class_color(number) for number in colors] if len(colors) else BAR}
    hover = "%{hovertext}: %{x:.4g}<extra></extra>"
    figure = go.Figure(
        go.Bar(x=list(values), y=places, orientation="h", marker=marker, hovertext=shown, hovertemplate=hover)
    )
    figure.update_layout(figure_layout(110 + 26 * max(len(shown), 1), title, ""))
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=shown, showgrid=False)
    if span is not None and len(values):
        figure.update_xaxes(range=[min(span[0], *values), max(span[1], *values) * 1.02])
    pairs = "; ".join(f"{name} {value:.4g}" for name, value in zip(names, values, strict=True))
    figure.update_layout(meta={"alt": f"Bars of {title}: {pairs}."})
    return figure


def plain(text: str) -> str:
    """Text that plotly shows as it is: plotly reads a small part of HTML in names and titles."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _count_bars(bins: Bins, is_chosen: np.ndarray) -> go.Bar:
    ranges = np.stack([bins.edges[:-1], bins.edges[1:]], axis=1)
    return go.Bar(
        x=ranges.mean(axis=1),
        y=bins.counts,
        width=np.diff(bins.edges) * 0.94,
        marker={"color": [SELECTED if one else BAR for one in is_chosen], "line": {"width": 0}},
        customdata=ranges,
        hovertemplate="%{customdata[0]:.4g} to %{customdata[1]:.4g}: %{y} samples<extra></extra>",
    )


def _padded(bins: Bins, *marked: float | None) -> tuple[float, float]:
    ends = [bins.edges[0], bins.edges[-1], *(value for value in marked if value is not None and np.isfinite(value))]
    room = (max(ends) - min(ends)) * 0.015
    return float(min(ends) - room), float(max(ends) + room)


def _mark(figure: go.Figure, value: float, name: str, color: str, dash: str, *, lane: int) -> None:
    # Names stand in lanes above the bars, so that two close marks never write over each other or the bars.
    low, high = figure.layout.xaxis.range
    is_right = value > (low + high) / 2
    figure.add_shape(
        type="line", x0=value, x1=value, y0=0, y1=1, yref="paper", line={"color": color, "width": 2, "dash": dash}
    )
    figure.add_annotation(
        x=value,
        y=1,
        yref="paper",
        text=plain(name),
        showarrow=False,
        xanchor="right" if is_right else "left",
        yanchor="bottom",
        xshift=-4 if is_right else 4,
        yshift=LANE * lane,
    )


def _add_pictures(figure: go.Figure, bins: Bins, pictures: Sequence[str | None]) -> None:
    width = float(np.diff(bins.edges).mean())
    for middle, picture in zip(figure.data[0].x, pictures, strict=True):
        if picture:
            figure.add_layout_image(
                source=picture,
                x=middle,
                y=1.0,
                xref="x",
                yref="paper",
                sizex=width * 0.94,
                sizey=PICTURE_STRIP - 0.02,
                xanchor="center",
                yanchor="top",
                sizing="contain",
            )
    figure.update_yaxes(domain=[0, 1 - PICTURE_STRIP])


def _describe(
    bins: Bins, title: str, value: float | None, value_name: str, limit: float | None, limit_name: str
) -> str:
    most = int(bins.counts.argmax())
    words = (
        f"Histogram of {title}: {int(bins.counts.sum())} samples between {bins.edges[0]:.4g} and {bins.edges[-1]:.4g}, "
        f"most ({int(bins.counts[most])}) between {bins.edges[most]:.4g} and {bins.edges[most + 1]:.4g}."
    )
    if value is not None and np.isfinite(value):
        words += f" {value_name} at {value:.4g}."
    if limit is not None and np.isfinite(limit):
        words += f" {limit_name} at {limit:.4g}."
    return words
