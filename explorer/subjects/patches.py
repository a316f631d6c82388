"""Patches of two real photographs, each with a map of the same place drawn over it, displaced by any amount.

The map is what a map-maker would keep of a photograph: regions of like color in arbitrary shades, and the lines between
them. Coordinates are (across, down) in pixels; a displacement of (1, 0) moves the map one pixel to the right.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_sample_images

SIDE = 32
"""Pixels a side of a patch."""
REACH = 12
"""Pixels by which a map may be displaced: the photograph is known that far around every patch."""
CORE = 16
"""Pixels a side of the middle of a patch, in which there must be something to align."""
STEP = 3
"""Pixels; a patch is used only when its middle looks different after a step of these in any of eight directions."""
LEAST_MAP_CHANGE = 0.3
"""Share of the middle's pixels that must then lie in another kind of region. A straight line has none along itself."""
LEAST_PHOTOGRAPH_CHANGE = 40.0
"""Mean change of the middle's brightness (0 to 765) that there must then be."""
HELD_OUT_COLUMNS = (320, 460)
"""The upright band of each photograph that only held-out patches, with all their surroundings, lie in."""
SHADES = (3, 6, 1, 5, 0, 7, 2, 4, 9, 11, 8, 10)
"""Order of the regions' shades, arbitrary on purpose: a map is no grey copy of the photograph."""


@cache
def photographs() -> tuple[np.ndarray, ...]:
    """The two sample images of scikit-learn, a pagoda and a flower: uint8 [427, 640, 3] each."""
    return tuple(load_sample_images().images)


@cache
def maps() -> tuple[np.ndarray, ...]:
    """The map of each photograph, float32 [2, h, w]: lines (0 or 1) and shades of regions (0 to 1)."""
    return tuple(draw_map(photograph) for photograph in photographs())


def regions(photograph: np.ndarray) -> np.ndarray:
    """Sort the pixels of a photograph into twelve kinds by smoothed brightness, local contrast and warmth.

    Args:
        photograph: uint8 [h, w, 3].

    Returns:
        int64 [h, w] from 0 to 11.
    """
    smooth = _smoothed(photograph)
    brightness, warmth = smooth.sum(2), smooth[..., 0] - smooth[..., 2]
    contrast = brightness - ndimage.uniform_filter(brightness, 41)
    kinds = [
        np.searchsorted(np.quantile(contrast, [1 / 3, 2 / 3]), contrast),
        brightness > np.median(brightness),
        warmth > np.median(warmth),
    ]
    return ndimage.median_filter(kinds[0] * 4 + kinds[1] * 2 + kinds[2], 5)


def draw_map(photograph: np.ndarray) -> np.ndarray:
    """The map of one photograph: a line where a region ends, and one shade a kind of region.

    Args:
        photograph: uint8 [h, w, 3].

    Returns:
        float32 [2, h, w]: lines (0 or 1), shades (0 to 1).
    """
    kinds = regions(photograph)
    is_line = _changes(kinds, 0) | _changes(kinds, 1)
    return np.stack([is_line, np.array(SHADES)[kinds] / (len(SHADES) - 1)]).astype(np.float32)


def choose_places(count: int, *, held_out: bool, generator: np.random.Generator) -> np.ndarray:
    """Places of patches with something to align in their middle, all different.

    Args:
        count: how many.
        held_out: whether in the band of held-out patches or outside it; the surroundings that a displaced map can
            show lie on the same side as the patch, so the two kinds share no pixel.
        generator: chooses among all such places.

    Returns:
        int64 [count, 3]: photograph, row and column of the upper left corner.
    """
    found = [np.argwhere(_is_place(photograph, held_out)) for photograph in photographs()]
    places = np.concatenate([np.insert(corners, 0, number, axis=1) for number, corners in enumerate(found)])
    return generator.choice(places, size=count, replace=False)


def photograph_patches(places: np.ndarray) -> np.ndarray:
    """The photographs at these places: float32 [m, 3, 32, 32] in [0, 1]."""
    found = [photographs()[number][row : row + SIDE, column : column + SIDE] for number, row, column in places]
    return np.stack(found).transpose(0, 3, 1, 2).astype(np.float32) / 255


def map_patches(places: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """The maps at these places after each was moved by its displacement: what was beyond the border moves in.

    Between whole pixels the map is interpolated linearly.

    Args:
        places: int64 [m, 3], see choose_places.
        displacements: [m, 2] pixels across and down, at most 12 either way; what is more is cut off at that.

    Returns:
        float32 [m, 2, 32, 32], lines and shades.
    """
    moved = np.clip(displacements, -REACH, REACH)
    whole = np.floor(moved).astype(np.int64)
    across, down = (moved - whole).T.astype(np.float32)[:, :, None, None, None]  # [m, 1, 1, 1] each
    corners = [_cut(places, whole + step) for step in ((0, 0), (1, 0), (0, 1), (1, 1))]
    upper = (1 - across) * corners[0] + across * corners[1]
    return (1 - down) * upper + down * ((1 - across) * corners[2] + across * corners[3])


def outlined(patch: np.ndarray, factor: int = 3) -> np.ndarray:
    """A picture of a patch: the photograph, enlarged, with the lines of the displaced map drawn over it.

    Args:
        patch: [5, 32, 32], see the channels of registration: red, green, blue, lines, shades.
        factor: how many times as large.

    Returns:
        uint8 [96, 96, 3] for a factor of 3.
    """
    colors = np.repeat(np.repeat(patch[:3].transpose(1, 2, 0), factor, axis=0), factor, axis=1)  # [h, w, 3]
    lines = ndimage.zoom(patch[3].astype(np.float64), factor, order=1, grid_mode=True, mode="nearest")
    strength = np.clip(1.6 * lines - 0.5, 0, 1)[..., None]
    return np.round(255 * np.clip((1 - strength) * colors + strength * np.array([1.0, 0.0, 0.45]), 0, 1)).astype(
        np.uint8
    )


def _cut(places: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """[m, 2, 32, 32] of the maps moved by whole pixels."""
    found = []
    for (number, row, column), (across, down) in zip(places, moved, strict=True):
        top, left = row - down, column - across
        found.append(maps()[number][:, top : top + SIDE, left : left + SIDE])
    return np.stack(found)


def _is_place(photograph: np.ndarray, held_out: bool) -> np.ndarray:
    """[h, w] bool, whether a patch may have its upper left corner here."""
    kinds, brightness = regions(photograph), _smoothed(photograph).sum(2)
    is_clear = _least_change(kinds, np.not_equal) >= LEAST_MAP_CHANGE
    is_clear &= _least_change(brightness, lambda one, other: np.abs(one - other)) >= LEAST_PHOTOGRAPH_CHANGE
    height, width = kinds.shape
    allowed = np.zeros(kinds.shape, dtype=bool)
    # One pixel more than the reach, since interpolation reads the next one too.
    room, first, last = REACH + 1, *HELD_OUT_COLUMNS
    spans = [(first, last)] if held_out else [(0, first), (last, width)]
    for begin, end in spans:
        allowed[room : height - SIDE - room + 1, begin + room : end - SIDE - room + 1] = True
    # A patch is named by its corner and judged by its middle.
    return allowed & np.roll(is_clear, (-SIDE // 2, -SIDE // 2), axis=(0, 1))


def _least_change(values: np.ndarray, difference: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """[h, w] mean difference around each pixel after a step, in the direction in which that is least."""
    steps = [(down, across) for down in (-STEP, 0, STEP) for across in (-STEP, 0, STEP) if down or across]
    moved = (difference(values, np.roll(values, step, axis=(0, 1))).astype(np.float64) for step in steps)
    return np.minimum.reduce([ndimage.uniform_filter(one, CORE) for one in moved])


def _smoothed(photograph: np.ndarray) -> np.ndarray:
    """[h, w, 3] float64, each channel averaged over three by three pixels."""
    return ndimage.uniform_filter(photograph.astype(np.float64), (3, 3, 1))


def _changes(kinds: np.ndarray, axis: int) -> np.ndarray:
    """[h, w] bool, whether a pixel's region differs from that of the pixel before it along an axis."""
    return np.diff(kinds, axis=axis, prepend=np.take(kinds, [0], axis=axis)) != 0
