"""Laws of the network's averaging, against explicit weights A_ij and against simulated noise."""

import math

import oracles
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import (
    Moments,
    denoising_factor,
    denoising_share,
    effective_neighbors,
    floor_ratio,
    local_average,
    neighbor_mean,
    shift,
    stationarity_residual,
    uncertainty,
)

EXACT = {"rtol": 1e-8, "atol": 1e-9}


def draw_values(blocks, seed=4):
    n, c, _ = blocks.shape
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def average_of(blocks, values=None):
    return local_average(blocks, Moments.of(blocks, values))


def shares_of(blocks):
    return denoising_share(average_of(blocks).covariance)


def test_the_neighbor_mean_is_the_sum_with_explicit_weights(blocks):
    """E_k[a](i) = Σ_j a_jᵀ A_ij."""
    values = draw_values(blocks)
    expected = torch.from_numpy(oracles.local_mean(blocks.numpy(), values.numpy()))
    assert_close(neighbor_mean(blocks, values), expected, **EXACT)


def test_the_mean_of_a_constant_is_that_constant(blocks):
    """Weights sum to the identity, so nothing is shrunk or mixed."""
    constant = draw_values(blocks)[:1].expand(len(blocks), -1)
    assert_close(neighbor_mean(blocks, constant), constant, **EXACT)


def test_one_output_averages_every_column_alike(draw):
    """With c = 1 weights are numbers, so [n] and [n, v] values are averaged column by column."""
    blocks, values = draw(9, 1, 12), draw(9, 1, 3)[:, 0]
    columns = [neighbor_mean(blocks, column) for column in values.mT]
    assert_close(neighbor_mean(blocks, values), torch.stack(columns, 1), **EXACT)
    assert columns[0].shape == (9,)


def test_the_covariance_is_the_sum_of_squared_explicit_weights(blocks):
    """S_i = Σ_j A_ijᵀ A_ij."""
    expected = torch.from_numpy(oracles.noise_covariance(blocks.numpy()))
    assert_close(average_of(blocks).covariance, expected, **EXACT)


@pytest.mark.parametrize("c", [1, 2, 3])
def test_the_covariance_is_that_of_averaged_simulated_noise(c, draw):
    """20,000 draws of independent unit noise, averaged: their covariance is S, and not the other order A Aᵀ."""
    blocks, draws = draw(8, c, 12, seed=c, common=0.5), 20_000
    noise = torch.randn(8, draws, c, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means = average_of(blocks, noise).mean  # [8, draws, c]
    simulated = means.mT @ means / draws
    covariance = average_of(blocks).covariance
    error = (simulated - covariance).flatten(1).norm(dim=1) / covariance.flatten(1).norm(dim=1)
    assert error.max() < 0.05  # a few times √(2 / 20,000) for each entry
    if c > 1:
        weights = torch.from_numpy(oracles.averaging_weights(blocks.numpy()))
        other_order = (weights @ weights.mT).sum(1)
        assert (simulated - other_order).flatten(1).norm(dim=1).max() > 0.2 * covariance.flatten(1).norm(dim=1).max()


def test_the_factor_is_the_symmetric_square_root_of_the_covariance(blocks):
    """[n] for one output, else [n, c, c] with factor² = S and factor = factorᵀ."""
    factor, covariance = denoising_factor(blocks), average_of(blocks).covariance
    if blocks.shape[1] == 1:
        assert_close(factor, covariance.flatten().sqrt(), **EXACT)
        return
    assert_close(factor @ factor, covariance, **EXACT)
    assert_close(factor, factor.mT, **EXACT)
    assert (torch.linalg.eigvalsh(factor) >= 0).all()


def test_one_output_has_the_norm_of_the_normalized_kernel_as_factor(draw):
    """With c = 1 it is ‖k^I(·, x_i) / Σ_j k^I(x_j, x_i)‖."""
    blocks = draw(10, 1, 7)
    kernel = blocks[:, 0] @ blocks[:, 0].mT
    assert_close(denoising_factor(blocks), (kernel / kernel.sum(0)).norm(dim=0), **EXACT)


@pytest.mark.parametrize("c", [1, 2, 10])
def test_identical_samples_average_noise_as_n_votes_do(c, draw):
    """The floor: 1/√n, ratio 1, n effective neighbors."""
    share = shares_of(draw(1, c, 15).expand(16, c, 15))
    ones = torch.ones(16, dtype=torch.float64)
    assert_close(share, ones / 4, **EXACT)
    assert_close(floor_ratio(share, 16), ones, **EXACT)
    assert_close(effective_neighbors(share), 16 * ones, **EXACT)


@pytest.mark.parametrize("c", [1, 2, 10])
def test_independent_samples_keep_all_their_noise(c):
    """Orthogonal blocks: factor 1, and each sample's mean is its own value."""
    blocks = torch.linalg.qr(torch.randn(5 * c, 5 * c, generator=torch.Generator().manual_seed(1)).double())[0]
    blocks = blocks.reshape(5, c, 5 * c) * torch.linspace(1, 3, 5, dtype=torch.float64)[:, None, None]
    assert_close(shares_of(blocks), torch.ones(5, dtype=torch.float64), **EXACT)
    assert_close(neighbor_mean(blocks, draw_values(blocks)), draw_values(blocks), **EXACT)


@pytest.mark.parametrize("c", [1, 2, 10])
def test_the_factor_is_never_below_the_floor(c, draw):
    """1/√n ≤ share for any blocks, because weights sum to the identity."""
    for seed in range(5):
        assert shares_of(draw(9, c, 20, seed=seed, common=3.0)).min() >= 1 / 3 - 1e-12


def test_a_factor_on_all_gradients_changes_no_average(blocks):
    """The kernel's unit cancels."""
    values = draw_values(blocks)
    assert_close(neighbor_mean(1e-3 * blocks, values), neighbor_mean(blocks, values), **EXACT)
    assert_close(denoising_factor(1e-3 * blocks), denoising_factor(blocks), **EXACT)
    assert_close(uncertainty(1e-3 * blocks), uncertainty(blocks), **EXACT)


def test_a_common_rotation_of_the_outputs_turns_averages_and_changes_no_share(blocks):
    """E_k[R a] = R E_k[a] when all outputs are rotated by R; the one number a sample does not see R."""
    values, c = draw_values(blocks), blocks.shape[1]
    rotation = torch.linalg.qr(torch.randn(c, c, generator=torch.Generator().manual_seed(1)).double())[0]
    assert_close(neighbor_mean(rotation @ blocks, values @ rotation.mT), neighbor_mean(blocks, values) @ rotation.mT)
    assert_close(shares_of(rotation @ blocks), shares_of(blocks), **EXACT)
    assert_close(uncertainty(rotation @ blocks), uncertainty(blocks), **EXACT)


def test_shuffling_the_samples_shuffles_every_number(blocks):
    """Row i is sample i."""
    values, order = draw_values(blocks), torch.randperm(len(blocks), generator=torch.Generator().manual_seed(2))
    assert_close(neighbor_mean(blocks[order], values[order]), neighbor_mean(blocks, values)[order], **EXACT)
    assert_close(denoising_factor(blocks[order]), denoising_factor(blocks)[order], **EXACT)
    assert_close(uncertainty(blocks[order]), uncertainty(blocks)[order], **EXACT)


def test_samples_without_a_gradient_are_nan_and_change_no_other(blocks):
    """Zero and non-finite blocks cost their own rows only, even with nan values."""
    bad = torch.zeros(2, *blocks.shape[1:], dtype=torch.float64)
    bad[1, 0, 0] = math.nan
    mixed, values = torch.cat([blocks, bad]), draw_values(blocks)
    mixed_values = torch.cat([values, torch.full((2, values.shape[1]), math.nan, dtype=torch.float64)])
    for results, clean in (
        (neighbor_mean(mixed, mixed_values), neighbor_mean(blocks, values)),
        (denoising_factor(mixed), denoising_factor(blocks)),
        (uncertainty(mixed), uncertainty(blocks)),
    ):
        assert_close(results[:-2], clean, **EXACT)
        assert results[-2:].isnan().all()


def test_a_singular_sum_of_kernels_is_reported_and_stays_finite():
    """Log-softmax outputs depend on each other, so that Σ_j K_ij has no inverse."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LogSoftmax(dim=1)).double()
    blocks = oracles.exact_jacobians(model, torch.randn(6, 3, dtype=torch.float64))
    average = average_of(blocks)
    assert average.touched.all() and average.covariance.isfinite().all()
    assert denoising_factor(blocks).isfinite().all()


def test_a_sample_orthogonal_to_the_sum_of_all_is_reported_alone():
    """With c = 1 its weights would be divided by zero; the others are not touched."""
    blocks = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]], [[1.0, -1.0]], [[0.0, 1.0]], [[0.0, -1.0]]]).double()
    average = average_of(blocks)
    assert average.touched.tolist() == [False, False, False, True, True]
    assert average.covariance.isfinite().all()
    assert uncertainty(blocks).isnan().tolist() == [False, False, False, True, True]


def test_gradients_that_cancel_leave_no_average():
    """Σ_j G_j = 0: there are no weights, which is nan and not a perfect average."""
    blocks = torch.tensor([[[1.0, 2.0]], [[-1.0, -2.0]]])
    assert denoising_factor(blocks).isnan().all()
    assert neighbor_mean(blocks, torch.ones(2)).isnan().all()
    assert uncertainty(blocks).isnan().all()


def test_well_conditioned_samples_are_not_touched(blocks):
    """The floor leaves ordinary samples alone."""
    assert not average_of(blocks).touched.any()


def test_shards_give_the_numbers_of_the_whole(blocks):
    """Moments summed over shards, then evaluated shard by shard."""
    values = draw_values(blocks)[:, None]
    shards = list(zip(blocks.split(5), values.split(5), strict=True))
    moments = Moments.of(*shards[0])
    for shard in shards[1:]:
        moments = moments + Moments.of(*shard)
    averages = [local_average(shard, moments) for shard, _ in shards]
    assert_close(torch.cat([one.mean for one in averages])[:, 0], neighbor_mean(blocks, values[:, 0]), **EXACT)
    assert_close(torch.cat([one.covariance for one in averages]), average_of(blocks).covariance, **EXACT)
    assert_close(
        torch.cat([uncertainty(shard, total=moments.total) for shard, _ in shards]), uncertainty(blocks), **EXACT
    )


def test_a_new_sample_equal_to_an_old_one_has_its_average(blocks):
    """Inputs that were not measured can be averaged too."""
    values = draw_values(blocks)[:, None]
    one = local_average(blocks[3:4], Moments.of(blocks, values))
    assert_close(one.mean, average_of(blocks, values).mean[3:4], **EXACT)


def test_a_network_trained_to_its_least_squares_has_equal_means_of_predictions_and_labels(draw):
    """At a stationary point Σ_j (ŷ_j − ỹ_j) ∇ŷ_j = 0, hence E_k[ŷ] = E_k[ỹ] and no stationarity residual."""
    hidden = draw(20, 1, 4)[:, 0]
    labels = draw(20, 2, 1, seed=3)[:, :, 0]
    weights = torch.linalg.pinv(hidden) @ labels
    blocks = torch.stack([torch.kron(torch.eye(2).double(), one[None]) for one in hidden])
    predictions = hidden @ weights
    assert_close(neighbor_mean(blocks, predictions), neighbor_mean(blocks, labels), **EXACT)
    assert stationarity_residual(Moments.of(blocks, (predictions - labels)[:, None])).item() < 1e-12
    assert stationarity_residual(Moments.of(blocks, (predictions - 2 * labels)[:, None])).item() > 0.05


def test_the_stationarity_residual_is_one_when_all_residuals_pull_alike(draw):
    """Identical samples with one residual: the largest pull that there can be; zero residuals pull not at all."""
    blocks = torch.ones(6, 1, 4, dtype=torch.float64)
    kinds = torch.cat([torch.full((6, 1, 1), 3.0), torch.zeros(6, 1, 1)], 1).double()
    expected = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert_close(stationarity_residual(Moments.of(blocks, kinds)), expected, **EXACT)


def test_the_shift_is_the_distance_to_the_mean_prediction(blocks):
    """‖ŷ_i − E_k[ŷ](i)‖, and zero for a constant prediction."""
    outputs = draw_values(blocks)
    mean = torch.from_numpy(oracles.local_mean(blocks.numpy(), outputs.numpy()))
    expected = (outputs - mean).square().sum(1).sqrt()
    assert_close(shift(outputs, neighbor_mean(blocks, outputs)), expected, **EXACT)
    constant = torch.ones_like(outputs)
    assert_close(shift(constant, neighbor_mean(blocks, constant)), torch.zeros(len(blocks)).double(), **EXACT)


def test_uncertainty_is_the_own_kernel_over_the_sum_of_kernels(blocks):
    """Tr K_ii / Σ_j Tr K_ij."""
    flat = blocks.flatten(1)
    kernel = flat @ flat.mT
    assert_close(uncertainty(blocks), kernel.diagonal() / kernel.sum(1), **EXACT)


def test_results_keep_the_dtype_of_the_gradients(blocks):
    """float32 in, float32 out, and the two agree to float32 rounding."""
    single = blocks.float()
    for results, exact in (
        (neighbor_mean(single, draw_values(blocks)), neighbor_mean(blocks, draw_values(blocks))),
        (denoising_factor(single), denoising_factor(blocks)),
        (uncertainty(single), uncertainty(blocks)),
    ):
        assert results.dtype == torch.float32 and exact.dtype == torch.float64
        assert_close(results.double(), exact, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: denoising_factor(torch.ones(4, 5)), "output axis"),
        (lambda: neighbor_mean(torch.ones(4, 2, 5), torch.ones(4, 3)), "c = 2 outputs"),
        (lambda: neighbor_mean(torch.ones(4, 2, 5), torch.ones(3, 2)), "values"),
        (lambda: local_average(torch.ones(4, 2, 5), Moments.of(torch.ones(4, 2, 6))), "one projection"),
        (lambda: uncertainty(torch.ones(4, 2, 5), total=torch.ones(2, 4)), "total"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what is wrong."""
    with pytest.raises(ShapeError, match=words):
        call()
