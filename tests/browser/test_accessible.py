"""Every page, held against the rules of axe-core: names for screen readers, roles, keyboard stops, contrast, order."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.rig import wait_until_drawn, wait_until_still

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/sample",
    "/density",
    "/denoising",
    "/compare",
    "/labels",
    "/probe",
    "/training",
    "/present",
    "/guide",
    "/studies",
)
TABLET = {"viewport": {"width": 1024, "height": 768}}
LOOKS = {
    "light and wide": {"color_scheme": "light"},
    "dark and narrow": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(open_page, look, path):
    """No rule is broken, whatever its weight."""
    page = open_page(path, painted=path == "/", **LOOKS[look])
    wait_until_still(page)
    found = Axe().run(page).response
    assert len(found["passes"]) > 20
    broken = [(one["impact"], one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
    assert broken == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_tablet(open_page, path):
    """At 1024 pixels everything fits the width."""
    page = open_page(path, painted=path == "/", **TABLET)
    wait_until_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= TABLET["viewport"]["width"]
