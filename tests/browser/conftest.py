"""One app, one browser and one study for all browser tests; each test has a page of its own."""

import pytest
from browser.rig import find_chromium, running_app, running_browser
from synthetic import synthetic_study

from explorer.study.study import Study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return Study.open(synthetic_study(tmp_path_factory.mktemp("browser") / "studies" / "clusters", n=1200, classes=4))


@pytest.fixture(scope="session")
def address(study):
    with running_app(study.path.parents[1]) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine: install one, or run `playwright install chromium`")
    with running_browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser, address):
    """Opens the app; fails the test when a script in the page does."""
    contexts, troubles = [], []

    def open_page(path="/", *, painted=True, before="", **looks):
        contexts.append(browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **looks}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.add_init_script(before)
        page.goto(address + path)
        if painted:
            page.wait_for_selector("[data-painted]")
            page.wait_for_selector(".neighbor")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
