"""The real app in a real browser: what a visitor sees and does on the map."""

import re
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from browser.rig import colored_places, selected_row, wait_for_row

from explorer.views.selection import Filter

pytestmark = pytest.mark.browser


def click_another_point(page) -> int:
    """Click on points until another sample is selected; its row."""
    before = selected_row(page)
    for x, y in np.random.default_rng(0).permutation(colored_places(page))[:10]:
        page.mouse.click(float(x), float(y))
        page.wait_for_timeout(300)
        if selected_row(page) != before:
            return selected_row(page)
    raise AssertionError("no click on a point selected another sample")


def shown_neighbors(page) -> list[int]:
    return [int(one.get_attribute("data-row")) for one in page.locator(".neighbor").all()]


def sample_in_url(page) -> int | None:
    found = parse_qs(urlparse(page.url).query).get("sample")
    return int(found[0]) if found else None


def wait_for_url(page, row: int) -> None:
    page.wait_for_url(re.compile(rf"[?&]sample={row}\b"))


def test_the_map_shows_a_point_for_each_cluster_of_samples(open_page, study):
    """Every class has its own color somewhere on the painted map."""
    page = open_page()
    assert len(colored_places(page)) > study.n
    assert page.locator(".legend button").count() == 4
    assert page.get_by_text("1,200 samples, 4 classes").is_visible()


def test_before_anything_is_chosen_the_most_suspicious_sample_is_shown(open_page, study):
    """The panel is never empty: it begins with the sample that is most worth a look."""
    assert selected_row(open_page()) == study.samples["suspicion"].idxmax()


def test_a_click_on_a_point_shows_the_neighbors_that_the_study_stores(open_page, study):
    """Rows, order and similarities in the panel are those of Study.neighbors."""
    page = open_page()
    row = click_another_point(page)
    stored = study.neighbors(row, k=12)
    assert shown_neighbors(page) == stored.indices.tolist()
    texts = [float(one.inner_text()) for one in page.locator(".neighbor b").all()]
    assert texts == pytest.approx(stored.similarities.tolist(), abs=0.0006)


def test_a_click_on_a_neighbor_goes_there_and_the_url_follows(open_page):
    """The link in the address bar always names the selected sample."""
    page = open_page()
    target = shown_neighbors(page)[3]
    page.locator(".neighbor").nth(3).click()
    wait_for_row(page, target)
    wait_for_url(page, target)
    assert parse_qs(urlparse(page.url).query)["study"] == ["clusters"]


def test_a_reloaded_link_shows_the_same_sample_color_and_filter(open_page, study):
    """A link opens the same view in another browser."""
    page = open_page("/?study=clusters&sample=77&color=confidence&filter=label=2")
    assert selected_row(page) == 77
    assert page.locator(".colors").input_value() == "confidence"
    count = int((study.samples["label"] == 2).sum())
    assert page.locator(".counts").inner_text() == f"Selected {count:,} of 1,200"


def test_the_back_button_returns_through_the_samples_that_were_selected(open_page):
    """Each selection is one step of the browser's history, and no step is a dead one."""
    page = open_page()
    first = selected_row(page)
    second = shown_neighbors(page)[2]
    page.locator(".neighbor").nth(2).click()
    wait_for_url(page, second)
    third = shown_neighbors(page)[4]
    page.locator(".neighbor").nth(4).click()
    wait_for_url(page, third)
    page.go_back()
    wait_for_row(page, second)
    page.go_back()
    wait_for_row(page, first)
    page.go_forward()
    wait_for_row(page, second)


def test_the_selection_goes_along_to_other_pages_and_back(open_page):
    """One selection everywhere: leaving as fast as a hand can loses nothing."""
    page = open_page()
    target = shown_neighbors(page)[1]
    page.locator(".neighbor").nth(1).click()
    page.get_by_role("link", name="Guide").hover()
    page.wait_for_timeout(150)
    page.get_by_role("link", name="Guide").click()
    page.wait_for_url(re.compile(rf"/guide\?.*sample={target}\b"))
    page.get_by_role("link", name="Map").first.click()
    page.wait_for_selector("[data-painted]")
    wait_for_row(page, target)


def test_a_lasso_selects_the_samples_inside_and_its_link_selects_the_same(open_page, study):
    """The count on screen, the filter in the URL and the mask in Python agree."""
    page = open_page()
    box = page.locator(".marks").bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for x, y in ((0.5, 0.03), (0.5, 0.97), (0.03, 0.97), (0.03, 0.03)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_url(re.compile("filter=lasso"))
    told = Filter.parse(parse_qs(urlparse(page.url).query)["filter"][0])
    inside = int(told.mask(study.samples).sum())
    assert 0 < inside < study.n
    page.get_by_role("button", name="Inside the lasso").wait_for()
    assert page.locator(".counts").inner_text() == f"Selected {inside:,} of 1,200"


def test_escape_takes_the_filter_back(open_page, study):
    """After Escape every sample is lit again and the URL holds no filter."""
    page = open_page("/?study=clusters&sample=5&filter=label=1")
    page.get_by_role("button", name="Label is 1").wait_for()
    page.locator(".marks").focus()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "filter" not in url)
    assert page.locator(".counts").inner_text() == "1,200 samples, 4 classes"


def test_an_arrow_key_walks_to_a_sample_in_that_direction(open_page, study):
    """Right goes right: the next sample's map x is larger, and it is a neighbor if one lies there."""
    page = open_page("/?study=clusters&sample=5")
    page.locator(".marks").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "sample=5" not in url.split("&"))
    page.wait_for_timeout(600)
    x = study.samples["x"]
    assert x[sample_in_url(page)] > x[5]


def test_a_click_at_the_edge_of_the_whole_map_leaves_it_whole(open_page):
    """What is in sight stays where it is: no point leaves the stage because the lowest one was chosen."""
    page = open_page()
    first, before = selected_row(page), colored_places(page)
    page.mouse.click(*before[before[:, 1].argmax()].astype(float).tolist())
    page.wait_for_selector(f".panel:not([data-row='{first}'])")
    page.wait_for_timeout(800)  # a map that moves would have come to rest
    after = colored_places(page)
    assert selected_row(page) != first
    assert after.min(axis=0) == pytest.approx(before.min(axis=0), abs=15)
    assert after.max(axis=0) == pytest.approx(before.max(axis=0), abs=15)


def test_a_press_on_a_legend_entry_dims_the_other_classes(open_page):
    """Fewer colored pixels are left, but not none; a second press brings all back."""
    page = open_page()
    everywhere = len(colored_places(page))
    page.locator(".legend button").first.click()
    page.wait_for_timeout(300)
    alone = len(colored_places(page))
    page.locator(".legend button").first.click()
    page.wait_for_timeout(300)
    assert 0 < alone < 0.7 * everywhere
    assert len(colored_places(page)) == pytest.approx(everywhere, rel=0.1)


def test_choosing_a_color_changes_the_legend_at_once_and_the_url_after(open_page):
    """A number is drawn on a scale with its two ends."""
    page = open_page()
    page.locator(".colors").select_option("soft_density")
    page.wait_for_selector(".legend .scale")
    page.wait_for_url(re.compile("color=soft_density"))


def test_nothing_is_fetched_from_elsewhere(open_page, address):
    """The app works offline: every request goes to its own address."""
    page = open_page(painted=False)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("[data-painted]")
    page.wait_for_timeout(500)
    assert asked
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
