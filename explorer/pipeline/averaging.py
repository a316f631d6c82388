"""Columns about the network's own averaging: what it leaves of label noise, and what it answers on average nearby.

Two passes over the shards, by an engine: one adds up the moments of the training samples, one evaluates every sample.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.features import Projection
from explorer.pipeline.answers import Answers
from explorer.pipeline.engines import Engine, Say, run_serially
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
    study: Study,
    projection: Projection,
    answers: Answers,
    advance: Callable[[int], None],
    run: Engine = run_serially,
    say: Say = lambda note: None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Columns of the denoising page, and the facts that say how far they apply.

    Args:
        study: its features and projection are done; workers elsewhere open it anew, by its absolute path.
        projection: of the study.
        answers: labels and outputs of all samples.
        advance: is told how many samples are done.
        run: who goes through the shards.
        say: is told what the engine has to say.

    Returns:
        columns: denoising_factor, denoising_floor_ratio, effective_neighbors, leverage_gain, uncertainty, and, when
        all outputs were measured, shift and the arrays neighbor_mean and label_mean [n, c].
        facts: training_samples, floored_average_samples, stationarity_residual (None when it does not apply).

    Cost: time O(n c p^2), memory of one shard and of the columns; with another engine of the p^2 moments of each shard
    that waits to be added.
    """
    values = _averaged_values(answers) if projection.mode == "all" else None
    with closing(run(_ShardMoments(study, projection), _shards(study, answers, values), say)) as found:
        moments = reduce(add, found)
    if not moments.count:
        return {}, {"training_samples": 0, "floored_average_samples": 0, "stationarity_residual": None}
    smoother = fit_smoother(moments if values is None else _of_kind(moments, GIVEN))
    columns: dict[str, np.ndarray] = {}
    floored = 0
    shards = _shards(study, answers, values)
    with closing(run(_ShardColumns(study, projection, moments, smoother), shards, say)) as found:
        for rows, pieces, touched in found:
            for name, piece in pieces.items():  # small pieces that outlive their shard would scatter over memory
                if name not in columns:
                    columns[name] = np.empty((study.n, *piece.shape[1:]), dtype=np.float32)
                columns[name][rows] = piece
            floored += touched
            advance(int(rows[-1]) + 1)
    residual = None if values is None else float(stationarity_residual(moments)[RESIDUAL])
    facts = {"training_samples": moments.count, "floored_average_samples": floored, "stationarity_residual": residual}
    return columns, facts


@dataclass(frozen=True)
class _Shard:
    rows: np.ndarray  # [m]
    taught: Tensor  # [m] bool, whether the network was trained on it and it has a gradient
    values: Tensor | None  # [m, 3, c]


@dataclass(frozen=True)
class _ShardMoments:
    study: Study
    projection: Projection

    def __call__(self, shard: _Shard, say: Say) -> Moments:
        jacobians = _jacobians(self.study, self.projection, shard.rows)[shard.taught]
        return Moments.of(jacobians, None if shard.values is None else shard.values[shard.taught])


@dataclass(frozen=True)
class _ShardColumns:
    study: Study
    projection: Projection
    moments: Moments
    smoother: Smoother

    def __call__(self, shard: _Shard, say: Say) -> tuple[np.ndarray, dict[str, Tensor], int]:
        jacobians = _jacobians(self.study, self.projection, shard.rows)
        return shard.rows, *_shard_columns(jacobians, self.moments, self.smoother, shard.values)


def _shards(study: Study, answers: Answers, values: Tensor | None) -> Iterator[_Shard]:
    taught = answers.trained & answers.valid
    for start in range(0, study.n, study.settings.shard_size):
        some = slice(start, min(start + study.settings.shard_size, study.n))
        # Copies: a part of a tensor would travel with the whole of it.
        own = None if values is None else values[some].clone()
        yield _Shard(np.arange(some.start, some.stop), taught[some].clone(), own)


def _jacobians(study: Study, projection: Projection, rows: np.ndarray) -> Tensor:
    """[m, c, p], not normalized; zero where there is no gradient."""
    units, grams = (torch.from_numpy(study.rows(name, rows)).float() for name in ("units", "grams"))
    return projection.expand(units, grams)


def _averaged_values(answers: Answers) -> Tensor:
    """[n, 3, c] predictions, labels and residuals."""
    predicted, given = answers.predicted_values, answers.given_values
    return torch.stack([predicted, given, predicted - given], dim=1)


def _of_kind(moments: Moments, kind: int) -> Moments:
    return replace(moments, weighted=moments.weighted[kind : kind + 1], squares=moments.squares[kind : kind + 1])


def _shard_columns(
    jacobians: Tensor, moments: Moments, smoother: Smoother, values: Tensor | None
) -> tuple[dict[str, Tensor], int]:
    average = local_average(jacobians, moments)
    share = denoising_share(average.covariance).masked_fill(average.touched, torch.nan)
    columns = {
        "denoising_factor": share,
        "denoising_floor_ratio": floor_ratio(share, moments.count),
        "effective_neighbors": effective_neighbors(share),
        "leverage_gain": smoother.gain(jacobians),
        "uncertainty": uncertainty(jacobians, total=moments.total),
    }
    if values is not None:
        mean = average.mean.masked_fill(average.touched[:, None, None], torch.nan)
        columns["shift"] = shift(values[:, PREDICTED], mean[:, PREDICTED])
        columns["neighbor_mean"], columns["label_mean"] = mean[:, PREDICTED], mean[:, GIVEN]
    return columns, int(average.touched.sum())
