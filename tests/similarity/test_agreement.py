"""Laws of the neighbors' agreement about labels."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.records import Neighbors
from explorer.similarity import label_variance, neighbor_disagreement, neighbor_votes

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def draw_neighbors(n=20, k=6, seed=0):
    """Random neighbors, some places empty."""
    generator = np.random.default_rng(seed)
    indices = generator.integers(0, n, (n, k))
    similarities = np.sort(generator.uniform(-0.2, 1, (n, k)))[:, ::-1].astype(np.float32)
    indices[::5, 4:], similarities[::5, 4:] = -1, np.nan
    indices.flags.writeable = similarities.flags.writeable = False  # as a study on disk gives them
    return Neighbors(indices, similarities)


def draw_labels(n=20, classes=3, seed=0):
    labels = torch.from_numpy(np.random.default_rng(seed).integers(0, classes, n))
    labels[3] = -1
    return labels


def test_votes_are_shares_of_sharpened_similarities():
    """Σ of max(k^C, 0)^8 over the neighbors of each class, written out."""
    labels, neighbors = draw_labels(), draw_neighbors()
    expected = torch.zeros(20, 3, dtype=torch.float64)
    for i in range(20):
        for j, similarity in zip(neighbors.indices[i], neighbors.similarities[i], strict=True):
            if j >= 0 and labels[j] >= 0:
                expected[i, labels[j]] += max(float(similarity), 0.0) ** 8
    assert_close(neighbor_votes(labels, neighbors, 3), expected / expected.sum(1, keepdim=True), **EXACT)


def test_disagreement_is_the_share_of_votes_for_other_labels():
    """One minus the votes for the given label; nan without one."""
    labels, neighbors = draw_labels(), draw_neighbors()
    votes, disagreement = neighbor_votes(labels, neighbors, 3), neighbor_disagreement(labels, neighbors)
    for i, label in enumerate(labels.tolist()):
        assert disagreement[i].isnan() if label < 0 else torch.isclose(disagreement[i], 1 - votes[i, label])


def test_neighbors_of_one_label_agree_fully():
    """No disagreement, no variance; and full disagreement with a sample of another label."""
    labels, neighbors = torch.ones(20, dtype=torch.int64), draw_neighbors()
    assert neighbor_disagreement(labels, neighbors).abs().max() < 1e-12
    assert label_variance(labels, neighbors).abs().max() < 1e-12
    alone = Neighbors(np.array([[1], [0]]), np.ones((2, 1), dtype=np.float32))
    assert neighbor_disagreement(torch.tensor([0, 1]), alone).tolist() == [1.0, 1.0]


def test_the_variance_of_classes_is_one_minus_the_squared_shares():
    """1 − Σ share² over the labeled neighbors, each counted once."""
    labels, neighbors = draw_labels(), draw_neighbors()
    for i in range(20):
        theirs = [int(labels[j]) for j in neighbors.indices[i] if j >= 0 and labels[j] >= 0]
        shares = np.bincount(theirs) / len(theirs)
        assert label_variance(labels, neighbors)[i].item() == pytest.approx(1 - (shares**2).sum(), abs=1e-12)


def test_the_variance_of_targets_is_that_of_the_neighbors_summed_over_columns():
    """Population variance; targets of nan do not count."""
    neighbors = draw_neighbors()
    targets = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    targets[3] = math.nan
    variance = label_variance(targets, neighbors)
    for i in range(20):
        rows = [j for j in neighbors.indices[i] if j >= 0 and j != 3]
        assert variance[i].item() == pytest.approx(targets[rows].var(0, correction=0).sum().item(), abs=1e-12)


def test_a_sample_without_neighbors_has_no_agreement():
    """nan, and nobody else is affected."""
    neighbors = Neighbors(np.array([[1], [0], [-1]]), np.array([[0.9], [0.9], [np.nan]], dtype=np.float32))
    labels = torch.tensor([0, 0, 0])
    assert neighbor_disagreement(labels, neighbors).isnan().tolist() == [False, False, True]
    assert label_variance(labels, neighbors).isnan().tolist() == [False, False, True]
    assert label_variance(labels.double(), neighbors).isnan().tolist() == [False, False, True]


def test_labels_that_do_not_fit_are_refused_in_words():
    """The message names the argument."""
    with pytest.raises(ShapeError, match="labels"):
        label_variance(torch.zeros(3, dtype=torch.int64), draw_neighbors())


def test_parts_of_the_samples_do_not_show(monkeypatch):
    """Seven samples at a time, or all at once."""
    labels, neighbors = draw_labels(), draw_neighbors()
    targets = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def all_three():
        return (
            neighbor_disagreement(labels, neighbors),
            label_variance(labels, neighbors),
            label_variance(targets, neighbors),
        )

    whole = all_three()
    monkeypatch.setattr("explorer.similarity.agreement._BLOCK", 7)
    for one, other in zip(all_three(), whole, strict=True):
        assert_close(one, other, equal_nan=True, **EXACT)
