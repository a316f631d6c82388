"""Laws of slopes over pictures: where they have no slope pictures stay grey, and colors follow signs."""

import numpy as np
import pytest

from explorer.errors import ShapeError
from explorer.views.overlays import (
    LARGEST_SIDE,
    LESS,
    MORE,
    SMALLEST_SIDE,
    overlay_row,
    pixel_slopes,
    slope_overlay,
    slope_scale,
    slopes_in_words,
)

RANDOM = np.random.default_rng(4)


def picture(height=8, width=8):
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def channels(color):
    return np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)])


def test_slopes_of_colors_add_up():
    """Brightening a pixel changes all its channels at once; a picture without channels is itself."""
    gradient = RANDOM.normal(size=(3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(pixel_slopes(gradient), gradient.astype(float).sum(0))
    np.testing.assert_array_equal(pixel_slopes(gradient[0]), gradient[0].astype(float))
    with pytest.raises(ShapeError, match=r"\[channels, h, w\] or \[h, w\], found \[7\]"):
        pixel_slopes(np.zeros(7))


def test_one_in_a_hundred_slopes_is_beyond_the_scale():
    """The scale is the 99th percentile over all pictures together; one lonely slope is its own scale."""
    maps = [RANDOM.normal(size=(20, 20)) for _ in range(2)]
    beyond = np.mean(np.abs(np.stack(maps)) > slope_scale(maps))
    assert beyond == pytest.approx(0.01, abs=0.002)
    lonely = np.zeros((20, 20))
    lonely[3, 4] = -2.0
    assert slope_scale([lonely, np.zeros((20, 20))]) == 2.0
    assert slope_scale([np.zeros((5, 5)), np.full((5, 5), np.nan)]) == 0.0


def test_pixels_without_slope_stay_grey_and_the_others_take_their_color():
    """No slope leaves equal channels in the picture's own order of brightness; a full slope hides most of them."""
    ground = np.arange(64, dtype=np.uint8).reshape(8, 8, 1).repeat(3, axis=2) * 4
    slopes = np.zeros((8, 8))
    slopes[0, 0], slopes[7, 7], slopes[4, 4] = 1.0, -1.0, np.nan
    shown = slope_overlay(ground, slopes, scale=1.0)
    factor = len(shown) // 8
    assert len(shown) >= SMALLEST_SIDE
    single = shown[factor // 2 :: factor, factor // 2 :: factor].astype(int)
    flat = np.ones((8, 8), dtype=bool)
    flat[0, 0] = flat[7, 7] = False
    assert (np.ptp(single[flat], axis=1) == 0).all()
    assert (np.diff(single[flat][:, 0]) > 0).all()
    assert np.abs(single[0, 0] - channels(MORE)).max() < 20
    assert np.abs(single[7, 7] - channels(LESS)).max() < 20


def test_a_slope_beyond_the_scale_looks_like_one_at_it():
    """Strength grows with the slope up to the scale, and no further."""
    ground, slopes = np.zeros((2, 2, 3), dtype=np.uint8), np.array([[0.5, 1.0], [3.0, 0.0]])
    shown = slope_overlay(ground, slopes, scale=1.0).astype(int)
    half = len(shown) // 2
    red = shown[[0, 0, half, half], [0, half, 0, half], 0]
    assert red[3] < red[0] < red[1] == red[2]


def test_without_any_slope_the_picture_is_grey():
    """A scale of zero divides nothing."""
    shown = slope_overlay(picture(), np.zeros((8, 8)), scale=0.0).astype(int)
    assert (np.ptp(shown, axis=2) == 0).all()


@pytest.mark.parametrize(("height", "width"), [(300, 1200), (30, 20), (224, 224)])
def test_a_picture_of_any_size_fits_the_page_in_its_own_shape(height, width):
    """Large slopes are averaged, small ones enlarged; a thumbnail of another size is stretched to them."""
    shown = slope_overlay(picture(24, 24), RANDOM.normal(size=(height, width)), scale=1.0)
    assert SMALLEST_SIDE <= max(shown.shape[:2]) <= LARGEST_SIDE
    assert shown.shape[0] / shown.shape[1] == pytest.approx(height / width, rel=0.01)


def test_pixels_of_an_enlarged_thumbnail_stay_squares():
    """A thumbnail that shows every input value as a square is not smoothed, whatever the page's size is."""
    values = RANDOM.integers(0, 256, (8, 8, 1), dtype=np.uint8).repeat(3, axis=2)
    thumbnail = values.repeat(4, axis=0).repeat(4, axis=1)
    shown = slope_overlay(thumbnail, np.zeros((8, 8)), scale=0.0)
    assert len(np.unique(shown)) == len(np.unique(shown[::35, ::35]))


def test_words_say_where_the_strongest_slopes_lie():
    """For those who cannot see the colors: both signs with the ninth of the picture, or that there is nothing."""
    slopes = np.zeros((9, 9))
    slopes[0, 8], slopes[4, 4] = 2.0, -1.0
    assert slopes_in_words(slopes, 2.0) == "orange strongest in the upper right, blue strongest in the middle"
    assert slopes_in_words(np.zeros((9, 9)), 0.0) == "no pixel stands out"


def test_names_from_outside_stay_text():
    """A label that is named like a tag does not become one, neither as caption nor as description."""
    html = overlay_row([("data:,", "<b>cat</b>", 'a "<i>cat</i>"')], "more", "less")
    assert "<b>" not in html and "<i>" not in html
    assert "&lt;b&gt;cat&lt;/b&gt;" in html and 'alt="a &quot;&lt;i&gt;' in html
    assert html.count("<img") == 1 and "orange: more" in html and "blue: less" in html
