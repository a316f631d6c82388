"""Laws of what is learned about labels: planted confusions come back, and alike is not taken for wrong."""

import oracles
import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity.label_noise import fit_label_noise, with_votes

CLASSES = 5


def draw(n=3000, *, confusion=None, alike=0.0, seed=0):
    """Evidence that does not hear labels, the given labels drawn from the confusion, and the true ones.

    alike mixes the evidence and the truth of classes 0 and 1: they look like each other, and some look like neither.
    """
    generator = torch.Generator().manual_seed(seed)
    looks = torch.randint(0, CLASSES, (n,), generator=generator)
    unsure = (looks < 2) & (torch.rand(n, generator=generator) < alike)
    true = torch.where(unsure, torch.randint(0, 2, (n,), generator=generator), looks)
    evidence = torch.eye(CLASSES, dtype=torch.float64)[looks]
    evidence[unsure] = torch.tensor([0.5, 0.5, 0, 0, 0], dtype=torch.float64)
    evidence += 0.15 * torch.randn(n, CLASSES, generator=generator, dtype=torch.float64)
    rows = even(0.0)[true] if confusion is None else confusion[true]
    return evidence, torch.multinomial(rows, 1, generator=generator)[:, 0], true


def even(rate):
    off = torch.full((CLASSES, CLASSES), rate / (CLASSES - 1), dtype=torch.float64)
    return off.fill_diagonal_(1 - rate)


def next_class(rate):
    return (1 - rate) * torch.eye(CLASSES, dtype=torch.float64) + rate * torch.eye(CLASSES).double().roll(1, 1)


def test_labels_that_slip_to_the_next_class_are_found_pair_by_pair():
    """The planted pairs and no others, each at its rate."""
    evidence, labels, _ = draw(confusion=next_class(0.2))
    noise = fit_label_noise(evidence, labels)
    assert torch.equal(noise.paired, torch.eye(CLASSES).bool().roll(1, 1))
    assert_close(noise.confusion, next_class(0.2), rtol=0, atol=0.06)  # about 600 samples a class


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3])
def test_even_noise_gives_no_pair_a_rate_of_its_own(rate):
    """One rate, that of the planted noise."""
    evidence, labels, _ = draw(confusion=even(rate))
    noise = fit_label_noise(evidence, labels)
    assert not noise.paired.any()
    assert_close(noise.confusion.diagonal(), torch.full((CLASSES,), 1 - rate).double(), rtol=0, atol=0.05)


def test_classes_that_merely_look_alike_are_not_taken_for_noise():
    """Where the evidence itself hesitates between two classes, their labels are not wrong."""
    evidence, labels, _ = draw(confusion=even(0.1), alike=0.4)
    assert not fit_label_noise(evidence, labels).paired.any()


def test_knowing_which_pairs_slip_ranks_errors_before_hard_samples():
    """A sample of another class next in line is doubted more than one as contradictory that no slip explains."""
    evidence, labels, true = draw(confusion=next_class(0.2))
    row = int(((labels == true) & (true == 2)).nonzero()[0])
    evidence[row] = torch.tensor([0.1, 0.7, 0.2, 0.0, 0.0])  # 1 slips to 2
    other = int(((labels == true) & (true == 2)).nonzero()[1])
    evidence[other] = torch.tensor([0.1, 0.0, 0.2, 0.7, 0.0])  # 3 does not
    odds = fit_label_noise(evidence, labels).wrong_odds
    assert odds[row] > odds[other] + 1


def test_chances_are_chances_and_the_odds_are_theirs():
    """Rows sum to one; the odds are the logarithm of wrong over right after the label is heard."""
    evidence, labels, _ = draw(n=500, confusion=even(0.2))
    noise = fit_label_noise(evidence, labels)
    for rows in (noise.confusion, noise.clean, noise.posterior):
        assert_close(rows.sum(1), torch.ones(len(rows)).double())
    expected = torch.stack([row / row.sum() for row in noise.clean * noise.confusion[:, labels].mT])
    assert_close(noise.posterior, expected)
    right = noise.posterior.gather(1, labels[:, None])[:, 0]
    assert_close(noise.wrong_odds, ((1 - right) / right).log(), rtol=1e-6, atol=1e-6)


def test_evidence_in_another_unit_says_the_same():
    """Scaling all evidence changes nothing but the scale that is learned."""
    evidence, labels, _ = draw(n=800, confusion=even(0.2))
    before, after = fit_label_noise(evidence, labels), fit_label_noise(1000 * evidence, labels)
    assert_close(after.clean, before.clean, rtol=0, atol=1e-6)


def test_samples_without_label_or_evidence_change_no_other():
    """Without a label the posterior is the clean chance; without evidence nothing is known; odds are nan."""
    evidence, labels, _ = draw(n=400, confusion=even(0.1))
    more = torch.cat([evidence, evidence[:1], torch.full_like(evidence[:1], torch.nan)])
    noise = fit_label_noise(more, torch.cat([labels, torch.tensor([-1, 2])]))
    assert_close(noise.wrong_odds[:-2], fit_label_noise(evidence, labels).wrong_odds)
    assert noise.wrong_odds[-2:].isnan().all()
    assert_close(noise.posterior[-2], noise.clean[-2])
    assert noise.clean[-1].isnan().all()


def test_a_class_that_nobody_carries_is_never_the_true_one():
    """Its chance is zero and it changes no other."""
    evidence, labels, _ = draw(n=400, confusion=even(0.1))
    wider = torch.cat([evidence, torch.ones(400, 1)], 1)
    noise, narrow = fit_label_noise(wider, labels), fit_label_noise(evidence, labels)
    assert (noise.clean[:, -1] == 0).all()
    assert_close(noise.wrong_odds, narrow.wrong_odds)


@pytest.mark.parametrize("labels", [[0, 0, 0], [-1, -1, -1]])
def test_a_single_class_leaves_nothing_to_confuse(labels):
    """All is finite, or nan where there is no label."""
    noise = fit_label_noise(torch.tensor([[0.1, 0.0], [0.5, 0.0], [0.2, 0.0]]), torch.tensor(labels))
    assert noise.wrong_odds.isfinite().tolist() == [label >= 0 for label in labels]
    assert (noise.clean[:, 0] == 1).all()


def test_a_handful_of_samples_is_enough_not_to_fail():
    """Two samples of two classes that look right: finite odds, both against an error."""
    noise = fit_label_noise(torch.eye(2), torch.tensor([0, 1]))
    assert (noise.wrong_odds < 0).all() and noise.wrong_odds.isfinite().all()


def shares_for(classes, width=CLASSES):
    """Votes of neighbors of which four in five are of this class."""
    return 0.75 * torch.eye(width, dtype=torch.float64)[classes] + 0.25 / width


@pytest.mark.parametrize("confusion", [even(0.2), next_class(0.2)])
def test_neighbors_that_know_better_put_errors_first(confusion):
    """Votes for the true classes beside hazy evidence: more errors come before right labels."""
    evidence, labels, true = draw(confusion=confusion)
    hazy = evidence + 0.4 * torch.randn(evidence.shape, generator=torch.Generator().manual_seed(5))
    noise = fit_label_noise(hazy, labels)
    wrong = (labels != true).numpy()
    heard = with_votes(noise, shares_for(true), labels)
    before, after = (oracles.average_precision(one.wrong_odds, wrong) for one in (noise, heard))
    assert after > before
    assert_close(heard.clean.sum(1), torch.ones(len(labels)).double())
    assert torch.equal(heard.confusion, noise.confusion)


def test_neighbors_that_speak_for_other_classes_are_not_heard():
    """Votes against what the labels say, class by class, would be worth less than nothing: nothing changes."""
    evidence, labels, true = draw(confusion=even(0.1))
    noise = fit_label_noise(evidence, labels)
    against = (1 - shares_for(true)) / (CLASSES - 1)
    assert torch.equal(with_votes(noise, against, labels).wrong_odds, noise.wrong_odds)


def test_a_sample_without_neighbors_keeps_what_is_known():
    """A row of nan changes neither itself nor others; classes that nobody carries stay impossible."""
    evidence, labels, true = draw(n=600, confusion=even(0.1))
    noise = fit_label_noise(torch.cat([evidence, torch.zeros(600, 1)], 1), labels)
    votes = shares_for(true, CLASSES + 1)
    votes[5] = torch.nan
    heard = with_votes(noise, votes, labels)
    assert torch.equal(heard.clean[5], noise.clean[5]) and heard.wrong_odds[5] == noise.wrong_odds[5]
    assert (heard.clean[:, CLASSES] == 0).all() and heard.wrong_odds.isfinite().all()


def test_labels_that_do_not_fit_are_refused_in_words():
    """The message names them, or the votes."""
    with pytest.raises(ShapeError, match="labels"):
        fit_label_noise(torch.ones(3, 2), torch.tensor([0, 1]))
    noise = fit_label_noise(torch.eye(2), torch.tensor([0, 1]))
    with pytest.raises(ShapeError, match="votes"):
        with_votes(noise, torch.ones(3, 2), torch.tensor([0, 1]))
