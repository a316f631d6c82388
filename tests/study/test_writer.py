import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from explorer.records import Settings
from explorer.study.manifest import Manifest, StepRecord
from explorer.study.study import Study
from explorer.study.writer import StudyWriter

RECORD = StepRecord("key", 1.0, 1)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def writer(tmp_path, made_up):
    """A writer at a study whose features are done and whose neighbors follow from them."""
    folder = tmp_path / "study"
    folder.mkdir()
    subject = {**Study.open(made_up).subject, "samples": 4}
    writer = StudyWriter.create(folder, Manifest("study", "", subject, Settings(), {}))
    commit(writer, "features", np.arange(4))
    commit(writer, "neighbors", np.arange(3))
    return writer


def fill(writer, step, array):
    np.save(writer.part(step, "key") / "values.npy", array)


def commit(writer, step, array):
    fill(writer, step, array)
    writer.commit(step, RECORD, step, followers=["neighbors"] if step == "features" else [])


def test_what_was_committed_is_what_is_read(writer):
    study = Study.open(writer.folder)
    assert study.array("features/values").tolist() == [0, 1, 2, 3]
    assert list(study.manifest.steps) == ["features", "neighbors"]


def test_a_commit_cut_off_at_any_rename_ends_as_before_or_as_after(writer, tmp_path, monkeypatch):
    """Never in between: after resume every file fits the manifest, and the step is either the old or the new one."""
    fill(writer, "features", np.arange(9))
    ends = []
    for cut in range(6):
        folder = shutil.copytree(writer.folder, tmp_path / f"cut-{cut}")
        with monkeypatch.context() as patched, suppress(Killed):
            patched.setattr(Path, "replace", killed_at(cut))
            StudyWriter(folder, writer.manifest).commit("features", RECORD, "features", followers=["neighbors"])
        resumed = StudyWriter.resume(folder)
        Study.open(folder).verify()
        ends.append((Study.open(folder).array("features/values").tolist(), list(resumed.manifest.steps)))
    before, after = ([0, 1, 2, 3], ["features", "neighbors"]), (list(range(9)), ["features"])
    # The first rename writes down what is to be done; the others do it: old away, new in its place, manifest.
    assert ends == [before, after, after, after, after, after]


def killed_at(count):
    """Path.replace, until it is called for the count-th time."""
    rename, done = Path.replace, []

    def replace(path, target):
        if len(done) == count:
            raise Killed
        done.append(path)
        return rename(path, target)

    return replace


def test_what_follows_from_a_step_is_forgotten_when_the_step_comes_out_different(writer):
    commit(writer, "features", np.arange(4) + 1)
    assert Study.open(writer.folder).steps_missing[:2] == ["previews", "projection"]
    assert list(writer.manifest.steps) == ["features"]
    assert not any(name.startswith("neighbors") for name in writer.manifest.arrays)


def test_what_follows_from_a_step_stays_when_the_step_comes_out_the_same(writer):
    commit(writer, "features", np.arange(4))
    assert list(writer.manifest.steps) == ["features", "neighbors"]
    Study.open(writer.folder).verify()


def test_what_somebody_still_writes_is_no_part_of_a_step(writer):
    """A worker that was given up may be at work under a name of its own while its step is committed."""
    fill(writer, "features", np.arange(5))
    unfinished = writer.folder / "features.part" / "0003-ab12.part"
    unfinished.mkdir()
    np.save(unfinished / "values.npy", np.arange(9))
    writer.commit("features", RECORD, "features")
    study = Study.open(writer.folder)
    study.verify()
    assert [name for name in study.manifest.entries("features")] == ["features/values"]


def test_a_part_is_taken_up_only_under_the_same_key_and_only_when_asked(writer):
    (writer.part("layout", "old key") / "half").touch()
    assert (writer.part("layout", "old key", resume=True) / "half").exists()
    assert not (writer.part("layout", "new key", resume=True) / "half").exists()
    (writer.part("layout", "new key") / "half").touch()
    assert not (writer.part("layout", "new key") / "half").exists()
