"""The soft count over full gradients, without any gradient stored, against all pairs."""

import networks
import numpy as np
import oracles
import pytest
import torch
from random_networks import FAMILIES, drawn

from explorer.features import Measurer, calibrate, exact_similarity, exact_soft_density
from explorer.features.gradients import collect_gradients
from explorer.records import Settings


def subject_and_projection(family, outputs, seed=0):
    model, inputs = drawn(family, seed)
    subject = networks.subject_of(model, inputs)
    settings = Settings(dim=8, outputs=outputs, calibration=4, batch_size=2)
    return subject, calibrate(subject, settings), settings


@pytest.mark.parametrize("outputs", ["all", "predicted", "contrast"])
@pytest.mark.parametrize("family", FAMILIES)
def test_three_passes_count_what_all_pairs_count(family, outputs):
    """For every kind of network: the sum of each row of the matrix of exact similarities."""
    subject, projection, settings = subject_and_projection(family, outputs)
    rows = np.arange(len(subject))
    counts = exact_soft_density(subject, projection, rows, settings)
    pairs = exact_similarity(subject, projection, rows, rows, settings).astype(np.float64).sum(1)
    np.testing.assert_allclose(counts, pairs, rtol=2e-4)


def test_three_passes_count_what_the_definition_counts():
    """Against dense float64 gradients, one pair at a time."""
    subject, projection, settings = subject_and_projection("convolutional", "all", seed=3)
    model, inputs = drawn("convolutional", 3)
    jacobians = oracles.exact_jacobians(model.eval().double(), inputs.double()).numpy()
    expected = oracles.similarity(jacobians, jacobians).sum(1)
    found = exact_soft_density(subject, projection, np.arange(len(subject)), settings)
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_stored_gram_matrices_save_the_first_pass():
    """With the Gram matrices of a study the counts are the same."""
    subject, projection, settings = subject_and_projection("perceptron", "all")
    rows = np.arange(len(subject))
    grams = Measurer(subject, projection, settings).measure(rows).grams
    with_grams = exact_soft_density(subject, projection, rows, settings, grams)
    np.testing.assert_allclose(with_grams, exact_soft_density(subject, projection, rows, settings), rtol=1e-4)


def test_samples_without_a_gradient_are_left_out():
    """A sample that is not finite is counted by nobody and has no count."""
    model, inputs = drawn("perceptron", 1)
    broken = inputs.clone()
    broken[2] = torch.nan
    settings = Settings(dim=8, calibration=4, batch_size=2)
    subject = networks.subject_of(model, inputs)
    projection = calibrate(subject, settings)
    kept = np.array([0, 1, 3, 4])
    expected = exact_soft_density(subject, projection, kept, settings)
    found = exact_soft_density(networks.subject_of(model, broken), projection, np.arange(5), settings)
    assert np.isnan(found[2])
    np.testing.assert_allclose(found[kept], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", FAMILIES)
def test_the_inner_product_with_a_matrix_needs_no_block(family, seed):
    """Every layer's short way equals forming the block and multiplying."""
    model, inputs = drawn(family, seed)
    network = networks.network_of(model, inputs)
    inputs = inputs if inputs.dtype == torch.int64 else inputs.double()
    every = torch.eye(3, dtype=torch.float64).expand(len(inputs), 3, 3)
    generator = torch.Generator().manual_seed(seed)
    gradients = collect_gradients(network, inputs, lambda outputs: every)
    for block in network.blocks:
        directions = torch.randn(3, *block.shape, generator=generator, dtype=torch.float64)
        along = gradients.along(block, directions)
        whole = gradients.project(block, None, None)
        torch.testing.assert_close(along, torch.einsum("mcij,cij->mc", whole, directions), rtol=1e-9, atol=1e-10)
