"""The file of decisions when something is wrong with it: one sentence, and what stood in it stands."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from folders import bytes_of

from explorer.errors import StudyError, StudyMismatch
from explorer.study import database
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels

REPOSITORY = Path(__file__).resolve().parents[2]
CLASSES = GivenLabels(np.arange(12) % 3, 3)


def decisions_in(folder):
    return Decisions(folder / "decisions.sqlite", CLASSES, "fingerprint")


@pytest.fixture
def decisions(tmp_path):
    return decisions_in(tmp_path)


def newer(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    return "have format 9"


def something_else(path):
    path.write_bytes(b"row,label\r\n" * 1000)
    return "damaged or something else"


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])
    return "damaged or something else"


def other_tables(path):
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name)")
    connection.close()
    return "damaged or something else"


def other_study(path):
    path.unlink()
    Decisions(path, CLASSES, "of another").decide([0], "keep")
    return "found those about another one"


@pytest.mark.parametrize("spoil", [newer, something_else, cut, other_tables, other_study])
def test_a_file_that_is_no_log_of_this_study_is_one_sentence_and_stays_as_it_is(decisions, spoil):
    decisions.decide(range(12), "keep")
    told = spoil(decisions.path)
    before = bytes_of(decisions.path.parent)
    for act in (decisions.standing, lambda: decisions.decide([0], "drop"), lambda: decisions.undo("")):
        with pytest.raises(StudyMismatch) as caught:
            act()
        assert told in str(caught.value) and str(decisions.path) in str(caught.value)
    assert bytes_of(decisions.path.parent)[decisions.path.name] == before[decisions.path.name]


def test_a_file_that_others_hold_is_waited_for_and_then_named(decisions, monkeypatch):
    """Reading goes on meanwhile; nothing is written."""
    decisions.decide([0], "keep")
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.05)
    holder = sqlite3.connect(decisions.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StudyError, match="held by another program. Nothing was written"):
        decisions.decide([1], "keep")
    assert decisions.standing()["row"].tolist() == [0]
    holder.execute("ROLLBACK")
    holder.close()
    decisions.decide([1], "keep")
    assert decisions.standing()["row"].tolist() == [0, 1]


GUEST = """
import os, resource, signal, sys
from pathlib import Path
import numpy as np
from explorer.errors import StudyError
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels

path, limit = Path(sys.argv[1]), int(sys.argv[2])
decisions = Decisions(path, GivenLabels(np.arange(12) % 3, 3), "fingerprint")
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
elif os.geteuid() == 0:
    os.setuid(65534)
try:
    decisions.decide(range(12), "drop", note="x" * 9999, who="guest")
except StudyError as error:
    print(error)
print([one.decision for one in decisions.current()])
"""


def guest(path, limit=0):
    words = [sys.executable, "-c", GUEST, str(path), str(limit)]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="needs folders that some users may not write")
@pytest.mark.parametrize("is_open_elsewhere", [False, True])
def test_whoever_may_not_write_can_read_and_is_told(is_open_elsewhere):
    """Also while the owner has the file open, with decisions that are not in the main file yet."""
    with tempfile.TemporaryDirectory() as folder:
        decisions = decisions_in(Path(folder))
        decisions.decide([0], "keep")
        if is_open_elsewhere:
            holder = sqlite3.connect(decisions.path)
            holder.execute("SELECT * FROM batches").fetchall()
            decisions.decide([1], "keep")
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        said = guest(decisions.path)
        assert len(said) == 2 and "expected a place to keep decisions" in said[0] and "Ask for the right" in said[0]
        assert said[1] == str(["keep"] * len(decisions.current()))
        Path(folder).chmod(0o755)
        if is_open_elsewhere:
            holder.close()


@pytest.mark.skipif(os.name == "nt", reason="needs limits on the size of files")
def test_a_disk_that_takes_no_more_is_one_sentence_and_what_stood_stands(decisions):
    """A batch is kept whole or not at all."""
    decisions.decide([0], "keep")
    said = guest(decisions.path, limit=1 << 16)
    assert len(said) == 2 and said[0].startswith("expected to keep decisions in") and "Nothing was written" in said[0]
    assert said[1] == "['keep']"
    decisions.decide([1], "drop")
    assert decisions.standing()["decision"].tolist() == ["keep", "drop"]
