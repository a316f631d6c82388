import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import synthetic
from folders import bytes_of
from made_up import class_pictures

from explorer.errors import ShapeError, StepMissing, StudyError, StudyMismatch
from explorer.study.study import KINDS, Study


@pytest.fixture
def study(made_up):
    return Study.open(made_up)


def cosines(vectors):
    vectors = vectors.astype(np.float64)
    lengths = np.sqrt((vectors**2).sum(axis=1))
    return vectors @ vectors.T / np.outer(lengths, lengths)


def test_opening_and_asking_changes_nothing_on_disk(small):
    before = bytes_of(small)
    study = Study.open(small)
    study.verify()
    study.neighbors(3, 70)
    study.similarity([0, 1], [2], by="input")
    study.thumbnail(5)
    table = study.samples
    table["x"] = 0.0
    assert bytes_of(small) == before


def test_stored_arrays_and_the_table_cannot_be_written_through_a_study(study):
    with pytest.raises(ValueError, match="read-only"):
        study.array("neighbors/network/indices")[0] = 0
    table = study.samples
    table.loc[0, "x"] = 1e9
    assert study.samples.loc[0, "x"] != 1e9


@pytest.mark.parametrize("by", KINDS)
def test_similarity_is_the_cosine_of_what_is_stored(study, by):
    """For the network it is the inner product of its features, which are shorter than one; 1 for a sample itself."""
    stored = study.rows({"network": "units", "embedding": "embedding", "input": "inputs"}[by])
    expected = stored.astype(np.float64) @ stored.T if by == "network" else cosines(stored)
    np.fill_diagonal(expected, 1.0)
    a, b = [5, 900, 5], [1100, 5, 0]
    assert study.similarity(a, b, by=by) == pytest.approx(expected[np.ix_(a, b)], abs=1e-6)


@pytest.mark.parametrize("by", KINDS)
def test_neighbors_are_the_most_similar_samples_looked_up_or_searched(study, by):
    stored = study.array(f"neighbors/{by}/indices").shape[1]
    similarities = study.similarity([17], np.arange(study.n), by=by)[0]
    best = np.sort(np.delete(similarities, 17))[::-1]
    for k in (1, stored, stored + 30):
        found = study.neighbors(17, k, by=by)
        assert found.indices.shape == found.similarities.shape == (k,)
        assert 17 not in found.indices
        assert found.similarities == pytest.approx(best[:k], abs=1e-6)
        assert found.similarities == pytest.approx(similarities[found.indices], abs=1e-6)


def test_all_other_samples_are_the_most_neighbors_there_are(small):
    assert sorted(Study.open(small).neighbors(7, 1000).indices) == [row for row in range(80) if row != 7]


def test_rows_come_in_the_order_asked_for_over_all_shards(study):
    shards = [study.array(f"features/{number:04d}/units") for number in range(3)]
    assert [len(shard) for shard in shards] == [500, 500, 200]
    whole = np.concatenate(shards)
    wanted = [1199, 0, 500, 499, 0]
    assert np.array_equal(study.rows("units"), whole)
    assert np.array_equal(study.rows("units", wanted), whole[wanted])


def test_shards_that_were_closed_are_opened_again_and_read_the_same(made_up, monkeypatch):
    """Two at a time stay open, and what was verified is not read through again."""
    monkeypatch.setattr("explorer.study.shelf.OPEN_SHARDS", 2)
    study, whole = Study.open(made_up), Study.open(made_up).rows("units")
    study.verify()
    monkeypatch.setattr("explorer.study.checksums.verify", lambda path, entry: pytest.fail(f"{path} is verified again"))
    for _ in range(2):
        assert np.array_equal(study.rows("units"), whole)
        assert study.rows("valid", [3, 600, 1199]).all()
    assert len(study._shelf._recent) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "deleted"])
def test_a_shard_that_was_damaged_while_it_was_closed_is_noticed(small, monkeypatch, damage):
    monkeypatch.setattr("explorer.study.shelf.OPEN_SHARDS", 1)
    study = Study.open(small)
    study.verify()
    globals()[damage](small / "features/0000/units.npy")
    with pytest.raises(StudyMismatch, match="damaged at .*units"):
        study.rows("units", [0])


def test_a_study_travels_to_another_process_as_a_path_and_not_as_its_arrays(made_up, monkeypatch):
    """It is verified there, and answers the same from another folder."""
    monkeypatch.chdir(made_up.parent)
    study = Study.open(made_up.name)
    units = study.rows("units")
    sent = pickle.dumps(study)
    assert len(sent) < units.nbytes / 2
    monkeypatch.chdir("/")
    assert np.array_equal(pickle.loads(sent).rows("units"), units)


def test_a_thumbnail_is_the_picture_that_was_drawn_for_the_sample(study):
    labels = study.samples["true_label"]
    rows = [int(np.flatnonzero(labels == label)[0]) for label in (0, 1)] + [1199]
    shown = [study.thumbnail(row) for row in rows]
    drawn = class_pictures(4).reshape(4, -1, 28, 28, 3)
    for row, picture in zip(rows, shown, strict=True):
        assert any(np.array_equal(picture, one) for one in drawn[labels[row]])


@pytest.mark.parametrize("row", [-1, 1200, 10**9])
def test_a_row_out_of_range_is_refused_with_the_range(study, row):
    for ask in (study.neighbors, study.thumbnail, lambda row: study.similarity([row], [0])):
        with pytest.raises(ShapeError, match=f"run from 0 to 1199, found {row}"):
            ask(row)


@pytest.mark.parametrize("rows", [[0.5], [True], [[1]], 3, ["a"]])
def test_rows_that_are_no_whole_numbers_are_refused(study, rows):
    with pytest.raises(ShapeError, match="rows must be a list of whole numbers"):
        study.rows("units", rows)


def test_other_questions_that_make_no_sense_are_refused(study):
    with pytest.raises(ShapeError, match="k must be at least 1, found 0"):
        study.neighbors(0, 0)
    with pytest.raises(ShapeError, match="by must be one of network, embedding, input, found 'pixels'"):
        study.neighbors(0, by="pixels")
    with pytest.raises(ShapeError, match="sheet must be between 0 and 0, found 1"):
        study.sheet(1)
    with pytest.raises(StudyError, match="found no neighbors/network/colors"):
        study.array("neighbors/network/colors")
    with pytest.raises(StudyError, match=r"opened without its network.*explorer\.open_study"):
        study.exact_similarity([0], [1])


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def deleted(path):
    path.unlink()


@pytest.mark.parametrize("damage", [truncated, flipped, deleted])
def test_damage_to_any_file_is_noticed_and_named_with_what_to_do(small, damage):
    """Every single file of the study, one after the other; the manifest has a test of its own."""
    files = [path for path in sorted(small.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    assert {path.suffix for path in files} == {".npy", ".png", ".parquet", ".safetensors"}
    for path in files:
        whole = path.read_bytes()
        damage(path)
        step = path.relative_to(small).parts[0].split(".")[0]
        with pytest.raises(StudyMismatch, match=f"{path}: .*build .* --study {small} --redo {step}"):
            Study.open(small).verify()
        path.write_bytes(whole)
    Study.open(small).verify()


@pytest.mark.parametrize(
    ("damaged", "ask"),
    [
        ("features/0000/units.npy", lambda study: study.similarity([0], [1])),
        ("neighbors/network/indices.npy", lambda study: study.neighbors(0)),
        ("samples.parquet", lambda study: study.samples),
        ("previews/sheet-000.png", lambda study: study.thumbnail(0)),
    ],
)
def test_damage_is_noticed_before_anything_is_answered(small, damaged, ask):
    study = Study.open(small)
    flipped(small / damaged)
    with pytest.raises(StudyMismatch, match=damaged):
        ask(study)


def test_two_arrays_of_one_shape_cannot_take_each_others_place(small):
    one, other = small / "statistics" / "shift.npy", small / "statistics" / "uncertainty.npy"
    kept = shutil.copy(one, small.parent / "kept.npy")
    shutil.copy(other, one)
    shutil.copy(kept, other)
    with pytest.raises(StudyMismatch, match="shift"):
        Study.open(small).array("statistics/shift")


def test_an_array_that_would_run_code_is_not_loaded(small, monkeypatch):
    """Even a manifest that fits it does not make a pickled array readable."""
    path = small / "statistics" / "shift.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    study = Study.open(small)
    from explorer.study.checksums import Entry, sha256_of

    study.manifest.arrays["statistics/shift"] = Entry(path.stat().st_size, sha256_of(path), (1,), "|O")
    with pytest.raises(StudyMismatch, match="not an array that can be read"):
        study.array("statistics/shift")


def test_what_is_not_done_yet_is_said_with_the_command_that_resumes(small):
    study = Study.open(small)
    manifest = study.manifest
    for step in ("neighbors", "layout", "samples"):
        manifest = manifest.without_step(step)
    (small / "manifest.json").write_bytes(manifest.to_json())
    unfinished = Study.open(small)
    assert unfinished.steps_missing == ["neighbors", "layout", "samples"]
    for ask in (
        lambda: unfinished.neighbors(0),
        lambda: unfinished.samples,
        lambda: unfinished.array("layout/coordinates"),
    ):
        with pytest.raises(StepMissing, match=f"build synthetic --study {small}` to resume"):
            ask()


def test_the_version_of_a_study_changes_with_its_content_only(tmp_path, small):
    same = synthetic.synthetic_study(tmp_path / "same", n=80, classes=3, dim=8)
    other = synthetic.synthetic_study(tmp_path / "other", n=80, classes=3, dim=8, seed=1)
    versions = [Study.open(folder).version for folder in (small, same, other)]
    assert versions[0] == versions[1] != versions[2]


def test_a_made_up_study_is_coherent_also_where_neighbors_are_found_in_groups(tmp_path):
    study = Study.open(synthetic.synthetic_study(tmp_path / "large", n=5000, classes=5, dim=8, thumbnails=False))
    assert study.steps_missing == []
    assert isinstance(study.samples, pd.DataFrame) and len(study.samples) == 5000
    for row in (0, 2500, 4999):
        found = study.neighbors(row, 50)
        assert (np.diff(found.similarities) <= 0).all()
        assert found.similarities == pytest.approx(study.similarity([row], found.indices)[0], abs=1e-6)
    densities = study.similarity([3], np.arange(5000)).sum()
    assert study.samples.loc[3, "soft_density"] == pytest.approx(densities, rel=1e-4)
