"""Texts of strangers on every page of the real app, in a real browser: shown, and nothing else."""

import json
import re
from urllib.parse import quote

import pytest
from browser.rig import running_app, wait_until_drawn
from safety.hostile import EVIL, FOLDER, HOSTILE, hostile_study

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hostile_app(tmp_path_factory):
    """Address of an app with one hostile study."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile_study(folder / "studies" / FOLDER)
    with running_app(folder) as address:
        yield address


def test_hostile_texts_are_shown_as_text_on_every_page(hostile_app, browser):
    """On every page in the navigation, also with a filter: no script runs, nothing is asked for elsewhere."""
    address = hostile_app
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(60_000)
    asked, dialogs, errors = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    wait_until_drawn(page)
    links = {link.get_attribute("href") for link in page.locator("a[href]").all()}
    paths = sorted({"/" + link.removeprefix(address).strip("/").partition("?")[0] for link in links if link})
    paths = [path for path in paths if re.fullmatch(r"/[a-z]*", path)]
    assert len(paths) > 7
    shown = ""
    for path in paths:
        query = f"?sample=1&color={quote(HOSTILE[1])}&filter={quote('split=' + HOSTILE[0])}"
        for one in ("?sample=1", query) if path in ("/", "/sample", "/labels") else ("?sample=1",):
            page.goto(f"{address}{path}{one}")
            wait_until_drawn(page)
            page.wait_for_timeout(200)
            assert page.evaluate("window.ran") is None, path
            assert page.locator("[data-testid=stException]").count() == 0, path
            shown += page.inner_text("body") + json.dumps(page.evaluate(SHADOWS))
            frames = [frame.url for frame in page.frames if not frame.url.startswith((address, "about:"))]
            assert frames == [], path
            bad = page.evaluate("[...document.querySelectorAll('a[href^=\"javascript:\"]')].length")
            assert bad == 0, path
    context.close()
    outside = [one for one in asked if not one.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert not [one for one in asked if EVIL in one.partition("?")[0] and not one.startswith(f"{address}/data/")]
    assert dialogs == []
    assert "<script>window.ran=1</script>" in shown and "onerror=" in shown, "the texts were there to be seen"


SHADOWS = """() => {
  const texts = [];
  const look = (root) => { for (const node of root.querySelectorAll("*")) if (node.shadowRoot) {
    texts.push(node.shadowRoot.textContent); look(node.shadowRoot);
  } };
  look(document);
  return texts;
}"""
