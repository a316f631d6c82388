"""Laws of what features leave unseen: the completion of their inner products to k^C."""

from dataclasses import replace

import numpy as np
import pytest
import tiny

from explorer.features import Measurer, Projection, calibrate, exact_similarity, with_unseen
from explorer.features.completion import FEWEST_ROWS, fitted_unseen
from explorer.features.fidelity import estimated, fidelity_rows
from explorer.records import Unseen


def draw_units(count=60, width=8, seed=0):
    """[count, width] rows in three loose groups, of squared lengths from 0.6 to 0.95."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(3, width))[random.integers(0, 3, count)] + 0.5 * random.normal(size=(count, width))
    lengths = np.sqrt(random.uniform(0.6, 0.95, count))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) * lengths[:, None]


def test_with_all_of_it_a_copy_is_as_similar_as_can_be():
    """Where s = e: what is unseen of both is the same, so nothing is missing."""
    energies = np.array([0.2, 0.7, 1.0])
    for power in (1, 2, 8):
        assert Unseen(1.0, power).completed(energies, energies, energies) == pytest.approx(1)
    assert Unseen(0.5).completed(energies, energies, energies) == pytest.approx((1 + energies) / 2)


def test_what_is_not_alike_stays_and_so_does_everything_with_a_share_of_zero():
    """Orthogonal and opposed samples, missing ones, and features that see all."""
    products = np.array([0.0, -0.3, np.nan], dtype=np.float32)
    energies = np.full(3, 0.8, dtype=np.float32)
    assert Unseen(1.0, 1).completed(products, energies, energies) == pytest.approx(products, nan_ok=True)
    alike = np.array([0.5], dtype=np.float32)
    assert Unseen(0.0, 1).completed(alike, energies[:1], energies[:1]) == alike
    assert Unseen(1.0, 1).completed(alike, np.ones(1), energies[:1]) == alike


@pytest.mark.parametrize(("share", "power"), [(0.4, 1), (0.9, 4), (0.25, 8), (0.0, 1)])
def test_the_fit_finds_what_similarities_were_made_with(share, power):
    """Exact similarities that follow the formula give back its two numbers."""
    units = draw_units()
    energies = np.square(units).sum(1)
    exact = Unseen(share, power).completed(units @ units.T, energies[:, None], energies)
    found = fitted_unseen(units, exact)
    assert found.share == pytest.approx(share, abs=1e-6)
    assert found.power == power or share == 0


def test_the_fit_never_leaves_its_range():
    """Similarities that are too small or too large to be completed ones."""
    units = draw_units()
    assert fitted_unseen(units, units @ units.T - 0.1).share == 0
    assert fitted_unseen(units, np.ones((60, 60))).share == 1


@pytest.fixture(scope="module")
def narrow():
    """A network measured with far fewer features than it has directions, before and after the fit."""
    settings = replace(tiny.SETTINGS, dim=8)
    subject = tiny.subject()
    projection = calibrate(subject, settings)
    return subject, settings, projection, with_unseen(subject, projection, settings)


def test_on_samples_that_played_no_part_estimates_come_closer(narrow):
    """The error over all pairs of fresh samples falls."""
    subject, settings, before, after = narrow
    rows = np.sort(fidelity_rows(after, len(subject), len(subject), 0))
    units = Measurer(subject, before, settings).measure(rows).units
    exact = exact_similarity(subject, before, rows, rows, settings)
    pairs = np.triu_indices(len(rows), 1)
    errors = [np.square(estimated(units, one) - exact)[pairs].mean() for one in (before, after)]
    assert after.unseen.share > 0
    assert errors[1] < errors[0]


def test_fidelity_is_measured_on_others(narrow):
    """The samples of the fit count as having played a part; half of the fresh ones are left."""
    subject, _, before, after = narrow
    fitted = set(after.rows) - set(before.rows)
    assert len(fitted) >= FEWEST_ROWS or not fitted
    assert fitted.isdisjoint(fidelity_rows(after, len(subject), len(subject), 0))


def test_a_projection_on_disk_remembers_it(narrow, tmp_path):
    narrow[3].save(tmp_path / "projection.safetensors")
    assert Projection.load(tmp_path / "projection.safetensors").unseen == narrow[3].unseen


def test_a_study_shows_neighbors_in_the_order_of_the_estimates(tiny_study):
    """Stored neighbors are the best of all by the similarity that the study tells, not by the inner product."""
    assert tiny_study.unseen.share > 0
    similarities = tiny_study.similarity(range(tiny_study.n), range(tiny_study.n))
    np.fill_diagonal(similarities, -2)
    stored = tiny_study.array("neighbors/network/similarities")
    best = -np.sort(-similarities, axis=1)[:, : stored.shape[1]]
    assert np.allclose(stored, best, rtol=0, atol=1e-5)
