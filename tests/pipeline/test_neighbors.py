"""What the steps neighbors and statistics say about how they searched and counted."""

import shutil
from functools import partial

import faiss
import numpy as np
import pytest
import tiny
import torch
from indexes import read_index

from explorer.errors import StudyMismatch
from explorer.pipeline import blocks, densities, neighbors
from explorer.pipeline.build import build
from explorer.pipeline.densities import density_columns, density_facts
from explorer.pipeline.probe import probe
from explorer.records import Unseen
from explorer.similarity import find_stored_neighbors, fitted_rows
from explorer.similarity.stored_lists import DATA
from explorer.study.study import KINDS, Study


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


def test_a_recall_below_the_floor_is_a_plain_warning(tmp_path, monkeypatch):
    """What is missing and what to do, in the study; not where the recall is as asked."""
    monkeypatch.setattr(neighbors, "find_stored_neighbors", partial(find_stored_neighbors, most=10))
    monkeypatch.setattr(neighbors, "LEAST_RECALL", 1.01)
    study = build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS)
    assert len([line for line in study.warnings if "less than the 101% that were asked for" in line]) == len(KINDS)
    facts = {"recall_at_10": 0.95, "recall_samples": 256}
    monkeypatch.setattr(neighbors, "LEAST_RECALL", 0.95)
    assert "less than" not in neighbors._told("network", facts, 10**6)


def test_folders_that_a_network_disk_left_are_no_part_of_a_study(tmp_path, monkeypatch):
    """The folder of removed files stays while they are mapped, with a hidden file that no manifest may name."""

    def searched(read, *words, folder, **others):
        (folder / "tmp17").mkdir(exist_ok=True)
        (folder / "tmp17" / ".nfs0001").touch()
        return find_stored_neighbors(read, *words, folder=folder, **others)

    monkeypatch.setattr(neighbors, "find_stored_neighbors", searched)
    study = build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS)
    assert {entry.name for entry in (study.path / "neighbors").iterdir()} == {*KINDS, "index.faiss"}


def test_the_index_on_disk_finds_the_neighbors_of_the_study(tiny_study):
    """Read by FAISS alone, it names the same samples by their rows."""
    index = faiss.read_index(str(tiny_study.file("neighbors/index.faiss")))
    found = index.search(tiny_study.rows("units", np.arange(5)), 4)[1]
    for row in range(5):
        assert [other for other in found[row] if other != row][:3] == tiny_study.neighbors(row, 3).indices.tolist()


@pytest.fixture(scope="module")
def beyond_memory(tmp_path_factory):
    """A study whose lists and neighbors may take 100 bytes, and the same with all the memory there is."""
    place = tmp_path_factory.mktemp("beyond")
    studies = []
    for name, held in (("disk", 100), ("memory", None)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(neighbors, "find_stored_neighbors", partial(find_stored_neighbors, most=10, held=held))
            studies.append(build(tiny.subject(), place / name, settings=tiny.SETTINGS))
    return studies


def test_lists_on_the_disk_change_nothing_but_where_they_lie(beyond_memory):
    """The same neighbors of all kinds; one more file, with a checksum as all others have, and no leftovers."""
    disk, memory = beyond_memory
    for kind in KINDS:
        for name in ("indices", "similarities"):
            mine, theirs = (one.array(f"neighbors/{kind}/{name}") for one in beyond_memory)
            assert np.array_equal(mine, theirs, equal_nan=True)
        mine, theirs = (one.notes("neighbors")["search"][kind] for one in beyond_memory)
        assert mine == {**theirs, "index": "ivf-sq8-on-disk"}
    assert set(disk.manifest.files) - set(memory.manifest.files) == {f"neighbors/{DATA}"}
    found = {f"neighbors/{path.name}" for path in (disk.path / "neighbors").iterdir() if path.is_file()}
    assert found == {"neighbors/index.faiss", f"neighbors/{DATA}"}
    disk.verify()


def test_a_moved_study_opens_answers_probes_and_searches(beyond_memory, tmp_path):
    """Whole, in another folder, while the first one is gone; a lost byte of the lists is noticed."""
    disk, memory = beyond_memory
    moved = tmp_path / "moved"
    shutil.copytree(disk.path, tmp_path / "kept")
    shutil.move(tmp_path / "kept", moved)
    study = Study.open(moved)
    study.verify()
    points = np.stack([point.numpy() for point in tiny.subject().dataset[:3]])
    for mine, theirs in zip(*(probe(one, points, 4, subject=tiny.subject()) for one in (study, memory)), strict=True):
        assert np.array_equal(mine.neighbors.indices, theirs.neighbors.indices)
    index = read_index(study.file("neighbors/index.faiss"))
    held = read_index(memory.file("neighbors/index.faiss"))
    assert np.array_equal(index.search(study.rows("units"), 5)[1], held.search(study.rows("units"), 5)[1])
    data = bytearray((moved / "neighbors" / DATA).read_bytes())
    data[len(data) // 2] ^= 1
    (moved / "neighbors" / DATA).write_bytes(data)
    with pytest.raises(StudyMismatch, match="checksum"):
        Study.open(moved).verify()


def test_a_map_of_some_samples_is_told(tmp_path, monkeypatch):
    """With a bound of ten, fifteen of sixty are fitted: notes and a sentence say so, and all have a place."""
    monkeypatch.setattr(neighbors, "fitted_rows", partial(fitted_rows, most=10))
    study = build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS)
    notes = study.notes("layout")
    assert (notes["fitted"], notes["placed"]) == (15, 45)
    assert 0 < notes["kept_placed"] <= 1 and 0 < notes["kept_fitted"] <= 1
    assert [line for line in study.warnings if "fitted to 15 samples" in line]
    assert np.isfinite(study.array("layout/coordinates")).all()


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


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_whoever_what_is_unseen_lifts_above_the_threshold_is_counted(share):
    """As many as when every single similarity is completed, though few are."""
    random = np.random.default_rng(1)
    energies, others = random.uniform(0.8, 1.02, 40).astype(np.float32), random.uniform(0.7, 1, 300).astype(np.float32)
    products = random.uniform(0.5, 1, (40, 300)).astype(np.float32) * np.sqrt(energies[:, None] * others)
    unseen = Unseen(share, 3)
    expected = (unseen.completed(products, energies[:, None], others) > densities.HARD_THRESHOLD).sum(1)
    found = densities._close(torch.from_numpy(products), energies, others, unseen)
    assert found.tolist() == expected.tolist()
    assert share == 0 or found.sum() > (products > densities.HARD_THRESHOLD).sum()


def test_blocks_do_not_show_in_the_densities(tiny_study, monkeypatch):
    """Seven samples at a time, or all at once."""
    whole = density_columns(tiny_study)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)
    parts = density_columns(tiny_study)
    for name, values in whole.items():
        assert np.allclose(parts[name], values, rtol=1e-5), name
