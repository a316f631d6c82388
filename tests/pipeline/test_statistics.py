"""The columns of a build against float64 references, which average sample by sample with dense matrices.

The references see exact gradients of small trained networks and nothing of the build. The studies keep all directions
of their data but those with less than a hundred-thousandth of the energy.
"""

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import oracles
import pytest
import tiny
import torch
from torch import nn

from explorer.pipeline.build import build
from explorer.similarity import Moments, fit_smoother
from explorer.study.study import Study
from explorer.subjects import Subject

PLACES, SAMPLES, TRAINED = 12, 120, 96
"""Few places, each met ten times with other labels: half of the samples, on which features are fitted, show all."""
TOLERANCE = 1e-3
"""Features and sums of their products are kept in float32."""


@dataclass(frozen=True)
class Case:
    """A built study and what the references know about it, in float64. The first 96 samples were trained on."""

    study: Study
    gradients: np.ndarray  # [n, c, q] exact
    predictions: np.ndarray  # [n, c] probabilities or targets
    given: np.ndarray  # [n, c] one-hot labels or targets


@pytest.fixture(scope="module", params=["one target", "two targets", "three classes"])
def case(request, tmp_path_factory):
    """A regression with one and with two outputs, and a classifier."""
    task = "classification" if "classes" in request.param else "regression"
    outputs = ("one", "two", "three").index(request.param.split()[0]) + 1
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(PLACES, 2, generator=generator).repeat(SAMPLES // PLACES, 1)
    noise = torch.randn(SAMPLES, outputs, generator=generator)
    values = torch.stack([points.prod(1), points[:, 0].sin(), points[:, 1]], dim=1)[:, :outputs] + 0.3 * noise
    labels = values.argmax(1) if task == "classification" else values
    model = trained_network(points[:TRAINED], labels[:TRAINED], outputs)
    split = np.where(np.arange(SAMPLES) < TRAINED, "train", "held-out")
    subject = Subject(name="case", model=model, dataset=list(points), labels=labels, split=split)
    settings = replace(tiny.SETTINGS, dim=sum(one.numel() for one in model.parameters()), calibration=SAMPLES)
    study = build(subject, tmp_path_factory.mktemp(task) / "study", settings=settings)
    exact = deepcopy(model).double()
    with torch.no_grad():
        answers = exact(points.double())
    return Case(
        study,
        oracles.exact_jacobians(exact, points.double()).numpy(),
        (answers.softmax(1) if task == "classification" else answers).numpy(),
        (nn.functional.one_hot(labels) if task == "classification" else labels).double().numpy(),
    )


def trained_network(points, labels, outputs):
    """Two layers after 200 steps of plain gradient descent."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, outputs))
    criterion = nn.functional.mse_loss if labels.is_floating_point() else nn.functional.cross_entropy
    parameters = list(network.parameters())
    for _ in range(200):
        slopes = torch.autograd.grad(criterion(network(points), labels), parameters)
        for value, slope in zip(parameters, slopes, strict=True):
            value.data -= 0.3 * slope
    return network.eval()


def weights_around(blocks, i):
    """[96, c, c]: how much each training sample counts in the average around sample i, one of them or not."""
    kernels = np.array([oracles.kernel(block, blocks[i]) for block in blocks[:TRAINED]])
    return kernels @ np.linalg.inv(kernels.sum(axis=0))


@pytest.fixture(scope="module")
def weights(case):
    """[n, 96, c, c] of all samples."""
    return np.array([weights_around(case.gradients, i) for i in range(SAMPLES)])


def averages(weights, values):
    """[n, c] the average of the training samples' values around every sample."""
    return np.einsum("jc,ijcd->id", values[:TRAINED], weights)


def test_similarities_and_counts_are_those_of_exact_gradients(case):
    similarities = oracles.similarity(case.gradients, case.gradients)
    samples = case.study.samples
    every = range(SAMPLES)
    assert case.study.similarity(every, every) == pytest.approx(similarities, abs=TOLERANCE)
    assert case.study.exact_similarity([3, 110], every) == pytest.approx(similarities[[3, 110]], abs=TOLERANCE)
    assert samples["soft_density"].to_numpy() == pytest.approx(similarities.sum(axis=1), rel=TOLERANCE)
    assert samples["soft_density_share"].to_numpy() == pytest.approx(similarities.mean(axis=1), rel=TOLERANCE)
    clear = (np.abs(similarities - 0.9) > TOLERANCE).all(axis=1)
    assert samples["hard_density"][clear].tolist() == (similarities > 0.9).sum(axis=1)[clear].tolist()
    assert samples["captured_energy"].to_numpy() == pytest.approx(np.ones(SAMPLES), abs=TOLERANCE)
    norms = np.sqrt((case.gradients**2).sum(axis=(1, 2)))
    assert samples["gradient_norm"].to_numpy() == pytest.approx(norms, rel=TOLERANCE)


def test_a_sample_counts_once_for_itself_however_little_its_features_see(tiny_study):
    similarities = tiny_study.similarity(range(60), range(60))
    assert tiny_study.samples["captured_energy"].min() < 0.999
    products = tiny_study.rows("units") @ tiny_study.rows("units").T
    np.fill_diagonal(products, 1)
    assert tiny_study.samples["soft_density"].to_numpy() == pytest.approx(products.sum(axis=1), rel=1e-5)
    assert tiny_study.samples["hard_density"].tolist() == (similarities > 0.9).sum(axis=1).tolist()


def test_the_denoising_factor_is_what_averaging_leaves_of_noise_in_the_training_labels(case, weights):
    samples = case.study.samples
    factor = np.sqrt((weights**2).sum(axis=(1, 2, 3)) / weights.shape[2])
    assert samples["denoising_factor"].to_numpy() == pytest.approx(factor, rel=TOLERANCE)
    assert samples["denoising_floor_ratio"].to_numpy() == pytest.approx(factor * np.sqrt(TRAINED), rel=TOLERANCE)
    assert samples["effective_neighbors"].to_numpy() == pytest.approx(factor**-2, rel=2 * TOLERANCE)
    assert case.study.manifest.steps["statistics"].notes["training_samples"] == TRAINED


def test_the_shift_is_from_the_average_prediction_of_the_training_samples(case, weights):
    average = averages(weights, case.predictions)
    shift = np.linalg.norm(case.predictions - average, axis=1)
    scale = np.abs(average).max()
    assert case.study.array("statistics/neighbor_mean") == pytest.approx(average, abs=TOLERANCE * scale)
    assert case.study.samples["shift"].to_numpy() == pytest.approx(shift, rel=TOLERANCE, abs=TOLERANCE * scale)
    labels = averages(weights, case.given)
    assert case.study.array("statistics/label_mean") == pytest.approx(labels, abs=TOLERANCE * np.abs(labels).max())


def test_the_stationarity_residual_is_the_joint_pull_of_all_errors(case):
    errors, blocks = (case.predictions - case.given)[:TRAINED], case.gradients[:TRAINED]
    pull = sum(error @ block for error, block in zip(errors, blocks, strict=True))
    expected = np.linalg.norm(pull) / np.sqrt((errors**2).sum() * (blocks**2).sum())
    found = case.study.manifest.steps["statistics"].notes["stationarity_residual"]
    assert found == pytest.approx(expected, abs=TOLERANCE * TRAINED**-0.5)


def test_uncertainty_is_the_size_of_a_gradient_over_its_pull_on_the_training_samples(case):
    flat = case.gradients.reshape(SAMPLES, -1)
    expected = (flat**2).sum(axis=1) / (flat @ flat[:TRAINED].sum(axis=0))
    assert case.study.samples["uncertainty"].to_numpy() == pytest.approx(expected, rel=TOLERANCE)


def test_the_leverage_gain_is_that_of_the_dense_smoother_with_the_cross_validated_ridge(case):
    blocks, given = (torch.from_numpy(one[:TRAINED]) for one in (case.gradients, case.given))
    ridge = fit_smoother(Moments.of(blocks, given[:, None])).ridge
    expected = oracles.smoother_gain(case.gradients[:TRAINED], ridge)
    assert case.study.samples["leverage_gain"][:TRAINED].to_numpy() == pytest.approx(expected, rel=TOLERANCE)


def test_a_classifier_s_answers_are_its_probabilities(case):
    samples = case.study.samples
    if case.study.task != "classification":
        assert "confidence" not in samples
        return
    assert samples["prediction"].tolist() == case.predictions.argmax(axis=1).tolist()
    assert samples["confidence"].to_numpy() == pytest.approx(case.predictions.max(axis=1), abs=1e-5)


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
