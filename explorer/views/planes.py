"""Two numbers of every sample against each other: points while they can be told apart, a grid of counts beyond."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.errors import ShapeError
from explorer.views.charts import plain
from explorer.views.theme import BAR, CATEGORICAL, LIMIT, SELECTED, fading_scale, figure_layout

HEIGHT = 380
POINTS = 1500
"""Up to so many samples are drawn as points; one drawn element a sample would stall a browser beyond."""
CELLS = (44, 20)


@dataclass(frozen=True)
class Corner:
    """One corner of count against label variance: a reading to check by eye, not a verdict."""

    name: str
    """Few words, ending in a question mark when the reading is a guess."""
    reading: str
    """What is seen, then what it may mean."""
    many: bool
    """Whether it is the corner of many neighbors."""
    mixed: bool
    """Whether it is the corner of mixed labels."""


CORNERS = (
    Corner(
        "memorized?",
        "few neighbors, agreeing labels: the network keeps these samples apart although nothing nearby contradicts "
        "them. Often rare kinds; with a high share of the training set here, a sign of overfitting.",
        many=False,
        mixed=False,
    ),
    Corner(
        "contested?",
        "few neighbors, mixed labels: isolated and between classes. Often hard, unusual or wrongly labeled samples.",
        many=False,
        mixed=True,
    ),
    Corner(
        "typical",
        "many neighbors, agreeing labels: what the network treats alike is labeled alike.",
        many=True,
        mixed=False,
    ),
    Corner(
        "underfit?",
        "many neighbors, mixed labels: the network can hardly move one of these answers without moving the others, "
        "although they should differ. A sign of underfitting when many samples stand here.",
        many=True,
        mixed=True,
    ),
)


@dataclass(frozen=True)
class CornerRule:
    """Where the corners begin, in the units of the two columns."""

    few: float
    """At most so many neighbors are few: the lowest tenth of all samples."""
    many: float
    """At least so many neighbors are many: the highest tenth."""
    mixed: float
    """Labels that vary more than this are mixed: half the variance of all labels together."""

    def holds(self, corner: Corner, counts: np.ndarray, variances: np.ndarray) -> np.ndarray:
        """[n] bool, whether each sample stands in the corner; never for a value that is not finite."""
        in_count = counts >= self.many if corner.many else counts <= self.few
        in_variance = variances > self.mixed if corner.mixed else variances <= self.mixed
        return in_count & in_variance


def corner_rule(counts: np.ndarray, overall_variance: float) -> CornerRule:
    """The lowest and highest tenth of the counts, and half of the variance of all labels.

    Args:
        counts: [n] soft counts, in samples.
        overall_variance: label variance of the whole study, in the unit of the column `label_variance`.
    """
    few, many = np.nanquantile(counts, [0.1, 0.9])
    return CornerRule(float(few), float(many), overall_variance / 2)


def plane(
    across: np.ndarray,
    up: np.ndarray,
    titles: tuple[str, str],
    *,
    row: int | None = None,
) -> go.Figure:
    """Samples by two of their numbers, the chosen one marked by a ring.

    Up to POINTS samples are points, whose place in the trace is looked up in `customdata`; more are a grid of
    counts on a logarithmic color, so that a single stray sample stays visible beside thousands.

    Args:
        across: [n] numbers; a sample with a value that is not finite is left out.
        up: [n] numbers.
        titles: of the horizontal and the vertical axis, with units.
        row: the chosen sample.

    Raises:
        ShapeError: the two lists differ in length, or no sample has both numbers.
    """
    across, up = np.asarray(across, dtype=np.float64), np.asarray(up, dtype=np.float64)
    if across.shape != up.shape or across.ndim != 1:
        raise ShapeError(
            f"a plane needs two lists of one length, found {list(across.shape)} and {list(up.shape)}. Pass two columns."
        )
    rows = np.flatnonzero(np.isfinite(across) & np.isfinite(up))
    if not len(rows):
        raise ShapeError(f"a plane needs a sample with both numbers, found none of {len(across)}. Leave it out.")
    drawn = _points(across, up, rows, titles) if len(rows) <= POINTS else _grid(across[rows], up[rows], titles)
    figure = go.Figure(drawn)
    figure.update_layout(figure_layout(HEIGHT, *titles))
    if row is not None and np.isfinite(across[row]) and np.isfinite(up[row]):
        figure.add_trace(_ring(across[row], up[row], row))
    figure.update_layout(meta={"alt": _describe(across, up, titles, rows, row)})
    return figure


def corner_plane(
    counts: np.ndarray,
    variances: np.ndarray,
    titles: tuple[str, str],
    rule: CornerRule,
    *,
    row: int | None = None,
) -> go.Figure:
    """Soft count against label variance, with the four corners named and their borders dotted.

    Args:
        counts: [n] soft counts, in samples.
        variances: [n] label variances of the neighborhoods.
        titles: of the two axes.
        rule: where the corners begin.
        row: the chosen sample.
    """
    figure = plane(counts, variances, titles, row=row)
    low, high = np.nanmin(variances), max(np.nanmax(variances), rule.mixed)
    room = 0.12 * (high - low or 1.0)
    figure.update_yaxes(range=[low - room, high + room])
    for border in (rule.few, rule.many):
        figure.add_vline(border, line={"color": LIMIT, "width": 1.5, "dash": "dot"})
    figure.add_hline(rule.mixed, line={"color": LIMIT, "width": 1.5, "dash": "dot"})
    for corner in CORNERS:
        figure.add_annotation(
            text=plain(corner.name),
            x=1 if corner.many else 0,
            y=1 if corner.mixed else 0,
            xref="paper",
            yref="paper",
            xanchor="right" if corner.many else "left",
            yanchor="top" if corner.mixed else "bottom",
            showarrow=False,
        )
    return figure


def _points(across: np.ndarray, up: np.ndarray, rows: np.ndarray, titles: tuple[str, str]) -> go.Scatter:
    return go.Scatter(
        x=across[rows],
        y=up[rows],
        mode="markers",
        marker={"color": BAR, "size": 5, "opacity": 0.7},
        customdata=rows,
        hovertemplate=f"sample %{{customdata}}<br>{plain(titles[0])}: %{{x:.4g}}<br>{plain(titles[1])}: "
        "%{y:.4g}<extra></extra>",
    )


def _grid(across: np.ndarray, up: np.ndarray, titles: tuple[str, str]) -> go.Heatmap:
    counts, edges, levels = np.histogram2d(across, up, bins=CELLS)
    counts = counts.T
    with np.errstate(divide="ignore"):
        shade = np.where(counts > 0, np.log10(counts), np.nan)
    ticks = [10**power for power in range(int(np.nanmax(shade)) + 1)]
    return go.Heatmap(
        x=(edges[:-1] + edges[1:]) / 2,
        y=(levels[:-1] + levels[1:]) / 2,
        z=shade,
        customdata=counts,
        colorscale=fading_scale(CATEGORICAL[0]),
        hoverongaps=False,
        colorbar={
            "thickness": 8,
            "outlinewidth": 0,
            "tickvals": np.log10(ticks),
            "ticktext": [f"{tick:,}" for tick in ticks],
        },
        hovertemplate=f"about %{{x:.4g}} {plain(titles[0])}<br>about %{{y:.4g}} {plain(titles[1])}<br>"
        "%{customdata} samples<extra></extra>",
    )


def _ring(across: float, up: float, row: int) -> go.Scatter:
    return go.Scatter(
        x=[across],
        y=[up],
        mode="markers",
        marker={"symbol": "circle-open", "color": SELECTED, "size": 16, "line": {"width": 3}},
        customdata=[row],
        hovertemplate=f"sample {row}, chosen<extra></extra>",
    )


def _describe(across: np.ndarray, up: np.ndarray, titles: tuple[str, str], rows: np.ndarray, row: int | None) -> str:
    words = (
        f"{titles[1]} against {titles[0]} for {len(rows)} samples: medians {np.median(up[rows]):.4g} and "
        f"{np.median(across[rows]):.4g}."
    )
    return words if row is None else f"{words} Sample {row} at {up[row]:.4g} and {across[row]:.4g}."
