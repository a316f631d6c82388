"""Axes of our own drawings: round ticks, few enough that their words never touch, and where a value stands."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIZE = 13
"""Height in pixels of all words in a drawing."""
GAP = 12
"""Pixels between the words of two ticks, at least."""
MOST_TICKS = 7
NARROW, WIDE = frozenset(" .,:;'|!()[]ijlIft-·"), frozenset("mwMW%@—…")


@dataclass(frozen=True)
class Axis:
    """A straight scale with its ticks."""

    low: float
    high: float
    start: float
    """Pixel at which low stands."""
    end: float
    """Pixel at which high stands; less than start for an axis that points up."""
    ticks: tuple[float, ...]
    """Rising values between low and high, multiples of 1, 2 or 5 times a power of ten."""
    words: tuple[str, ...]
    """One for each tick."""

    def at(self, value: float | np.ndarray) -> float | np.ndarray:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def middles(self, room: float) -> list[float]:
        """Where the words of each tick are centered: at the tick, but inside 0 to room."""
        widths = [text_width(word) for word in self.words]
        return [
            min(max(float(self.at(tick)), width / 2), room - width / 2)
            for tick, width in zip(self.ticks, widths, strict=True)
        ]


def axis_across(low: float, high: float, start: float, end: float, room: float) -> Axis:
    """An axis from left to right, with as many ticks as their words leave apart.

    Args:
        low: value at the left end.
        high: value at the right end, larger than low.
        start: left pixel.
        end: right pixel.
        room: width of the whole drawing, which words must not leave.
    """
    for most in range(MOST_TICKS, 0, -1):
        axis = _axis(low, high, start, end, ticks_between(low, high, most))
        edges = [
            (middle - text_width(word) / 2, middle + text_width(word) / 2)
            for middle, word in zip(axis.middles(room), axis.words, strict=True)
        ]
        if all(right + GAP <= left for (_, right), (left, _) in zip(edges, edges[1:], strict=False)):
            break
    return axis


def axis_up(low: float, high: float, start: float, end: float, *, whole: bool = False) -> Axis:
    """An axis from the bottom to the top.

    Args:
        low: value at the bottom.
        high: value at the top, larger than low.
        start: pixel of the bottom.
        end: pixel of the top, less than start.
        whole: whether only whole numbers get a tick, as for counts.
    """
    most = max(2, min(5, int((start - end) / (3 * SIZE))))
    return _axis(low, high, start, end, ticks_between(low, high, most, whole=whole))


def ticks_between(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Multiples of the smallest step of 1, 2 or 5 times a power of ten that come to at most so many, rising.

    >>> ticks_between(0, 1, 6)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    power = math.floor(math.log10((high - low) / most)) - 1
    for exponent in range(power, power + 5):
        for times in (1, 2, 5):
            step = times * 10.0**exponent
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first < most and (step >= 1 or not whole):
                return [_round_multiple(number, times, exponent) for number in range(first, last + 1)]
    return []


def tick_words(ticks: list[float]) -> tuple[str, ...]:
    """Ticks as text with as many digits as tell them apart; powers of ten where there would be too many.

    >>> tick_words([0.0, 0.5, 1.0]), tick_words([-2000.0, 0.0]), tick_words([0.0, 2e-7])
    (('0.0', '0.5', '1.0'), ('−2,000', '0'), ('0', '2e−7'))
    """
    largest = max(map(abs, ticks), default=0.0)
    if not largest:
        return tuple("0" for _ in ticks)
    step = min((after - before for before, after in zip(ticks, ticks[1:], strict=False)), default=largest)
    fine = math.floor(math.log10(step) + 1e-9)
    if fine < -4 or largest >= 1e9:
        digits = max(0, math.floor(math.log10(largest) + 1e-9) - fine)
        return tuple(_power_words(tick, digits) for tick in ticks)
    return tuple(f"{tick + 0.0:,.{max(0, -fine)}f}".replace("-", "−") for tick in ticks)


def text_width(text: str, size: float = SIZE) -> float:
    """Pixels that a text takes at most in the usual system fonts; an estimate, rather too large."""
    return size * sum(map(_share, text))


def cut(text: str, room: float, size: float = SIZE) -> str:
    """The text, or as much of its beginning as fits into so many pixels, with an ellipsis."""
    if text_width(text, size) <= room:
        return text
    kept = text
    while kept and text_width(f"{kept}…", size) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def beside(words: Sequence[str]) -> int:
    """Pixels to keep free left of an axis that points up, for the words of its ticks."""
    return math.ceil(max(map(text_width, words), default=0)) + 10


def span_of(values: Sequence[float], room: float) -> tuple[float, float]:
    """Ends of an axis that shows all values, with a share of their distance kept free at both ends."""
    low, high = float(min(values)), float(max(values))
    apart = high - low
    if apart <= 1e-9 * max(abs(low), abs(high), 1e-12):
        apart = 2 * abs(low) or 1.0
        return low - apart / 4, high + apart / 4
    return low - room * apart, high + room * apart


def _axis(low: float, high: float, start: float, end: float, ticks: list[float]) -> Axis:
    return Axis(low, high, start, end, tuple(ticks), tick_words(ticks))


def _round_multiple(number: int, times: int, exponent: int) -> float:
    # Through decimal text: 3 * 0.1 is not 0.3.
    return float(f"{number * times}e{exponent}")


def _power_words(tick: float, digits: int) -> str:
    if tick == 0:
        return "0"
    mantissa, exponent = f"{tick:.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def _share(letter: str) -> float:
    if letter in NARROW:
        return 0.42
    if letter in WIDE:
        return 1.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.1
    return 0.72 if letter.isupper() else 0.64
