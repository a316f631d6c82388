"""What all other samples say about each one: kernel ridge regression with unit features, left out one by one."""

from functools import reduce
from operator import add

import torch
from torch import Tensor

from explorer.similarity.moments import Moments
from explorer.similarity.shapes import check_length, check_units

FIXED_RIDGE = 0.003
"""Ridge as a share of n · mean(K_ii): the value that label ranking was measured with; 0.003 to 0.01 is safe."""

_BLOCK = 4096


def leave_one_out(units: Tensor, values: Tensor, *, valid: Tensor | None = None, intercept: bool = False) -> Tensor:
    """What all other samples say about each one: kernel ridge regression, without its own value.

    Exactly what refitting without the sample would predict, at the cost of one fit. The ridge is fixed at
    0.003 · n · mean(K_ii): choosing it by this very error was measured to be worse, for the features have already
    seen the labels.

    Args:
        units: [n, d] floating point, unit rows; the kernel is their inner product k^C. Not modified.
        values: [n, v] floating point; a row with nan teaches nothing and is predicted from all others.
        valid: [n] bool, samples whose features can be used; None takes those that are not zero.
        intercept: whether a constant is fitted beside the kernel, free of the ridge. For values without a natural zero.

    Returns:
        [n, v] in the dtype of units; nan for samples that are not valid or that nobody else speaks for.

    Raises:
        ShapeError: units are not [n, d] and finite, or values or valid do not have n rows.

    Cost: time O(n d² + d³), memory O(n (d + v) + d²).
    Paper: not in it; p_i = Y_i − (Y_i − f_i) / (1 − H_ii), f = K (K + λI)⁻¹ Y.

    >>> leave_one_out(torch.ones(3, 1), torch.tensor([[0.0], [3.0], [3.0]]), intercept=True).tolist()
    [[3.0], [1.5], [1.5]]
    """
    check_units(units)
    check_length(values, len(units), "values")
    speaking = units.any(1)
    if valid is not None:
        check_length(valid, len(units), "valid")
        speaking = speaking & valid
    teaching = speaking & values.isfinite().all(1)
    rows = torch.cat([units, units.new_ones(len(units), 1)], 1) if intercept else units
    if not teaching.any():
        return torch.full_like(values, torch.nan, dtype=units.dtype)
    factor, coefficients = _ridge_fit(rows[teaching], values[teaching], intercept)
    predictions = []
    for block, known, taught in zip(*(each.split(_BLOCK) for each in (rows, values, teaching)), strict=True):
        fitted = block.double() @ coefficients
        leverage = _leverages(block.double(), factor)[:, None] * taught[:, None]
        others = (fitted - leverage * known.double().nan_to_num()) / (1 - leverage)
        predictions.append(others.masked_fill(leverage > 1 - 1e-9, torch.nan))
    return torch.cat(predictions).masked_fill(~speaking[:, None], torch.nan).to(units.dtype)


def _ridge_fit(rows: Tensor, values: Tensor, intercept: bool) -> tuple[Tensor, Tensor]:
    """Cholesky factor of F + ridge·I and the coefficients, in float64; the intercept is the last column."""
    pairs = zip(rows.split(_BLOCK), values.split(_BLOCK), strict=True)
    moments = reduce(add, (Moments.of(row[:, None, :], value[:, :, None]) for row, value in pairs))
    width = rows.shape[1] - intercept
    ridges = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    ridges[:width] = FIXED_RIDGE * moments.second.diagonal()[:width].sum()
    factor = torch.linalg.cholesky(moments.second + ridges.diag())
    return factor, torch.cholesky_solve(moments.weighted.mT, factor)


def _leverages(rows: Tensor, factor: Tensor) -> Tensor:
    """Diagonal of H, [n]."""
    return torch.linalg.solve_triangular(factor, rows.mT, upper=False).square().sum(0)
