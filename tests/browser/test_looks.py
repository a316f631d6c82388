"""Themes, small screens, missing WebGL2: the map for everyone."""

import pytest
from browser.rig import colored_places, wait_for_row, wait_until_drawn

pytestmark = pytest.mark.browser

AA = 4.5
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PAGES = ("/", "/sample", "/density", "/compare", "/denoising", "/labels", "/guide", "/studies")
NO_WEBGL2 = """
  const open = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind === "webgl2" ? null : open.call(this, kind, ...rest);
  };
"""

# Each visible text of the page and of its components: class, words and contrast to what lies behind it. A text that is
# partly transparent is blended with its background first. Text inside figures is left to the figures' own tests.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const up = (node) => node.parentElement ?? node.getRootNode().host ?? null;
  const over = (top, alpha, below) => below.map((value, place) => top[place] * alpha + value * (1 - alpha));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const color = rgba(getComputedStyle(node).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, color[3], behind(up(node)));
  };
  const fade = (node) => (node ? Number(getComputedStyle(node).opacity) * fade(up(node)) : 1);
  const light = (color) => color.map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const found = [];
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) look(node.shadowRoot);
      const words = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.textContent).join("");
      if (!/[\\p{L}\\p{N}]/u.test(words)) continue;
      if (node.closest("style, script, noscript, svg, [data-testid=stIconMaterial]")) continue;
      if (!node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const back = behind(node);
      const color = rgba(getComputedStyle(node).color);
      const [a, b] = [light(over(color, color[3] * fade(node), back)), light(back)];
      found.push([node.className, words.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
    }
  };
  look(document.body);
  return found;
}"""


def contrasts_at_rest(page) -> list:
    """The contrasts once they no longer change: Streamlit lets new elements fade in."""
    before, alike = None, 0
    for _ in range(60):
        page.wait_for_timeout(250)
        now = page.evaluate(CONTRASTS)
        alike = alike + 1 if now == before else 0
        # A busy machine may not get to draw a frame between two looks.
        if alike == 3:
            return now
        before = now
    raise AssertionError("the page does not come to rest")


def background(page) -> list[int]:
    color = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    return [int(part) for part in color.removeprefix("rgb(").removesuffix(")").split(",")]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_has_contrast_aa(open_page, theme, path):
    """At least 4.5 to 1, on every page and in both themes."""
    page = open_page(path, painted=path == "/", color_scheme=theme)
    wait_until_drawn(page)
    contrasts = contrasts_at_rest(page)
    assert len(contrasts) > 10
    assert [one for one in contrasts if one[2] < AA] == []


def test_the_app_follows_the_theme_of_the_system(open_page):
    """A dark system gets a dark page with the same colored points on it."""
    dark, light = open_page(color_scheme="dark"), open_page(color_scheme="light")
    assert sum(background(dark)) < 150 < 600 < sum(background(light))
    assert len(colored_places(dark)) > 1000


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_phone(open_page, path):
    """At 390 pixels everything fits the width."""
    page = open_page(path, painted=path == "/", **PHONE)
    wait_until_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_panel_stands_below_the_map(open_page):
    """Map first, then the selected sample; both over the full width."""
    page = open_page(**PHONE)
    stage, panel = page.locator(".stage").bounding_box(), page.locator(".panel").bounding_box()
    assert panel["y"] >= stage["y"] + stage["height"]
    assert stage["width"] > 340 < panel["width"]


def test_two_fingers_zoom_into_the_map(open_page):
    """Spreading two fingers leaves fewer of the samples in sight, and the page where it is."""
    page = open_page(**PHONE)
    box = page.locator(".marks").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = len({(x // 40, y // 40) for x, y in colored_places(page).tolist()})
    fingers = page.context.new_cdp_session(page)

    def touch(kind, apart):
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": side} for side in (-1, 1)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []})

    touch("touchStart", 15)
    for apart in range(20, 160, 10):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    page.wait_for_timeout(500)
    after = len({(x // 40, y // 40) for x, y in colored_places(page).tolist()})
    assert after < before
    assert page.locator(".marks").bounding_box() == box


def test_whoever_walks_by_keyboard_stays_in_the_panel(open_page):
    """Enter on a neighbor replaces the panel; the next Tab goes on inside it, not at the top of the page."""
    page = open_page()
    target = int(page.locator(".neighbor").nth(2).get_attribute("data-row"))
    page.locator(".neighbor").nth(2).focus()
    page.keyboard.press("Enter")
    wait_for_row(page, target)
    page.keyboard.press("Tab")
    inside = (
        "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot.activeElement.closest('.panel')"
    )
    assert page.evaluate(f"{inside} !== null")


def test_without_webgl2_the_map_says_so_and_the_panel_still_works(open_page):
    """A plain sentence instead of an empty box; neighbors can still be walked."""
    page = open_page(before=NO_WEBGL2)
    assert page.get_by_text("This map needs WebGL2").is_visible()
    target = int(page.locator(".neighbor").first.get_attribute("data-row"))
    page.locator(".neighbor").first.click()
    wait_for_row(page, target)


def test_with_reduced_motion_the_map_jumps_instead_of_flying(open_page):
    """Fit is at its end with the next frame."""
    page = open_page(reduced_motion="reduce")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Fit").click()
    page.wait_for_timeout(60)
    soon = len(colored_places(page))
    page.wait_for_timeout(600)
    assert len(colored_places(page)) == soon
