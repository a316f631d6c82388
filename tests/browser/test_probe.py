"""Probing in a real browser: files dropped, neighbors shown, a click that leads to a sample, and back again."""

import io

import numpy as np
import probed
import pytest
from browser.rig import running_app, wait_until_drawn

import explorer
from explorer.pipeline.probe import own_inputs

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("probing")
    subject = explorer.load_subject(f"{probed.__file__}:line")
    return explorer.build(subject, place / "studies" / "line", settings=probed.SETTINGS).path


@pytest.fixture(scope="module")
def address(folder):
    with running_app(folder.parents[1]) as address:
        yield address


def rows_of(page):
    return [int(tile.get_attribute("data-row")) for tile in page.locator(".tile").all()]


def test_a_dropped_file_is_seen_and_a_neighbor_leads_to_its_sample(browser, address, folder):
    """The network is loaded when it is allowed; the way back finds the file's inputs as they were."""
    study = explorer.open_study(folder)
    content = io.BytesIO()
    np.save(content, own_inputs(study, [9]))
    page = browser.new_page()
    page.goto(f"{address}/probe")
    page.get_by_role("button", name="Load the network").click()
    page.wait_for_selector(".tile")
    page.get_by_text("Files", exact=True).first.click()
    page.set_input_files("input[type=file]", {"name": "new.npy", "mimeType": "", "buffer": content.getvalue()})
    page.get_by_text("It is the input of sample 9.").wait_for()
    found = explorer.probe(study, own_inputs(study, [9]), k=8)[0].neighbors.indices.tolist()
    page.locator(f".tile[data-row='{found[-1]}']").last.wait_for()  # pictures come after the words
    wait_until_drawn(page)
    assert rows_of(page) == found
    page.locator(f".tile[data-row='{found[1]}']").click()
    page.wait_for_url(f"**/sample?*sample={found[1]}*")
    wait_until_drawn(page)
    page.go_back()
    page.get_by_text("Files", exact=True).first.click()
    page.get_by_text("It is the input of sample 9.").wait_for()
    page.get_by_role("button", name="Forget these inputs").click()
    page.get_by_text("Drop files above").wait_for()
    page.close()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(browser, address, width, scheme):
    """On a telephone and on a desk, in both themes."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/probe")
    page.get_by_role("button", name="Load the network").click()
    page.wait_for_selector(".tile")
    wait_until_drawn(page)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= width
    context.close()
