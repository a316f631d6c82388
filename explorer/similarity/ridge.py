"""What all other samples say about each one: kernel ridge regression with unit features, left out one by one."""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.similarity.moments import Moments
from explorer.similarity.shapes import check_length, check_units

FIXED_RIDGE = 0.003
"""Ridge as a share of n · mean(K_ii), where nothing better is known."""

UnitRows = Tensor | Iterable[Tensor]
"""Unit rows [n, d]: one tensor, or its blocks of rows, which are read anew each time they are asked for."""

_BLOCK = 4096


def leave_one_out(
    units: UnitRows,
    values: Tensor,
    *,
    valid: Tensor | None = None,
    intercept: bool = False,
    ridge: float = FIXED_RIDGE,
) -> Tensor:
    """What all other samples say about each one: kernel ridge regression, without its own value.

    Exactly what refitting without the sample would predict, at the cost of one fit. The ridge is fixed: choosing it by
    this very error was measured to be worse, for the features have already seen the labels.

    Args:
        units: [n, d] floating point, unit rows; the kernel is their inner product k^C. Not modified. Blocks of them are
            read twice.
        values: [n, v] floating point; a row with nan teaches nothing and is predicted from all others.
        valid: [n] bool, samples whose features can be used; None takes those that are not zero.
        intercept: whether a constant is fitted beside the kernel, free of the ridge. For values without a natural zero.
        ridge: share of n · mean(K_ii), positive. Turning it up listens to more samples, each less.

    Returns:
        [n, v] in the dtype of units; nan for samples that are not valid or that nobody else speaks for.

    Raises:
        ShapeError: units are not [n, d] and finite, or values or valid do not have n rows.

    Cost: time O(n d² + d³), memory O(n v + d²) and one block.
    Paper: not in it; p_i = Y_i − (Y_i − f_i) / (1 − H_ii), f = K (K + λI)⁻¹ Y.

    >>> leave_one_out(torch.ones(3, 1), torch.tensor([[0.0], [3.0], [3.0]]), intercept=True).tolist()
    [[3.0], [1.5], [1.5]]
    """
    if isinstance(units, Tensor):
        check_length(values, len(units), "values")
    if valid is not None:
        check_length(valid, len(values), "valid")
    moments = reduce(add, (part.moments(intercept) for part in _parts(units, values, valid)))
    if not moments.count:
        return torch.full_like(values, torch.nan, dtype=next(iter(_blocks(units))).dtype)
    factor, coefficients = _ridge_fit(moments, intercept, ridge)
    predictions = []
    for part in _parts(units, values, valid):
        rows = part.rows(intercept)
        leverage = _leverages(rows, factor)[:, None] * part.is_teaching[:, None]
        others = (rows @ coefficients - leverage * part.values.double().nan_to_num()) / (1 - leverage)
        unknown = (leverage > 1 - 1e-9) | ~part.is_speaking[:, None]
        predictions.append(others.masked_fill(unknown, torch.nan).to(part.units.dtype))
    return torch.cat(predictions)


class _Part(NamedTuple):
    """Some samples: [m, d] units, [m, v] values, [m] bool who has features, and who has a value to teach as well."""

    units: Tensor
    values: Tensor
    is_speaking: Tensor
    is_teaching: Tensor

    def rows(self, intercept: bool) -> Tensor:
        """[m, d] or, with a column of ones, [m, d + 1], in float64."""
        units = self.units.double()
        return torch.cat([units, units.new_ones(len(units), 1)], 1) if intercept else units

    def moments(self, intercept: bool) -> Moments:
        """Of those who teach."""
        rows, values = self.rows(intercept)[self.is_teaching], self.values[self.is_teaching]
        return Moments.of(rows[:, None, :], values[:, :, None])


def _parts(units: UnitRows, values: Tensor, valid: Tensor | None) -> Iterator[_Part]:
    start = 0
    for block in _blocks(units):
        check_units(block)
        rows = slice(start, start + len(block))
        check_length(values[rows], len(block), "values")
        speaking = block.any(1) if valid is None else block.any(1) & valid[rows]
        yield _Part(block, values[rows], speaking, speaking & values[rows].isfinite().all(1))
        start += len(block)


def _blocks(units: UnitRows) -> Iterable[Tensor]:
    return units.split(_BLOCK) if isinstance(units, Tensor) else units


def _ridge_fit(moments: Moments, intercept: bool, ridge: float) -> tuple[Tensor, Tensor]:
    """Cholesky factor of F + ridge·I and the coefficients, in float64; the intercept is the last column."""
    width = len(moments.second) - intercept
    ridges = torch.zeros_like(moments.second[0])
    ridges[:width] = ridge * moments.second.diagonal()[:width].sum()
    factor = torch.linalg.cholesky(moments.second + ridges.diag())
    return factor, torch.cholesky_solve(moments.weighted.mT, factor)


def _leverages(rows: Tensor, factor: Tensor) -> Tensor:
    """Diagonal of H, [n]."""
    return torch.linalg.solve_triangular(factor, rows.mT, upper=False).square().sum(0)
