"""The desk for doubtful labels in a real browser: what a hand on the keyboard does is what stands in the study."""

import re
import shutil
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from browser.rig import running_app
from pages.screen import as_regression, rewritten
from synthetic import synthetic_study

from explorer.study.decisions import Decisions
from explorer.study.study import Study

pytestmark = pytest.mark.browser

WHO = "Grace"
AS_GRACE = f"localStorage.setItem('explorer-name', '{WHO}')"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three studies: few classes, more classes than there are digits, and numbers in place of classes."""
    folder = tmp_path_factory.mktemp("triage")
    synthetic_study(folder / "studies" / "few", n=600, classes=4)
    many = synthetic_study(folder / "studies" / "many", n=900, classes=12)
    rewritten(many, lambda table: table, class_names=[f"kind {number} {MARKUP}" for number in range(12)])
    numbers = as_regression(synthetic_study(folder / "studies" / "numbers", n=300, classes=4))
    rewritten(numbers, lambda table: table.assign(suspicion=rising(table), target_residual=4 * rising(table)))
    return folder


def rising(table):
    return np.linspace(0, 1, len(table))


@pytest.fixture(scope="module")
def address(folder):
    with running_app(folder) as address:
        yield address


@pytest.fixture
def fresh(folder):
    """A copy of a study that nobody has decided about yet."""

    def fresh(name):
        studies = folder / "studies"
        return Study.open(shutil.copytree(studies / name, studies / f"{name}-{len(list(studies.iterdir()))}"))

    return fresh


@pytest.fixture
def study(fresh):
    return fresh("few")


@pytest.fixture
def desk(open_page, study):
    """Opens the desk on a study."""

    def desk(query="", before=AS_GRACE, study=study):
        page = open_page(f"/labels?study={study.path.name}{query}", painted=False, before=before)
        page.wait_for_selector(".sample[data-row]")
        return page

    return desk


def doubted(study):
    """The queue by hand: another label is suggested, most suspicious first."""
    samples = study.samples
    found = samples[samples["label"] != samples["suggested_label"]]
    return found.sort_values("suspicion", ascending=False, kind="stable").index.tolist()


def in_hand(page) -> int:
    return int(page.locator(".sample").get_attribute("data-row"))


def press(page, *keys):
    """Each key once the sample has come that it is meant for."""
    for key in keys:
        page.wait_for_selector(".sample[data-row]")
        page.keyboard.press(key)


def wait_until_saved(page):
    page.wait_for_selector(".sending", state="hidden")


def wait_for_sample(page, row):
    page.wait_for_selector(f".sample[data-row='{row}']")


def stands(study) -> list[tuple]:
    return [(one.row, one.decision, one.new_label, one.who) for one in Decisions.open(study).current()]


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


def test_with_nothing_left_to_take_back_an_undo_says_so(desk, study):
    """And takes back nothing of anybody else."""
    Decisions.open(study).decide([doubted(study)[0]], "drop", who="Ada")
    page = desk()
    press(page, "z")
    page.locator(".news", has_text="There is nothing left to take back.").wait_for()
    assert [one[1] for one in stands(study)] == ["drop"]


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


def test_reasons_narrow_the_queue_and_stay_after_a_reload(desk, study):
    """Only those are left that the network contradicts as well; most suspicious first, as before."""
    page, samples = desk(), study.samples
    left = [row for row in doubted(study) if samples["prediction"][row] != samples["label"][row]]
    page.locator(".reasons [data-key=network]").click()
    page.get_by_text(f"0 of {len(left)} reviewed").wait_for()
    page.reload()
    page.get_by_text(f"0 of {len(left)} reviewed").wait_for()
    assert in_hand(page) == left[0]


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


def test_another_name_can_take_back_what_was_decided_under_it(desk, study):
    """The button is there as soon as the app has said so."""
    Decisions.open(study).decide([doubted(study)[0]], "drop", who="Ada")
    page = desk()
    assert page.locator(".verbs .undo").is_disabled()
    page.locator(".name").fill("Ada")
    page.keyboard.press("Tab")
    page.locator(".verbs .undo:enabled").wait_for()


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


def test_whoever_gives_no_name_is_a_guest_with_one(desk):
    """Each browser has a name of its own until its owner writes another."""
    name = desk(before="").locator(".name").input_value()
    assert re.fullmatch(r"guest-[0-9a-f]{6}", name)


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


def test_the_part_of_the_page_is_in_the_address(desk):
    """A link shows the same part again."""
    page = desk()
    page.get_by_text("Isolated", exact=True).click()
    page.wait_for_url(re.compile("view=Isolated"))
    page.reload()
    page.get_by_role("radio", name="Isolated", checked=True).wait_for()
    assert page.locator(".sample").count() == 0
