"""Laws of the ridge regression that mimics the network, against the dense H = K (K + ridge·I)⁻¹."""

import math

import numpy as np
import oracles
import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import Moments, fit_smoother, leverage_gain

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def draw_values(blocks, seed=5):
    n, c, _ = blocks.shape
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("ridge", [1e-2, 1.0, 300.0])
def test_the_gain_is_the_row_norm_of_the_dense_smoother(blocks, ridge):
    """√ mean over outputs of Σ_j H_ij²."""
    expected = torch.from_numpy(oracles.smoother_gain(blocks.numpy(), ridge))
    assert_close(leverage_gain(blocks, ridge), expected, **EXACT)


def test_without_a_ridge_or_values_the_ridge_is_fixed(blocks):
    """0.003 · n · mean(K_ii), the mean over all samples and outputs."""
    gram_diagonal = blocks.square().sum(2)
    ridge = 0.003 * len(blocks) * gram_diagonal.mean().item()
    assert_close(leverage_gain(blocks), leverage_gain(blocks, ridge), **EXACT)


def test_cross_validation_chooses_a_ridge_that_no_other_beats(blocks):
    """The chosen ridge has the least dense GCV error among ridges around it."""
    values = draw_values(blocks) + blocks.sum(2)
    chosen = fit_smoother(Moments.of(blocks, values[:, None])).ridge
    least = oracles.cross_validation_error(blocks.numpy(), values.numpy(), chosen)
    for factor in np.logspace(-3, 3, 13):
        other = chosen * factor
        if 1e-9 < other / blocks.square().sum((1, 2)).sum().item() < 1:
            assert least <= oracles.cross_validation_error(blocks.numpy(), values.numpy(), other) * (1 + 1e-3)


def test_values_choose_the_ridge_and_noise_asks_for_more_of_it(draw):
    """Targets that are pure noise are smoothed more than targets that the kernel explains."""
    blocks = draw(60, 1, 8)
    explained = blocks[:, 0] @ torch.linspace(1, 2, 8, dtype=torch.float64)
    noise = torch.randn(60, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert leverage_gain(blocks, values=noise).mean() < leverage_gain(blocks, values=explained).mean()


def test_more_ridge_leaves_less_noise(blocks):
    """The gain falls with the ridge, from at most 1."""
    gains = torch.stack([leverage_gain(blocks, ridge) for ridge in (1e-6, 1e-2, 1.0, 1e2, 1e4)])
    assert (gains.diff(dim=0) < 1e-12).all() and gains.max() <= 1 + 1e-9


def test_the_gain_is_that_of_simulated_noise(draw):
    """Independent unit noise, smoothed 20,000 times, keeps this deviation."""
    blocks = draw(10, 1, 6)
    noise = torch.randn(10, 20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    smoothed = torch.from_numpy(oracles.smoother_matrix(blocks.numpy(), 2.0)) @ noise
    assert_close(leverage_gain(blocks, 2.0), smoothed.std(1), rtol=0.03, atol=0)


def test_bad_samples_are_nan_and_change_no_other(blocks):
    """Zero and non-finite blocks cost their own rows only."""
    bad = torch.zeros(2, *blocks.shape[1:], dtype=torch.float64)
    bad[1, 0, 0] = math.nan
    gains = leverage_gain(torch.cat([blocks, bad]))
    assert_close(gains[:-2], leverage_gain(blocks), **EXACT)
    assert gains[-2:].isnan().all()


def test_shuffling_and_sharding_change_nothing(blocks):
    """Row i is sample i, whoever summed the moments."""
    order = torch.randperm(len(blocks), generator=torch.Generator().manual_seed(2))
    assert_close(leverage_gain(blocks[order]), leverage_gain(blocks)[order], **EXACT)
    smoother = fit_smoother(Moments.of(blocks[:4]) + Moments.of(blocks[4:]))
    assert_close(torch.cat([smoother.gain(shard) for shard in blocks.split(5)]), leverage_gain(blocks), **EXACT)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: leverage_gain(torch.ones(3, 1, 2), 0.0), "positive ridge"),
        (lambda: leverage_gain(torch.zeros(3, 1, 2)), "0 samples"),
        (lambda: leverage_gain(torch.ones(3, 2, 2), values=torch.ones(3)), "c = 2 outputs"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what is wrong."""
    with pytest.raises(ShapeError, match=words):
        call()
