"""What the numbers of a new input say, in words. No streamlit, no network."""

from typing import TYPE_CHECKING

import numpy as np

from explorer.study.study import Study
from explorer.views.reading import class_name, write_value

if TYPE_CHECKING:
    from explorer.pipeline.probe import Probe

RARE = 1
"""Percent of the samples below which a number is called rare."""


def answer_text(study: Study, probe: "Probe") -> str:
    """The prediction in words: a class with its confidence, or the values."""
    if study.task != "classification":
        values = probe.prediction if isinstance(probe.prediction, tuple) else (probe.prediction,)
        columns = study.columns_of("prediction")
        return ", ".join(write_value(study, *one) for one in zip(columns, values, strict=True))
    if probe.prediction < 0:
        return "nothing finite"
    return f"{class_name(study, probe.prediction)}, confidence {write_value(study, 'confidence', probe.confidence)}"


def percent(share: float) -> str:
    """A share in percent; one that is nearly whole is not written as the whole."""
    return "over 99.9 %" if 0.9995 <= share < 1 - 1e-5 else f"{100 * share:.1f} %"


def verdict(study: Study, probe: "Probe") -> str:
    """What the numbers say of an input, in a sentence or two of markdown."""
    if not np.isfinite(probe.soft_density):
        return "The network has no gradient for this input, or one that is not finite, so nothing is similar to it."
    share = percent(probe.captured_energy)
    said = {
        "familiar": f"{share} of its gradient runs along directions of the data, as usual here.",
        "unusual": f"{share} of its gradient runs along directions of the data; at most 5 % of the samples have so "
        "little.",
        "unlike": f"Only {share} of its gradient runs along directions of the data; at most 1 % of the samples have "
        "so little.",
        "untold": "Every gradient of this small network runs along directions that are kept, so the share tells "
        "nothing; look at the neighbors.",
    }[probe.familiarity]
    if held := _apart(study, probe):
        said += f" The network holds it apart: {held}."
    is_sample = f" It is the input of sample {probe.same_as}." if probe.same_as is not None else ""
    said = said[0].upper() + said[1:]
    return f"{said}{is_sample}{_agreement(study, probe)}"


def badge(study: Study, probe: "Probe") -> str:
    """One colored word of markdown for it."""
    if not np.isfinite(probe.soft_density):
        return ":gray-badge[no gradient]"
    if probe.familiarity == "unlike":
        return ":red-badge[unlike the data]"
    if _apart(study, probe):
        return ":orange-badge[isolated]"
    return {"familiar": ":green-badge[familiar]", "unusual": ":orange-badge[unusual]"}.get(probe.familiarity, "")


def nearest_other(study: Study, probe: "Probe") -> tuple[float, float]:
    """Similarity of the nearest other sample, and percent of the samples whose own nearest is less similar."""
    own = study.array("neighbors/network/similarities")[:, 0]
    others = probe.neighbors.similarities[probe.neighbors.indices != (-1 if probe.same_as is None else probe.same_as)]
    nearest = float(others[0]) if len(others) else float("nan")
    return nearest, 100 * float((own[np.isfinite(own)] < nearest).mean())


def _agreement(study: Study, probe: "Probe") -> str:
    if "label" not in study.samples or probe.prediction < 0:
        return ""
    rows = probe.neighbors.indices[probe.neighbors.indices >= 0]
    rows = rows[rows != (-1 if probe.same_as is None else probe.same_as)]
    agreeing = int((study.samples["label"].to_numpy()[rows] == probe.prediction).sum())
    return f" {agreeing} of {len(rows)} neighbors have the predicted class as their label."


def _apart(study: Study, probe: "Probe") -> str:
    """In which way an input has fewer or farther neighbors than 99 % of the samples; empty when it has not."""
    if probe.soft_density_percentile < RARE:
        return "its soft count is lower than that of 99 % of the samples"
    if nearest_other(study, probe)[1] < RARE:
        return "its nearest sample is farther than those of 99 % of the samples"
    return ""
