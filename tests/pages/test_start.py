"""Laws of the first page and of builds that the app starts: what to do is said, and what a folder says is shown."""

import json
import sys
import time

import pytest
from pages.screen import copied, made_up_study, words
from streamlit.testing.v1 import AppTest

from explorer.errors import StudyNotFound
from explorer.pages.building import Builder
from explorer.pages.commands import KINDS
from explorer.pages.library import library
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


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """An app that was started in an empty folder; its folder of studies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["app.py"])
    library.cache_clear()
    (tmp_path / "studies").mkdir()
    yield tmp_path / "studies"
    library.cache_clear()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("elsewhere") / "made")


def start_page():
    def script() -> None:
        import streamlit as st

        from explorer.pages import start, state

        state.follow_url("studies")
        start.show(lambda: st.success("the map"))

    test = AppTest.from_function(script, default_timeout=60).run()
    assert not test.exception, test.exception
    return test


def button(test, label):
    return next(one for one in test.button if one.label == label)


def typed(test, folder):
    test.text_input(key="folder-typed").set_value(str(folder))
    button(test, "Open").click().run()
    assert not test.exception, test.exception
    return test


def test_a_first_start_says_where_to_start(studies):
    """One thing to do stands out, and the two other ways in are named."""
    test = start_page()
    assert "Start here" in words(test)
    assert [one.key for one in test.button if one.proto.type == "primary" and one.label != "Open"] == [
        "build-mnist-noisy"
    ]
    assert [tab.label for tab in test.tabs] == ["Bundled subjects", "Open a folder", "Your own data"]


def test_where_there_are_studies_they_come_first(studies, made):
    """Each is a click away, and nothing tells a visitor who has started where to start."""
    copied(made, studies / "mine")
    test = start_page()
    assert "Start here" not in words(test)
    button(test, "mine").click().run()
    assert [one.value for one in test.success] == ["the map"]
    assert test.query_params["study"] == "mine"


def test_a_finished_study_anywhere_can_be_opened_by_its_folder(studies, made):
    """It is then one of the studies, under its folder's name."""
    test = typed(start_page(), made)
    assert [one.value for one in test.success] == ["the map"]
    assert test.query_params["study"] == "made"
    assert library().open("made").path == made
    assert button(start_page(), "made")


def test_a_study_from_elsewhere_takes_the_place_of_a_bundled_subject_of_its_name(studies, made, tmp_path):
    """It is opened where it lies, not measured anew; what a visitor sees first stays the first."""
    copied(made, studies / "mine")
    copied(made, tmp_path / "far" / "circle")
    test = typed(start_page(), tmp_path / "far" / "circle")
    assert [one.value for one in test.success] == ["the map"]
    assert "build-circle" not in [one.key for one in start_page().button]
    assert library().first == "mine"


def test_its_manifest_and_a_path_in_quotes_are_understood(studies, made):
    """As they come out of a file manager."""
    assert library().adopt(f'"{made}/manifest.json"') == "made"


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("", "expected the path of a study's folder"),
        ("/no/such/folder", "no such folder"),
        ("PLACE", "a folder without"),
        ("PLACE/<script>alert(1)</script>", "no such folder"),
        ("x" * 5000, "expected the path"),
        ("x" * 300, "expected the path of a folder"),
        ("a\0b", "a"),
        ("~nobody-of-this-name/x", "nobody-of-this-name"),
    ],
)
def test_a_folder_that_is_no_study_is_refused_in_a_sentence(studies, tmp_path, folder, told):
    """Whatever is typed: one error, no map, and the studies are as before."""
    test = typed(start_page(), folder.replace("PLACE", str(tmp_path)))
    assert len(test.error) == 1 and told in test.error[0].value.replace("\\", "")
    assert not test.success and library().names() == []


def test_an_unfinished_study_is_told_from_one_that_is_being_built(studies, tiny_folder):
    """The one has to be built on, the other waited for."""
    (tiny_folder / "samples.parquet").unlink()
    test = typed(start_page(), tiny_folder)
    assert "is not finished" in test.error[0].value
    with locked(tiny_folder):
        test = typed(start_page(), tiny_folder)
    assert "is still being built" in test.error[0].value


def test_two_studies_of_one_name_are_not_confused(studies, made):
    """The second is refused: pictures and neighbors of one must never be shown as those of the other."""
    copied(made, studies / "made")
    test = typed(start_page(), made)
    assert "found another study" in test.error[0].value
    assert library().open("made").path == studies / "made"
    assert library().adopt(str(studies / "made")) == "made"


def test_a_study_that_was_removed_while_it_was_open_is_said(studies, made):
    """Not as an unknown name: the visitor has just seen it."""
    copied(made, studies / "mine")
    library().open("mine")
    (studies / "mine").rename(studies.parent / "away")
    with pytest.raises(StudyNotFound, match="was open here, and its folder .* has been removed or renamed"):
        library().open("mine")
    (studies.parent / "away").rename(studies / "mine")
    assert library().open("mine").n == 240


def test_a_study_that_is_being_built_again_is_said(studies, made):
    """Its table is gone until the build ends; so is the page, with the reason."""
    copied(made, studies / "mine")
    library().open("mine")
    (studies / "mine" / "samples.parquet").unlink()
    with locked(studies / "mine"), pytest.raises(StudyNotFound, match="is being built right now"):
        library().open("mine")
    with pytest.raises(StudyNotFound, match="is not finished. Run the build"):
        library().open("mine")


def test_builds_from_a_terminal_are_followed(studies):
    """What is being measured under the folder of studies is shown as it goes on, and why one has stopped."""
    leave_progress(studies / "photos")
    with locked(studies / "photos"):
        assert "50 of 100 samples" in words(start_page())
    assert "Run the same command again" in words(start_page())
    leave_progress(studies / "photos", state="failed", message="row 7 <b>is</b> broken.")
    test = start_page()
    assert [one.value for one in test.error] == ["row 7 \\<b\\>is\\</b\\> broken."]


def test_the_command_follows_what_is_typed(studies, tmp_path):
    """Path, network and the folder that this app looks into."""
    (tmp_path / "photos").mkdir()
    test = start_page()
    test.text_input(key="own-data-A folder of pictures").set_value(str(tmp_path / "photos"))
    test.text_input(key="own-model").set_value("timm:resnet18").run()
    command = test.code[0].value
    assert f"build {tmp_path}/photos --model timm:resnet18 --study {studies}/photos" in command
    assert not test.warning
    test.text_input(key="own-data-A folder of pictures").set_value("/no/<b>place</b>").run()
    assert len(test.warning) == 1 and "\\<b\\>" in test.warning[0].value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_its_form(studies, kind):
    """And a command from the start."""
    test = start_page()
    next(one for one in test.segmented_control if one.key == "own-kind").set_value(kind).run()
    assert not test.exception
    assert "-m explorer build" in test.code[0].value
