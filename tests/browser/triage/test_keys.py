"""Which keys are the desk's, and which belong to others."""

import pytest
from browser.triage.hand import AS_GRACE, WHO, doubted, in_hand, press, stands, wait_for_sample, wait_until_saved

from explorer.study.decisions import Decisions

pytestmark = pytest.mark.browser


def test_typing_a_name_decides_nothing_and_names_what_follows(desk, study):
    """Letters in the field are letters, to the desk and to the app's own keys; the name is kept in this browser."""
    page = desk()
    page.locator(".name").fill("")
    page.locator(".name").focus()
    page.keyboard.type("Rick cdkuz")
    page.keyboard.press("Tab")
    page.locator(".sample h2").click()
    press(page, "k")
    wait_until_saved(page)
    assert [one.who for one in Decisions.open(study).current()] == ["Rick cdkuz"]
    assert page.get_by_role("dialog").count() == 0
    assert page.evaluate("localStorage.getItem('explorer-name')") == "Rick cdkuz"


def test_a_key_held_down_decides_once(desk, study):
    """The keyboard's own repetition is not a second decision about a sample that nobody has looked at."""
    page, queue = desk(), doubted(study)
    for _ in range(4):
        page.keyboard.down("k")
    page.keyboard.up("k")
    wait_for_sample(page, queue[1])
    wait_until_saved(page)
    assert stands(study) == [(queue[0], "keep", None, WHO)]


def test_keys_with_modifiers_belong_to_the_browser(desk, study):
    """Control, Alt and Meta with a letter decide nothing."""
    page = desk()
    row = in_hand(page)
    for key in ("Control+k", "Alt+d", "Meta+u"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert in_hand(page) == row
    assert stands(study) == []


def test_a_button_reached_by_tab_keeps_enter_for_itself(desk, study):
    """Enter on the focused Drop button drops; the focus stays on the button for the next sample."""
    page, queue = desk(), doubted(study)
    page.locator(".name").focus()
    page.evaluate(
        "document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot.querySelector('.name').blur()"
    )
    page.locator("button.unsure").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    wait_until_saved(page)
    assert sorted(stands(study)) == sorted((row, "unsure", None, WHO) for row in queue[:2])


def test_a_button_pressed_by_hand_does_not_take_the_next_enter(desk, study):
    """A click on Keep, then Enter: the second sample takes its suggestion, it is not kept."""
    page, queue = desk(), doubted(study)
    page.locator("button.keep").click()
    wait_for_sample(page, queue[1])
    page.wait_for_timeout(100)
    press(page, "Enter")
    wait_until_saved(page)
    assert {row: decision for row, decision, *_ in stands(study)} == {queue[0]: "keep", queue[1]: "relabel"}


def test_on_a_telephone_the_next_sample_is_brought_into_sight(open_page, study):
    """Whoever scrolled down to the neighbors and decides there sees the next sample from its top."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = open_page(f"/labels?study={study.path.name}", painted=False, before=AS_GRACE, **phone)
    queue = doubted(study)
    wait_for_sample(page, queue[0])
    page.locator(".tile").last.scroll_into_view_if_needed()
    page.locator("button.keep").tap()
    wait_for_sample(page, queue[1])
    page.wait_for_timeout(300)
    assert 0 < page.locator(".sample").bounding_box()["y"] < 300
