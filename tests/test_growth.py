"""Laws of the table Growth in benchmarks/results.md: it follows from assets/experiments/scale.parquet."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.scale import print_floors, slopes

ROOT = Path(__file__).parents[1]
SIZES = [10_000, 31_623, 100_000, 1_000_000]


@pytest.fixture(scope="module")
def measured():
    return pd.read_parquet(ROOT / "assets/experiments/scale.parquet")


@pytest.fixture(scope="module")
def written():
    """Cells of the table, by step; bold where a step is of all."""
    part = (ROOT / "benchmarks/results.md").read_text(encoding="utf-8").split("## Growth", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    rows = [[cell.strip(" *") for cell in line] for line in lines]
    assert rows[0][1:5] == [f"{n:,}" for n in SIZES]
    return {row[0].removesuffix(" alone"): row[1:] for row in rows[2:]}


def number(cell):
    """A number as it is written, and half of its last digit."""
    plain = cell.replace(",", "").replace("−", "-")
    return float(plain), 0.5 * 10.0 ** -len(plain.partition(".")[2])


def assert_rounds_to(cell, value):
    told, half = number(cell)
    assert abs(told - value) <= half * (1 + 1e-6), (cell, value)


def test_every_step_that_was_measured_is_written_and_no_other(measured, written):
    assert set(written) == set(measured.step)
    assert sorted(measured.samples.unique()) == SIZES


def test_seconds_peaks_and_bytes_are_those_that_were_measured(measured, written):
    """Rounded as they are written."""
    for step, cells in written.items():
        rows = measured[measured.step == step].set_index("samples").loc[SIZES]
        for cell, value in zip(cells[:4], rows.seconds, strict=True):
            assert_rounds_to(cell, value)
        if cells[5]:
            assert_rounds_to(cells[5], rows.peak_bytes.iloc[-1] / 2**20)
            assert_rounds_to(cells[6], rows.file_bytes.iloc[-1] / SIZES[-1])


def test_slopes_are_those_of_the_seconds(measured, written):
    for step, cells in written.items():
        found = slopes(SIZES, measured[measured.step == step].set_index("samples").seconds.loc[SIZES])
        for cell, value in zip(cells[4].split(), found, strict=True):
            assert_rounds_to(cell, value)


def test_what_was_measured_misses_no_floor(measured, tmp_path, capsys):
    """Memory, recall, the soft statistics and every slope, by the bounds of today."""
    assert not print_floors(measured, tmp_path)
    assert "met    soft statistics: 1,000,000 take 9.53 times 100,000, of 10" in capsys.readouterr().out
