"""What a slide does with keys, windows of another size, and things that went wrong, in a real browser."""

import pytest
from browser.rig import wait_until_drawn
from browser.triage.hand import stands

from explorer.study.decisions import Decisions

pytestmark = pytest.mark.browser

SEEN = """
stage => {
    const { view } = stage.map;
    return [view.x - view.width / view.scale / 2, view.x + view.width / view.scale / 2,
            view.y - view.height / view.scale / 2, view.y + view.height / view.scale / 2];
}
"""


def seen(page) -> list[float]:
    """Left, right, low and high end of what the map shows, in its own units."""
    page.wait_for_selector("[data-painted]")
    page.wait_for_timeout(900)
    return page.locator(".stage").evaluate(SEEN)


def test_the_desk_on_a_slide_is_looked_at_and_decides_nothing(album, present, study):
    """No key and no button of a slide writes a decision or asks for one; neighbors can still be looked at."""
    album.save(name="Doubts", page="labels")
    page = present()
    page.wait_for_selector(".sample[data-row]")
    for key in ("k", "d", "u", "1", "Enter", "z", "n", "r", "b"):
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    assert page.locator("dialog[open]").count() == 0
    assert not page.locator(".verbs button:visible, .all:visible").count()
    assert stands(study) == [] and len(Decisions.open(study).log()) == 0
    before = page.locator(".sample").get_attribute("data-row")
    page.locator(".near .tile").first.click()
    page.wait_for_function(
        "row => document.querySelector('[data-testid=stBidiComponentIsolated] .never') || "
        "[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
        ".some(one => one.shadowRoot.querySelector('.sample')?.dataset.row !== row)",
        arg=before,
    )


def test_arrow_keys_stay_with_a_focused_choice_and_lead_on_elsewhere(album, present):
    """In a group of radio buttons they choose; a remote's page keys and Escape are the presentation's all the same."""
    album.save(name="first", page="training")
    album.save(name="second", page="density")
    page = present()
    page.get_by_role("radio", name="This study", checked=True).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(800)
    page.get_by_role("heading", name="first", level=1).wait_for()
    assert "present=1" in page.url
    page.locator("[role=radio]").first.focus()
    page.keyboard.press("PageDown")
    page.get_by_role("heading", name="second", level=1).wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Saved views").wait_for()


@pytest.mark.parametrize("size", [(390, 844), (1024, 768), (1920, 1080)])
def test_all_that_was_seen_is_seen_on_any_window(album, present, open_page, study, size):
    """A telephone shows it smaller, a projector a little more around; nothing that was saved is cut off."""
    page = open_page(f"/?study={study.path.name}&sample=5")
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(1200)
    left, right, low, high = seen(page)
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("It stands on the page Present.").wait_for()
    slack = 0.01 * (right - left)
    width, height = size
    for other in (
        present(viewport={"width": width, "height": height}),
        open_page(f"/?study={study.path.name}&saved=1"),
    ):
        found = seen(other)
        assert found[0] <= left + slack and found[1] >= right - slack
        assert found[2] <= low + slack and found[3] >= high - slack
        tight = min((found[1] - found[0]) / (right - left), (found[3] - found[2]) / (high - low))
        assert tight == pytest.approx(1, abs=0.02)


def test_what_was_seen_stays_seen_when_the_window_changes(album, present):
    """As when a presentation goes to the full screen and back."""
    album.save(name="A part", page="map", place=(1.0, 2.0, 40.0), stage=(800.0, 500.0))
    page = present()
    for width, height in ((1440, 900), (800, 600), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        left, right, low, high = seen(page)
        assert min((right - left) / 20, (high - low) / 12.5) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("slide", [1, "picks"])
def test_a_damaged_album_is_a_sentence_with_ways_out(album, present, slide):
    album.path.write_bytes(b"row,label\r\n" * 1000)
    page = present(slide)
    page.get_by_text("damaged").first.wait_for()
    page.get_by_role("link", name="Studies").wait_for()
    page.get_by_role("heading", name="Presentation").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Present", exact=True).wait_for()
    page.locator("[data-testid=stHeader]").wait_for()


def test_a_study_that_is_not_here_is_a_sentence_with_ways_out(open_page):
    page = open_page("/?present=1&study=nowhere", painted=False)
    page.get_by_text("nowhere").first.wait_for()
    page.get_by_role("link", name="Studies").click()
    page.get_by_role("heading", name="Your studies").wait_for()
    page.locator("[data-testid=stHeader]").wait_for()


def test_many_picks_are_slides_of_a_few_each(album, present):
    """Every picked sample is on one slide, in order, and no slide has more than a dozen."""
    for row in range(26):
        album.pick(row)
    page = present("picks")
    shown = []
    for place in (1, 2, 3):
        page.get_by_text(f"{place} of 3", exact=True).wait_for()
        wait_until_drawn(page)
        page.wait_for_timeout(500)
        shown.append([int(words.split()[1]) for words in page.locator(".picked b").all_inner_texts()])
        page.keyboard.press("ArrowRight")
    assert [len(rows) for rows in shown] == [12, 12, 2]
    assert sum(shown, []) == list(range(26))
