"""Two networks on the same samples: is the one better than the other by more than chance? Numpy and scipy, no torch."""

import numpy as np
from scipy import stats

from explorer.study.retrained import Comparison

CONFIDENCE = 0.95


def compared_answers(part: str, own: np.ndarray, control: np.ndarray, retrained: np.ndarray) -> Comparison:
    """Shares of right answers, with an exact interval of their difference.

    Only samples that one network alone answers rightly can tell the two apart. Given their number m, how many of them
    are the retrained network's is binomial: its Clopper–Pearson interval, times m / n, is that of the difference, and
    the two-sided test of one half is McNemar's exact one.

    Args:
        part: which samples, see Comparison.
        own: [n] bool, whether the measured network is right.
        control: [n] bool.
        retrained: [n] bool.
    """
    n = len(own)
    lost, won = int((control & ~retrained).sum()), int((retrained & ~control).sum())
    low, high = _difference_interval(lost, won, n)
    chance = float(stats.binomtest(won, lost + won).pvalue) if lost + won else 1.0
    shares = (float(one.mean()) for one in (own, control, retrained))
    return Comparison(part, n, *shares, low, high, lost, won, chance)


def compared_errors(part: str, own: np.ndarray, control: np.ndarray, retrained: np.ndarray) -> Comparison:
    """Root mean square errors, with an interval of their difference by the delta method.

    Each sample moves a root mean square r by its squared error / 2r to first order; the spread of the difference of
    these, sample by sample, gives the standard error, for large n.

    Args:
        part: which samples, see Comparison.
        own: [n] squared errors of the measured network, in squared units of the target, means over its outputs.
        control: [n].
        retrained: [n].
    """
    n = len(own)
    roots = [float(np.sqrt(one.mean())) for one in (own, control, retrained)]
    moves = [
        one / (2 * root) if root else np.zeros(n) for one, root in zip((control, retrained), roots[1:], strict=True)
    ]
    # One sample has no spread: nothing can be beyond chance.
    spread = float(np.std(moves[1] - moves[0], ddof=1) / np.sqrt(n)) if n > 1 else max(roots)
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * spread
    difference = roots[2] - roots[1]
    return Comparison(part, n, *roots, difference - half, difference + half)


def _difference_interval(lost: int, won: int, n: int) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    m = lost + won
    if not m:  # so many samples without one that tells them apart: their share may still be this large
        most = float(1 - tail ** (1 / n))
        return -most, most
    low = float(stats.beta.ppf(tail, won, lost + 1)) if won else 0.0
    high = float(stats.beta.ppf(1 - tail, won + 1, lost)) if lost else 1.0
    return (2 * low - 1) * m / n, (2 * high - 1) * m / n
