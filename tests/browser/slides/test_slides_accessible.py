"""Slides, and the page Present with something on it, held against the rules of axe-core as the other pages are."""

import pytest
from browser.rig import LOOKS, broken_rules

pytestmark = pytest.mark.browser

SLIDES = {
    "a map with a sample": ("1", ".neighbor"),
    "a map alone": ("2", "[data-painted]"),
    "the desk": ("3", ".sample[data-row]"),
    "figures": ("4", ".js-plotly-plot"),
    "picked samples": ("picks", ".picked"),
    "one that is not there": ("99", ".out"),
}


@pytest.fixture
def shown(album):
    album.save(name="A sample", note="Look at\nits neighbors", page="map", sample=5, color="confidence")
    album.save(name="A part", page="map", filter="label=2", place=(1.0, 2.0, 40.0), stage=(800, 500))
    album.save(name="Doubts", page="labels", who="Ada")
    album.save(name="Few neighbors", page="density", sample=7)
    for row in range(3):
        album.pick(row, "An odd one" * (row != 1), "Ada")


@pytest.mark.parametrize("slide", SLIDES)
@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_a_slide(shown, present, look, slide):
    """No rule is broken, whatever its weight."""
    number, drawn = SLIDES[slide]
    page = present(number, **LOOKS[look])
    page.locator(drawn).first.wait_for()
    assert broken_rules(page) == []


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_the_page_of_what_to_present(shown, open_page, study, look):
    """With saved views and picked samples on it, and one of them just removed."""
    page = open_page(f"/present?study={study.path.name}", painted=False, **LOOKS[look])
    page.get_by_role("button", name="Leave out").first.click()
    page.get_by_role("button", name="Undo").wait_for()
    assert broken_rules(page) == []
