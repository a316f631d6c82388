"""Columns about labels: who contradicts the given one, what the neighbors speak for, and how suspicious that is."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.pipeline.answers import Answers
from explorer.pipeline.blocks import UnitBlocks
from explorer.records import Neighbors
from explorer.similarity import (
    given_label_loss,
    label_margin,
    label_posterior,
    label_variance,
    neighbor_disagreement,
    neighbor_votes,
    rank_share,
)
from explorer.similarity.planted import planted_suspicion
from explorer.similarity.suspicion import label_doubt, target_doubt
from explorer.study.study import Study


def doubt_columns(study: Study, answers: Answers, neighbors: Neighbors) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Column label_variance, and suspicion with its reasons; samples without a gradient have nan (class -1).

    Returns:
        The columns, and facts: `planted`, where planted errors would come up (None when none can be planted), with the
        `count` of samples that had one each in turn, their `share` of all that are ranked, and quantiles of their
        `suspicion`.

    Cost: time O(n d^2 + d^3), memory O(n classes) and one block of features.
    """
    units = UnitBlocks(study)
    reasons = _class_doubts if answers.task == "classification" else _target_doubts
    found, (reason, planted) = reasons(units, answers, neighbors)
    columns = {"label_variance": label_variance(answers.labels, neighbors), "suspicion": rank_share(reason), **found}
    columns = {
        name: (values if name == "suggested_label" else _unless_invalid(values, answers.valid)).numpy()
        for name, values in columns.items()
    }
    return columns, {"planted": _planted_facts(reason, planted)}


def _class_doubts(
    units: UnitBlocks, answers: Answers, neighbors: Neighbors
) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
    labels = answers.labels
    evidence = label_posterior(units, labels, answers.classes, valid=answers.valid)
    logits = answers.logits.masked_fill(~answers.answered[:, None], torch.nan)
    votes = neighbor_votes(labels, neighbors, answers.classes)
    doubt = label_doubt(evidence, labels, votes=votes, logits=logits, trained=answers.trained)
    columns = {
        "suggested_label": doubt.suggested,
        "suggested_probability": doubt.probability,
        "label_margin": label_margin(evidence, labels),
        "neighbor_disagreement": neighbor_disagreement(labels, neighbors),
        "given_label_loss": given_label_loss(logits, labels),
    }
    return columns, (doubt.wrong_odds, doubt.planted_odds)


def _target_doubts(
    units: UnitBlocks, answers: Answers, neighbors: Neighbors
) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
    predictions = answers.outputs.masked_fill(~answers.answered[:, None], torch.nan)
    doubt = target_doubt(units, answers.labels, predictions=predictions, valid=answers.valid)
    return {"target_residual": doubt.residual}, doubt


def _planted_facts(reason: Tensor, planted: Tensor) -> dict[str, Any] | None:
    quantiles = planted_suspicion(reason, planted)
    if not len(quantiles):
        return None
    count = int(planted.isfinite().sum())
    return {
        "count": count,
        "share": count / int(reason.isfinite().sum()),
        "suspicion": [round(float(one), 6) for one in quantiles],
    }


def _unless_invalid(values: Tensor, valid: Tensor) -> Tensor:
    return values.masked_fill(~valid, torch.nan).float()
