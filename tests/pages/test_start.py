"""Laws of builds that the app starts: what a folder says about its build, and a real child process that fails."""

import json
import time

import pytest
from pages.screen import made_up_study

from explorer.pages.building import Builder
from explorer.study.lock import locked


def leave_progress(folder, **news) -> None:
    folder.mkdir(exist_ok=True)
    about = {"state": "running", "step": "features", "step_number": 3, "steps": 8, "done": 50, "total": 100}
    (folder / "progress.json").write_text(json.dumps({**about, "pid": 1, "unknown": "field", **news}))


def test_a_folder_that_is_not_there_has_no_build(tmp_path):
    """Nothing was ever begun."""
    assert Builder().progress(tmp_path / "nothing").state == "none"


def test_a_finished_study_is_done(tmp_path):
    """Whoever built it."""
    assert Builder().progress(made_up_study(tmp_path / "study")).state == "done"


def test_a_build_of_another_process_is_running_while_it_holds_the_lock(tmp_path):
    """Half of step 3 of 8 is 2.5 / 8 of the whole; without the lock the same file means that it was cut off."""
    leave_progress(tmp_path / "study")
    with locked(tmp_path / "study"):
        progress = Builder().progress(tmp_path / "study")
    assert (progress.state, progress.share) == ("running", 2.5 / 8)
    assert Builder().progress(tmp_path / "study").state == "interrupted"


@pytest.mark.parametrize("torn", ["", "{", "[1]", "null", '"words"', '{"state": "running", "step"'])
def test_a_torn_progress_file_is_no_trouble(tmp_path, torn):
    """A page never fails because a file was read at the wrong moment."""
    (tmp_path / "progress.json").write_text(torn)
    assert Builder().progress(tmp_path).state == "interrupted"


def test_a_failed_build_tells_why(tmp_path):
    """The sentence that the build wrote down is the one on screen."""
    leave_progress(tmp_path / "study", state="failed", message="expected disk space, found none. Free some.")
    progress = Builder().progress(tmp_path / "study")
    assert (progress.state, progress.message) == ("failed", "expected disk space, found none. Free some.")


def test_a_child_that_fails_at_once_leaves_its_sentence(tmp_path):
    """The real command line refuses an unknown subject; the page shows that sentence without its `error:`."""
    builder, folder = Builder(), tmp_path / "studies" / "no-such-subject"
    builder.start("no-such-subject", folder)
    assert builder.progress(folder).state == "running"
    deadline = time.monotonic() + 60
    while builder.progress(folder).state == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    progress = builder.progress(folder)
    assert progress.state == "failed"
    assert "no-such-subject" in progress.message
    assert not progress.message.startswith("error:")
