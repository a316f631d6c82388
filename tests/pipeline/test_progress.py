import io
import json

import pytest

from explorer.pipeline.progress import Advance, Meter, ProgressFile, ProgressPrinter


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_one_line_a_step_is_printed_where_there_is_no_terminal():
    stream = io.StringIO()
    meter = Meter([ProgressPrinter(stream)], "features", 3, 8, total=5000)
    for done in range(0, 5000, 100):
        meter.advance(done)
    assert stream.getvalue() == ""
    meter.finish()
    line = stream.getvalue()
    assert line.startswith("[3/8] features") and "5,000 samples" in line and line.count("\n") == 1


def test_a_terminal_gets_a_bar_that_says_how_far_how_fast_and_how_long():
    stream = Terminal()
    ProgressPrinter(stream)(Advance("features", 3, 8, done=1000, total=5000, seconds=2.0))
    bar = stream.getvalue()
    assert all(words in bar for words in ("[3/8] features", "1,000/5,000 samples", "500/s", "8.0 s left"))
    assert "\n" not in bar


@pytest.mark.parametrize(("done", "left"), [(2000, None), (3000, 4.0), (5000, 0.0)])
def test_the_time_left_is_told_from_what_this_run_did(done, left):
    now = Advance("features", 3, 8, done=done, total=5000, seconds=2.0, resumed_at=2000)
    assert now.seconds_left == left


def test_the_progress_file_is_whole_at_any_time_and_says_how_a_build_ended(tmp_path):
    watched = ProgressFile(tmp_path)
    watched(Advance("layout", 6, 8, done=10, total=40, seconds=1.0))
    told = json.loads((tmp_path / "progress.json").read_text())
    assert {name: told[name] for name in ("state", "step", "step_number", "done", "total", "unit", "seconds_left")} == {
        "state": "running",
        "step": "layout",
        "step_number": 6,
        "done": 10,
        "total": 40,
        "unit": "samples",
        "seconds_left": 3.0,
    }
    watched.stop("failed", "the disk is full")
    told = json.loads((tmp_path / "progress.json").read_text())
    assert (told["state"], told["message"], told["step"]) == ("failed", "the disk is full", "layout")
    watched.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_new_step_is_in_the_progress_file_at_once(tmp_path):
    watched = ProgressFile(tmp_path)
    for step in ("previews", "projection", "features"):
        watched(Advance(step, 1, 8, done=0, total=40, seconds=0.0))
        assert json.loads((tmp_path / "progress.json").read_text())["step"] == step
