"""Laws of the table and the picture of how a build grows."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from benchmarks.scale import print_floors, slopes
from benchmarks.scale_picture import drawn

SIZES = [1000, 10_000, 100_000]
SVG = "{http://www.w3.org/2000/svg}"


def table(exponent, peak=1e9, recall=0.99, steps=("features", "all")):
    """Steps that grow with a power of the samples."""
    rows = [
        {"samples": n, "step": step, "seconds": 5 * (n / 1000) ** exponent, "peak_bytes": peak * n / 100_000}
        for n in SIZES
        for step in steps
    ]
    return pd.DataFrame(rows).assign(recall_at_10=recall)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5, 2.0])
def test_a_power_is_its_own_slope(exponent):
    """Between any two sizes."""
    seconds = table(exponent).query("step == 'all'").seconds
    assert np.allclose(slopes(SIZES, seconds), exponent)


@pytest.mark.parametrize(
    ("words", "is_missed"),
    [
        ({"exponent": 1.05}, False),
        ({"exponent": 1.5}, True),
        ({"exponent": 1.9, "steps": ["neighbors", "all"]}, False),
        ({"exponent": 2.2, "steps": ["neighbors"]}, True),
        ({"exponent": 1.0, "peak": 6.1e9}, True),
        ({"exponent": 1.0, "recall": 0.94}, True),
    ],
)
def test_a_floor_is_missed_when_time_memory_or_recall_miss_it(words, is_missed, tmp_path, capsys):
    """And every line says which."""
    assert print_floors(table(**words), tmp_path) == is_missed
    assert ("MISSED" in capsys.readouterr().out) == is_missed


def test_the_picture_has_a_line_a_step_in_each_panel():
    """Well-formed, with a point a size, all of them inside."""
    picture = ElementTree.fromstring(drawn(table(1.2)))
    assert len(picture.findall(f"{SVG}circle")) == 2 * 2 * len(SIZES)
    assert len(picture.findall(f"{SVG}polyline")) == 2 * (2 + 1)
    width, height = float(picture.get("width")), float(picture.get("height"))
    for circle in picture.findall(f"{SVG}circle"):
        assert 0 < float(circle.get("cx")) < width and 0 < float(circle.get("cy")) < height
