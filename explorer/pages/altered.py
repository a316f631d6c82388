"""A sample's input changed step by step, to see what a network makes of it. No streamlit, no network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Step = tuple[str, np.ndarray]
"""What was done, in words, and the changed input."""


@dataclass(frozen=True)
class Way:
    """One way to change an input, with the amounts that are shown side by side."""

    title: str
    help: str
    amounts: tuple[float, ...]
    words: str
    """Names one amount, such as `noise {:g}`."""
    change: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]
    """(own, other, deviation, amount) -> the changed input; amount 0 changes nothing."""
    needs_other: bool = False

    def steps(self, own: np.ndarray, other: np.ndarray, deviation: np.ndarray) -> list[Step]:
        """The input unchanged and by each amount.

        Args:
            own: one input.
            other: another sample's, used where the way needs it.
            deviation: standard deviation of the data, one number or one a value of the input.
        """
        changed = [(self.words.format(amount), self.change(own, other, deviation, amount)) for amount in self.amounts]
        return [("unchanged", own), *((words, inputs.astype(own.dtype)) for words, inputs in changed)]


def ways_for(kind: str, shape: Sequence[int], is_whole: bool) -> dict[str, Way]:
    """The ways that suit inputs, by title, the best to begin with first.

    Args:
        kind: how the samples are drawn.
        shape: of one input.
        is_whole: whether inputs are whole numbers, such as tokens, of which no halves can be taken.
    """
    if is_whole:
        found = [SWAP]
    elif kind == "image" and len(shape) in (2, 3):
        found = [ROTATION, NOISE, BLEND, NEGATIVE]
    else:
        found = [NOISE, BLEND]
    return {one.title: one for one in found}


def _noisy(own: np.ndarray, other: np.ndarray, deviation: np.ndarray, amount: float) -> np.ndarray:
    # The same noise in every step, only stronger: what changes from step to step is the amount.
    return own + amount * deviation * np.random.default_rng(0).standard_normal(own.shape)


def _rotated(own: np.ndarray, other: np.ndarray, deviation: np.ndarray, amount: float) -> np.ndarray:
    from scipy.ndimage import rotate

    edge = np.concatenate([own[..., 0, :], own[..., -1, :], own[..., :, 0], own[..., :, -1]], axis=-1)
    filler = np.median(edge, axis=-1)[..., None, None]
    turned = rotate(own - filler, amount, axes=(-1, -2), reshape=False, order=1, mode="constant", cval=0.0)
    return turned + filler


def _blended(own: np.ndarray, other: np.ndarray, deviation: np.ndarray, amount: float) -> np.ndarray:
    return (1 - amount) * own + amount * other


def _negative(own: np.ndarray, other: np.ndarray, deviation: np.ndarray, amount: float) -> np.ndarray:
    return (1 - amount) * own + amount * (own.max() + own.min() - own)


def _swapped(own: np.ndarray, other: np.ndarray, deviation: np.ndarray, amount: float) -> np.ndarray:
    flat = own.reshape(-1).copy()
    places = np.random.default_rng(0).permutation(flat.size)[: round(amount * flat.size)]
    flat[places] = other.reshape(-1)[places]
    return flat.reshape(own.shape)


ROTATION = Way(
    "Turned", "The picture turned, with the value of its edge in the corners.", (15, 45, 90, 180), "by {:g}°", _rotated
)
NOISE = Way(
    "Noise",
    "Random numbers added to every value; 1 means as much as the data vary.",
    (0.1, 0.3, 1, 3),
    "noise {:g}",
    _noisy,
)
BLEND = Way(
    "Toward another sample",
    "A mixture of the two inputs; the last step is the other sample itself.",
    (0.25, 0.5, 0.75, 1),
    "{:.0%} of the way",
    _blended,
    needs_other=True,
)
NEGATIVE = Way("Negative", "Light and dark exchanged, by and by.", (0.25, 0.5, 0.75, 1), "{:.0%} negative", _negative)
SWAP = Way(
    "Toward another sample",
    "Some values, at random places, taken from the other sample; the last step is that sample itself.",
    (0.2, 0.4, 0.7, 1),
    "{:.0%} of the values",
    _swapped,
    needs_other=True,
)
