"""Laws of the ranking of labels: planted errors come first, and order or bad rows do not matter."""

import math

import oracles
import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import (
    calibrated_margin,
    given_label_loss,
    label_margin,
    label_posterior,
    label_suspicion,
    rank_share,
    suggested_labels,
    target_residual,
    unit_features,
)

EXACT = {"rtol": 1e-8, "atol": 1e-10}
CLASSES = 4


def crowd(n=400, wrong=40, c=2, seed=0):
    """Samples in four groups of similar gradients, their labels with some wrong ones, the true labels."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(CLASSES, c, 24, generator=generator, dtype=torch.float64)
    true = torch.randint(0, CLASSES, (n,), generator=generator)
    blocks = centers[true] + 0.7 * torch.randn(n, c, 24, generator=generator, dtype=torch.float64)
    labels = true.clone()
    labels[:wrong] = (labels[:wrong] + torch.randint(1, CLASSES, (wrong,), generator=generator)) % CLASSES
    return unit_features(blocks), labels, true


def test_planted_wrong_labels_rank_above_the_median():
    """Every one of them, and nearly all above every right one."""
    units, labels, true = crowd()
    suspicion = label_suspicion(label_posterior(units, labels), labels)
    wrong = labels != true
    assert suspicion[wrong].min() > suspicion.median()
    assert oracles.average_precision(suspicion, wrong.numpy()) > 0.95


def test_the_suggestion_for_a_planted_wrong_label_is_the_true_one():
    """The class that all others speak for."""
    units, labels, true = crowd()
    suggested, probability = suggested_labels(label_posterior(units, labels))
    assert (suggested == true)[labels != true].float().mean() > 0.95
    assert probability.min() >= 1 / CLASSES and probability.max() <= 1


def test_the_posterior_is_the_refitted_ridge_on_one_hot_labels():
    """K (K + λI)⁻¹ Y with λ = 0.003 · n · mean(K_ii), refitted without each sample."""
    units, labels, _ = crowd(n=40, wrong=4)
    one_hot = torch.eye(CLASSES, dtype=torch.float64)[labels]
    expected = oracles.refitted_without(units.numpy(), one_hot.numpy(), 0.003 * 40)
    assert_close(label_posterior(units, labels, CLASSES), torch.from_numpy(expected), **EXACT)


def test_margins_are_best_other_minus_given_with_and_without_the_usual_evidence():
    """Written out sample by sample."""
    units, labels, _ = crowd(n=30, wrong=3)
    posterior = label_posterior(units, labels)
    usual = [posterior[labels == k, k].mean() for k in range(CLASSES)]
    for i, given in enumerate(labels.tolist()):
        others = [k for k in range(CLASSES) if k != given]
        margin = max(posterior[i, k] for k in others) - posterior[i, given]
        calibrated = max(posterior[i, k] - usual[k] for k in others) - (posterior[i, given] - usual[given])
        assert_close(label_margin(posterior, labels)[i], margin, **EXACT)
        assert_close(calibrated_margin(posterior, labels)[i], calibrated, **EXACT)


def test_a_class_that_nobody_has_changes_nothing():
    """Neither margins nor the ranking see a class without samples."""
    units, labels, _ = crowd(n=60, wrong=6)
    few, many = label_posterior(units, labels, CLASSES), label_posterior(units, labels, CLASSES + 3)
    assert_close(label_margin(many, labels), label_margin(few, labels), **EXACT)
    assert_close(calibrated_margin(many, labels), calibrated_margin(few, labels), **EXACT)


def test_suspicion_is_the_scaled_sum_of_two_ranks():
    """0 for the least, 1 for a sample that leads both rankings."""
    posterior = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])
    labels = torch.tensor([0, 0, 0, 1])
    ranks = rank_share(label_margin(posterior, labels)) + rank_share(calibrated_margin(posterior, labels))
    suspicion = label_suspicion(posterior, labels)
    assert_close(suspicion, ranks / 2)
    assert suspicion.argmax() == 2 and suspicion[2] == 1


def test_shuffling_the_samples_shuffles_every_number():
    """Row i is sample i."""
    units, labels, _ = crowd(n=80, wrong=8)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    posterior, shuffled = label_posterior(units, labels), label_posterior(units[order], labels[order])
    assert_close(shuffled, posterior[order], **EXACT)
    assert_close(label_suspicion(shuffled, labels[order]), label_suspicion(posterior, labels)[order], **EXACT)
    targets = units[:, :2] + labels[:, None]
    assert_close(target_residual(units[order], targets[order]), target_residual(units, targets)[order], **EXACT)


def test_invalid_and_unlabeled_samples_are_not_ranked_and_change_no_other():
    """Their suspicion is nan; an unlabeled sample still gets a suggestion, an invalid one does not."""
    units, labels, _ = crowd(n=80, wrong=8)
    mixed = torch.cat([units, torch.zeros_like(units[:1]), units[:1]])
    known = torch.cat([labels, torch.tensor([1, -1])])
    posterior = label_posterior(mixed, known)
    suspicion = label_suspicion(posterior, known)
    assert_close(suspicion[:-2], label_suspicion(label_posterior(units, labels), labels), **EXACT)
    assert suspicion[-2:].isnan().all()
    suggested, probability = suggested_labels(posterior)
    assert suggested[-2] == -1 and probability[-2].isnan()
    assert suggested[-1] >= 0 and probability[-1].isfinite()


def test_labels_of_one_class_only_leave_nothing_to_suggest():
    """Without another class the margin is minus the evidence for the given one, and finite."""
    units, _, _ = crowd(n=20, wrong=0)
    labels = torch.zeros(20, dtype=torch.int64)
    posterior = label_posterior(units, labels, 2)
    assert_close(label_margin(posterior, labels), -posterior[:, 0], **EXACT)
    assert (suggested_labels(posterior)[0] == 0).all()


def test_evidence_below_zero_counts_as_none_in_the_probability():
    """Shares of the positive evidence; an even share where there is none."""
    labels, probability = suggested_labels(torch.tensor([[0.6, 0.2, -0.4], [-0.1, -0.2, -0.3]]))
    assert labels[0] == 0
    assert_close(probability, torch.tensor([0.75, 1 / 3]))


def test_a_planted_wrong_target_has_the_largest_residual():
    """Regression: one target off by ten deviations stands out, whatever the mean of the targets."""
    units, _, _ = crowd(n=200)
    targets = 500 + units @ torch.linspace(-1, 1, units.shape[1], dtype=torch.float64)
    targets[17] += 10 * targets.std()
    residual = target_residual(units, targets)
    assert residual.argmax() == 17
    assert rank_share(residual)[17] == 1


def test_target_residuals_are_in_units_of_their_own_spread():
    """Their mean square is one, for one target or several, in any unit."""
    units, labels, _ = crowd(n=60)
    targets = torch.stack([labels.double(), units[:, 0]], 1)
    residual = target_residual(units, targets)
    assert_close(residual.square().mean(), torch.tensor(1.0).double(), **EXACT)
    assert_close(target_residual(units, targets * torch.tensor([1e3, 1e-3])), residual, rtol=1e-6, atol=1e-8)


def test_a_sample_without_a_target_has_no_residual():
    """It gets nan; the others are those without it."""
    units, labels, _ = crowd(n=30, wrong=0)
    targets = labels.double()
    targets[4] = math.nan
    others = [i for i in range(30) if i != 4]
    residual = target_residual(units, targets)
    assert residual[4].isnan()
    assert_close(residual[others], target_residual(units[others], targets[others]), **EXACT)


def test_ranks_follow_the_values_and_ties_share_theirs():
    """Scaled to [0, 1]; nan is not ranked; a single value is 0."""
    assert rank_share(torch.tensor([3.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.5]
    assert rank_share(torch.tensor([1.0, 1.0, 1.0])).tolist() == [0.5, 0.5, 0.5]
    assert rank_share(torch.tensor([7.0])).tolist() == [0.0]
    assert rank_share(torch.tensor([math.nan])).isnan().all()


def test_the_loss_of_the_given_label_is_the_cross_entropy():
    """−log softmax at the label, nan without one."""
    outputs = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.tensor([0, 4, 2, 2, 1, -1])
    loss = given_label_loss(outputs, labels)
    expected = torch.nn.functional.cross_entropy(outputs[:5], labels[:5], reduction="none")
    assert_close(loss[:5], expected, **EXACT)
    assert loss[5].isnan()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: label_posterior(torch.ones(3, 2), torch.tensor([0, 1])), "labels"),
        (lambda: label_posterior(torch.ones(3, 2), torch.tensor([0, 1, 5]), 2), "below 2"),
        (lambda: label_posterior(torch.ones(3, 2), torch.ones(3)), "whole numbers"),
        (lambda: target_residual(torch.ones(3, 2), torch.ones(2)), "targets"),
        (lambda: given_label_loss(torch.ones(3, 2), torch.tensor([0])), "labels"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what is wrong."""
    with pytest.raises(ShapeError, match=words):
        call()
