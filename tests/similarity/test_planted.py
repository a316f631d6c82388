"""Laws of errors planted on paper: they are what changing one label and starting over would give."""

import math

import pytest
import torch
from crowds import CLASSES, answers, crowd, hazy
from torch.testing import assert_close

from explorer.similarity import label_posterior, leave_one_out, rank_share
from explorer.similarity.label_noise import fit_label_noise
from explorer.similarity.planted import plant_labels, plant_targets, planted_suspicion
from explorer.similarity.suspicion import TARGET_RIDGE, label_doubt, target_doubt

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def test_changing_a_label_changes_nothing_that_is_said_about_it():
    """The evidence for a sample is the same whatever its own label is: so nothing is computed anew."""
    units, labels, _ = crowd(n=60, wrong=6)
    evidence = label_posterior(units, labels, CLASSES)
    for row in (0, 17, 59):
        changed = labels.clone()
        changed[row] = (labels[row] + 1) % CLASSES
        assert_close(label_posterior(units, changed, CLASSES)[row], evidence[row], **EXACT)


def test_a_planted_target_is_as_far_off_as_if_it_were_the_given_one():
    """Both residuals are distances from one prediction, which the refit with the planted target makes as well."""
    units, labels, _ = crowd(n=60)
    targets = labels.double()[:, None] + units[:, :1]
    doubt, planted = target_doubt(units, targets), plant_targets(targets)
    distances = targets[:, 0] - leave_one_out(units, targets, intercept=True, ridge=TARGET_RIDGE)[:, 0]
    for row in (3, 40):
        changed = targets.clone()
        changed[row] = planted[row]
        distance = changed[row, 0] - leave_one_out(units, changed, intercept=True, ridge=TARGET_RIDGE)[row, 0]
        ratio = doubt.planted_residual[row] / doubt.residual[row]
        assert_close(ratio, (distance / distances[row]).abs(), **EXACT)


def test_what_the_network_answers_is_taken_from_planted_targets_too():
    """A network that is right about all gives planted errors the distance between two targets, in one unit."""
    units, labels, _ = crowd(n=60)
    predictions = torch.linspace(0, 1, 60, dtype=torch.float64)
    noise = 1e-3 * torch.randn(60, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    targets = predictions + noise
    doubt = target_doubt(units, targets, predictions=predictions)
    apart = (plant_targets(targets[:, None])[:, 0] - predictions).abs()
    far = apart > 0.2
    unit = apart[far] / doubt.planted_residual[far]
    assert_close(unit, unit.mean().expand_as(unit), rtol=0.05, atol=0)


def test_planted_odds_are_those_of_the_fitted_noise_for_another_label():
    """The given labels' own odds come back when they are asked for; a label that nobody gave has none."""
    units, labels, _ = crowd()
    noise = fit_label_noise(label_posterior(units, labels), labels)
    assert_close(noise.odds_of(labels), noise.wrong_odds, **EXACT)
    assert noise.odds_of(torch.full_like(labels, -1)).isnan().all()


def test_a_planted_label_is_another_class_drawn_as_labels_go_wrong():
    """Never the given one; each pair as often as the confusion says; without a label none."""
    confusion = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]], dtype=torch.float64)
    labels = torch.arange(30_000) % 3
    planted = plant_labels(confusion, labels)
    assert (planted != labels).all()
    assert (planted[labels == 0] == 1).all()
    assert (planted[labels == 1] == 2).double().mean() == pytest.approx(0.75, abs=0.02)
    assert (planted[labels == 2] == 0).double().mean() == pytest.approx(0.5, abs=0.02)
    assert plant_labels(confusion, torch.tensor([-1, 0])).tolist() == [-1, 1]
    assert plant_labels(torch.eye(3, dtype=torch.float64), labels[:3]).tolist() == [-1, -1, -1]


def test_a_planted_target_is_that_of_another_sample():
    """All targets are used once; equal ones, and samples without one, get none."""
    targets = torch.arange(20.0)[:, None]
    planted = plant_targets(targets)
    assert (planted != targets).all() and planted[:, 0].sort().values.tolist() == targets[:, 0].tolist()
    assert plant_targets(torch.ones(5, 1)).isnan().all()
    holed = torch.tensor([[1.0], [math.nan], [2.0]])
    assert plant_targets(holed)[[0, 2], 0].tolist() == [2.0, 1.0] and plant_targets(holed)[1].isnan().all()


def test_a_planted_error_of_a_sample_has_the_rank_it_would_have():
    """By hand: between its neighbors in the list; above all it is 1, below all 0, and quantiles rise."""
    reason = torch.tensor([0.0, 10.0, 20.0, 30.0, 40.0, math.nan])
    for planted, expected in ((25.0, 0.625), (20.0, 0.5), (50.0, 1.0), (-1.0, 0.0)):
        found = planted_suspicion(reason, torch.tensor([planted]))
        assert found.tolist() == [expected] * 101
    spread = planted_suspicion(reason, torch.tensor([5.0, 35.0, math.nan]))
    assert (spread.diff() > 0).all() and spread[[0, -1]].tolist() == [0.125, 0.875]
    assert_close(planted_suspicion(reason, reason[:5]).float()[::25], rank_share(reason)[:5])


@pytest.mark.parametrize("reason", [[math.nan, math.nan], [1.0, math.nan]])
def test_without_a_list_nothing_comes_up(reason):
    """No quantiles, whether nothing is planted or nothing ranked."""
    assert len(planted_suspicion(torch.tensor(reason), torch.tensor([1.0]))) == 0
    assert len(planted_suspicion(torch.tensor([1.0, 2.0]), torch.full((2,), math.nan))) == 0


@pytest.mark.parametrize("asked", [False, True])
def test_planted_labels_come_up_like_wrong_ones_that_taught_nobody(asked):
    """Where features and answers know nothing of the labels, both have the same ranks but for chance."""
    units, labels, true = hazy()
    doubt = label_doubt(label_posterior(units, labels), labels, logits=answers(true) if asked else None)
    wrong = labels != true
    ranks = rank_share(doubt.wrong_odds)
    planted = planted_suspicion(doubt.wrong_odds, doubt.planted_odds.masked_fill(wrong, torch.nan))
    error = float(ranks[wrong].std()) / math.sqrt(int(wrong.sum()))
    assert planted.mean().item() == pytest.approx(ranks[wrong].mean().item(), abs=4 * error)


def test_one_class_alone_cannot_be_mistaken():
    """Nothing is planted."""
    units, _, _ = crowd(n=20, wrong=0)
    labels = torch.zeros(20, dtype=torch.int64)
    assert label_doubt(label_posterior(units, labels, 2), labels).planted_odds.isnan().all()
