"""How far a review of labels is, and how many wrong ones are expected among the rest. No torch, no pandas."""

import numpy as np

from explorer.study.coverage import coverage, expected_left
from explorer.study.standing import VERDICTS

WRONG = ("relabel", "drop")
"""What says that a label was wrong."""
FEWEST_FOUND, FEW_FOUND, MOST_COVERED = 50, 5, 0.5
"""Wrong labels found from which on it is told how many are left; fewer do where they are most of what is expected.

Earlier ones come up so much sooner than the rest that the estimate would be several times too low.
"""


def progress_of(verdicts: np.ndarray) -> dict[str, float | None]:
    """How many samples were reviewed, and with which outcome.

    Args:
        verdicts: [n] places in VERDICTS, see Standing.verdicts.

    Returns:
        reviewed, relabeled, dropped, kept, unsure, conflicts, wrong_found (relabeled or dropped), and precision, the
        share of these among the clearly decided; None where nothing is.
    """
    found = dict(zip(VERDICTS, np.bincount(verdicts, minlength=len(VERDICTS)).tolist(), strict=True))
    wrong = sum(found[one] for one in WRONG)
    clear = wrong + found["keep"]
    return {
        "reviewed": len(verdicts) - found[""],
        "relabeled": found["relabel"],
        "dropped": found["drop"],
        "kept": found["keep"],
        "unsure": found["unsure"],
        "conflicts": found["conflict"],
        "wrong_found": wrong,
        "precision": wrong / clear if clear else None,
    }


def left_of(suspicion: np.ndarray, verdicts: np.ndarray, planted: list[float]) -> dict[str, float] | None:
    """How many wrong labels are expected among the rest, and the share found so far; None where nobody can tell.

    Args:
        suspicion: [n] the column of that name.
        verdicts: [n] places in VERDICTS.
        planted: see explorer.study.coverage.

    Cost: time O(n log n).
    """
    wrong = np.isin(verdicts, [VERDICTS.index(one) for one in WRONG]) & np.isfinite(suspicion)
    found = int(wrong.sum())
    covered = coverage(suspicion, verdicts > 0, planted, wrong) if found >= FEW_FOUND else 0.0
    is_told = covered >= MOST_COVERED or (covered > 0 and found >= FEWEST_FOUND)
    return {"wrong": expected_left(found, covered), "coverage": covered} if is_told else None
