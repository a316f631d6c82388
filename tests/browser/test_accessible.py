"""Every page, held against the rules of axe-core: names for screen readers, roles, keyboard stops, contrast, order."""

import pytest
from browser.rig import LOOKS, broken_rules, wait_until_drawn

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


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(open_page, look, path):
    """No rule is broken, whatever its weight."""
    page = open_page(path, painted=path == "/", **LOOKS[look])
    assert broken_rules(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_tablet(open_page, path):
    """At 1024 pixels everything fits the width."""
    page = open_page(path, painted=path == "/", **TABLET)
    wait_until_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= TABLET["viewport"]["width"]
