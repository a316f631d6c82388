"""The real app in a real browser: charts beside the map narrow each other, the map and the gallery, and are kept."""

import csv
import io
import re
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from browser.rig import selected_row, wait_for_row

from explorer.pages.columns import number_scale
from explorer.study.study import Study
from explorer.views.selection import Between, Filter

pytestmark = pytest.mark.browser

NUMBERS = ".chart[data-column={}] .bars"


@pytest.fixture
def brushing(open_page, study):
    """Opens the map and waits for its charts."""

    def brushing(path="/", **looks):
        page = open_page(path, **looks)
        page.wait_for_selector(".charts[data-ready]", state="attached")
        page.wait_for_selector(".strip .tile")
        return page

    return brushing


def drag(page, column: str, start: float, end: float) -> None:
    """Brush from one share of a chart's width to another."""
    box = page.locator(NUMBERS.format(column)).bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], height, steps=4)
    page.mouse.move(box["x"] + end * box["width"], height, steps=4)
    page.mouse.up()


def filter_of(page, mark: str = "filter=") -> Filter:
    page.wait_for_url(re.compile(re.escape(mark)))
    return Filter.parse(parse_qs(urlparse(page.url).query)["filter"][0])


def wait_for_count(page, count: int) -> None:
    """Until so many samples are said to be selected."""
    page.locator(".counts").get_by_text(f"Selected {count:,} of 1,200", exact=True).wait_for(timeout=5000)


def shown_counts(page, column: str) -> dict[str, int]:
    """What a chart of categories says."""
    pressed = page.locator(f".chart[data-column={column}] .category")
    return {
        one.get_attribute("data-value"): int(one.locator("small").inner_text().replace(",", ""))
        for one in pressed.all()
    }


def gallery_rows(page) -> list[int]:
    return [int(one.get_attribute("data-row")) for one in page.locator(".strip .tile").all()]


def test_a_brush_selects_what_pandas_selects_and_its_link_does_again(brushing, study):
    """Count on screen, filter in the URL and the other chart's counts agree; a reload shows the same."""
    page = brushing()
    drag(page, "soft_density", 0.3, 0.7)
    chosen = filter_of(page, "filter=soft_density")
    condition = chosen.on("soft_density")
    inside = study.samples["soft_density"].between(condition.low, condition.high)
    assert 0 < inside.sum() < study.n
    by_label = study.samples["label"][inside].value_counts()
    for _ in range(2):
        wait_for_count(page, inside.sum())
        expected = {str(label): int(by_label.get(label, 0)) for label in range(4)}
        assert shown_counts(page, "label") == expected
        page.reload()
        page.wait_for_selector(".charts[data-ready]")
        page.wait_for_timeout(300)


def test_charts_are_filtered_by_each_other_but_not_by_themselves(brushing, study):
    """A true cross-filter: the column of the pressed values counts as if they were not pressed."""
    page = brushing()
    drag(page, "label_margin", 0.5, 0.9)
    condition = filter_of(page, "filter=label_margin").on("label_margin")
    page.locator(".chart[data-column=label] .category[data-value='1']").click()
    page.locator(".chart[data-column=label] .category[data-value='2']").click()
    chosen = filter_of(page, "label%3D1%7C2")
    doubted = study.samples["label_margin"].between(condition.low, condition.high)
    both = doubted & study.samples["label"].isin([1, 2])
    assert chosen.mask(study.samples).tolist() == both.tolist()
    wait_for_count(page, both.sum())
    by_label = study.samples["label"][doubted].value_counts()
    assert shown_counts(page, "label") == {str(label): int(by_label.get(label, 0)) for label in range(4)}
    by_split = study.samples["split"][both].value_counts()
    assert shown_counts(page, "split") == {
        value: int(by_split.get(value, 0)) for value in study.samples["split"].unique()
    }


def test_the_brushed_range_ends_on_edges_of_the_chart(brushing, study):
    """What is selected are whole bars, so that a bar is never half in."""
    page = brushing()
    drag(page, "soft_density", 0.21, 0.52)
    condition = filter_of(page).on("soft_density")
    edges = number_scale(study.samples["soft_density"].to_numpy()).edges
    assert {condition.low, condition.high} <= set(edges)


def test_a_brush_by_keyboard(brushing, study):
    """Arrows move it, with Shift they move its upper end, Escape takes it back; all of it is said to screen readers."""
    page = brushing()
    bars = page.locator(NUMBERS.format("soft_density"))
    edges = number_scale(study.samples["soft_density"].to_numpy()).edges
    bars.focus()
    page.keyboard.press("ArrowRight")
    wide = int(np.ceil((len(edges) - 1) / 4))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    condition = filter_of(page).on("soft_density")
    assert condition == Between("soft_density", edges[1], edges[wide + 2])
    wait_for_count(page, count := int(Filter((condition,)).mask(study.samples).sum()))
    assert f"{count:,} of 1,200 samples selected" in bars.get_attribute("aria-valuetext")
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "filter" not in url)
    assert page.locator(".counts").inner_text() == "1,200 samples, 4 classes"


def test_a_finger_brushes_too(brushing, study):
    """On a phone the charts are folded away until they are asked for; then a finger drags."""
    page = brushing(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Charts").click()
    bars = page.locator(NUMBERS.format("soft_density"))
    bars.scroll_into_view_if_needed()
    box = bars.bounding_box()
    fingers = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.3), ("touchMove", 0.4), ("touchMove", 0.7), ("touchEnd", None)):
        place = [] if share is None else [{"x": box["x"] + share * box["width"], "y": box["y"] + 20}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": place})
    wait_for_count(page, count := int(filter_of(page).mask(study.samples).sum()))
    assert 0 < count < study.n


def test_what_is_selected_is_said_once_the_hand_rests(brushing, study):
    """A press on the legend and a drag are each told to screen readers by one sentence, not by one for every step."""
    page = brushing()
    page.evaluate(
        """() => {
            const { shadowRoot } = document.querySelector('[data-testid=stBidiComponentIsolated]');
            const told = shadowRoot.querySelector('.tally');
            window.said = [];
            new MutationObserver(() => window.said.push(told.textContent)).observe(told, { childList: true });
        }"""
    )
    page.locator(".legend button").first.click()
    page.wait_for_timeout(1200)
    drag(page, "soft_density", 0.2, 0.8)
    page.wait_for_timeout(1200)
    shown = page.locator(".counts").inner_text()
    first = f"Selected {(study.samples['label'] == 0).sum():,} of 1,200"
    assert page.evaluate("window.said") == [first, shown]


def test_the_back_button_takes_a_brush_back(brushing):
    """Each brush is one step of the browser's history."""
    page = brushing("/?study=clusters&sample=5")
    drag(page, "soft_density", 0.3, 0.7)
    filter_of(page)
    page.go_back()
    page.wait_for_function(
        "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot"
        ".querySelector('.counts').textContent === '1,200 samples, 4 classes'"
    )
    assert "filter" not in page.url


def test_the_gallery_shows_the_selected_samples_most_suspicious_first(brushing, study):
    """As many as fit, in order; the next page goes on where this one ends; a click goes there."""
    page = brushing("/?study=clusters&filter=label=2")
    page.wait_for_function(
        "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot"
        ".querySelector('.what').textContent.endsWith('selected')"
    )
    here = study.samples[study.samples["label"] == 2].sort_values("suspicion", ascending=False, kind="stable")
    first = gallery_rows(page)
    assert len(first) > 5
    assert first == here.index[: len(first)].tolist()
    page.get_by_role("button", name="Pictures after").click()
    assert gallery_rows(page) == here.index[len(first) : 2 * len(first)].tolist()
    page.locator(".strip .tile").nth(1).click()
    wait_for_row(page, int(here.index[len(first) + 1]))


def test_the_gallery_can_be_sorted_by_the_color(brushing, study):
    """Largest and smallest value of the column that colors the map."""
    page = brushing("/?study=clusters&color=soft_density")
    page.locator(".sorts").select_option("1soft_density")
    page.wait_for_timeout(300)
    rows = gallery_rows(page)
    order = study.samples["soft_density"].sort_values(kind="stable").index
    assert rows == order[: len(rows)].tolist()


def test_a_chart_can_be_added_and_taken_away_and_is_there_again(brushing):
    """What was chosen stays for the next visit of this browser."""
    page = brushing()
    page.locator(".more-charts").select_option("label_variance")
    page.wait_for_selector(NUMBERS.format("label_variance"))
    page.locator(".chart[data-column=split]").hover()
    page.get_by_role("button", name="Take the chart of Split away").click()
    page.reload()
    page.wait_for_selector(NUMBERS.format("label_variance"))
    assert page.locator(".chart[data-column=split]").count() == 0


def test_a_selection_is_saved_as_a_column_exported_and_deleted(brushing, study):
    """The column holds the selected rows, colors the map, and the table has a row for each of them."""
    page = brushing("/?study=clusters&sample=5")
    page.locator(".chart[data-column=label] .category[data-value='3']").click()
    rows = filter_of(page, "filter=label%3D3").mask(study.samples)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the selected samples").click()
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(io.StringIO(file.read())))
    assert [int(line["row"]) for line in lines] == np.flatnonzero(rows).tolist()
    assert {line["label"] for line in lines} == {study.class_names[3]}

    page.get_by_role("button", name="Save the selected samples").click()
    page.locator(".keeping .name").fill("suspicion")
    page.locator(".keeping .save").click()
    page.get_by_text("a name of its own").wait_for()
    page.locator(".keeping .name").fill("only threes")
    page.locator(".keeping .save").click()
    page.locator(".colors option[value='only threes']").wait_for(state="attached")
    assert Study.open(study.path).samples["only threes"].tolist() == rows.tolist()
    page.wait_for_selector("[data-painted]")
    page.locator(".strip .tile").first.wait_for(timeout=5000)
    assert rows[gallery_rows(page)].all()
    page.locator(".colors").select_option("only threes")
    page.wait_for_url(re.compile("color=only"))
    page.locator(".legend button").filter(has_text="yes").locator("small").get_by_text(f"{rows.sum():,}").wait_for()

    page.wait_for_selector(".charts[data-ready]")
    page.locator(".more-charts").select_option("only threes")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete?").click()
    page.locator(".colors option[value='only threes']").wait_for(state="detached")
    assert "only threes" not in Study.open(study.path).samples
    assert selected_row(page) == 5
