"""The report and the figures as files, pressed and downloaded in a real browser."""

import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.rig import wait_until_drawn
from PIL import Image
from views.reported import reported_study

from explorer.views.report.page import report_html

pytestmark = pytest.mark.browser


def downloaded(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def opened(open_page, **looks):
    page = open_page("/present?study=clusters", painted=False, **looks)
    wait_until_drawn(page)
    page.get_by_role("button", name=re.compile("^Save as PNG")).first.wait_for()
    return page


def test_the_button_makes_a_whole_report_that_opens_without_the_app(open_page, browser, tmp_path):
    """It arrives, shows its sections without a network, and asks for nothing."""
    page = opened(open_page)
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("button", name="Download the report").wait_for(timeout=120_000)
    name, content = downloaded(page, "Download the report")
    assert name == "clusters-report.html"
    path = tmp_path / name
    path.write_bytes(content)
    context = browser.new_context(offline=True)
    asked = []
    alone = context.new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(path.as_uri())
    assert alone.locator("h1").count() == 1 and alone.locator("svg[role=img]").count() >= 5
    assert [url for url in asked if not url.startswith(("data:", "file:", "blob:"))] == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_arrives_as_svg_and_as_png_twice_its_size(open_page, scheme):
    """The PNG has the ground of the page and something on it that differs from it; the SVG is one document."""
    page = opened(open_page, color_scheme=scheme)
    for title in ("How many samples", "Which classes"):
        name, content = downloaded(page, re.compile(f"Save as SVG: {title}"))
        root = ElementTree.fromstring(content)
        assert name.startswith("clusters-") and name.endswith(".svg")
        width, height = (round(2 * float(root.get(side))) for side in ("width", "height"))
        name, content = downloaded(page, re.compile(f"Save as PNG: {title}"))
        image = Image.open(BytesIO(content))
        assert name.endswith(".png") and image.size == (width, height)
        pixels = np.asarray(image.convert("RGB")).astype(int)
        ground = pixels[0, 0]
        assert (ground.mean() > 200) == (scheme == "light")
        assert 0.02 < (np.abs(pixels - ground).max(axis=2) > 60).mean() < 0.9


def test_words_beside_axes_never_overlap_as_drawn(open_page):
    """Widths of ticks are estimated before; in a real browser, with its fonts, no two texts of a drawing touch."""
    page = opened(open_page)
    overlaps = page.evaluate(
        """() => {
          const hosts = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
          const found = [];
          for (const svg of hosts.map((host) => host.shadowRoot.querySelector(".drawn svg")).filter(Boolean)) {
            const boxes = [...svg.querySelectorAll("text:not([transform])")].map((one) => [one.textContent,
              one.getBoundingClientRect()]);
            boxes.forEach(([word, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
              const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (across > 0.5 && down > 4) found.push([word, other]);
            }));
          }
          return found;
        }"""
    )
    assert overlaps == []


def test_every_figure_of_the_app_can_be_saved(open_page):
    """The camera of a figure writes an SVG named by what is shown, and stands clear of the words above."""
    page = open_page("/density?study=clusters", painted=False)
    wait_until_drawn(page)
    figure = page.locator(".js-plotly-plot").first
    figure.locator(".nsewdrag").first.hover(force=True)
    camera = figure.locator(".modebar-btn")
    assert camera.count() == 1
    box = camera.bounding_box()
    for words in figure.locator(".annotation-text").all():
        other = words.bounding_box()
        is_right = other["x"] >= box["x"] + box["width"] or other["x"] + other["width"] <= box["x"]
        assert is_right or other["y"] >= box["y"] + box["height"] or other["y"] + other["height"] <= box["y"]
    with page.expect_download() as download:
        camera.click()
    assert download.value.suggested_filename == "soft-count-samples.svg"
    ElementTree.fromstring(Path(download.value.path()).read_bytes())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a study in which people have left something of every kind."""
    folder = tmp_path_factory.mktemp("axe")
    path = folder / "report.html"
    path.write_text(report_html(reported_study(folder / "one")), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "looks", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}]
)
def test_axe_finds_nothing_in_a_report(browser, report, looks):
    """No rule is broken, whatever its weight."""
    context = browser.new_context(**looks)
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector(".stage > canvas[data-painted]")
    found = Axe().run(page).response
    context.close()
    assert len(found["passes"]) > 20
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []
