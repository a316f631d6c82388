"""What the options of a build change, and what they must not."""

import json
from dataclasses import replace

import numpy as np
import oracles
import pytest
import tiny

from explorer.pipeline.build import build


@pytest.fixture(scope="module")
def gradients():
    """[60, 3, q] exact, in float64."""
    subject = tiny.subject()
    return oracles.exact_jacobians(subject.model.double(), subject.inputs(range(60)).double()).numpy()


def test_exact_density_counts_over_full_gradients(tmp_path, gradients):
    """The soft count is the oracle's, however few directions the features keep; the study says that it is."""
    settings = replace(tiny.SETTINGS, dim=3, exact_density=True)
    study = build(tiny.subject(), tmp_path / "study", settings=settings)
    expected = oracles.similarity(gradients, gradients).sum(1)
    np.testing.assert_allclose(study.samples["soft_density"], expected, rtol=1e-4)
    np.testing.assert_allclose(study.samples["soft_density_share"], expected / 60, rtol=1e-4)
    notes = study.manifest.steps["statistics"].notes
    assert notes["exact_density"] is True and 0.5 < notes["soft_density_spearman"] <= 1


def test_half_the_space_costs_little_and_the_error_is_told(tmp_path, tiny_study):
    """float16 stores half the bytes; similarities differ by rounding, and fidelity says by how much."""
    study = build(tiny.subject(), tmp_path / "study", settings=replace(tiny.SETTINGS, storage="float16"))
    manifests = [json.loads((one.path / "manifest.json").read_text()) for one in (study, tiny_study)]
    half, whole = (one["arrays"]["features/0000/units"] for one in manifests)
    assert half["dtype"] == "<f2" and whole["dtype"] == "<f4" and half["shape"] == whole["shape"]
    rows = np.arange(60)
    similarities = [one.similarity(rows, rows) for one in (study, tiny_study)]
    assert similarities[0].dtype == np.float32
    np.testing.assert_allclose(*similarities, atol=2e-3)
    assert 0 < study.fidelity["storage_rmse"] < 1e-3
    assert tiny_study.fidelity["storage_rmse"] == 0
