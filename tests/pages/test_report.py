"""Laws of the report on the page Present: made on request, without holding up the page, and kept for the session."""

import json
import time
from threading import Event

import pytest
from pages.screen import as_regression, copied, made_up_study, rewritten, words
from safety.hostile import hostile_study
from streamlit.testing.v1 import AppTest

from explorer.errors import StepMissing
from explorer.pages import report
from explorer.pages.tiles import file_name
from explorer.study.study import Study
from explorer.views.report.figures import figures

HTML = "<!doctype html><p>all of it</p></html>"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("report") / "studies" / "one")


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


def shown(folder):
    def script(folder: str) -> None:
        from explorer.pages.report import show_report
        from explorer.study.study import Study

        show_report(Study.open(folder))

    test = AppTest.from_function(script, args=(str(folder),), default_timeout=60).run()
    assert not test.exception, test.exception
    return test


def drawings(test):
    return [json.loads(one.proto.json) for one in test.get("bidi_component")]


def press(test, label):
    next(one for one in test.button if one.label == label).click().run()
    assert not test.exception, test.exception
    return test


def labels(test):
    return [one.label for one in test.button] + [one.label for one in test.get("download_button")]


def finished(test):
    test.session_state[report.MAKING].thread.join(30)
    return test.run()


def test_every_figure_of_the_study_is_shown_and_named_as_a_file(made):
    """The very drawings that the report holds, in their order, each under a file name of its own."""
    sent, expected = drawings(shown(made)), figures(Study.open(made))
    assert [one["svg"] for one in sent] == [one.svg for one in expected]
    assert [one["file"] for one in sent] == [f"one-{one.name}" for one in expected]
    assert all(one.title in words(shown(made)) for one in expected)


def test_a_regression_and_a_study_with_nothing_to_draw_are_shown(folder):
    assert len(drawings(shown(as_regression(folder)))) == 4
    assert "no numbers to draw" in words(shown(rewritten(folder, lambda table: table[["x", "y"]])))


def test_a_report_is_made_only_when_asked_for_and_kept(made, monkeypatch):
    """Until it is done the page shows progress and answers; then it offers what report_html returned."""
    asked, may_end = [], Event()

    def slow(study, *, progress):
        asked.append(study.name)
        progress(0.5, "Drawing the map")
        assert may_end.wait(30)
        return HTML

    monkeypatch.setattr(report, "report_html", slow)
    test = shown(made)
    assert labels(test) == ["Make the report"] and asked == []
    press(test, "Make the report")
    for _ in range(200):
        if asked:
            break
        time.sleep(0.01)
    test.run()
    assert asked == ["one"] and labels(test) == []
    assert any("Drawing the map" in one.proto.text for one in test.get("progress"))
    may_end.set()
    assert labels(finished(test)) == ["Make it again", "Download the report"]
    assert test.session_state[report.MAKING].content == HTML.encode()
    test.run()
    assert asked == ["one"]
    press(test, "Make it again")
    finished(test)
    assert asked == ["one", "one"]


def test_what_went_wrong_is_a_sentence_and_can_be_tried_again(made, monkeypatch):
    def failing(study, *, progress):
        raise StepMissing("expected a <b>samples</b> table, found none. Build it.")

    monkeypatch.setattr(report, "report_html", failing)
    test = finished(press(shown(made), "Make the report"))
    assert "expected a" in test.error[0].value and "<b>" not in test.error[0].value
    assert labels(test) == ["Try again"]


def test_the_report_of_another_study_is_not_offered(made, folder, monkeypatch):
    """Also not of the same folder after it was built anew."""
    monkeypatch.setattr(report, "report_html", lambda study, *, progress: HTML)
    test = finished(press(shown(folder), "Make the report"))
    assert "Download the report" in labels(test)
    rewritten(folder, lambda table: table.assign(soft_density=1.0))
    assert labels(test.run()) == ["Make the report"]


def test_the_real_report_of_a_made_up_study_is_a_whole_page(made):
    test = finished(press(shown(made), "Make the report"))
    content = test.session_state[report.MAKING].content.decode()
    assert content.lower().startswith("<!doctype html>") and content.rstrip().endswith("</html>")


def test_hostile_names_become_plain_text_and_harmless_file_names(tmp_path):
    folder = hostile_study(tmp_path / "<img src=x onerror=1>")
    for one in drawings(shown(folder)):
        assert "<script" not in one["svg"] and "onerror=1>" not in one["svg"]
        assert file_name(one["file"]) == one["file"]


@pytest.mark.parametrize("words", ["../../etc/passwd", "a/b\\c", "", "…", "soft count (samples)", "x" * 500, "ü é.1"])
def test_a_file_name_stays_in_its_folder(words):
    name = file_name(words)
    assert name and not set(name) & set('/\\:*?"<>| ') and not name.startswith(".") and len(name) <= 80
