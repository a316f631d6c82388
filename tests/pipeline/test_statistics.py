"""The columns against float64 references, which average sample by sample with dense matrices."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
import tiny
import torch
from torch import nn

from explorer.features import Projection
from explorer.pipeline.build import build
from explorer.subjects import Subject

TRAINED = 48
TOLERANCE = 5e-4
"""Features and sums of their products are kept in float32."""


@pytest.fixture(scope="module")
def scalar():
    """A regression with one output and 25 parameters, of which the first 48 samples were trained on."""
    points = tiny.subject().inputs(range(60))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    split = np.where(np.arange(60) < TRAINED, "train", "held-out")
    return Subject(name="scalar", model=model, dataset=list(points), labels=points.prod(1), split=split)


@pytest.fixture(scope="module")
def scalar_study(scalar, tmp_path_factory):
    """Its study with all 25 directions kept, so that nothing is lost."""
    return build(scalar, tmp_path_factory.mktemp("scalar") / "study", settings=replace(tiny.SETTINGS, dim=25))


@pytest.fixture(scope="module")
def gradients(scalar, scalar_study):
    """[60, 1, 25] exact, in float64."""
    inputs = scalar.inputs(range(60)).double()
    exact = oracles.exact_jacobians(scalar.model.double(), inputs).numpy()
    scalar.model.float()
    return exact


@pytest.fixture(scope="module")
def stored(tiny_study):
    """[60, 3, p] the gradients that the tiny study's features stand for."""
    projection = Projection.load(tiny_study.file("projection/projection.safetensors"))
    units, grams = (torch.from_numpy(tiny_study.rows(name)) for name in ("units", "grams"))
    return projection.expand(units, grams).double().numpy()


def averaging_weights(blocks, i):
    """[48, c, c]: how much each training sample counts in the average around sample i, one of them or not."""
    kernels = np.array([oracles.kernel(block, blocks[i]) for block in blocks[:TRAINED]])
    return kernels @ np.linalg.inv(kernels.sum(axis=0))


def averages(blocks, values):
    """[60, c] the average of the training samples' values around every sample."""
    return np.array([np.einsum("jc,jcd->d", values[:TRAINED], averaging_weights(blocks, i)) for i in range(60)])


def factors(blocks):
    """[60] what is left of noise of size one in the labels of the training samples."""
    weights = [averaging_weights(blocks, i) for i in range(60)]
    return np.array([np.sqrt((one**2).sum() / blocks.shape[1]) for one in weights])


def test_similarities_and_counts_are_those_of_exact_gradients(scalar_study, gradients):
    similarities = oracles.similarity(gradients, gradients)
    samples = scalar_study.samples
    assert scalar_study.similarity(range(60), range(60)) == pytest.approx(similarities, abs=TOLERANCE)
    assert scalar_study.exact_similarity([3, 50], range(60)) == pytest.approx(similarities[[3, 50]], abs=TOLERANCE)
    assert samples["soft_density"].to_numpy() == pytest.approx(similarities.sum(axis=1), abs=60 * TOLERANCE)
    assert samples["soft_density_share"].to_numpy() == pytest.approx(similarities.mean(axis=1), abs=TOLERANCE)
    clear = (np.abs(similarities - 0.9) > TOLERANCE).all(axis=1)
    assert samples["hard_density"][clear].tolist() == (similarities > 0.9).sum(axis=1)[clear].tolist()
    assert samples["captured_energy"].to_numpy() == pytest.approx(np.ones(60), abs=TOLERANCE)
    norms = np.sqrt((gradients**2).sum(axis=(1, 2)))
    assert samples["gradient_norm"].to_numpy() == pytest.approx(norms, rel=TOLERANCE)


def test_a_sample_counts_once_for_itself_however_little_its_features_see(tiny_study):
    similarities = tiny_study.similarity(range(60), range(60))
    assert tiny_study.samples["captured_energy"].min() < 0.999
    assert tiny_study.samples["soft_density"].to_numpy() == pytest.approx(similarities.sum(axis=1), rel=1e-5)
    assert tiny_study.samples["hard_density"].tolist() == (similarities > 0.9).sum(axis=1).tolist()


def test_the_denoising_factor_is_what_averaging_leaves_of_noise_in_the_training_labels(scalar_study, gradients):
    samples, factor = scalar_study.samples, factors(gradients)
    assert samples["denoising_factor"].to_numpy() == pytest.approx(factor, rel=TOLERANCE)
    assert samples["denoising_floor_ratio"].to_numpy() == pytest.approx(factor * np.sqrt(TRAINED), rel=TOLERANCE)
    assert samples["effective_neighbors"].to_numpy() == pytest.approx(factor**-2, rel=3 * TOLERANCE)
    assert scalar_study.manifest.steps["statistics"].notes["training_samples"] == TRAINED


def test_the_shift_is_from_the_average_prediction_of_the_training_samples(scalar, scalar_study, gradients):
    with torch.no_grad():
        predictions = scalar.model(scalar.inputs(range(60))).double().numpy()
    average = averages(gradients, predictions)
    assert scalar_study.array("statistics/neighbor_mean") == pytest.approx(average, abs=TOLERANCE)
    assert scalar_study.samples["shift"].to_numpy() == pytest.approx(np.abs(predictions - average)[:, 0], abs=TOLERANCE)
    assert scalar_study.array("statistics/label_mean") == pytest.approx(
        averages(gradients, scalar.targets.astype(np.float64)[:, None]), abs=TOLERANCE
    )


def test_uncertainty_is_the_size_of_a_gradient_over_its_pull_on_the_training_samples(scalar_study, gradients):
    flat = gradients.reshape(60, -1)
    expected = (flat**2).sum(axis=1) / (flat @ flat[:TRAINED].sum(axis=0))
    assert scalar_study.samples["uncertainty"].to_numpy() == pytest.approx(expected, rel=TOLERANCE)


def test_a_classifier_averages_probabilities_and_one_hot_labels_with_whole_matrices(tiny_study, stored):
    subject = tiny.subject()
    with torch.no_grad():
        probabilities = subject.model(subject.inputs(range(60))).double().softmax(1).numpy()
    average = averages(stored, probabilities)
    one_hot = averages(stored, np.eye(3)[subject.targets])
    samples = tiny_study.samples
    assert tiny_study.array("statistics/neighbor_mean") == pytest.approx(average, abs=10 * TOLERANCE)
    assert tiny_study.array("statistics/label_mean") == pytest.approx(one_hot, abs=10 * TOLERANCE)
    assert samples["shift"].to_numpy() == pytest.approx(np.linalg.norm(probabilities - average, axis=1), abs=0.005)
    assert samples["denoising_factor"].to_numpy() == pytest.approx(factors(stored), rel=10 * TOLERANCE)
    assert samples["prediction"].tolist() == probabilities.argmax(axis=1).tolist()
    assert samples["confidence"].to_numpy() == pytest.approx(probabilities.max(axis=1), abs=1e-5)


def test_a_planted_wrong_label_is_suspected_and_the_right_one_suggested(tmp_path):
    subject = tiny.subject()
    subject.labels[10] = (subject.labels[10] + 1) % 3
    samples = build(replace(subject), tmp_path / "study", settings=tiny.SETTINGS).samples
    assert samples["suspicion"].idxmax() == 10
    assert samples.loc[10, "suggested_label"] == 10 % 3


def test_targets_have_columns_of_their_own_and_none_of_classes(tmp_path):
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(2))
    targets = torch.stack([points[:, 0], points[:, 1] ** 2], dim=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    subject = Subject(name="targets", model=model, dataset=list(points), labels=targets)
    study = build(subject, tmp_path / "study", settings=tiny.SETTINGS)
    samples = study.samples
    assert {"target_0", "target_1", "prediction_0", "prediction_1", "shift", "suspicion"} <= set(samples)
    assert not {"label", "confidence", "suggested_label", "given_label_loss", "split"} & set(samples)
    assert samples[["target_0", "target_1"]].to_numpy() == pytest.approx(targets.numpy())
    assert study.class_names is None


def test_averages_of_probabilities_are_absent_when_not_all_outputs_were_measured(tmp_path):
    study = build(tiny.subject(), tmp_path / "study", settings=replace(tiny.SETTINGS, outputs="contrast"))
    assert "denoising_factor" in study.samples
    assert "shift" not in study.samples
    assert study.manifest.steps["statistics"].notes["stationarity_residual"] is None
