"""What a hand on the keyboard does is what stands in the study."""

import re

import pytest
from browser.triage.hand import (
    MARKUP,
    WHO,
    doubted,
    in_hand,
    press,
    stands,
    wait_for_sample,
    wait_until_saved,
)
from pages.screen import rewritten

from explorer.study.decisions import Decisions
from explorer.study.study import Study

pytestmark = pytest.mark.browser


def test_keys_write_exactly_these_decisions(desk, study):
    """Without a click: keep, take, drop, unsure, a digit, each about the sample that was in hand, in this order."""
    page, queue = desk(), doubted(study)
    assert in_hand(page) == queue[0]
    given, better = study.samples["label"], study.samples["suggested_label"]
    other = next(number for number in range(4) if number != given[queue[4]])
    press(page, "k", "Enter", "d", "u", str(other))
    wait_until_saved(page)
    assert Decisions.open(study).log()["row"].tolist() == queue[:5]
    assert sorted(stands(study)) == sorted(
        [
            (queue[0], "keep", None, WHO),
            (queue[1], "relabel", int(better[queue[1]]), WHO),
            (queue[2], "drop", None, WHO),
            (queue[3], "unsure", None, WHO),
            (queue[4], "relabel", other, WHO),
        ]
    )
    wait_for_sample(page, queue[5])
    assert page.locator(".progress").inner_text() == f"5 of {len(queue)} reviewed, 2 relabeled"


def test_undo_takes_back_one_after_another_and_returns_to_the_sample(desk, study):
    """After as many undos as decisions nothing stands, the first sample is in hand, and the log has kept all."""
    page, queue = desk(), doubted(study)
    press(page, "k", "d", "Enter")
    wait_until_saved(page)
    for row in reversed(queue[:3]):
        press(page, "z")
        wait_for_sample(page, row)
    wait_until_saved(page)
    assert stands(study) == []
    assert Decisions.open(study).log()["kind"].tolist() == ["decide"] * 3 + ["undo"] * 3
    assert page.locator(".progress").inner_text().startswith("0 of")


def test_after_a_reload_work_goes_on_where_it_was_left(desk, study):
    """The first undecided sample is in hand, signs stand under the others, and undo still knows what was done."""
    page, queue = desk(), doubted(study)
    press(page, "k", "d")
    wait_until_saved(page)
    page.reload()
    wait_for_sample(page, queue[2])
    assert page.locator(f".turn.keep[data-row='{queue[0]}']").count() == 1
    assert page.locator(f".turn.drop[data-row='{queue[1]}']").count() == 1
    press(page, "z")
    wait_for_sample(page, queue[1])
    wait_until_saved(page)
    assert [one[0] for one in stands(study)] == [queue[0]]


def test_with_nothing_left_to_take_back_an_undo_says_so(desk, study):
    """And takes back nothing of anybody else."""
    Decisions.open(study).decide([doubted(study)[0]], "drop", who="Ada")
    page = desk()
    press(page, "z")
    page.locator(".news", has_text="There is nothing left to take back.").wait_for()
    assert [one[1] for one in stands(study)] == ["drop"]


def test_one_decision_for_all_is_one_undo(desk, study):
    """The count in the question is the count that is decided: the undecided ones; one undo brings all back."""
    page, queue = desk(), doubted(study)
    press(page, "k")
    page.locator(".all").click()
    page.get_by_label("Drop them").check()
    assert f"{len(queue) - 1} samples will be left out" in page.locator(".effect").inner_text()
    page.get_by_role("button", name=f"Decide for {len(queue) - 1} samples").click()
    wait_until_saved(page)
    assert sorted(row for row, decision, *_ in stands(study) if decision == "drop") == sorted(queue[1:])
    page.get_by_role("heading", name=f"All {len(queue)} are reviewed.").wait_for()
    page.keyboard.press("z")
    wait_until_saved(page)
    page.wait_for_selector(".sample[data-row]")
    assert stands(study) == [(queue[0], "keep", None, WHO)]


def test_reasons_narrow_the_queue_and_stay_after_a_reload(desk, study):
    """Only those are left that the network contradicts as well; most suspicious first, as before."""
    page, samples = desk(), study.samples
    left = [row for row in doubted(study) if samples["prediction"][row] != samples["label"][row]]
    page.locator(".reasons [data-key=network]").click()
    page.get_by_text(f"0 of {len(left)} reviewed").wait_for()
    page.reload()
    page.get_by_text(f"0 of {len(left)} reviewed").wait_for()
    assert in_hand(page) == left[0]


def test_beyond_ten_classes_digits_are_candidates_and_names_can_be_typed(desk, fresh):
    """1 is the likeliest candidate, a name finds its class, and names are shown as text whatever they hold."""
    study = fresh("many")
    page, queue = desk(study=study), doubted(study)
    first = page.locator(".digit").first
    assert MARKUP in first.inner_text()
    likeliest = int(re.search(r"kind (\d+)", first.inner_text())[1])
    press(page, "1")
    wait_for_sample(page, queue[1])
    page.keyboard.press("/")
    page.keyboard.type("KIND 11")
    page.keyboard.press("Enter")
    wait_for_sample(page, queue[2])
    wait_until_saved(page)
    expected = [(queue[0], likeliest), (queue[1], 11)]
    labels = study.samples["label"]
    assert sorted(stands(study)) == sorted(
        (row, "keep", None, WHO) if labels[row] == number else (row, "relabel", number, WHO) for row, number in expected
    )
    assert page.locator(".desk img").count() == 0


def test_a_digit_is_the_class_of_that_name_where_all_names_are_digits(desk, fresh):
    """Stars from 1 to 4: the key 2 is two stars, and not the class number 2, which has three."""
    study = Study.open(rewritten(fresh("few").path, lambda table: table, class_names=list("1234")))
    page, queue = desk(study=study), doubted(study)
    row = next(row for row in queue if study.samples["label"][row] != 1)
    for _ in range(queue.index(row)):
        press(page, "ArrowRight")
    wait_for_sample(page, row)
    press(page, "2")
    wait_until_saved(page)
    assert stands(study) == [(row, "relabel", 1, WHO)]


def test_a_regression_is_triaged_by_value(desk, fresh):
    """Enter takes the network's value; a digit begins one's own; both stand as numbers."""
    study = fresh("numbers")
    page = desk(study=study)
    first = in_hand(page)
    press(page, "Enter")
    page.wait_for_selector(f".sample[data-row]:not([data-row='{first}'])")
    second = in_hand(page)
    page.keyboard.press("4")
    page.keyboard.type(".25")
    page.keyboard.press("Enter")
    wait_until_saved(page)
    found = {row: (decision, label) for row, decision, label, _ in stands(study)}
    assert found[first] == ("relabel", pytest.approx(study.samples["prediction"][first]))
    assert found[second] == ("relabel", 4.25)


def test_a_note_goes_with_the_next_decision_alone(desk, study):
    """Typed letters are a note and nothing else; the decision after the next has none."""
    page, queue = desk(), doubted(study)
    press(page, "n")
    page.keyboard.type("kdu zr, c 3?")
    page.keyboard.press("Enter")
    press(page, "d", "k")
    wait_until_saved(page)
    assert {one.row: (one.decision, one.note) for one in Decisions.open(study).current()} == {
        queue[0]: ("drop", "kdu zr, c 3?"),
        queue[1]: ("keep", ""),
    }


def test_a_note_can_be_added_to_what_was_decided(desk, study):
    """Back on a decided sample the note joins the decision that stands."""
    page, queue = desk(), doubted(study)
    press(page, "Enter", "ArrowLeft", "n")
    page.keyboard.type("seen twice")
    page.keyboard.press("Enter")
    wait_until_saved(page)
    better = int(study.samples["suggested_label"][queue[0]])
    assert [(one.row, one.new_label, one.note) for one in Decisions.open(study).current()] == [
        (queue[0], better, "seen twice")
    ]


def test_a_neighbor_can_be_decided_about_and_the_queue_goes_on(desk, study):
    """A click on a neighbor takes it in hand; after the decision the sample in turn is back."""
    page, queue = desk(), doubted(study)
    neighbor = next(tile for tile in page.locator(".tile").all() if int(tile.get_attribute("data-row")) not in queue)
    row = int(neighbor.get_attribute("data-row"))
    neighbor.click()
    wait_for_sample(page, row)
    press(page, "k")
    wait_for_sample(page, queue[0])
    wait_until_saved(page)
    assert stands(study) == [(row, "keep", None, WHO)]
