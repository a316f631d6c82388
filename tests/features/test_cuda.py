"""The same numbers on a GPU. Skipped where there is none."""

from dataclasses import replace

import networks
import numpy as np
import pytest
import torch
from random_networks import FAMILIES, drawn

from explorer.features import Measurer, calibrate, exact_similarity, exact_soft_density
from explorer.records import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can see")
ROWS = np.arange(5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_measures_what_a_cpu_measures(family):
    """With the same projection: features, exact similarities and exact counts, to float32."""
    subject = networks.subject_of(*drawn(family, 0))
    on_cpu = Settings(dim=8, calibration=4, device="cpu")
    on_gpu = replace(on_cpu, device="cuda")
    projection = calibrate(subject, on_cpu)
    units = [Measurer(subject, projection, one).measure(ROWS).units for one in (on_cpu, on_gpu)]
    np.testing.assert_allclose(*units, atol=1e-4)
    exact = [exact_similarity(subject, projection, ROWS, ROWS, one) for one in (on_cpu, on_gpu)]
    np.testing.assert_allclose(*exact, atol=1e-4)
    counts = [exact_soft_density(subject, projection, ROWS, one) for one in (on_cpu, on_gpu)]
    np.testing.assert_allclose(*counts, rtol=1e-4)


def test_calibrating_on_a_gpu_twice_gives_the_same_bases():
    """Nothing on the GPU depends on the order in which its threads happen to run."""
    subject = networks.subject_of(*drawn("convolutional", 0))
    first, second = (calibrate(subject, Settings(dim=8, calibration=4, device="cuda")) for _ in range(2))
    for name, sides in first.bases.items():
        for mine, other in zip(sides, second.bases[name], strict=True):
            assert (mine is None and other is None) or torch.equal(mine, other)
