"""The report in a real browser: nothing leaves it, the pointer finds the right sample, and paper has no buttons."""

import re
import zlib
from itertools import pairwise

import numpy as np
import pytest
from views.reported import reported_study

from explorer.views.report.page import NAMES, report_html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One in which people have left saved views, picked samples and decisions."""
    return reported_study(tmp_path_factory.mktemp("reported") / "clusters")


@pytest.fixture(scope="module")
def report(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(study), encoding="utf-8")
    return path


@pytest.fixture
def open_report(browser, report):
    """Opens the report; fails the test when its script does, its policy stops anything, or it asks for more."""
    contexts, troubles, asked = [], [], []

    def open_report(**looks):
        contexts.append(browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **looks}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert troubles == []
    assert [url[:80] for url in asked if not url.startswith("data:") and url != report.as_uri()] == []


def placed(page, row):
    """Where a row's point stands on the page."""
    return page.evaluate(
        """row => {
            const box = document.querySelector(".stage > canvas").getBoundingClientRect();
            const [x, y] = window.reportMap.point(row);
            return [box.left + x, box.top + y];
        }""",
        row,
    )


def lonely_rows(study, count=4):
    """Samples that have no other near them on the map, so that a pointer cannot mean another."""
    places = study.samples[["x", "y"]].to_numpy()
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(-apart.min(axis=1))[:count].tolist()


def test_a_point_shows_its_own_number_label_and_picture(open_report, study):
    """Under the pointer stands the sample whose place it is, before and after a zoom."""
    page = open_report()
    page.wait_for_selector(".stage > canvas[data-painted]")
    page.locator(".stage").scroll_into_view_if_needed()
    for row in lonely_rows(study):
        page.mouse.move(*placed(page, row))
        page.wait_for_selector(f'.tip[data-row="{row}"] canvas[data-drawn]')
        assert f"Label: {study.samples['label'][row]}" in page.locator(".tip").inner_text()
        shown = page.evaluate(
            "() => { const one = document.querySelector('.tip canvas');"
            "return [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]; }"
        )
        own = study.thumbnail(row)
        np.testing.assert_array_equal(np.array(shown).reshape(*own.shape[:2], 4)[..., :3], own)
    row = lonely_rows(study)[0]
    page.mouse.click(*placed(page, row))
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(200)
    x, y = placed(page, row)
    page.mouse.move(x + 2, y)
    page.wait_for_selector(f'.tip[data-row="{row}"]:not([hidden])')


LOOK = "[scrollY, reportMap.scale, reportMap.x, reportMap.y]"


def wheeled(page, down):
    """Turn the wheel and wait for what comes of it: whether the page moved and whether the map did."""
    before = page.evaluate(LOOK)
    page.mouse.wheel(0, down)
    page.wait_for_function(f"before => {LOOK}.some((one, place) => one !== before[place])", arg=before)
    page.wait_for_timeout(300)
    after = page.evaluate(LOOK)
    return after[0] != before[0], after[1:] != before[1:]


def test_whoever_scrolls_past_the_map_is_not_held_by_it(open_report):
    """The wheel zooms with Ctrl held, after a click too, until Escape or its end; else the page moves."""
    page = open_report(reduced_motion="reduce")
    page.wait_for_selector(".stage > canvas[data-painted]")
    page.locator(".stage").scroll_into_view_if_needed()
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 200)
    scrolls, zooms = (True, False), (False, True)
    assert wheeled(page, 40) == scrolls
    page.keyboard.down("Control")
    assert wheeled(page, -40) == zooms
    page.keyboard.up("Control")
    assert wheeled(page, -40) == scrolls
    page.mouse.down()
    page.mouse.up()
    assert wheeled(page, -40) == zooms
    page.evaluate("reportMap.zoom(1e-9)")
    assert wheeled(page, 40) == scrolls
    page.keyboard.press("0")
    page.keyboard.press("Escape")
    assert wheeled(page, 40) == scrolls


def test_the_map_announces_its_keys_and_leaves_the_others_to_the_browser(open_report):
    """What it is and which keys it takes stands in words; with Ctrl or Alt held a key is none of them."""
    page = open_report(reduced_motion="reduce")
    page.wait_for_selector(".stage > canvas[data-painted]")
    canvas = page.locator(".stage > canvas")
    assert canvas.get_attribute("aria-label") == "Map of 1,200 samples, colored by Label"
    page.locator("#colors").select_option(label="Suspicion")
    assert canvas.get_attribute("aria-label").endswith("colored by Suspicion")
    told = page.locator(f"#{canvas.get_attribute('aria-describedby')}").inner_text()
    assert all(key in told for key in ("arrows", "+", "−", "0", "Escape"))
    canvas.focus()
    pressed = "told => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', told))"
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-", "0"):
        page.evaluate("reportMap.zoom(1.3)")
        before = page.evaluate(LOOK)
        for held in ("ctrlKey", "altKey", "metaKey"):
            page.evaluate(pressed, {"key": key, held: True})
        assert page.evaluate(LOOK) == before
        page.keyboard.press(key)
        assert page.evaluate(LOOK)[1:] != before[1:]


def test_colors_and_legend_follow_the_choice(open_report):
    """Another column has another legend; a class that is chosen stands alone until it is chosen again."""
    page = open_report()
    page.wait_for_selector(".stage > canvas[data-painted]")
    entries = page.locator(".legend.moves button")
    count = entries.count()
    entries.first.click()
    assert entries.first.get_attribute("aria-pressed") == "true"
    entries.first.click()
    assert entries.first.get_attribute("aria-pressed") == "false" and count == 4
    page.locator("#colors").select_option(label="Suspicion")
    assert page.locator(".legend.moves b").inner_text() == "Suspicion"
    assert page.locator(".legend.moves .scale").count() == 1


def test_it_reads_without_scripts(open_report, browser, report):
    """The still map stands there, every part with it, and nothing that would need a script."""
    page = open_report(java_script_enabled=False)
    assert page.locator(".stage > img").is_visible()
    assert page.locator(".stage canvas, .controls, .legend button").count() == 0
    assert page.locator(".legend .dot").first.is_visible()
    assert not page.locator(".moving").first.is_visible()


def test_paper_shows_the_still_map_and_no_controls(open_report):
    """White, dark text, no buttons, no canvas; also where the screen is dark."""
    page = open_report(color_scheme="dark")
    page.wait_for_selector(".stage > canvas[data-painted]")
    page.emulate_media(media="print")
    for hidden in (".controls", ".stage > canvas", ".contents", ".legend.moves", ".moving"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator(".stage > img").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 33, 48)"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1024, "dark"), (390, "light"), (320, "dark")])
def test_nothing_sticks_out_and_headings_go_down_one_by_one(open_report, width, scheme):
    """No width needs sideways scrolling, and no heading skips a level."""
    page = open_report(viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))")
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_as_a_file_to_print_no_page_is_blank_and_every_section_is_there(open_report):
    """As Chromium writes it, also from a dark screen: headings in its outline, words on every page, no dark ground."""
    page = open_report(color_scheme="dark")
    page.wait_for_selector(".stage > canvas[data-painted]")
    titles = page.evaluate("[...document.querySelectorAll('h2')].map((one) => one.innerText)")
    content = page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    streams = [
        zlib.decompress(packed)
        for packed in re.findall(rb"/FlateDecode[^>]*>> stream\n(.*?)\nendstream", content, re.S)
    ]
    drawn = [one for one in streams if re.match(rb"[\d.-]+ [\d.-]+ [\d.-]+ [\d.-]+ [\d.-]+ [\d.-]+ cm", one)]
    count = len(re.findall(rb"/Type /Page\b", content))
    assert len(NAMES) < count < 40 and len(drawn) >= count
    assert all(one.count(b"Tj") + one.count(b"TJ") > 5 for one in drawn[:count])
    outline = [one.decode("latin-1") for one in re.findall(rb"/Title \(([^)]*)\)", content)]
    spaceless = {"".join(one.split()) for one in outline}
    assert {"".join(one.split()) for one in titles} <= spaceless
