"""Why a label or target is doubted: in words, and as conditions that narrow the queue of doubt. No streamlit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from explorer.study.study import Study
from explorer.views.reading import class_name, write_rows

RANKINGS = ("suspicion", "label_margin", "target_residual", "neighbor_disagreement", "given_label_loss")
"""The first of these that a study has orders the queue; higher is more suspicious in all of them."""
FEW_NEIGHBORS = 5
"""Samples whose count is among the lowest so many percent have too few neighbors to speak clearly."""
UNLIKELY = 0.1
"""A label is unlikely to the network below this probability."""
MOST_DISAGREE = 0.5
"""Share of the nearest neighbors from which on most of them have another label."""
TWIN = 0.95
"""Similarity k^C from which on a neighbor is a near duplicate."""
TWIN_SPREADS = 0.5
"""Near duplicates contradict each other when their targets lie further apart than this many standard deviations."""
FAR = 3.0
"""Usual distances from which on a target lies far from what all other samples predict."""
CHUNK_ROWS = 65536


@dataclass(frozen=True)
class Reason:
    """A condition of REASONS."""

    title: str
    """A few words for a chip."""
    help: str
    """One sentence: when it holds."""
    columns: tuple[str, ...]
    """The columns that it needs; a study without them does not offer it."""
    mask: Callable[[Study], np.ndarray]
    """[n] bool, where it holds."""
    task: str | None = None
    """The task that it is about; None for both."""


def ranked_rows(suspicion: np.ndarray) -> np.ndarray:
    """Row numbers, most suspicious first, equals in the order of rows; rows without a finite value are left out."""
    order = np.argsort(-suspicion, kind="stable")
    return order[np.isfinite(suspicion[order])]


def ranking_of(study: Study) -> str | None:
    """The column that orders the queue; None for a study without labels, targets or doubt about them."""
    is_labeled = study.columns_of("label" if study.task == "classification" else "target")
    return next((name for name in RANKINGS if is_labeled and name in study.samples), None)


def reasons(study: Study, row: int, few: float) -> list[str]:
    """Why a label or target is doubted, and what speaks against it: one sentence each, numbers included.

    Args:
        study: what the sample belongs to.
        row: the sample.
        few: soft counts up to this are too few neighbors to speak clearly, see few_neighbors.
    """
    sample = study.samples.iloc[row]
    found = _label_reasons(study, sample) if "label" in sample else _target_reasons(study, sample, row)
    if sample.get("soft_density", np.inf) <= few:
        found.append(f"It has fewer neighbors than {100 - FEW_NEIGHBORS} % of samples: weak evidence either way.")
    return found


def few_neighbors(study: Study) -> float:
    """The soft count below which a sample has too few neighbors to speak clearly, in samples. Cost: time O(n)."""
    if "soft_density" not in study.samples:
        return -np.inf
    return float(np.nanpercentile(study.samples["soft_density"].to_numpy(dtype=float), FEW_NEIGHBORS))


def differs(study: Study, column: str) -> np.ndarray:
    """[n] bool: the class in a column is one, and another than the label. False where there is no label."""
    label, other = (study.samples[name].to_numpy() for name in ("label", column))
    return (label >= 0) & (other >= 0) & (label != other)


def _other_class(sample: pd.Series, column: str) -> int | None:
    """The class in a column when it is one, and another than the label."""
    if "label" not in sample or column not in sample:
        return None
    return int(sample[column]) if sample[column] >= 0 and sample[column] != sample["label"] else None


def _label_reasons(study: Study, sample: pd.Series) -> list[str]:
    given, found = class_name(study, sample["label"]), []
    suggested, answer = _other_class(sample, "suggested_label"), _other_class(sample, "prediction")
    others = sample.get("neighbor_disagreement", 0.0)
    if suggested is not None:
        support = sample.get("suggested_probability", np.nan)
        chance = f", with a chance of {_percent(support)}" if np.isfinite(support) else ""
        found.append(f"All other samples speak for {class_name(study, suggested)}{chance}.")
    if others > 0:
        found.append(f"Of the nearest neighbors, {100 * others:.0f} % have another label.")
    if answer is not None:
        found.append(f"The network answers {class_name(study, answer)}.")
    elif sample.get("prediction", -1) >= 0:
        found.append(f"The network answers {given} as well: it has learned the label, or the label is right.")
    if np.isfinite(sample.get("given_label_loss", np.nan)):
        probability = np.exp(-sample["given_label_loss"])
        words = "less than 0.1 %" if probability < 0.001 else f"{100 * probability:.1f} %"
        found.append(f"It gives {given} a probability of {words}.")
    return found


def _percent(share: float) -> str:
    """A share in whole percent; one that is nearly whole is not written as the whole, as on the card."""
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _target_reasons(study: Study, sample: pd.Series, row: int) -> list[str]:
    (given,), (answer,) = write_rows(study, "target", [row]), write_rows(study, "prediction", [row])
    found = [f"The target is {given}, the network predicts {answer}."]
    if np.isfinite(sample.get("target_residual", np.nan)):
        found.append(
            f"The target is {sample['target_residual']:.1f} times as far as usual from what all other samples predict."
        )
    return found


def _over(column: str, bound: float) -> Callable[[Study], np.ndarray]:
    return lambda study: study.samples[column].to_numpy(dtype=float) >= bound


def _has_contradicting_twin(study: Study) -> np.ndarray:
    """[n] bool: a near duplicate among the stored neighbors has another label, or a target too far away."""
    if study.task == "classification":
        values = study.samples["label"].to_numpy(dtype=float)[:, None]
        values[values < 0] = np.nan
        tolerance = 0.0
    else:
        values = study.samples[study.columns_of("target")].to_numpy(dtype=float)
        tolerance = TWIN_SPREADS * np.nanstd(values, axis=0)
    indices, similarities = (study.array(f"neighbors/network/{name}") for name in ("indices", "similarities"))
    found = np.zeros(study.n, dtype=bool)
    for start in range(0, study.n, CHUNK_ROWS):
        near = np.array(similarities[start : start + CHUNK_ROWS])
        left, place = np.nonzero((near >= TWIN) & (indices[start : start + CHUNK_ROWS] >= 0))
        twins = indices[start + left, place]
        apart = np.abs(values[start + left] - values[twins]) > tolerance  # nan is no contradiction
        found[start + left[apart.any(axis=1)]] = True
    return found


REASONS = {
    "neighbors": Reason(
        "Other samples say otherwise",
        "All other samples, seen by the network, speak for another class than the given one.",
        ("label", "suggested_label"),
        lambda study: differs(study, "suggested_label"),
        "classification",
    ),
    "network": Reason(
        "Network says otherwise",
        "The network answers another class than the given one.",
        ("label", "prediction"),
        lambda study: differs(study, "prediction"),
        "classification",
    ),
    "loss": Reason(
        "Unlikely to the network",
        f"The network gives the label a probability of less than {100 * UNLIKELY:.0f} %.",
        ("given_label_loss",),
        lambda study: study.samples["given_label_loss"].to_numpy(dtype=float) > -np.log(UNLIKELY),
        "classification",
    ),
    "crowd": Reason(
        "Most neighbors differ",
        "At least half of the nearest neighbors have another label.",
        ("neighbor_disagreement",),
        _over("neighbor_disagreement", MOST_DISAGREE),
        "classification",
    ),
    "far": Reason(
        "Far from the others",
        f"The target is at least {FAR:g} times as far as usual from what all other samples predict.",
        ("target_residual",),
        _over("target_residual", FAR),
        "regression",
    ),
    "twin": Reason(
        "Near duplicate differs",
        f"A stored neighbor with a similarity of at least {TWIN:g} has another label, or a target further away than "
        f"{TWIN_SPREADS:g} standard deviations.",
        (),
        _has_contradicting_twin,
    ),
    "clear": Reason(
        "Enough neighbors",
        f"Leaves out the {FEW_NEIGHBORS} % of samples with the fewest neighbors: about these the evidence is weak.",
        ("soft_density",),
        lambda study: study.samples["soft_density"].to_numpy(dtype=float) > few_neighbors(study),
    ),
}
"""Conditions by name, in the order shown. A study offers those of its task whose columns it has."""


def known_reasons(study: Study) -> dict[str, Reason]:
    """The conditions that a study can be asked for."""
    return {
        key: reason
        for key, reason in REASONS.items()
        if reason.task in (None, study.task) and set(reason.columns) <= set(study.samples)
    }
