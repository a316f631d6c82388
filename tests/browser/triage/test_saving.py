"""Nothing is lost or done twice: saves that fail, people who decide at once, pages that are left."""

import re

import pytest
from browser.triage.hand import (
    WHO,
    doubted,
    press,
    stands,
    wait_for_sample,
    wait_until_saved,
)

from explorer.study.decisions import Decisions

pytestmark = pytest.mark.browser


def test_what_others_decide_appears_without_a_reload_and_is_passed_over(desk, study):
    """News name the person and the deed; the next undecided sample is the one after."""
    page, queue = desk(), doubted(study)
    Decisions.open(study).decide([queue[1]], "drop", who="Ada")
    page.wait_for_selector(f".turn.drop[data-row='{queue[1]}']")
    page.get_by_text(f"Ada dropped sample {queue[1]}").wait_for()
    press(page, "k")
    wait_for_sample(page, queue[2])


def test_what_others_take_back_is_offered_where_all_was_reviewed(desk, study):
    """Nothing has to be pressed for it."""
    page, queue, decisions = desk(), doubted(study), Decisions.open(study)
    decisions.decide(queue[1:], "keep", who="Ada")
    page.locator(".progress", has_text=f"{len(queue) - 1} of {len(queue)}").wait_for()
    press(page, "k")
    page.get_by_role("heading", name=f"All {len(queue)} are reviewed.").wait_for()
    decisions.undo("Ada")
    wait_for_sample(page, queue[1])


def test_two_who_differ_are_both_shown(desk, study):
    """Nobody's decision silently wins: both verdicts stand beside each other, with names."""
    page, queue = desk(), doubted(study)
    press(page, "k")
    wait_until_saved(page)
    Decisions.open(study).decide([queue[0]], "relabel", int(study.samples["suggested_label"][queue[0]]), who="Ada")
    page.wait_for_selector(f".turn.conflict[data-row='{queue[0]}']")
    press(page, "ArrowLeft")
    page.wait_for_selector(".verdicts.conflict")
    text = page.locator(".verdicts").inner_text()
    assert "You kept it" in text
    assert f"Ada relabeled it to {study.samples['suggested_label'][queue[0]]}" in text


def test_what_cannot_be_saved_is_shown_and_nothing_is_skipped(desk, study):
    """A refused decision holds back those behind it, names its sample, and goes out first when tried again."""
    page, queue = desk(), doubted(study)
    page.route("**/desk/decide", lambda route: route.fulfill(status=500, json={"error": "the disk is full."}))
    press(page, "k", "d", "u")
    trouble = page.locator(".trouble")
    trouble.wait_for()
    assert f"Sample {queue[0]} could not be saved. the disk is full." in trouble.inner_text()
    assert page.locator(".turn.pending").count() == 3
    assert page.locator(".sending").inner_text() == "3 not saved yet"
    assert stands(study) == []
    page.unroute("**/desk/decide")
    page.locator(".retry").click()
    wait_until_saved(page)
    assert trouble.count() == 0
    assert Decisions.open(study).log()["row"].tolist() == queue[:3]


def test_an_undo_of_what_was_never_saved_sends_nothing(desk, study):
    """The decision that could not go out is simply gone, and the log knows of neither."""
    page, queue = desk(), doubted(study)
    page.route("**/desk/decide", lambda route: route.abort())
    press(page, "k")
    page.locator(".trouble").wait_for()
    press(page, "z")
    wait_for_sample(page, queue[0])
    assert page.locator(".trouble").count() == 0
    page.unroute("**/desk/decide")
    press(page, "d")
    wait_until_saved(page)
    assert Decisions.open(study).log()["decision"].tolist() == ["drop"]


def test_giving_up_a_decision_gives_up_its_undo(desk, study):
    """The undo was asked for while the decision was on its way: sent alone, it would take back the one before."""
    page, queue, held = desk(), doubted(study), []
    press(page, "d")
    wait_until_saved(page)
    page.route("**/desk/decide", lambda route: held.append(route))
    press(page, "k", "z")
    wait_for_sample(page, queue[1])
    held[0].fulfill(status=500, json={"error": "the disk is full."})
    page.locator(".trouble button", has_text="Give it up").click()
    wait_until_saved(page)
    assert page.locator(".trouble").count() == 0
    assert Decisions.open(study).log()["kind"].tolist() == ["decide"]


def test_an_undo_whose_answer_was_lost_takes_back_one_decision(desk, study):
    """Tried again, it is not another one."""
    page, queue = desk(), doubted(study)
    press(page, "k", "d")
    wait_until_saved(page)

    def lose(route):
        route.fetch()
        route.abort()

    page.route("**/desk/undo", lose)
    press(page, "z")
    page.locator(".trouble").wait_for()
    page.unroute("**/desk/undo")
    page.locator(".retry").click()
    wait_until_saved(page)
    assert stands(study) == [(queue[0], "keep", None, WHO)]


def test_leaving_with_something_unsaved_asks_first(desk):
    """The browser's own question appears while a decision has not been acknowledged, and not otherwise."""
    page, asked = desk(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.route("**/desk/decide", lambda route: route.abort())
    press(page, "k")
    page.locator(".trouble").wait_for()
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]


def test_another_page_of_the_app_and_back_loses_nothing(desk, study):
    """What could not be saved is still there, and still said, when the visitor comes back to the desk."""
    page, queue = desk(), doubted(study)
    page.route("**/desk/decide", lambda route: route.abort())
    press(page, "k")
    page.locator(".trouble").wait_for()
    page.get_by_role("link", name="Guide").click()
    page.wait_for_url(re.compile("/guide"))
    page.get_by_role("link", name="Labels").first.click()
    page.locator(".trouble").wait_for()
    page.unroute("**/desk/decide")
    page.locator(".retry").click()
    wait_until_saved(page)
    assert stands(study) == [(queue[0], "keep", None, WHO)]


def test_another_name_can_take_back_what_was_decided_under_it(desk, study):
    """The button is there as soon as the app has said so."""
    Decisions.open(study).decide([doubted(study)[0]], "drop", who="Ada")
    page = desk()
    assert page.locator(".verbs .undo").is_disabled()
    page.locator(".name").fill("Ada")
    page.keyboard.press("Tab")
    page.locator(".verbs .undo:enabled").wait_for()


def test_whoever_gives_no_name_is_a_guest_with_one(desk):
    """Each browser has a name of its own until its owner writes another."""
    name = desk(before="").locator(".name").input_value()
    assert re.fullmatch(r"guest-[0-9a-f]{6}", name)
