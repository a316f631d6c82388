"""Columns about the network's own averaging: what it leaves of label noise, and what it answers on average nearby.

Two passes over the shards: one adds up the moments of the training samples, one evaluates every sample.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.features import Projection
from explorer.pipeline.answers import Answers
from explorer.similarity import (
    Moments,
    Smoother,
    denoising_share,
    effective_neighbors,
    fit_smoother,
    floor_ratio,
    local_average,
    shift,
    stationarity_residual,
    uncertainty,
)
from explorer.study.study import Study

PREDICTED, GIVEN, RESIDUAL = range(3)
"""The kinds of values that are averaged: predictions, labels, and their difference."""


def averaging_columns(
    study: Study, projection: Projection, answers: Answers, advance: Callable[[int], None]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Columns of the denoising page, and the facts that say how far they apply.

    Args:
        study: its features and projection are done.
        projection: of the study.
        answers: labels and outputs of all samples.
        advance: is told how many samples are done.

    Returns:
        columns: denoising_factor, denoising_floor_ratio, effective_neighbors, leverage_gain, uncertainty, and, when
        all outputs were measured, shift and the arrays neighbor_mean and label_mean [n, c].
        facts: training_samples, floored_average_samples, stationarity_residual (None when it does not apply).

    Cost: time O(n c p^2), memory of one shard and of the columns.
    """
    values = _averaged_values(answers) if projection.mode == "all" else None
    moments = reduce(add, (_shard_moments(one, answers, values) for one in _shards(study, projection)))
    if not moments.count:
        return {}, {"training_samples": 0, "floored_average_samples": 0, "stationarity_residual": None}
    smoother = fit_smoother(moments if values is None else _of_kind(moments, GIVEN))
    columns: dict[str, np.ndarray] = {}
    floored = 0
    for shard in _shards(study, projection):
        found, touched = _shard_columns(shard, moments, smoother, values)
        for name, piece in found.items():  # small pieces that outlive their shard would scatter over memory
            if name not in columns:
                columns[name] = np.empty((study.n, *piece.shape[1:]), dtype=np.float32)
            columns[name][shard.rows] = piece
        floored += touched
        advance(int(shard.rows[-1]) + 1)
    residual = None if values is None else float(stationarity_residual(moments)[RESIDUAL])
    facts = {"training_samples": moments.count, "floored_average_samples": floored, "stationarity_residual": residual}
    return columns, facts


@dataclass(frozen=True)
class _Shard:
    rows: Tensor  # [m]
    jacobians: Tensor  # [m, c, p], not normalized; zero where there is no gradient


def _shards(study: Study, projection: Projection) -> Iterator[_Shard]:
    for start in range(0, study.n, study.settings.shard_size):
        rows = np.arange(start, min(start + study.settings.shard_size, study.n))
        units, grams = (torch.from_numpy(study.rows(name, rows)).float() for name in ("units", "grams"))
        yield _Shard(torch.from_numpy(rows), projection.expand(units, grams))


def _averaged_values(answers: Answers) -> Tensor:
    """[n, 3, c] predictions, labels and residuals."""
    predicted, given = answers.predicted_values, answers.given_values
    return torch.stack([predicted, given, predicted - given], dim=1)


def _shard_moments(shard: _Shard, answers: Answers, values: Tensor | None) -> Moments:
    taught = answers.trained[shard.rows] & answers.valid[shard.rows]
    return Moments.of(shard.jacobians[taught], None if values is None else values[shard.rows][taught])


def _of_kind(moments: Moments, kind: int) -> Moments:
    return replace(moments, weighted=moments.weighted[kind : kind + 1], squares=moments.squares[kind : kind + 1])


def _shard_columns(
    shard: _Shard, moments: Moments, smoother: Smoother, values: Tensor | None
) -> tuple[dict[str, Tensor], int]:
    average = local_average(shard.jacobians, moments)
    share = denoising_share(average.covariance).masked_fill(average.touched, torch.nan)
    columns = {
        "denoising_factor": share,
        "denoising_floor_ratio": floor_ratio(share, moments.count),
        "effective_neighbors": effective_neighbors(share),
        "leverage_gain": smoother.gain(shard.jacobians),
        "uncertainty": uncertainty(shard.jacobians, total=moments.total),
    }
    if values is not None:
        mean = average.mean.masked_fill(average.touched[:, None, None], torch.nan)
        columns["shift"] = shift(values[shard.rows, PREDICTED], mean[:, PREDICTED])
        columns["neighbor_mean"], columns["label_mean"] = mean[:, PREDICTED], mean[:, GIVEN]
    return columns, int(average.touched.sum())
