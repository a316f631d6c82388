"""Laws of the counts of neighbors, against sums over all pairs."""

import itertools
import math

import oracles
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import hard_density, power_density, soft_density, unit_features

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def all_pairs(blocks):
    return oracles.similarity(blocks.numpy(), blocks.numpy())


def test_the_linear_soft_count_is_the_sum_over_all_pairs(blocks):
    """u(x)·Σ u(x_i) = Σ_i Tr K^C(x, x_i) / c."""
    expected = torch.from_numpy(oracles.soft_count(all_pairs(blocks)))
    assert_close(soft_density(unit_features(blocks)), expected, **EXACT)


def test_the_hard_count_is_the_number_of_pairs_above_the_threshold(blocks):
    """For any threshold, in blocks of any size."""
    pairs, units = all_pairs(blocks), unit_features(blocks)
    for threshold, block in itertools.product((-0.2, 0.0, 0.3, 0.8), (1, 5, 1000)):
        expected = torch.from_numpy(oracles.hard_count(pairs, threshold)).double()
        assert torch.equal(hard_density(units, threshold, block=block), expected)


def test_the_power_count_is_the_sum_of_powers_over_all_pairs(blocks):
    """For any exponent, in blocks of any size."""
    pairs, units = all_pairs(blocks), unit_features(blocks)
    for exponent, block in itertools.product((1, 2.5, 8), (1, 5, 1000)):
        expected = torch.from_numpy(oracles.power_count(pairs, exponent))
        assert_close(power_density(units, exponent, block=block), expected, **EXACT)


def test_the_threshold_is_strict():
    """A pair at the threshold is not counted: nothing is more similar than 1, not even the sample itself."""
    units = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert hard_density(units, 0.0).tolist() == [1.0, 1.0]
    assert hard_density(unit_features(torch.randn(50, 3, 7)), 1.0).max() == 0


def test_the_same_sample_n_times_has_n_neighbors_by_every_count(draw):
    """Identical samples count fully."""
    units = unit_features(draw(1, 3, 8).expand(7, 3, 8))
    for counts in (soft_density(units), hard_density(units, 0.99), power_density(units, 4)):
        assert_close(counts, torch.full((7,), 7.0, dtype=torch.float64), **EXACT)


def test_orthogonal_samples_have_only_themselves_by_every_count():
    """Samples that share no parameter direction do not count."""
    units = torch.eye(6, dtype=torch.float64)
    for counts in (soft_density(units), hard_density(units, 0.01), power_density(units, 4)):
        assert torch.equal(counts, torch.ones(6, dtype=torch.float64))


def test_the_mean_of_hard_counts_over_thresholds_is_the_power_count_of_one(draw):
    """∫₀¹ N_τ dτ = N⁺₁, here as a midpoint sum."""
    units, steps = unit_features(draw(8, 2, 9)), 400
    thresholds = [(step + 0.5) / steps for step in range(steps)]
    mean = torch.stack([hard_density(units, threshold) for threshold in thresholds]).mean(0)
    assert_close(mean, power_density(units, 1), rtol=0, atol=len(units) / steps)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_shuffling_the_samples_shuffles_the_counts(n, seed):
    """No count depends on the order of the samples."""
    generator = torch.Generator().manual_seed(seed)
    units = unit_features(torch.randn(n, 2, 6, generator=generator, dtype=torch.float64))
    order = torch.randperm(n, generator=generator)
    for count in (soft_density, lambda u: hard_density(u, 0.2), lambda u: power_density(u, 3)):
        assert_close(count(units[order]), count(units)[order], **EXACT)


def test_samples_without_a_gradient_count_for_nobody_and_have_no_neighbors(blocks):
    """Adding zero and non-finite blocks changes no count, even under a negative threshold."""
    bad = torch.zeros(2, *blocks.shape[1:], dtype=torch.float64)
    bad[1, 0, 0] = math.nan
    good, mixed = unit_features(blocks), unit_features(torch.cat([blocks, bad]))
    for count in (soft_density, lambda u: hard_density(u, -0.5), lambda u: power_density(u, 2)):
        assert_close(count(mixed)[:-2], count(good), **EXACT)
        assert count(mixed)[-2:].abs().max() == 0


def test_counts_are_the_same_shard_by_shard(blocks):
    """A build that never holds all samples gets the same numbers."""
    units = unit_features(blocks)
    shards = units.split(5)
    total = sum(shard.sum(0) for shard in shards)
    assert_close(torch.cat([soft_density(shard, total=total) for shard in shards]), soft_density(units), **EXACT)
    for count in (lambda u, o: hard_density(u, 0.3, others=o), lambda u, o: power_density(u, 3, others=o)):
        assert_close(sum(count(units, shard) for shard in shards), count(units, units), **EXACT)


def test_exact_grams_give_the_soft_count_of_the_full_gradients_for_several_outputs(draw):
    """What is lost is another direction of each sample: with the full Gram matrices the count is still exact."""
    full = torch.zeros(5, 3, 12 + 5 * 3, dtype=torch.float64)
    full[:, :, :12] = draw(5, 3, 12)
    for i in range(5):
        full[i, :, 12 + 3 * i : 15 + 3 * i] = draw(1, 3, 3, seed=i)[0]
    rows = unit_features(full[:, :, :12], full @ full.mT)
    expected = torch.from_numpy(oracles.soft_count(all_pairs(full)))
    assert_close(soft_density(rows, whole_self=True), expected, **EXACT)
    assert (soft_density(unit_features(full[:, :, :12])) - expected).abs().max() > 0.1


def test_soft_and_power_counts_can_be_trained_on(draw):
    """Both have the derivative that finite differences show."""
    units = unit_features(draw(4, 1, 5)).requires_grad_()
    assert torch.autograd.gradcheck(soft_density, (units,))
    assert torch.autograd.gradcheck(lambda u: power_density(u / u.norm(dim=1, keepdim=True) * 0.9, 3), (units,))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: soft_density(torch.ones(2, 3, 4)), "\\[n, d\\]"),
        (lambda: soft_density(torch.tensor([[1.0], [math.nan]])), "row 1"),
        (lambda: soft_density(torch.ones(2, 3), total=torch.ones(2)), "total"),
        (lambda: hard_density(torch.ones(2, 3), 0.5, others=torch.ones(2, 4)), "3 columns"),
        (lambda: power_density(torch.ones(2, 3), 0), "positive"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message names the argument."""
    with pytest.raises(ShapeError, match=words):
        call()
