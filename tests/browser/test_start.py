"""The first start, in a real browser: nothing is there, a build goes on, and the map appears by itself."""

import json

import pytest
from browser.rig import running_app
from synthetic import synthetic_study

from explorer.study.lock import locked

pytestmark = pytest.mark.browser


@pytest.fixture
def empty_app(tmp_path):
    (tmp_path / "studies").mkdir()
    with running_app(tmp_path) as address:
        yield address, tmp_path / "studies"


def progress(**news) -> str:
    about = {"state": "running", "step": "features", "step_number": 3, "steps": 8, "done": 600, "total": 1797}
    return json.dumps({**about, "unit": "samples", "per_second": 120.5, "seconds_left": 9.9, "message": "", **news})


def test_a_build_is_followed_in_any_tab_until_its_map_appears(browser, empty_app):
    """Step, samples, speed and time left are those of the running build; then the map is there without a click."""
    address, studies = empty_app
    page = browser.new_page()
    (studies / "digits").mkdir()
    with locked(studies / "digits"):
        (studies / "digits" / "progress.json").write_text(progress())
        page.goto(address)
        page.get_by_text("Measuring each sample's gradients (3 of 8)").wait_for()
        page.get_by_text("600 of 1,797 samples · 120 samples/s · 10 s left").wait_for()
        (studies / "digits" / "progress.json").write_text(progress(done=1200))
        page.get_by_text("1,200 of 1,797").wait_for()
        synthetic_study(studies / "made", n=300, classes=3)
    (studies / "digits" / "progress.json").unlink()
    (studies / "digits" / "build.lock").unlink()
    (studies / "digits").rmdir()
    (studies / "made").rename(studies / "digits")
    page.wait_for_selector("[data-painted]")
    page.get_by_role("link", name="Density").wait_for()
    page.close()


def test_a_failed_build_shows_its_sentence_and_a_way_to_try_again(browser, empty_app):
    """The words are those that the build left behind."""
    address, studies = empty_app
    (studies / "mnist").mkdir()
    (studies / "mnist" / "progress.json").write_text(progress(state="failed", message="the disk is full. Free some."))
    page = browser.new_page()
    page.goto(address)
    page.get_by_text("the disk is full. Free some.").wait_for()
    page.get_by_role("button", name="Try again").wait_for()
    page.close()
