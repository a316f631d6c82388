"""Saving a view, opening it from its link, presenting, and picking a sample, in a real browser."""

import pytest
from browser.rig import running_app, wait_until_drawn
from synthetic import synthetic_study

from explorer.study.album import Album
from explorer.study.study import Study

pytestmark = pytest.mark.browser


@pytest.fixture
def study(tmp_path):
    return Study.open(synthetic_study(tmp_path / "studies" / "clusters", n=600, classes=4))


@pytest.fixture
def address(study):
    with running_app(study.path.parents[1]) as address:
        yield address


def view_of(page):
    return page.locator(".stage").evaluate("stage => [stage.map.view.x, stage.map.view.y, stage.map.view.scale]")


def wait_for_slide(page, name, words):
    page.get_by_role("heading", name=name, level=1).wait_for()
    page.get_by_text(words, exact=True).wait_for()


def test_a_view_saved_on_the_map_is_opened_from_its_link_exactly(open_page, study):
    """Sample, color, filter and the place on the map, in another browser."""
    page = open_page("/?study=clusters&sample=77&color=confidence&filter=label=2")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(1500)  # the map tells its place when the visitor has come to rest
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Where it is doubtful")
    page.get_by_role("textbox", name="Note").fill("Look <b>here</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("It stands on the page Present.").wait_for()
    (view,) = Album.open(study).views()
    assert (view.name, view.note, view.page) == ("Where it is doubtful", "Look <b>here</b>", "map")
    assert (view.sample, view.color, view.filter) == (77, "confidence", "label=2")
    assert view.place == pytest.approx(view_of(page), rel=1e-3)
    other = open_page("/present?study=clusters", painted=False)
    other.get_by_role("link", name="Where it is doubtful").click()
    other.wait_for_selector("[data-painted]")
    assert other.locator(".panel").get_attribute("data-row") == "77"
    assert other.locator(".colors").input_value() == "confidence"
    other.wait_for_timeout(800)
    assert view_of(other) == pytest.approx(view.place, rel=1e-3)
    Album.open(study).remove(view.id)
    other.reload()
    other.get_by_text("was removed").wait_for()


def test_a_presentation_is_led_by_keys_from_wherever_the_focus_is(open_page, study):
    """Arrows, page keys, space, home and end; the map's own arrow keys do not take them; Escape leaves."""
    album = Album.open(study)
    album.save(name="All of it", note="One\ntwo", page="map")
    album.save(name="Some of it", page="map", color="soft_density", filter="label=1", place=(1.0, 2.0, 40.0))
    album.save(name="Few neighbors", page="density")
    album.pick(5, "An odd one")
    page = open_page("/?present=1&study=clusters", painted=False)
    wait_for_slide(page, "All of it", "1 of 4")
    page.wait_for_selector("[data-painted]")
    assert not page.locator("[data-testid=stHeader]").is_visible()
    page.locator(".marks").focus()
    page.keyboard.press("ArrowRight")
    wait_for_slide(page, "Some of it", "2 of 4")
    page.wait_for_selector(".legend .scale")
    page.wait_for_timeout(1000)
    assert view_of(page) == pytest.approx([1.0, 2.0, 40.0], rel=1e-3)
    page.keyboard.press("PageDown")
    wait_for_slide(page, "Few neighbors", "3 of 4")
    page.locator(".js-plotly-plot").first.wait_for()
    page.keyboard.press(" ")
    wait_for_slide(page, "Picked samples", "4 of 4")
    page.get_by_text("An odd one").wait_for()
    page.keyboard.press("ArrowRight")
    wait_for_slide(page, "Picked samples", "4 of 4")
    page.keyboard.press("Home")
    wait_for_slide(page, "All of it", "1 of 4")
    page.wait_for_function("location.search.includes('present=1')")
    page.keyboard.press("End")
    page.wait_for_function("location.search.includes('present=picks')")
    page.keyboard.press("ArrowLeft")
    wait_for_slide(page, "Few neighbors", "3 of 4")
    page.wait_for_function("location.search.includes('present=3')")
    page.go_back()
    wait_for_slide(page, "Picked samples", "4 of 4")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Saved views").wait_for()
    page.locator("[data-testid=stHeader]").wait_for()


def test_a_link_to_a_removed_slide_says_so_and_leads_on(open_page, study):
    album = Album.open(study)
    for name in ("gone", "here"):
        album.save(name=name, page="density")
    album.remove(1)
    page = open_page("/?present=1&study=clusters", painted=False)
    page.get_by_text("was removed").wait_for()
    page.get_by_role("button", name="Next slide").wait_for()
    page.keyboard.press("ArrowRight")
    wait_for_slide(page, "here", "1 of 1")


def test_a_sample_is_picked_on_the_map_with_a_note_and_taken_out(open_page, study):
    """At once on the screen and on the disk; the page Sample knows it too."""
    page = open_page("/?study=clusters&sample=77")
    page.get_by_role("button", name="Add to report").click()
    page.get_by_role("textbox", name="Note").fill("why <i>this</i>")
    page.locator(".pick .keep").click()
    page.get_by_text("In the report").wait_for()
    assert [(one.row, one.note) for one in Album.open(study).picks()] == [(77, "why <i>this</i>")]
    assert "why <i>this</i>" in page.locator(".pick q").inner_text()
    other = open_page("/sample?study=clusters&sample=77", painted=False)
    wait_until_drawn(other)
    other.get_by_role("button", name="In the report").wait_for()
    page.get_by_role("button", name="Take out").click()
    page.get_by_role("button", name="Add to report").wait_for()
    assert Album.open(study).picks() == []


@pytest.mark.parametrize("answer", ["refused", "away"])
def test_a_note_that_could_not_be_kept_stays_in_its_field(open_page, study, answer):
    """What was written is not lost: the trouble stands under it, and the next press keeps it."""
    page = open_page("/?study=clusters&sample=77")
    page.get_by_role("button", name="Add to report").click()
    page.get_by_role("textbox", name="Note").fill("a long note " * 300)
    told = {"status": 400, "json": {"error": "the disk is full"}}
    page.route("**/album/pick", lambda route: route.abort() if answer == "away" else route.fulfill(**told))
    page.locator(".pick .keep").click()
    page.locator(".pick").get_by_role("alert").get_by_text(
        {"refused": "the disk is full", "away": "did not answer"}[answer]
    ).wait_for()
    assert page.get_by_role("textbox", name="Note").input_value() == "a long note " * 300
    page.unroute("**/album/pick")
    page.locator(".pick .keep").click()
    page.get_by_text("In the report").wait_for()
    assert Album.open(study).picks()[0].note == ("a long note " * 300).strip()


@pytest.mark.parametrize("width", [390, 1024, 1440])
@pytest.mark.parametrize("path", ["/present?study=clusters", "/?present=1&study=clusters", "/?study=clusters"])
def test_nothing_is_wider_than_the_screen(open_page, study, path, width):
    Album.open(study).save(name="a long name without an end " * 4, note="x" * 300, page="map", sample=3)
    page = open_page(path, painted=False, viewport={"width": width, "height": 844})
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]")
    page.wait_for_timeout(500)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= width


def test_a_link_to_a_slide_shows_what_its_page_showed(open_page, study):
    """The part of the page that was saved, also where nobody has turned to the slide; the next one has its own."""
    album = Album.open(study)
    album.save(name="first", page="training", options="part=Circle")
    album.save(name="second", page="training")
    page = open_page("/?present=1&study=clusters", painted=False)
    wait_for_slide(page, "first", "1 of 2")
    page.get_by_role("radio", name="Circle", checked=True).wait_for()
    page.keyboard.press("ArrowRight")
    wait_for_slide(page, "second", "2 of 2")
    page.get_by_role("radio", name="This study", checked=True).wait_for()
