"""Colors, fonts and the few settings that every figure shares. One palette for both themes: it is legible on either."""

from typing import Any

LIGHT_BACKGROUND = "#ffffff"
DARK_BACKGROUND = "#0e1117"

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif'

# Found by search: the farthest-apart twelve colors, to normal, red-, green- and blue-blind eyes, among those that
# keep a contrast of 3:1 to both backgrounds; ordered so that every first few are the farthest apart as well.
CATEGORICAL = (
    "#2868ef",
    "#ff5808",
    "#875800",
    "#009fc7",
    "#70588f",
    "#ef58af",
    "#8f80ff",
    "#cf2058",
    "#007860",
    "#389f00",
    "#bf8070",
    "#af40bf",
)
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")

# Cividis: its lightness rises evenly, also to color-blind eyes.
SEQUENTIAL = ("#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#d2c060", "#fee838")
DIVERGING = ("#1f5fe0", "#5f8ae6", "#9a9ca3", "#e58a58", "#f05000")

BAR = "#6b7f9e"
SELECTED = CATEGORICAL[1]
LIMIT = CATEGORICAL[8]

LANE = 18
"""Height in pixels of a line of words above a figure."""


def class_color(number: int) -> str:
    """The color of a class, or of any counted thing.

    Twelve colors; class 12 starts again at the first, with the next symbol of `class_symbol`, so color and symbol
    together stay unique for 72 classes. A negative number means no class and is the neutral color of bars.
    """
    return BAR if number < 0 else CATEGORICAL[number % len(CATEGORICAL)]


def class_symbol(number: int) -> str:
    """The marker of a class: one symbol for each dozen classes."""
    return SYMBOLS[max(number, 0) // len(CATEGORICAL) % len(SYMBOLS)]


def color_scale(colors: tuple[str, ...]) -> list[tuple[float, str]]:
    """A plotly color scale of evenly spaced colors."""
    return [(place / (len(colors) - 1), color) for place, color in enumerate(colors)]


def fading_scale(color: str) -> list[tuple[float, str]]:
    """A scale from nearly nothing to one color: it fades into the page on light and dark alike."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return [(0.0, f"rgba({red},{green},{blue},0.16)"), (1.0, f"rgba({red},{green},{blue},1)")]


def figure_config(name: str) -> dict[str, Any]:
    """What a figure lets a visitor do: nothing but save it, with a camera in its corner that comes with the pointer.

    Args:
        name: of the SVG file, without its ending.
    """
    return {
        "displayModeBar": "hover",
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": name},
        "responsive": True,
        "scrollZoom": False,
        "doubleClick": False,
    }


def figure_layout(height: int, horizontal: str, vertical: str, lanes: int = 0) -> dict[str, Any]:
    """The layout that all figures share: transparent, narrow margins, named axes, no zoom.

    Without zoom a finger on a telephone scrolls the page instead of the figure; colors of text and grid are left to
    the page, which knows whether it is light or dark.

    Args:
        height: of the whole figure, in pixels.
        horizontal: title of the axis across, with its unit.
        vertical: title of the axis up, with its unit; empty for none.
        lanes: how many lines of words the figure will write above itself.
    """
    axis = {"fixedrange": True, "automargin": True, "zeroline": False}
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 28 + LANE * lanes, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": BAR, "activecolor": SELECTED},
        "bargap": 0.04,
        "xaxis": {**axis, "title": {"text": horizontal, "standoff": 22}, "showgrid": False},
        "yaxis": axis,
        "annotations": [_level_title(vertical, lanes)] if vertical else [],
    }


def _level_title(text: str, lanes: int) -> dict[str, Any]:
    """The name of the vertical axis, level above it: easier to read than upright, and it leaves a phone its width."""
    place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return {"text": text, **place, "yshift": 4 + LANE * lanes, "showarrow": False}
