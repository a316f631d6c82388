"""How much of what is wrong a review has seen so far, by capture and recapture of planted errors.

The step statistics notes where errors that were planted on paper would come up (`planted`, see
`explorer.similarity.planted`). The share of them among the reviewed samples is the share of all errors that the review
has found, as far as real errors come up like planted ones. They come up later: the network was trained on the real ones
and has half believed them. How much later is read off the errors that the review itself has found.
"""

import numpy as np

PULL = 10
"""The assumption that real errors come up like planted ones weighs as much as so many errors found."""
POWERS = np.geomspace(1, 8, 40)


def coverage(
    suspicion: np.ndarray, reviewed: np.ndarray, planted: list[float], wrong: np.ndarray | None = None
) -> float:
    """Share of all errors that have been found, from 0 to 1.

    A share u of planted errors above some place in the list stands for a share u^a of real errors. The power a, 1 or
    more, is the one under which the errors found so far are likeliest to lie where they lie among the reviewed samples.

    Assumes that a reviewer sees every error that is shown, and that within a stretch of the list those who were
    reviewed are like those who were not. Real errors are at best like planted ones: so without `wrong` the coverage is
    rather too high, and with few errors found still.

    Args:
        suspicion: [n] 0 to 1, the column of that name; nan is not ranked.
        reviewed: [n] bool, samples about which somebody has decided.
        planted: quantiles of the suspicion of planted errors, rising; `planted["suspicion"]` of the step's notes.
        wrong: [n] bool, samples whose label was found wrong, all of them reviewed; None takes a = 1.

    Returns:
        The share; nan when nothing is ranked or planted.

    Cost: time O(n log n), memory O(n).

    >>> suspicion = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    >>> coverage(suspicion, suspicion > 0.6, planted=[0.5, 0.75, 1.0])
    0.5
    """
    ranked = np.isfinite(suspicion)
    if not ranked.any() or not len(planted):
        return float("nan")
    found = np.zeros(len(suspicion), dtype=bool) if wrong is None else wrong & reviewed
    places, place, counts = np.unique(-suspicion[ranked], return_inverse=True, return_counts=True)
    seen = np.bincount(place, reviewed[ranked]) / counts
    # Planted errors that come up no later than a place, and before it: a place owns those above it up to the next.
    upto = np.interp(places, -np.asarray(planted)[::-1], np.linspace(0, 1, len(planted)))
    upto[-1] = 1.0
    before = np.concatenate([[0.0], upto[:-1]])
    power = _power(before, upto, seen, np.bincount(place, found[ranked]))
    return float(((upto**power - before**power) * seen).sum())


def expected_left(wrong_found: int, covered: float) -> float:
    """How many errors a review has not found yet: those found, times what is not covered over what is.

    Args:
        wrong_found: errors found among the ranked samples.
        covered: see coverage.

    Returns:
        0 or more; nan while nothing is covered. Rather too low: an error that comes up like a right label is not seen.

    >>> expected_left(30, 0.75)
    10.0
    """
    return wrong_found * (1 - covered) / covered if covered > 0 else float("nan")


def _power(before: np.ndarray, upto: np.ndarray, seen: np.ndarray, found: np.ndarray) -> float:
    """The power under which errors among the reviewed samples are likeliest found where they are."""
    told = (found > 0) & (upto > before)
    best, power = -np.inf, 1.0
    for one in POWERS if told.any() else ():
        shares = np.maximum(upto**one - before**one, np.finfo(float).tiny)
        likelihood = found[told] @ np.log(shares[told]) - found[told].sum() * np.log(shares @ seen)
        likelihood += PULL * (np.log(one) - one)
        if likelihood > best:
            best, power = likelihood, float(one)
    return power
