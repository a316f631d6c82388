"""One sample in words and numbers, with its neighbors, as the routes tell it to the browser. No streamlit."""

from dataclasses import asdict
from typing import Any

from explorer.study.study import Study
from explorer.views.reading import read_value, write_rows
from explorer.views.remembered import remembered

FACTS = ("label", "true_label", "flipped", "target", "prediction", "suggested_label", "split")
NUMBERS = (
    "suspicion",
    "confidence",
    "soft_density",
    "label_variance",
    "denoising_factor",
    "effective_neighbors",
    "uncertainty",
    "shift",
    "gradient_norm",
)
"""What the panel beside the map tells about a sample; the Sample page tells the rest."""


def describe_sample(study: Study, row: int, k: int, by: str = "network") -> dict[str, Any]:
    """Everything that the panel shows of one sample: facts, numbers in words, and its k best neighbors."""
    found = study.neighbors(row, k=k, by=by)
    near = [int(other) for other in found.indices if other >= 0]
    told = captions(study, [row, *near])
    facts, numbers = _shown_columns(study)
    return {
        **told[0],
        "facts": [asdict(read_value(study, name, row)) for name in facts],
        "numbers": [asdict(read_value(study, name, row)) for name in numbers],
        "neighbors": [
            {
                **caption,
                "similarity": float(similarity),
                "has_other_label": study.task == "classification" and caption["label"] != told[0]["label"],
            }
            for caption, similarity in zip(told[1:], found.similarities, strict=False)
        ],
    }


@remembered(most=1)
def _shown_columns(study: Study) -> tuple[list[str], list[str]]:
    facts = [column for name in FACTS for column in study.columns_of(name)]
    return facts, [name for name in NUMBERS if name in study.samples]


def captions(study: Study, rows: list[int]) -> list[dict[str, Any]]:
    """What a picture's caption says: label or target, prediction, and whether both agree."""
    is_classification = study.task == "classification"
    labels = write_rows(study, "label" if is_classification else "target", rows)
    predictions = write_rows(study, "prediction", rows)
    return [
        {
            "row": row,
            "label": label,
            "prediction": prediction,
            "agrees": not is_classification or not label or label == prediction,
        }
        for row, label, prediction in zip(rows, labels, predictions, strict=True)
    ]
