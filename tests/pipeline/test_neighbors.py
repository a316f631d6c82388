"""What the steps neighbors and statistics say about how they searched and counted."""

from functools import partial

import faiss
import numpy as np
import pytest
import tiny

from explorer.pipeline import blocks, densities, neighbors
from explorer.pipeline.build import build
from explorer.pipeline.densities import density_columns, density_facts
from explorer.similarity import find_stored_neighbors
from explorer.study.study import KINDS


def test_an_exact_search_is_told_for_each_kind_and_warns_of_nothing(tiny_study):
    """Sixty different samples are compared with each other."""
    notes = tiny_study.manifest.steps["neighbors"].notes
    assert notes["stored"] == 10
    assert notes["search"] == {kind: {"index": "flat", "distinct": 60, "recall_at_10": 1.0} for kind in KINDS}
    assert not tiny_study.manifest.steps["neighbors"].warnings


def test_an_approximate_search_tells_its_recall_and_warns(tmp_path, monkeypatch):
    """With a bound of ten samples: a sentence for each kind, and neighbors that are mostly the exact ones."""
    monkeypatch.setattr(neighbors, "find_stored_neighbors", partial(find_stored_neighbors, most=10))
    study = build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS)
    record = study.manifest.steps["neighbors"]
    assert [record.notes["search"][kind]["index"] for kind in KINDS] == ["ivf-sq8"] * 3
    assert len(record.warnings) == 3
    assert all("measured on 30 samples" in line for line in record.warnings)
    assert not density_facts(study)["hard_density_is_exact"]


def test_the_index_on_disk_finds_the_neighbors_of_the_study(tiny_study):
    """Read by FAISS alone, it names the same samples by their rows."""
    index = faiss.read_index(str(tiny_study.file("neighbors/index.faiss")))
    found = index.search(tiny_study.rows("units", np.arange(5)), 4)[1]
    for row in range(5):
        assert [other for other in found[row] if other != row][:3] == tiny_study.neighbors(row, 3).indices.tolist()


def test_crowds_beyond_the_bound_are_counted_among_a_part_and_that_is_told(tiny_study, monkeypatch):
    """Half of the samples stand for all: counts of crowds are right to a few, small counts are exact."""
    exact = density_columns(tiny_study)["hard_density"]
    assert density_facts(tiny_study)["hard_density_counted_among"] == 60
    monkeypatch.setattr(densities, "COUNTED_SAMPLES", 10)
    monkeypatch.setattr(densities, "SAMPLED", 30)
    estimated = density_columns(tiny_study)["hard_density"]
    assert density_facts(tiny_study) == {"hard_density_is_exact": False, "hard_density_counted_among": 30}
    crowded = exact > 10
    assert crowded.any()
    assert estimated[crowded] == pytest.approx(exact[crowded], abs=6)
    assert estimated[~crowded].tolist() == exact[~crowded].tolist()


def test_blocks_do_not_show_in_the_densities(tiny_study, monkeypatch):
    """Seven samples at a time, or all at once."""
    whole = density_columns(tiny_study)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)
    parts = density_columns(tiny_study)
    for name, values in whole.items():
        assert np.allclose(parts[name], values, rtol=1e-5), name
