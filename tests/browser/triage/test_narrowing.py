"""Filters, reasons, class pairs and links narrow the queue."""

import re
from urllib.parse import parse_qs, urlparse

import pytest
from browser.triage.hand import (
    doubted,
)

pytestmark = pytest.mark.browser


def test_a_pair_of_classes_narrows_the_queue_the_url_and_the_map(desk, study):
    """The count in the table, the queue, the filter in the address and the map's selection are of the same samples."""
    page, samples = desk(), study.samples
    queue = doubted(study)
    given, better = int(samples["label"][queue[0]]), int(samples["suggested_label"][queue[0]])
    pair = [row for row in queue if samples["label"][row] == given and samples["suggested_label"][row] == better]
    page.locator(".pairs summary").click()
    cell = page.locator(f"[data-pair='{given}>{better}']")
    assert cell.inner_text() == str(len(pair))
    cell.click()
    page.wait_for_url(re.compile("filter=label.*suggested_label"))
    assert parse_qs(urlparse(page.url).query)["filter"] == [f"label={given};suggested_label={better}"]
    page.get_by_text(f"0 of {len(pair)} reviewed").wait_for()
    assert [int(one.get_attribute("data-row")) for one in page.locator(".turn").all()] == pair[
        : page.locator(".turn").count()
    ]
    page.get_by_role("link", name="Map").first.click()
    page.wait_for_selector("[data-painted]")
    page.get_by_text(f"{len(pair)} selected").wait_for()


def test_a_filter_taken_back_brings_the_whole_queue(desk, study):
    """The chip is the condition: pressed, the address and the queue are without it."""
    page = desk(query="&filter=label=1")
    assert (
        page.locator(".progress")
        .inner_text()
        .startswith(f"0 of {sum(study.samples['label'][row] == 1 for row in doubted(study))} ")
    )
    page.locator(".conditions button").click()
    page.wait_for_url(lambda url: "filter" not in url)
    page.get_by_text(f"0 of {len(doubted(study))} reviewed").wait_for()


def test_samples_named_one_by_one_are_shown_doubted_or_not(desk, study):
    """A link to chosen samples shows just these."""
    rows = sorted(set(range(20)) - set(doubted(study)))[:3]
    page = desk(query=f"&filter=rows={','.join(map(str, rows))}")
    assert sorted(int(one.get_attribute("data-row")) for one in page.locator(".turn").all()) == rows


def test_a_filter_that_lets_nobody_through_says_so(open_page, study):
    """A sentence and the way out in place of an empty desk."""
    page = open_page(f"/labels?study={study.path.name}&filter=label=77", painted=False)
    page.get_by_role("heading", name="No sample passes the filter.").wait_for()
    page.get_by_role("button", name="Take all conditions back").click()
    page.wait_for_selector(".sample[data-row]")


def test_the_part_of_the_page_is_in_the_address(desk):
    """A link shows the same part again."""
    page = desk()
    page.get_by_text("Isolated", exact=True).click()
    page.wait_for_url(re.compile("view=Isolated"))
    page.reload()
    page.get_by_role("radio", name="Isolated", checked=True).wait_for()
    assert page.locator(".sample").count() == 0
