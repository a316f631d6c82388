"""Laws of the ranking of labels: planted errors come first, and order or bad rows do not matter."""

import math

import oracles
import pytest
import torch
from crowds import CLASSES, answers, crowd, hazy
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import (
    given_label_loss,
    label_margin,
    label_posterior,
    label_suspicion,
    rank_share,
    suggested_labels,
    target_residual,
)
from explorer.similarity.suspicion import label_doubt

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def test_planted_wrong_labels_rank_above_the_median():
    """Every one of them, and nearly all above every right one."""
    units, labels, true = crowd()
    suspicion = label_suspicion(label_posterior(units, labels), labels)
    wrong = labels != true
    assert suspicion[wrong].min() > suspicion.median()
    assert oracles.average_precision(suspicion, wrong.numpy()) > 0.95


def test_the_suggestion_for_a_planted_wrong_label_is_the_true_one():
    """And for a right one nearly always the given label, with a chance."""
    units, labels, true = crowd()
    doubt = label_doubt(label_posterior(units, labels), labels)
    assert (doubt.suggested == true)[labels != true].float().mean() > 0.95
    assert (doubt.suggested == true)[labels == true].float().mean() > 0.95
    assert doubt.probability.min() >= 0 and doubt.probability.max() <= 1


def test_the_posterior_is_the_refitted_ridge_on_one_hot_labels():
    """K (K + λI)⁻¹ Y with λ = 0.01 · n · mean(K_ii), refitted without each sample."""
    units, labels, _ = crowd(n=40, wrong=4)
    one_hot = torch.eye(CLASSES, dtype=torch.float64)[labels]
    expected = oracles.refitted_without(units.numpy(), one_hot.numpy(), 0.01 * 40)
    assert_close(label_posterior(units, labels, CLASSES), torch.from_numpy(expected), **EXACT)


def test_the_margin_is_the_best_other_minus_the_given_class():
    """Written out sample by sample."""
    units, labels, _ = crowd(n=30, wrong=3)
    posterior = label_posterior(units, labels)
    for i, given in enumerate(labels.tolist()):
        others = [k for k in range(CLASSES) if k != given]
        margin = max(posterior[i, k] for k in others) - posterior[i, given]
        assert_close(label_margin(posterior, labels)[i], margin, **EXACT)


def test_a_class_that_nobody_has_changes_nothing():
    """Neither margins nor the ranking see a class without samples."""
    units, labels, _ = crowd(n=60, wrong=6)
    few, many = label_posterior(units, labels, CLASSES), label_posterior(units, labels, CLASSES + 3)
    assert_close(label_margin(many, labels), label_margin(few, labels), **EXACT)
    assert_close(label_suspicion(many, labels), label_suspicion(few, labels), **EXACT)


def test_suspicion_is_the_scaled_rank_of_the_odds():
    """0 for the least, 1 for the sample whose label is likeliest wrong."""
    units, labels, _ = crowd()
    evidence = label_posterior(units, labels)
    odds, suspicion = label_doubt(evidence, labels).wrong_odds, label_suspicion(evidence, labels)
    assert_close(suspicion, rank_share(odds), **EXACT)
    assert suspicion[odds.argmax()] == 1 and suspicion[odds.argmin()] == 0


def test_a_network_that_answers_rightly_is_heard():
    """With answers that know the true class, more errors come before right labels than by evidence alone."""
    units, labels, true = hazy()
    wrong, evidence = (labels != true).numpy(), label_posterior(units, labels)
    alone = oracles.average_precision(label_suspicion(evidence, labels), wrong)
    heard = oracles.average_precision(label_suspicion(evidence, labels, logits=answers(true)), wrong)
    assert heard > alone


def test_neighbors_are_heard_beside_all_other_samples():
    """Votes for the true classes bring more errors before right labels, and the suggestion follows them."""
    units, labels, true = hazy()
    evidence, votes = label_posterior(units, labels), 0.9 * torch.eye(CLASSES).double()[true] + 0.1 / CLASSES
    alone, heard = label_doubt(evidence, labels), label_doubt(evidence, labels, votes=votes)
    wrong = (labels != true).numpy()
    found = [oracles.average_precision(one.wrong_odds, wrong) for one in (alone, heard)]
    assert found[1] > found[0]
    assert (heard.suggested == true).double().mean() > (alone.suggested == true).double().mean()
    with pytest.raises(ShapeError, match="votes"):
        label_doubt(evidence, labels, votes=votes[1:])


def test_a_network_that_has_memorized_is_not_heard():
    """Answers that repeat the given labels change no number."""
    units, labels, _ = hazy()
    evidence = label_posterior(units, labels)
    expected = label_doubt(evidence, labels)
    heard = label_doubt(evidence, labels, logits=answers(labels))
    assert_close(heard.wrong_odds, expected.wrong_odds, **EXACT)


def test_answers_that_are_not_finite_add_nothing():
    """The odds of such a sample are those of all other samples alone."""
    units, labels, true = hazy()
    evidence, logits = label_posterior(units, labels), answers(true)
    logits[7] = math.nan
    alone, heard = label_doubt(evidence, labels), label_doubt(evidence, labels, logits=logits)
    assert_close(heard.wrong_odds[7], alone.wrong_odds[7], **EXACT)
    assert heard.wrong_odds.isfinite().all()


def test_held_out_samples_are_learned_about_apart_when_there_are_enough():
    """Each part gets what it gets alone; a handful stays with the others."""
    units, labels, _ = crowd()
    evidence = label_posterior(units, labels)
    trained = torch.arange(len(labels)) % 4 > 0
    doubt = label_doubt(evidence, labels, trained=trained)
    for part in (trained, ~trained):
        assert_close(doubt.wrong_odds[part], label_doubt(evidence[part], labels[part]).wrong_odds, **EXACT)
    few = torch.arange(len(labels)) > 4
    assert_close(label_doubt(evidence, labels, trained=few).wrong_odds, label_doubt(evidence, labels).wrong_odds)


def test_shuffling_the_samples_shuffles_every_number():
    """Row i is sample i."""
    units, labels, _ = crowd(n=80, wrong=8)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    posterior, shuffled = label_posterior(units, labels), label_posterior(units[order], labels[order])
    assert_close(shuffled, posterior[order], **EXACT)
    moved, fixed = label_doubt(shuffled, labels[order]).wrong_odds, label_doubt(posterior, labels).wrong_odds[order]
    assert_close(moved, fixed, rtol=1e-4, atol=1e-4)  # a search that stops near its goal
    targets = units[:, :2] + labels[:, None]
    assert_close(target_residual(units[order], targets[order]), target_residual(units, targets)[order], **EXACT)


def test_invalid_and_unlabeled_samples_are_not_ranked_and_change_no_other():
    """Their suspicion is nan; an unlabeled sample still gets a suggestion, an invalid one does not."""
    units, labels, _ = crowd(n=80, wrong=8)
    mixed = torch.cat([units, torch.zeros_like(units[:1]), units[:1]])
    known = torch.cat([labels, torch.tensor([1, -1])])
    posterior = label_posterior(mixed, known)
    doubt, others = label_doubt(posterior, known), label_doubt(label_posterior(units, labels), labels)
    assert_close(doubt.wrong_odds[:-2], others.wrong_odds, rtol=1e-6, atol=1e-6)
    assert doubt.wrong_odds[-2:].isnan().all()
    assert doubt.suggested[-2] == -1 and doubt.probability[-2].isnan()
    assert doubt.suggested[-1] >= 0 and doubt.probability[-1].isfinite()


def test_labels_of_one_class_only_leave_nothing_to_suggest():
    """Without another class the margin is minus the evidence for the given one, and finite."""
    units, _, _ = crowd(n=20, wrong=0)
    labels = torch.zeros(20, dtype=torch.int64)
    posterior = label_posterior(units, labels, 2)
    assert_close(label_margin(posterior, labels), -posterior[:, 0], **EXACT)
    doubt = label_doubt(posterior, labels)
    assert (doubt.suggested == 0).all() and (doubt.probability == 1).all()
    assert doubt.wrong_odds.argmax() == posterior[:, 0].argmin()  # who is least like the others comes first


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


def test_what_the_network_already_answers_is_not_doubted():
    """Targets that no other sample explains leave nothing where the network predicts them, but for the planted one."""
    units, _, _ = crowd(n=60)
    generator = torch.Generator().manual_seed(4)
    predictions = torch.randn(60, 1, generator=generator, dtype=torch.float64)
    targets = predictions + 1e-3 * torch.randn(60, 1, generator=generator, dtype=torch.float64)
    targets[17] += 0.1
    assert target_residual(units, targets).argmax() != 17
    assert target_residual(units, targets, predictions=predictions).argmax() == 17


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
