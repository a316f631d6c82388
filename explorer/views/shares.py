"""What each layer adds to one similarity, as bars: few enough to read, with names that fit beside them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.views.charts import bars

MOST = 20
"""Bars of one figure."""
LONG = 30
"""Letters of a layer's name beside its bar."""


def share_bars(names: Sequence[str], shares: Sequence[float]) -> go.Figure:
    """Horizontal bars with their numbers, the first layer on top.

    Args:
        names: one a layer, its path in the network and its type; long ones are shown by their end.
        shares: one a layer; they add up to the similarity and so do the bars. Beyond MOST layers the smallest by size
            are one bar together, the last.
    """
    shown, values = [_end_of(name) for name in names], np.asarray(shares, dtype=np.float64)
    if len(values) > MOST:
        kept = np.sort(np.argsort(-np.abs(values), kind="stable")[: MOST - 1])
        rest = np.setdiff1d(np.arange(len(values)), kept)
        shown = [*(shown[place] for place in kept), f"{len(rest)} others"]
        values = np.append(values[kept], values[rest].sum())
    # Room for the numbers, which stand beyond the ends of the bars.
    span = (min(0.0, 1.35 * float(values.min())), max(0.01, 1.35 * float(values.max())))
    figure = bars(shown, values.tolist(), "what the layer adds to kᶜ", span=span)
    words = [f"{value:.3f}".replace("-", "−") for value in values]
    return figure.update_traces(text=words, textposition="outside", cliponaxis=False)


def _end_of(name: str) -> str:
    """The last parts of a path, as many as fit."""
    if len(name) <= LONG:
        return name
    end = name[1 - LONG :]
    return "…" + end[end.find(".") + 1 :]
