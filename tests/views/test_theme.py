"""Laws of the colors. The contrast formula is that of the WCAG, the color-blind view Machado et al. 2009."""

from itertools import combinations

import numpy as np
import pytest

from explorer.views.theme import (
    BAR,
    CATEGORICAL,
    DARK_BACKGROUND,
    DIVERGING,
    LIGHT_BACKGROUND,
    LIMIT,
    SELECTED,
    SEQUENTIAL,
    class_color,
    class_symbol,
    color_scale,
)

EYES = {
    "normal": np.eye(3),
    "green-blind": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "red-blind": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "blue-blind": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(color: str) -> np.ndarray:
    values = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, white point D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    shares = np.clip(to_xyz @ light / [0.9505, 1.0, 1.089], 1e-9, None)
    x, y, z = np.where(shares > 0.008856, np.cbrt(shares), 7.787 * shares + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("background", [LIGHT_BACKGROUND, DARK_BACKGROUND])
@pytest.mark.parametrize("color", [*CATEGORICAL, BAR, SELECTED, LIMIT])
def test_every_mark_is_visible_on_both_backgrounds(color, background):
    """A mark keeps the contrast of 3:1 that WCAG asks of graphics, in the light and in the dark theme."""
    assert contrast(color, background) >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_any_two_classes_can_be_told_apart(eyes):
    """Two class colors differ several times more than the eye just notices, also to color-blind eyes."""
    just_noticed = 2.3  # CIE 1976, the common figure
    least = 5 * just_noticed if eyes == "normal" else 2 * just_noticed
    seen = [lab(np.clip(np.array(EYES[eyes]) @ linear(color), 0, 1)) for color in CATEGORICAL]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) >= least


def test_color_and_symbol_together_name_a_class():
    """Colors repeat after a dozen classes, pairs of color and symbol only after 72."""
    pairs = {(class_color(number), class_symbol(number)) for number in range(72)}
    assert len(pairs) == 72
    assert class_color(12) == class_color(0)
    assert class_color(-1) == BAR


def test_a_sequential_color_gets_lighter_with_the_value():
    """The order of numbers is the order of lightness, so it survives printing in gray."""
    lightness = [luminance(color) for color in SEQUENTIAL]
    assert lightness == sorted(lightness)


def test_a_diverging_scale_is_palest_in_its_middle():
    """The middle means neither way: it has the least color."""
    colorfulness = [np.linalg.norm(lab(linear(color))[1:]) for color in DIVERGING]
    assert int(np.argmin(colorfulness)) == len(DIVERGING) // 2


def test_a_color_scale_spans_zero_to_one_evenly():
    """Plotly reads places from 0 to 1; equal steps in value are equal steps along the colors."""
    places, colors = zip(*color_scale(SEQUENTIAL), strict=True)
    assert list(colors) == list(SEQUENTIAL)
    np.testing.assert_allclose(places, np.linspace(0, 1, len(SEQUENTIAL)), atol=1e-12)
