"""Laws of the table and the picture of how a build grows."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from benchmarks.scale import SLACK, allowed_slope, print_floors, slopes
from benchmarks.scale_picture import drawn

SIZES = [1000, 10_000, 100_000]
BEYOND = [200_000, 2_000_000]
SVG = "{http://www.w3.org/2000/svg}"


def table(exponent, peak=1e9, recall=0.99, steps=("features", "all"), sizes=SIZES):
    """Steps that grow with a power of the samples."""
    rows = [
        {"samples": n, "step": step, "seconds": 5 * (n / 1000) ** exponent, "peak_bytes": peak * n / max(sizes)}
        for n in sizes
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
        ({"exponent": 1.9, "steps": ["neighbors", "statistics"]}, False),
        ({"exponent": 2.2, "steps": ["neighbors"]}, True),
        ({"exponent": 1.55, "steps": ["neighbors", "all"], "sizes": BEYOND}, False),
        ({"exponent": 1.65, "steps": ["neighbors"], "sizes": BEYOND}, True),
        ({"exponent": 1.65, "steps": ["statistics"], "sizes": BEYOND}, True),
        ({"exponent": 1.5, "steps": ["all"]}, False),
        ({"exponent": 1.9, "steps": ["all"]}, True),
        ({"exponent": 0.99, "steps": ["soft statistics"], "sizes": [100_000, 1_000_000]}, False),
        ({"exponent": 1.01, "steps": ["soft statistics"], "sizes": [100_000, 1_000_000]}, True),
        ({"exponent": 1.0, "peak": 6.1e9}, True),
        ({"exponent": 1.0, "recall": 0.94}, True),
    ],
)
def test_a_floor_is_missed_when_time_memory_or_recall_miss_it(words, is_missed, tmp_path, capsys):
    """And every line says which."""
    assert print_floors(table(**words), tmp_path) == is_missed
    assert ("MISSED" in capsys.readouterr().out) == is_missed


@pytest.mark.parametrize(("seconds", "mark"), [(99.9, "met   "), (100.1, "MISSED")])
def test_soft_statistics_of_ten_times_the_samples_take_at_most_ten_times_as_long(seconds, mark, tmp_path, capsys):
    """A line of its own says so, with outputs and width where they were noted."""
    rows = {"samples": [100_000, 1_000_000], "step": "soft statistics", "seconds": [10.0, seconds]}
    (tmp_path / "scale-1000000.json").write_text('{"outputs": 4, "width": 256}')
    print_floors(pd.DataFrame(rows).assign(recall_at_10=1.0, peak_bytes=1.0), tmp_path)
    told = f"{mark} soft statistics, 4 outputs, width 256: 1,000,000 take {seconds / 10:.2f} times 100,000, of 10"
    assert told in capsys.readouterr().out.splitlines()


def test_a_search_may_grow_as_its_pairs_up_to_the_bound_and_as_its_lists_beyond():
    """Between sizes on both sides by what lies in between; the slack is less than what sets them apart."""
    assert allowed_slope("neighbors", 10_000, 100_000) == pytest.approx(2)
    assert allowed_slope("neighbors", 2**17, 2**20) == pytest.approx(1.5)
    assert 1.5 < allowed_slope("neighbors", 100_000, 1_000_000) < 1.6
    assert allowed_slope("features", 100_000, 1_000_000) == pytest.approx(1.08, abs=0.005)
    assert SLACK < 0.25


def test_the_picture_has_a_line_a_step_in_each_panel():
    """Well-formed, with a point a size, all of them inside."""
    picture = ElementTree.fromstring(drawn(table(1.2)))
    assert len(picture.findall(f"{SVG}circle")) == 2 * 2 * len(SIZES)
    assert len(picture.findall(f"{SVG}polyline")) == 2 * (2 + 1)
    width, height = float(picture.get("width")), float(picture.get("height"))
    for circle in picture.findall(f"{SVG}circle"):
        assert 0 < float(circle.get("cx")) < width and 0 < float(circle.get("cy")) < height
