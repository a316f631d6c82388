"""Laws of the leave-one-out ridge, against refits without each sample."""

import math

import oracles
import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import leave_one_out, unit_features

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def draw_values(n, v=3, seed=6):
    return torch.randn(n, v, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("intercept", [False, True])
def test_one_fit_predicts_what_a_refit_without_each_sample_would(blocks, intercept):
    """p_i = Y_i − (Y_i − f_i) / (1 − H_ii) is exact, with and without a free constant."""
    units, values = unit_features(blocks), draw_values(len(blocks))
    ridge = 0.003 * len(units)  # mean(K_ii) = 1
    expected = oracles.refitted_without(units.numpy(), values.numpy(), ridge, intercept)
    assert_close(leave_one_out(units, values, intercept=intercept), torch.from_numpy(expected), **EXACT)


def test_another_ridge_is_the_share_that_was_asked_for(blocks):
    """The ridge is that share of n · mean(K_ii), refitted without each sample."""
    units, values = unit_features(blocks), draw_values(len(blocks))
    expected = oracles.refitted_without(units.numpy(), values.numpy(), 0.05 * len(units))
    assert_close(leave_one_out(units, values, ridge=0.05), torch.from_numpy(expected), **EXACT)


def test_blocks_of_rows_do_not_show(monkeypatch, blocks):
    """The fit is summed and evaluated in pieces."""
    units, values = unit_features(blocks), draw_values(len(blocks))
    whole = leave_one_out(units, values)
    monkeypatch.setattr("explorer.similarity.ridge._BLOCK", 5)
    assert_close(leave_one_out(units, values), whole, **EXACT)
    assert_close(leave_one_out([units[:2], units[2:]], values), whole, **EXACT)  # read from disk block by block


def test_a_sample_never_hears_its_own_value(blocks):
    """Changing one value changes the predictions of others, not its own."""
    units, values = unit_features(blocks), draw_values(len(blocks))
    changed = values.clone()
    changed[2] += 10
    before, after = leave_one_out(units, values, intercept=True), leave_one_out(units, changed, intercept=True)
    assert_close(after[2], before[2], **EXACT)
    assert (after - before).abs().amax(1)[[0, 1, 3, 4]].min() > 1e-6


def test_with_an_intercept_a_constant_is_predicted_as_itself(blocks):
    """The ridge does not shrink what all samples share."""
    constant = torch.full((len(blocks), 1), 1000.0, dtype=torch.float64)
    assert_close(leave_one_out(unit_features(blocks), constant, intercept=True), constant, **EXACT)


def test_samples_without_a_value_are_predicted_and_teach_nothing(blocks):
    """A nan value is left out of the fit; its sample hears all others."""
    units, values = unit_features(blocks), draw_values(len(blocks))
    partly = values.clone()
    partly[3] = math.nan
    others = [i for i in range(len(blocks)) if i != 3]
    predictions = leave_one_out(units, partly)
    assert_close(predictions[others], leave_one_out(units[others], values[others]), **EXACT)
    assert predictions[3].isfinite().all()


def test_invalid_samples_are_nan_and_change_no_other(blocks):
    """Rows of zeros and rows that are not valid take no part."""
    units, values = unit_features(blocks), draw_values(len(blocks) + 2)
    mixed = torch.cat([units, torch.zeros_like(units[:1]), units[:1]])
    valid = torch.ones(len(mixed), dtype=torch.bool)
    valid[-1] = False
    for intercept in (False, True):
        predictions = leave_one_out(mixed, values, valid=valid, intercept=intercept)
        assert_close(predictions[:-2], leave_one_out(units, values[:-2], intercept=intercept), **EXACT)
        assert predictions[-2:].isnan().all()


def test_a_lonely_sample_has_nobody_to_hear():
    """One valid sample: no evidence without a constant, no prediction with one; none at all: nan."""
    units = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert leave_one_out(units, torch.ones(2, 1))[0].item() == pytest.approx(0, abs=1e-6)
    assert leave_one_out(units, torch.ones(2, 1), intercept=True).isnan().all()
    assert leave_one_out(torch.zeros(2, 2), torch.ones(2, 1)).isnan().all()


def test_what_does_not_fit_is_refused_in_words():
    """The message names the argument."""
    with pytest.raises(ShapeError, match="values"):
        leave_one_out(torch.ones(3, 2), torch.ones(2, 1))
    with pytest.raises(ShapeError, match="valid"):
        leave_one_out(torch.ones(3, 2), torch.ones(3, 1), valid=torch.ones(2, dtype=torch.bool))
