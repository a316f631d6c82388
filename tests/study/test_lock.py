import subprocess
import sys

import pytest

from explorer.errors import StudyError
from explorer.study.lock import is_locked, locked

HOLDER = """
import sys, time
from pathlib import Path
from explorer.study.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_only_one_process_holds_a_study_and_a_killed_one_lets_go(tmp_path, holder):
    assert is_locked(tmp_path)
    with pytest.raises(StudyError, match="another build at work"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_asking_for_the_lock_of_a_folder_writes_nothing(tmp_path):
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
