"""Columns about labels: who contradicts the given one, what the neighbors speak for, and how suspicious that is."""

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
    rank_share,
    target_residual,
)
from explorer.similarity.suspicion import label_doubt
from explorer.study.study import Study


def doubt_columns(study: Study, answers: Answers, neighbors: Neighbors) -> dict[str, np.ndarray]:
    """Column label_variance, and suspicion with its reasons; samples without a gradient have nan (class -1).

    Cost: time O(n d^2 + d^3), memory O(n classes) and one block of features.
    """
    units = UnitBlocks(study)
    reasons = _class_doubts if answers.task == "classification" else _target_doubts
    columns = {"label_variance": label_variance(answers.labels, neighbors), **reasons(units, answers, neighbors)}
    return {
        name: (values if name == "suggested_label" else _unless_invalid(values, answers.valid)).numpy()
        for name, values in columns.items()
    }


def _class_doubts(units: UnitBlocks, answers: Answers, neighbors: Neighbors) -> dict[str, Tensor]:
    labels = answers.labels
    evidence = label_posterior(units, labels, answers.classes, valid=answers.valid)
    logits = answers.logits.masked_fill(~answers.answered[:, None], torch.nan)
    doubt = label_doubt(evidence, labels, logits=logits, trained=answers.trained)
    return {
        "suspicion": rank_share(doubt.wrong_odds),
        "suggested_label": doubt.suggested,
        "suggested_probability": doubt.probability,
        "label_margin": label_margin(evidence, labels),
        "neighbor_disagreement": neighbor_disagreement(labels, neighbors),
        "given_label_loss": given_label_loss(logits, labels),
    }


def _target_doubts(units: UnitBlocks, answers: Answers, neighbors: Neighbors) -> dict[str, Tensor]:
    predictions = answers.outputs.masked_fill(~answers.answered[:, None], torch.nan)
    residual = target_residual(units, answers.labels, predictions=predictions, valid=answers.valid)
    return {"suspicion": rank_share(residual), "target_residual": residual}


def _unless_invalid(values: Tensor, valid: Tensor) -> Tensor:
    return values.masked_fill(~valid, torch.nan).float()
