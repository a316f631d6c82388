"""`explorer snapshots`: from a folder of weights to a table in the study that the page reads."""

import json

import pytest
import tiny
from folders import bytes_of
from safetensors.torch import save_file

from explorer.study.snapshots import read_snapshots, snapshots_path
from explorer.study.study import Study

SUBJECT = f"{tiny.__file__}:subject"


@pytest.fixture
def weights(tmp_path, tiny_subject):
    """Two snapshots: weights shrunk to nearly nothing, and the network's own."""
    folder = tmp_path / "weights"
    folder.mkdir()
    own = tiny_subject.model.state_dict()
    save_file({name: 0.1 * value for name, value in own.items()}, folder / "tiny-1.safetensors")
    save_file({name: value.clone() for name, value in own.items()}, folder / "tiny-60.safetensors")
    return folder


def test_snapshots_are_kept_in_the_study_and_change_nothing_else(said, tiny_folder, weights):
    """The table is what --json prints, and the study stays the one it was."""
    before, version = bytes_of(tiny_folder), Study.open(tiny_folder).version
    code, told, _ = said("snapshots", SUBJECT, "--from", weights, "--study", tiny_folder, "--json")
    assert code == 0
    study = Study.open(tiny_folder)
    study.verify()
    found = read_snapshots(snapshots_path(tiny_folder), study.subject["fingerprint"])
    assert [line["epoch"] for line in json.loads(told)["snapshots"]] == found.table["epoch"].tolist() == [1, 60]
    after = bytes_of(tiny_folder)
    assert study.version == version and {name: after[name] for name in before} == before
    assert {str(name) for name in set(after) - set(before)} == {"snapshots/measured.parquet"}
    assert found.table["overlap"].iloc[-1] == 1


def test_the_last_snapshot_agrees_with_the_study_of_its_weights(said, tiny_folder, weights):
    """All samples and the study's settings: the same counts come out."""
    assert said("snapshots", SUBJECT, "--from", weights, "--study", tiny_folder)[0] == 0
    found = read_snapshots(snapshots_path(tiny_folder))
    counts = Study.open(tiny_folder).samples["soft_density"]
    assert found.table["soft_50"].iloc[-1] == pytest.approx(counts.median(), rel=1e-5)


def test_a_study_of_something_else_is_refused(said, small, weights):
    """Before anything is measured, with the way out."""
    code, _, told = said("snapshots", SUBJECT, "--from", weights, "--study", small)
    assert code == 2 and "Name the study that was built from this subject" in told
    assert not snapshots_path(small).exists()


def test_a_folder_without_snapshots_is_refused(said, tiny_folder, tmp_path):
    """In one line."""
    code, _, told = said("snapshots", SUBJECT, "--from", tmp_path, "--study", tiny_folder)
    assert code == 2 and "at least two snapshots" in told and len(told.splitlines()) == 1
