"""Disks that are full, folders that go away, two builds at once, a reader beside a build, a worker that dies."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from folders import bytes_of, content_of
from safety.asking import REFUSED, answers_of, run_command

from explorer.errors import ExplorerError, StudyError, SubjectError
from explorer.pages.building import Builder
from explorer.pages.library import Library
from explorer.pipeline.build import build
from explorer.study.decisions import Decisions
from explorer.study.lock import locked
from explorer.study.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]
SUBJECT = f"{tiny.__file__}:subject"
FIRST = ("first-0-previews", "first-300-features")
REDONE = ("previews", "projection", "features", "neighbors", "statistics", "layout", "samples")
REDO = [f"redo-{size}-{step}" for step, size in zip(REDONE, (0, 1000, 300, 2000, 200, 100, 9000), strict=True)]
GONE = ("first-gone-features",)
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork")


@pytest.fixture(scope="module")
def limited(tiny_study, tmp_path_factory):
    """Folder with what each of the builds on a bad disk left, and how it ended."""
    folder = tmp_path_factory.mktemp("limited")
    for name in REDO:
        shutil.copytree(tiny_study.path, folder / name)
    script = Path(__file__).with_name("limited_builds.py")
    words = [sys.executable, str(script), str(folder), *FIRST, *REDO, *GONE]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert len(list(folder.glob("*.json"))) == len((*FIRST, *REDO, *GONE)), done.stderr[-3000:]
    return folder


@needs_fork
@pytest.mark.parametrize("name", FIRST)
def test_a_build_on_a_full_disk_says_so_and_goes_on_when_there_is_room(limited, tiny_study, name):
    """One sentence; then it ends bit-identical to an unbroken build."""
    told, folder = json.loads((limited / f"{name}.json").read_text()), limited / name
    assert re.match(rf"expected a folder that can be written at {folder}, found: .*Make room", told), told
    Study.open(folder).verify()
    build(tiny.subject(), folder, settings=tiny.SETTINGS)
    assert content_of(folder) == content_of(tiny_study.path)


@needs_fork
@pytest.mark.parametrize("name", REDO)
def test_a_step_made_anew_on_a_full_disk_leaves_the_former_result(limited, tiny_study, name):
    """One sentence, and a study that is bit by bit what it was; what was begun has an ending that says so."""
    told, folder = json.loads((limited / f"{name}.json").read_text()), limited / name
    assert re.match(rf"expected a folder that can be written at {folder}, found: .*Make room", told), told
    Study.open(folder).verify()
    unfinished = ("progress.json", "build.lock")
    left = {path: one for path, one in content_of(folder).items() if ".part" not in path and path not in unfinished}
    assert left == {path: one for path, one in content_of(tiny_study.path).items() if path not in unfinished}


FEW_FILES = """
import os, resource, sys
from dataclasses import replace
import tiny
from explorer.errors import ExplorerError
from explorer.pipeline.build import build
from explorer.study.study import Study
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
build(tiny.subject(), sys.argv[1], settings=replace(tiny.SETTINGS, shard_size=1))
study = Study.open(sys.argv[1])
study.verify()
taken = []
while len(taken) < 128:
    try:
        taken.append(os.dup(0))
    except OSError:
        break
os.close(taken.pop())
try:
    Study.open(sys.argv[1]).verify()
except ExplorerError as error:
    print(error)
"""


@needs_fork
def test_many_shards_need_few_open_files_and_too_few_are_no_damage(tmp_path, tiny_study):
    """60 shards of 6 arrays under a limit of 128; when one file is left it is said, and nothing called damaged."""
    words = [sys.executable, "-c", FEW_FILES, str(tmp_path / "study")]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.match(r"expected to open .*\.npy, found that the system has no more.*ulimit -n", done.stdout), done.stdout
    assert "damaged" not in done.stdout
    assert np.allclose(Study.open(tmp_path / "study").rows("units"), tiny_study.rows("units"), atol=1e-5)


@needs_fork
@pytest.mark.parametrize("name", GONE)
def test_a_folder_that_is_removed_under_a_build_is_one_sentence(limited, name):
    told = json.loads((limited / f"{name}.json").read_text())
    assert told.startswith("expected") and str(limited / name) in told
    assert not (limited / name / "manifest.json").exists()


def test_a_folder_that_is_removed_under_the_app_is_a_sentence(tiny_folder):
    """What was opened answers as before or says what is missing; the library says that there is no such study."""
    library = Library(tiny_folder.parent)
    study = library.open("tiny")
    expected = answers_of(tiny_folder)
    assert study.neighbors(3).indices.shape == (10,)
    shutil.rmtree(tiny_folder)
    with pytest.raises(ExplorerError, match="expected one of the studies|removed or renamed"):
        library.open("tiny")
    found = answers_of(tiny_folder, study)
    wrong = [name for name, told in found.items() if not told.startswith(REFUSED) and told != expected[name]]
    # Nobody decided here; the manifest is in memory.
    assert set(wrong) <= {"decisions", "log"}


def test_a_study_can_be_read_while_it_is_made_anew(tiny_folder):
    """Each answer is that of a whole study, the former or the new one, or a named error; never a mixture."""
    expected, trouble, done = answers_of(tiny_folder), [], threading.Event()

    def read():
        while not done.is_set():
            try:
                found = answers_of(tiny_folder)
                wrong = [
                    name for name, told in found.items() if not told.startswith(REFUSED) and told != expected[name]
                ]
                trouble.extend(set(wrong) - {"command status", "steps"})
            except AssertionError as error:
                trouble.append(str(error))

    # Questions are watched by an alarm, which only the main thread may set: the build runs beside it.
    def rebuild():
        try:
            for step in ("features", "samples", "neighbors"):
                build(tiny.subject(), tiny_folder, redo=step)
        finally:
            done.set()

    builder = threading.Thread(target=rebuild)
    builder.start()
    read()
    builder.join()
    assert trouble == []
    assert {name: told for name, told in answers_of(tiny_folder).items() if name != "command status"} == {
        name: told for name, told in expected.items() if name != "command status"
    }


def test_a_second_build_on_one_study_is_refused_and_disturbs_nothing(tiny_folder):
    """One sentence that says that another build is at work, exit code 2, no byte changed."""
    with locked(tiny_folder):
        before = bytes_of(tiny_folder)
        code, out, error = run_command("build", SUBJECT, "--study", tiny_folder)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert "another build at work" in error
        assert bytes_of(tiny_folder) == before
        assert Study.open(tiny_folder).neighbors(0).indices.shape == (10,)


def test_a_worker_that_is_killed_is_told_and_started_again(tmp_path, monkeypatch):
    """The app's builder sees a killed child as a failed build, in words, and a second start finishes it."""
    folder, builder = tmp_path / "studies" / "tiny", Builder()
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))
    builder.start(SUBJECT, folder)
    child = builder._children[folder]
    until = time.monotonic() + 60
    while not (folder / "manifest.json").exists() and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    told = builder.progress(folder)
    assert told.state == "failed" and told.message
    assert run_command("status", folder)[0] == 0
    builder.start(SUBJECT, folder)
    assert builder.progress(folder).state == "running"
    builder._children[folder].kill()
    builder._children[folder].wait()


class Failing(torch.utils.data.Dataset):
    """A data set of 4,000 samples that fails at one of them."""

    def __init__(self, at=3217, error=None):
        self.points = torch.zeros(4000, 2)
        self.at, self.error = at, error or ValueError("a truncated picture")

    def __len__(self):
        return len(self.points)

    def __getitem__(self, row):
        if row == self.at:
            raise self.error
        return self.points[row], row % 3


OWN = """
import torch
from safety.test_reliability import Failing
from explorer import Subject
def subject():
    return Subject(name="failing", model=torch.nn.Linear(2, 3), dataset=Failing(), labels=[0, 1, 2, 0] * 1000)
"""


@pytest.mark.parametrize("error", [ValueError("bad"), OSError(5, "Input/output error"), MemoryError(), StopIteration()])
def test_a_sample_that_cannot_be_read_is_named(error):
    from explorer.subjects import Subject

    subject = Subject(name="x", model=torch.nn.Linear(2, 3), dataset=Failing(error=error), labels=[0, 1, 2, 0] * 1000)
    with pytest.raises(SubjectError, match=f"sample 3217 could not be read: {type(error).__name__}"):
        subject.check()


def test_a_data_set_that_fails_at_a_sample_ends_a_build_in_one_sentence(tmp_path):
    """Exit code 2, the sample is named, and no study is left."""
    (tmp_path / "own.py").write_text(OWN)
    code, out, error = run_command("build", f"{tmp_path / 'own.py'}:subject", "--study", tmp_path / "study")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "sample 3217 could not be read: ValueError: a truncated picture" in error
    assert not (tmp_path / "study").exists()


def test_a_full_disk_keeps_no_half_of_a_decision(tiny_folder):
    """A decision that does not fit is refused, the ones before it stand, and the next one that fits is kept."""
    import resource

    decisions = Decisions.open(Study.open(tiny_folder))
    decisions.decide([1], "drop")
    size = (tiny_folder / "decisions.sqlite").stat().st_size
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        with pytest.raises(StudyError, match="Nothing was written"):
            decisions.decide(range(50), "unsure", note="n" * 9000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert [one.row for one in decisions.current()] == [1]
    decisions.decide([2], "keep")
    assert [one.row for one in decisions.current()] == [1, 2]


def test_arrays_that_were_opened_stay_what_they_were(tiny_folder):
    """A build that makes them anew gives them new files: whoever still reads the old ones is not disturbed."""
    study = Study.open(tiny_folder)
    before = np.array(study.array("neighbors/network/indices"))
    build(tiny.subject(), tiny_folder, redo="neighbors")
    assert np.array_equal(study.array("neighbors/network/indices"), before)
