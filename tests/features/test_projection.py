"""Calibrated projections: what they keep, and that nothing but the data and the settings decides it."""

import networks
import numpy as np
import oracles
import pytest
import torch
from torch import nn

from explorer.errors import StudyMismatch, SubjectError
from explorer.features import Measurer, Projection, calibrate, exact_similarity, fidelity_report
from explorer.features.calibration import calibration_rows, leading_directions, measured_network
from explorer.features.fidelity import compared, fidelity_rows
from explorer.features.network import without_layers
from explorer.records import Settings


def points(count=90, width=4, seed=3):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def mlp(outputs=3):
    return networks.seeded(
        lambda: nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, outputs))
    )


@pytest.fixture(scope="module")
def subject():
    return networks.subject_of(mlp(), points())


def settings(**more):
    return Settings(**{"dim": 24, "calibration": 40, "coordinates": 300, **more})


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_features_that_cut_nothing_are_exact(outputs):
    """With room for every coordinate and direction, inner products are the oracle's k^C, and self-similarity is 1."""
    inputs = points(12)
    model = mlp(outputs)
    subject = networks.subject_of(model, inputs, classes=max(2, outputs)) if outputs > 1 else _regression(model, inputs)
    everything = Settings(dim=sum(p.numel() for p in model.parameters()), coordinates=10**6, calibration=12)
    measured = Measurer(subject, calibrate(subject, everything), everything).measure(np.arange(12))
    jacobians = oracles.exact_jacobians(model.double(), inputs.double()).numpy()
    model.float()
    # Directions beyond those of the six calibration samples do not exist, so only their span is exact.
    fitted = np.array(calibrate(subject, everything).rows)
    exact = oracles.similarity(jacobians[fitted], jacobians[fitted])
    np.testing.assert_allclose(measured.units[fitted] @ measured.units[fitted].T, exact, atol=2e-3)


def _regression(model, inputs):
    from explorer.subjects import Subject

    return Subject(name="test", model=model, dataset=inputs, labels=np.linspace(0, 1, len(inputs), dtype=np.float32))


def test_exact_similarity_is_the_oracle_s(subject):
    """Through blocks and through positions, in batches that split the rows unevenly."""
    rows_a, rows_b = np.array([3, 50, 7, 80, 11]), np.array([7, 1, 60])
    found = exact_similarity(subject, calibrate(subject, settings()), rows_a, rows_b, settings(batch_size=2))
    model = mlp().double()
    jacobians = oracles.exact_jacobians(model, points().double()).numpy()
    np.testing.assert_allclose(found, oracles.similarity(jacobians[rows_a], jacobians[rows_b]), atol=1e-4)


def test_exact_similarity_of_images_is_the_oracle_s():
    """Convolutions, norms, a slope and a layer used twice add up to one kernel."""
    inputs = torch.randn(8, 2, 8, 8, generator=torch.Generator().manual_seed(5))
    model = networks.seeded(networks.Residual).eval()
    subject = networks.subject_of(model, inputs)
    some = Settings(dim=8, calibration=4)
    found = exact_similarity(subject, calibrate(subject, some), np.arange(8), np.arange(8), some)
    jacobians = oracles.exact_jacobians(model.double(), inputs.double()).numpy()
    np.testing.assert_allclose(found, oracles.similarity(jacobians, jacobians), atol=1e-3)


def test_more_room_is_more_faithful(subject):
    """Error falls and captured energy grows with the budget of coordinates and with the width."""
    reports, energies = [], []
    for dim, coordinates in ((4, 40), (16, 120), (40, 600)):
        some = settings(dim=dim, coordinates=coordinates)
        projection = calibrate(subject, some)
        reports.append(fidelity_report(subject, projection, some)["rmse"])
        energies.append(np.square(Measurer(subject, projection, some).measure(np.arange(90)).units).sum(1).mean())
    assert reports[0] > reports[1] > reports[2]
    assert energies[0] < energies[1] < energies[2] <= 1 + 1e-4


def test_captured_energy_is_the_share_of_self_similarity(subject):
    """No row is longer than 1: features see at most the whole of a sample."""
    some = settings()
    units = Measurer(subject, calibrate(subject, some), some).measure(np.arange(90)).units
    energy = np.square(units).sum(1)
    assert energy.max() <= 1 + 1e-4
    assert energy.min() > 0.5


def test_expanding_undoes_normalizing(subject):
    """Stored features and Gram matrices give back projected gradients with the same inner products."""
    some = settings(dim=60)
    projection = calibrate(subject, some)
    measured = Measurer(subject, projection, some).measure(np.arange(20))
    grams = torch.tensor(measured.grams)
    jacobians = projection.expand(torch.tensor(measured.units), grams)
    np.testing.assert_allclose(projection.units(jacobians, grams), measured.units, atol=1e-5)


def test_double_precision_networks_are_measured_alike(subject):
    """A float64 network has the features of its float32 twin."""
    double = networks.subject_of(mlp().double(), points(), outputs=lambda model, inputs: model(inputs.double()))
    single, twin = (
        Measurer(one, calibrate(one, settings()), settings()).measure(np.arange(12)).units for one in (subject, double)
    )
    assert twin.dtype == np.float32
    np.testing.assert_allclose(twin @ twin.T, single @ single.T, atol=1e-3)


def test_dependent_outputs_leave_a_sample_wholly_similar_to_its_copy():
    """Softmax outputs depend on each other; two equal inputs still have similarity 1, by features and exactly."""
    inputs = points()
    inputs[1] = inputs[0]
    model = nn.Sequential(mlp(2), nn.Softmax(dim=1))
    subject = networks.subject_of(model, inputs, 2)
    some = settings(dim=60, coordinates=10**5)
    projection = calibrate(subject, some)
    units = Measurer(subject, projection, some).measure(np.arange(2)).units
    assert units[0] @ units[1] == pytest.approx(1, abs=0.02)
    assert exact_similarity(subject, projection, [0], [1], some)[0, 0] == pytest.approx(1, abs=1e-3)


def test_batches_and_order_change_nothing(subject):
    """A sample's features do not depend on which others are measured with it."""
    projection = calibrate(subject, settings())
    whole = Measurer(subject, projection, settings()).measure(np.arange(90))
    order = np.random.default_rng(0).permutation(90)
    pieces = Measurer(subject, projection, settings(batch_size=7)).measure(order)
    for name in ("units", "grams", "outputs", "embedding"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name)[order], rtol=1e-4, atol=1e-5)


def test_both_engines_give_the_same_features(subject):
    """Layers or torch.func: every coordinate of every sample is the same to float precision."""
    projection = calibrate(subject, settings())
    by_layers = Measurer(subject, projection, settings())
    reference = Measurer(subject, projection, settings())
    reference.network = without_layers(reference.network, {layer.name for layer in reference.network.layers})
    assert not reference.network.layers
    rows = np.arange(20)
    np.testing.assert_allclose(reference.measure(rows).units, by_layers.measure(rows).units, atol=1e-5)


def test_calibrating_twice_gives_the_same_projection(subject):
    """Nothing but subject, settings and seed decides; another seed calibrates on other samples."""
    first, second = (calibrate(subject, settings()) for _ in range(2))
    assert torch.equal(first.directions, second.directions) and first.rows == second.rows
    assert calibrate(subject, settings(seed=1)).rows != first.rows


def test_bases_and_directions_are_orthonormal(subject):
    """Projecting never lengthens a gradient: all rows have unit length and are at right angles."""
    projection = calibrate(subject, settings())
    sides = [side for both in projection.bases.values() for side in both if side is not None]
    assert sides
    for rows in [*sides, projection.directions, projection.compression]:
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


def test_the_classes_of_the_head_are_never_cut(subject):
    """The output side of the last layer stays whole however small the budget."""
    projection = calibrate(subject, settings(coordinates=10))
    assert projection.bases["4"][0] is None


def test_leading_directions_catch_the_most_energy():
    """No other directions of that number catch more than those of largest second moment."""
    rows = torch.randn(30, 50, generator=torch.Generator().manual_seed(1)) * torch.logspace(0, -2, 50)
    found = leading_directions(rows, 5)
    best = torch.linalg.svdvals(rows.double())[:5].square().sum()
    assert float((rows @ found.T).square().sum()) == pytest.approx(float(best), rel=1e-5)
    assert leading_directions(rows, 50) is None


def test_calibration_samples_cover_the_classes_evenly(subject):
    """Rare classes are as well represented as common ones, and half of the samples stay fresh."""
    labels = subject.targets[calibration_rows(subject, settings(calibration=30), 90)]
    assert np.bincount(labels).tolist() == [10, 10, 10]
    assert len(calibration_rows(subject, settings(calibration=1000), 90)) == 45


def test_a_sample_without_gradient_changes_no_other():
    """A zero gradient is named as not valid, has a zero row, and leaves the others as they were."""
    inputs = points()
    dead = inputs.clone()
    dead[5] = 0.0
    model = networks.seeded(
        lambda: nn.Sequential(nn.Linear(4, 24, bias=False), nn.Tanh(), nn.Linear(24, 2, bias=False))
    )
    plain, broken = networks.subject_of(model, inputs, 2), networks.subject_of(model, dead, 2)
    some = settings(dim=8)
    projection = calibrate(plain, some)
    whole, hit = (Measurer(one, projection, some).measure(np.arange(20)) for one in (plain, broken))
    assert not hit.valid[5] and hit.valid.sum() == 19
    assert not hit.units[5].any() and np.isfinite(hit.units).all()
    others = np.arange(20) != 5
    np.testing.assert_allclose(hit.units[others], whole.units[others], atol=1e-6)


def test_a_network_without_any_gradient_is_refused():
    """All gradients zero: one sentence that says so."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[2].weight)
    with pytest.raises(SubjectError, match="found none of"):
        calibrate(networks.subject_of(model, points(), 2), settings(dim=8))


def test_dim_beyond_the_parameters_keeps_every_direction():
    """A network of ten parameters has no more than ten directions an output: its features see all of every gradient."""
    subject = networks.subject_of(nn.Linear(4, 2), points(), 2)
    for mode in ("all", "predicted"):
        projection = calibrate(subject, settings(dim=10**6, outputs=mode))
        assert projection.width <= 10 * projection.outputs
        units = Measurer(subject, projection, settings(dim=10**6, outputs=mode)).measure(np.arange(9)).units
        assert np.square(units).sum(1) == pytest.approx(1, abs=1e-5)


def test_saving_and_loading_changes_nothing(subject, tmp_path):
    """A projection read back measures the same."""
    projection = calibrate(subject, settings())
    projection.save(tmp_path / "projection.safetensors")
    again = Projection.load(tmp_path / "projection.safetensors")
    units = [Measurer(subject, one, settings()).measure(np.arange(9)).units for one in (projection, again)]
    assert np.array_equal(*units)
    assert again.coverage == projection.coverage and again.rows == projection.rows


def test_a_damaged_projection_is_refused(subject, tmp_path):
    """A cut file gives one sentence, not a traceback."""
    path = tmp_path / "projection.safetensors"
    calibrate(subject, settings()).save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StudyMismatch, match="must be a projection"):
        Projection.load(path)


def test_fidelity_is_measured_on_fresh_samples(subject):
    """No sample that the projection was fitted to plays a part."""
    projection = calibrate(subject, settings())
    assert not set(fidelity_rows(projection, 90, 30, 0)) & set(projection.rows)


def test_fidelity_of_the_truth_is_perfect_and_falls_with_noise():
    """The report of a matrix against itself is 0 and 1; the noisier a copy, the worse every number."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(60, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = rows @ rows.T
    reports = [compared(exact + size * generator.normal(size=exact.shape), exact) for size in (0.0, 0.05, 0.5)]
    assert reports[0]["rmse"] == 0.0
    assert reports[0]["recall_at_10"] == reports[0]["pearson"] == pytest.approx(1.0)
    for name in ("pearson", "spearman", "recall_at_10"):
        assert reports[0][name] > reports[1][name] > reports[2][name]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_smallest_data_sets_have_a_report(count):
    """Too few samples to correlate give nan, not an error; what can be told is told."""
    subject = networks.subject_of(mlp(), points(count), 2)
    some = Settings(dim=4, calibration=2)
    report = fidelity_report(subject, calibrate(subject, some), some)
    assert report["rows"] == count and report["rmse"] >= 0
    assert np.isnan(report["pearson"]) == (count == 2)
    assert np.isnan(report["recall_at_10"])


def test_one_contrast_a_sample_is_measured_like_any_output(subject):
    """Beyond all outputs: a single combination gives one-by-one Gram matrices of its own gradient."""
    some = settings(outputs="contrast")
    measured = Measurer(subject, calibrate(subject, some), some).measure(np.arange(6))
    jacobians = oracles.exact_jacobians(mlp().double(), points().double()[:6]).numpy()
    labels = subject.targets[:6]
    for row in range(6):
        weights = np.full(3, -0.5)
        weights[labels[row]] = 1.0
        gradient = weights @ jacobians[row]
        assert measured.grams[row, 0, 0] == pytest.approx(gradient @ gradient, rel=1e-4)


def test_the_engine_choice_of_a_projection_is_kept(subject):
    """A network opened for a projection leaves the same layers to torch.func as when it was fitted."""
    projection = calibrate(networks.subject_of(networks.seeded(networks.Borrowed), points()), settings(dim=8))
    network = measured_network(
        networks.subject_of(networks.seeded(networks.Borrowed), points()), settings(), projection
    )
    assert network.coverage == projection.coverage
