"""Arms of an experiment against its baseline, seed by seed: how far apart they are, and whether that may be chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
BASELINE = "baseline"


def paired_tests(runs: pd.DataFrame, steps: Sequence[int], *, value: str = "value") -> pd.DataFrame:
    """Every arm against the baseline at some steps, within pairs of equal seed (equal first weights and draws).

    Args:
        runs: of one setting: arm, seed, step and the value; an arm and seed have each step once.
        steps: at which arms are compared; a step that nobody was measured at is left out.
        value: the column that is compared.

    Returns:
        A line an arm and step: arm, step, seeds (that both have), baseline and mean (over these), spread (standard
        deviation of the arm over these seeds), difference (arm minus baseline), low and high (95 % interval of it, by
        Student's t), p (two-sided paired t-test), and p_holm: p made larger by Holm's method for the number of lines,
        so that among all lines together a difference by chance alone is called one in at most 5 of 100 such tables.
    """
    wide = runs[runs["step"].isin(steps)].pivot_table(value, ["step", "seed"], "arm", sort=False)
    lines = []
    for arm in [name for name in wide if name != BASELINE]:
        for step, both in wide[[BASELINE, arm]].dropna().groupby("step"):
            if len(both) > 1:
                lines.append({"arm": arm, "step": step, **_compared(*both.to_numpy().T)})
    table = pd.DataFrame(lines)
    return table.assign(p_holm=holm(table["p"])) if len(table) else table


def holm(chances: Sequence[float] | np.ndarray) -> np.ndarray:
    """p-values of m tests, corrected so that the chance of any false call among them stays that of one test.

    The smallest is multiplied by m, the next by m - 1, and so on; none may fall below one before it, none is above 1.
    Holm 1979.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    chances = np.asarray(chances, dtype=np.float64)
    order = np.argsort(chances, kind="stable")
    grown = np.maximum.accumulate(chances[order] * np.arange(len(chances), 0, -1))
    corrected = np.empty_like(grown)
    corrected[order] = grown
    return np.minimum(corrected, 1.0)


def _compared(baseline: np.ndarray, arm: np.ndarray) -> dict[str, float]:
    differences = arm - baseline
    middle, error = float(differences.mean()), float(stats.sem(differences))
    if error:
        half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1))
        chance = float(stats.ttest_rel(arm, baseline).pvalue)
    else:  # all pairs differ alike: nothing was left to chance, or nothing differs
        half, chance = 0.0, 0.0 if middle else 1.0
    return {
        "seeds": len(differences),
        "baseline": float(baseline.mean()),
        "mean": float(arm.mean()),
        "spread": float(arm.std(ddof=1)),
        "difference": middle,
        "low": middle - half,
        "high": middle + half,
        "p": chance,
    }
