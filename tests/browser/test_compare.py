"""The Compare page by hand: one selection for both sides, and a link that keeps what is compared."""

import pytest
from browser.rig import wait_until_drawn

pytestmark = pytest.mark.browser


def opened(open_page, path):
    page = open_page(path, painted=False)
    wait_until_drawn(page)
    page.get_by_role("group", name="Alike for the network").wait_for()
    return page


def rows(page, name):
    return [
        int(tile.get_attribute("data-row")) for tile in page.get_by_role("group", name=name).get_by_role("button").all()
    ]


def test_a_click_on_either_side_goes_there_on_both(open_page):
    """A neighbor in the other space becomes the sample, in the title, in the link and on both sides."""
    page = opened(open_page, "/compare?sample=3&other=input")
    before, target = rows(page, "Alike for the network"), rows(page, "Alike as inputs")[-1]
    page.get_by_role("group", name="Alike as inputs").get_by_role("button").last.click()
    page.get_by_role("heading", name=f"Sample {target}", exact=True).wait_for()
    wait_until_drawn(page)
    assert f"sample={target}" in page.url and "other=input" in page.url
    assert rows(page, "Alike for the network") != before


def test_the_most_changed_sample_is_one_click_away(open_page):
    """The first of the list is shown above after a click on it."""
    page = opened(open_page, "/compare?sample=3")
    target = rows(page, "samples with the fewest neighbors in common")[0]
    page.get_by_role("group", name="samples with the fewest").get_by_role("button").first.click()
    page.get_by_role("heading", name=f"Sample {target}", exact=True).wait_for()


def test_what_is_compared_stays_while_one_looks_elsewhere(open_page):
    """Another page and back, and a reload: the same comparison, in the link too."""
    page = opened(open_page, "/compare?sample=3&other=input")
    page.get_by_role("link", name="Denoising").click()
    page.get_by_role("heading", name="Denoising").wait_for()
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("group", name="Alike as inputs").wait_for()
    page.wait_for_url("**other=input**")
    page.reload()
    page.get_by_role("group", name="Alike as inputs").wait_for()
