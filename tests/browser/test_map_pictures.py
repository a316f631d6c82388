"""What is drawn over the points: pictures that stand for their surroundings, names, the saved picture, and the view."""

from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

MAP = "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot.querySelector('.stage').map"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

# The part of a sheet from which a picture is drawn, as the bytes of a PNG.
SOURCE = f"""row => {{
  const {{ sheet, left, top }} = {MAP}.pictures.find(row);
  const {{ width, height }} = {MAP}.pictures.layout;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").drawImage(sheet.image, left, top, width, height, 0, 0, width, height);
  const text = atob(canvas.toDataURL("image/png").split(",")[1]);
  return [...text].map((letter) => letter.charCodeAt(0));
}}"""


def at_rest(page) -> dict:
    """What is drawn once the map has come to rest: pictures with row and box, names with text and box, the view."""
    before = None
    for _ in range(50):
        page.wait_for_timeout(250)
        now = page.evaluate(
            f"(() => {{ const map = {MAP}; return {{ ...map.drawn, view: map.view, whole: map.whole, "
            "here: map.drawn.pictures.every(({ row }) => map.pictures.isHere(row)) }; })()"
        )
        if now == before and now["here"]:
            return now
        before = now
    raise AssertionError("the map does not come to rest")


def overlap(one: dict, other: dict) -> bool:
    across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    return across and one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]


def overlapping(boxes: list[dict]) -> list[tuple[dict, dict]]:
    return [(one, other) for place, one in enumerate(boxes) for other in boxes[:place] if overlap(one, other)]


def zoom(page, factor: float, x: float, y: float) -> None:
    page.evaluate(f"([factor, x, y]) => {MAP}.zoom(factor, x, y)", [factor, x, y])


def is_in_sight(study, row: int, view: dict) -> bool:
    """Whether the point itself, and so at least an edge of its picture, is well inside the map."""
    x, y = (float(study.samples[axis][row]) for axis in "xy")
    across = abs(x - view["x"]) * view["scale"] < view["width"] / 2 - 1
    return across and abs(y - view["y"]) * view["scale"] < view["height"] / 2 - 12  # a picture stands above its point


@pytest.mark.parametrize("looks", [{}, PHONE], ids=["desk", "phone"])
def test_no_two_pictures_or_names_overlap_however_close_one_looks(open_page, looks):
    """Boxes of pictures and names are disjoint on the whole map and at each of many steps toward a sample."""
    page = open_page(**looks)
    shown = at_rest(page)
    assert len(shown["pictures"]) >= 4
    for _ in range(9):
        assert overlapping(shown["pictures"] + shown["names"]) == []
        one = shown["pictures"][0]
        zoom(page, 1.7, one["x"], one["y"] + one["height"])
        shown = at_rest(page)


def test_coming_closer_keeps_every_picture_that_stays_in_sight(open_page, study):
    """Zooming in only adds pictures, and on a part of the whole map there are more to see than before."""
    page = open_page()
    before = at_rest(page)
    x, y = page.evaluate(f"{MAP}.toScreen(...{MAP}.placeOf({before['pictures'][0]['row']}))")
    few = len(before["pictures"])
    most = few
    for _ in range(8):
        zoom(page, 1.6, x, y)
        after = at_rest(page)
        rows = {one["row"] for one in after["pictures"]}
        kept = {one["row"] for one in before["pictures"] if is_in_sight(study, one["row"], after["view"])}
        assert kept <= rows
        most = max(most, len(rows))
        before = after
    assert most > few


def test_moving_the_map_and_back_leaves_the_pictures_as_they_were(open_page):
    """Which pictures are shown depends on the view alone, not on the way that led there."""
    page = open_page()
    at_rest(page)
    zoom(page, 3, 300, 300)
    before = at_rest(page)
    page.evaluate(f"{MAP}.pan(170, -90)")
    moved = at_rest(page)
    page.evaluate(f"{MAP}.pan(-170, 90)")
    after = at_rest(page)
    assert {one["row"] for one in after["pictures"]} == {one["row"] for one in before["pictures"]}
    assert moved["view"]["x"] != after["view"]["x"]


def test_each_picture_is_that_of_its_sample_and_stands_above_its_point(open_page, study):
    """The pixels drawn are the study's thumbnail of the row, and the box ends just above the row's place."""
    page = open_page()
    shown = at_rest(page)
    view = shown["view"]
    for one in shown["pictures"]:
        drawn = np.asarray(Image.open(BytesIO(bytes(page.evaluate(SOURCE, one["row"])))).convert("RGB"))
        np.testing.assert_array_equal(drawn, study.thumbnail(one["row"]))
        x, y = (float(study.samples[axis][one["row"]]) for axis in "xy")
        on_screen = (x - view["x"]) * view["scale"] + view["width"] / 2
        assert one["x"] + one["width"] / 2 == pytest.approx(on_screen, abs=0.5)
        below = view["height"] / 2 - (y - view["y"]) * view["scale"] - (one["y"] + one["height"])
        assert 0 < below < 12


def test_only_samples_that_the_filter_lets_through_have_pictures(open_page, study):
    """Under a filter all pictures, and there are some, are of samples that pass it."""
    shown = at_rest(open_page("/?study=clusters&sample=5&filter=label=2"))
    labels = {int(study.samples["label"][one["row"]]) for one in shown["pictures"]}
    assert labels == {2}


def test_pictures_can_be_switched_off_and_stay_off(open_page):
    """The button is remembered by the browser, over a reload."""
    page = open_page()
    assert at_rest(page)["pictures"]
    button = page.get_by_role("button", name="Pictures", exact=True)
    button.click()
    assert at_rest(page)["pictures"] == []
    page.reload()
    page.wait_for_selector("[data-painted]")
    assert at_rest(page)["pictures"] == []
    assert button.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("path", ["/", "/?color=soft_density"])
def test_a_name_stands_among_the_samples_of_its_class(open_page, study, path):
    """Every class has its name, and most of the ten samples nearest to a name are of its class; also over a scale."""
    shown = at_rest(open_page(path))
    view = shown["view"]
    assert {one["text"] for one in shown["names"]} == set(study.class_names)
    places = study.samples[["x", "y"]].to_numpy()
    for one in shown["names"]:
        across = one["x"] + one["width"] / 2 - view["width"] / 2
        up = view["height"] / 2 - one["y"] - one["height"] / 2
        center = np.array([across, up]) / view["scale"] + [view["x"], view["y"]]
        nearest = np.argsort(np.linalg.norm(places - center, axis=1))[:10]
        counts = Counter(study.class_names[label] for label in study.samples["label"].iloc[nearest])
        assert counts[one["text"]] > 5


def test_names_fade_away_for_those_who_come_close(open_page):
    """Zoomed in twentyfold there are none."""
    page = open_page()
    assert at_rest(page)["names"]
    zoom(page, 20, 300, 300)
    assert at_rest(page)["names"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_map_is_saved_twice_as_sharp_with_points_and_legend(open_page, study, theme):
    """The PNG is twice as wide as the map and higher than twice, has the page's background and each class's color."""
    page = open_page(color_scheme=theme)
    view = at_rest(page)["view"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    assert download.value.suggested_filename == "clusters-by-Label.png"
    image = np.asarray(Image.open(download.value.path()).convert("RGB"))
    height, width, _ = image.shape
    assert width == 2 * view["width"]
    assert height > 2 * view["height"] + 2 * 44
    corner = page.evaluate(f"{MAP}.theme.background")
    assert "#{:02x}{:02x}{:02x}".format(*image[0, 0]) == corner.lower()
    map_part = image[2 * 44 : 2 * (44 + int(view["height"]))].reshape(-1, 3).astype(int)
    legend_part = image[2 * (44 + int(view["height"])) :].reshape(-1, 3).astype(int)
    colors = page.evaluate(f"{MAP}.legend.entries.map(({{ color }}) => color)")
    for color in colors:
        rgb = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)])
        for part in (map_part, legend_part):
            assert (np.abs(part - rgb).max(axis=1) < 24).sum() > 20


def test_after_saving_the_map_on_screen_is_as_before(open_page):
    """Drawing for the file leaves the size of the canvas and what it shows alone."""
    page = open_page()
    at_rest(page)
    before = page.locator(".stage").screenshot()
    with page.expect_download():
        page.get_by_role("button", name="Save as PNG").click()
    page.wait_for_timeout(300)
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    after = page.locator(".stage").screenshot()
    one, other = (np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(int) for shot in (before, after))
    below_the_buttons = slice(60, None)
    np.testing.assert_array_equal(one[below_the_buttons], other[below_the_buttons])


def test_whoever_returns_to_the_map_finds_it_where_it_was_left(open_page):
    """The view that Python was told is the one shown after a visit to another page."""
    page = open_page()
    at_rest(page)
    zoom(page, 4, 350, 250)
    before = at_rest(page)["view"]
    page.wait_for_timeout(1200)
    page.get_by_role("link", name="Guide").click()
    page.get_by_role("heading", name="Guide").first.wait_for()
    page.get_by_role("link", name="Map").first.click()
    page.wait_for_selector("[data-painted]")
    after = at_rest(page)["view"]
    assert [after[name] for name in ("x", "y", "scale")] == pytest.approx(
        [before[name] for name in ("x", "y", "scale")], rel=1e-6
    )
