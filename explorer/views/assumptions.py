"""What the denoising numbers take for granted, and how far a study meets it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from explorer.study.study import Study

FACTOR, RATIO = "denoising_factor", "denoising_floor_ratio"
MET = 0.1
"""The identity is met when it holds to so small a part of the noise that the factor speaks of."""


NOT_AT_REST = (
    "The factor then describes another network than this one. Early stopping, weight decay or another loss do this; "
    "training on, with the squared error or cross-entropy alone, would mend it."
)


@dataclass(frozen=True)
class Assumption:
    """Something that the denoising factor takes for granted, and what this study says about it."""

    name: str
    verdict: str
    """met, roughly met, not met, or cannot be told."""
    reason: str


def assumptions(study: Study) -> list[Assumption]:
    """What the factor assumes, each with a verdict for this study and the reason for it."""
    return [
        stationarity(study),
        _loss(study),
        Assumption(
            "Noise is independent from sample to sample",
            "cannot be told",
            "Wrong labels that come in groups, such as one annotator's habit, are not averaged away.",
        ),
        Assumption(
            "Similarities do not depend on the noise",
            "not met",
            "The network was fitted to these very labels. In our experiments with known noise the factor promised "
            "several times more denoising than there was; the leverage gain came closer, but leaves out what the "
            "network would get wrong without any noise.",
        ),
    ]


def stationarity(study: Study) -> Assumption:
    """Whether training had come to rest: then the averages of predictions and of labels are the same everywhere.

    How far they are apart is held against the noise that the factor speaks of, for that is what it would drown.
    """
    name = "A stationary point, with nothing but the loss pulling"
    gaps = identity_gaps(study)
    if gaps is None:
        return Assumption(name, "cannot be told", "This study does not hold the averages of predictions and labels.")
    half, most = np.quantile(gaps, [0.5, 0.95])
    factor = float(np.nanmedian(study.samples["denoising_factor"].to_numpy(dtype=float)))
    if half <= MET * factor:
        verdict, lead, tail = "met", "Training had come to rest", ""
    elif half <= factor:
        verdict, lead, tail = "roughly met", "Training had nearly come to rest", ""
    else:
        verdict, lead, tail = "not met", "Training had not converged", f" {NOT_AT_REST}"
    held = (
        f"{lead}: the identity E_k[prediction] = E_k[label] holds to {_percent(half)} of the spread of all labels "
        f"around half of the samples, and to {_percent(most)} around nineteen in twenty. For comparison: the factor "
        f"leaves {_percent(factor)} of the noise in a label.{tail}"
    )
    return Assumption(name, verdict, f"{held} {_residual_words(study)}".rstrip())


def label_variance_of_all(study: Study) -> float | None:
    """Label variance of the whole study, in the unit of the column label_variance; None without labels or targets."""
    if "label" in study.samples:
        labels = study.samples["label"]
        shares = labels[labels >= 0].value_counts(normalize=True).to_numpy()
        return float(1 - (shares**2).sum())
    names = study.columns_of("target")
    return float(study.samples[names].var(ddof=0).sum()) if names else None


def floor_of(samples: pd.DataFrame) -> float | None:
    """1/√n over the samples that were averaged, read back from the factor and its ratio; None without a ratio."""
    if RATIO not in samples:
        return None
    factors, ratios = (samples[name].to_numpy(dtype=float) for name in (FACTOR, RATIO))
    known = np.isfinite(factors) & np.isfinite(ratios) & (ratios > 0)
    return float(np.median(factors[known] / ratios[known])) if known.any() else None


def identity_gaps(study: Study) -> np.ndarray | None:
    """Distance of E_k[prediction] from E_k[label] around each sample that has both, as a share of the labels' spread.

    The spread is the root of the variance of all labels, outputs added up. None without averages or without spread.
    """
    variance = label_variance_of_all(study)
    if not variance or not {"statistics/neighbor_mean", "statistics/label_mean"} <= set(study.manifest.arrays):
        return None
    predicted, given = (study.array(f"statistics/{name}").astype(float) for name in ("neighbor_mean", "label_mean"))
    apart = np.linalg.norm(predicted - given, axis=1)
    if study.task == "classification" and predicted.shape[1] == 1:
        variance /= 2  # one output alone speaks for class 1; the variance counts both classes
    gaps = apart[np.isfinite(apart)] / np.sqrt(variance)
    return gaps if len(gaps) else None


def _residual_words(study: Study) -> str:
    notes = study.notes("statistics")
    residual, samples = notes.get("stationarity_residual"), notes.get("training_samples")
    if residual is None or not samples:
        return ""
    return (
        f"Stationarity residual, the joint pull of all errors on the parameters: {residual:.2g}, where 0 is at rest "
        f"and {samples**-0.5:.2g} what errors at random would give."
    )


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.01:
        return "less than 0.01 %"
    return f"{percent:,.0f} %" if percent >= 9.5 else f"{percent:.2g} %"


def _loss(study: Study) -> Assumption:
    if study.task == "classification":
        return Assumption(
            "Squared error",
            "roughly met",
            "A classifier is trained with cross-entropy. Its averages of probabilities and labels still agree at rest, "
            "but flipped labels are not noise around a mean: read the labels nearby instead of a noise level.",
        )
    return Assumption(
        "Squared error",
        "cannot be told",
        "The study does not know which loss was used. But if the line above is met, this network is at rest for "
        "squared error, whatever it was trained with.",
    )
