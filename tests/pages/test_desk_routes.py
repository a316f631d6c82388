"""Laws of the desk's routes: what is acknowledged is on the disk, what is refused is not, and all hear of it."""

import json

import numpy as np
import pytest
from pages.screen import as_regression, copied, made_up_study, noted, rewritten
from pages.visitor import PAGE, post, send, shelved, told

from explorer.pages import routes
from explorer.pages.desk import Desk
from explorer.pages.desk_state import DeskState
from explorer.study import coverage
from explorer.study.decisions import Decisions
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("desk") / "studies" / "one")


@pytest.fixture
def study(folder, tmp_path, monkeypatch):
    """A study of its own for each test, on the shelf."""
    return shelved(copied(folder, tmp_path / "one"), monkeypatch)


@pytest.fixture
def base(study):
    return f"{routes.data_url(study)}/desk"


def verdicts(entry):
    return [(one["who"], one["decision"], one["new_label"]) for one in entry["verdicts"]]


def test_the_queue_in_bytes_is_the_queue(study, base):
    """Little-endian uint32; the filter, the scope and the reasons of the address."""
    for asked, expected in (
        ("", Desk(study).queue()),
        ("?scope=all", Desk(study).queue("", "all")),
        ("?scope=all&filter=label=2&reasons=network,clear", Desk(study).queue("label=2", "all", ["network", "clear"])),
        ("?reasons=", Desk(study).queue()),
    ):
        assert np.frombuffer(send(f"{base}/queue{asked}")[2], "<u4").tolist() == expected.tolist()


def test_the_browser_keeps_what_cannot_change(study, base):
    """Queues and cards of this version; never what people decide."""
    for path, is_kept in (("queue", True), ("card/3", True), ("state", False), ("setup", False)):
        cache = send(f"{base}/{path}?v={study.version}")[1]["cache-control"]
        assert ("immutable" in cache, cache == "no-store") == (is_kept, not is_kept)


def test_a_card_and_the_setup_are_those_of_the_desk(study, base):
    assert told(f"{base}/card/9") == json.loads(json.dumps(Desk(study).card(9)))
    assert told(f"{base}/setup") == json.loads(json.dumps(Desk(study).choices)) | {"decisions_allowed": True}


def test_what_is_acknowledged_is_on_the_disk_and_heard_by_all(study, base):
    """Row, decision, label by number and in words, note and person; and only what is new after a version."""
    first = post(f"{base}/decide", rows=[4, 2], decision="drop", note="<b>“naïve”", who="anna")
    label = int(study.samples["label"][9])
    second = post(f"{base}/decide", rows=[9], decision="relabel", new_label=(label + 1) % 4, who="bob")
    assert first == {"version": 1, "batch": 1} and second == {"version": 2, "batch": 2}
    kept = Decisions.open(Study.open(study.path)).current()
    assert [(one.row, one.decision, one.new_label, one.who) for one in kept] == [
        (2, "drop", None, "anna"),
        (4, "drop", None, "anna"),
        (9, "relabel", (label + 1) % 4, "bob"),
    ]
    state = told(f"{base}/state?since=0&who=anna")
    assert [one["row"] for one in state["changed"]] == [2, 4, 9] and state["alike"] == []
    assert state["changed"][0]["verdicts"][0]["note"] == "<b>“naïve”"
    assert state["changed"][2]["verdicts"][0]["text"] == study.class_names[(label + 1) % 4]
    assert (state["version"], state["since"], state["undoable"]) == (2, 0, True)
    assert [one["row"] for one in told(f"{base}/state?since=1")["changed"]] == [9]
    assert told(f"{base}/state?since=2")["changed"] == [] and not told(f"{base}/state?since=2&who=carl")["undoable"]


def test_a_message_that_is_sent_again_is_done_once(study, base):
    """Its answer was lost on the way: another undo would take back the decision before, which was acknowledged."""
    for row in (4, 9):
        post(f"{base}/decide", rows=[row], decision="drop", who="anna", once=f"row {row}")
    again = post(f"{base}/decide", rows=[9], decision="drop", who="anna", once="row 9")
    first, second = (post(f"{base}/undo", who="anna", once="undo") for _ in range(2))
    assert (again["batch"], first, second) == (2, {"version": 3, "rows": [9]}, {"version": 3, "rows": [9]})
    assert [one.row for one in Decisions.open(study).current()] == [4]


def test_a_message_that_was_refused_may_come_again(study, base):
    """Nothing of it was written, so it is not done yet."""
    (study.path / "decisions.sqlite").mkdir()
    message = {"rows": [4], "decision": "drop", "who": "anna", "once": "a"}
    assert send(f"{base}/decide", "POST", json.dumps(message).encode(), PAGE)[0] == 400
    (study.path / "decisions.sqlite").rmdir()
    assert post(f"{base}/decide", **message)["batch"] == 1


def test_two_who_decide_differently_are_both_shown(base):
    """And neither is once they agree; the other is left when one takes theirs back."""
    post(f"{base}/decide", rows=[7], decision="drop", who="anna")
    version = post(f"{base}/decide", rows=[7], decision="unsure", who="bob")["version"]
    (entry,) = told(f"{base}/state?since={version - 1}")["changed"]
    assert entry["conflict"] and verdicts(entry) == [("anna", "drop", None), ("bob", "unsure", None)]
    post(f"{base}/decide", rows=[7], decision="drop", who="bob")
    (entry,) = told(f"{base}/state?since={version}")["changed"]
    assert not entry["conflict"] and verdicts(entry) == [("anna", "drop", None), ("bob", "drop", None)]
    assert post(f"{base}/undo", who="bob")["rows"] == [7]
    (entry,) = told(f"{base}/state?since={version}")["changed"]
    assert entry["conflict"] and verdicts(entry) == [("anna", "drop", None), ("bob", "unsure", None)]
    assert post(f"{base}/undo", who="bob")["rows"] == [7] and post(f"{base}/undo", who="bob")["rows"] == []
    (entry,) = told(f"{base}/state?since={version}")["changed"]
    assert not entry["conflict"] and verdicts(entry) == [("anna", "drop", None)]


def test_a_decision_about_many_is_told_together_and_taken_back_at_once(study, base):
    """Those of its rows that someone else decided about too are told alone."""
    post(f"{base}/decide", rows=[50], decision="keep", who="bob")
    post(f"{base}/decide", rows=list(range(200)), decision="drop", who="anna")
    state = told(f"{base}/state")
    assert [one["row"] for one in state["changed"]] == [50] and state["changed"][0]["conflict"]
    assert [one["rows"] for one in state["alike"]] == [[row for row in range(200) if row != 50]]
    assert verdicts(state["alike"][0]) == [("anna", "drop", None)] and not state["alike"][0]["conflict"]
    assert post(f"{base}/undo", who="anna") == {"version": 3, "rows": list(range(200))}
    state = told(f"{base}/state?since=2")
    assert [verdicts(one) for one in state["changed"]] == [[("bob", "keep", None)]]
    assert [(len(one["rows"]), one["verdicts"]) for one in state["alike"]] == [(199, [])]


def test_progress_counts_what_stands(base):
    """Each row once: by what all agree on, or as a conflict; precision leaves out what nobody could tell."""
    for rows, decision, who in (
        ([0, 1, 2], "drop", "anna"),
        ([2, 3], "keep", "bob"),
        ([4], "unsure", "bob"),
        ([3], "keep", "anna"),
    ):
        post(f"{base}/decide", rows=rows, decision=decision, who=who)
    assert told(f"{base}/state")["progress"] == {
        "reviewed": 5,
        "relabeled": 0,
        "dropped": 2,
        "kept": 1,
        "unsure": 1,
        "conflicts": 1,
        "wrong_found": 2,
        "precision": pytest.approx(2 / 3),
        "left": None,
    }


def test_what_is_left_to_find_is_told_once_enough_is_found(folder, tmp_path, monkeypatch):
    """What study.coverage makes of the rows that were reviewed and of those found wrong."""
    planted = {"count": 5, "share": 0.02, "suspicion": np.linspace(0.3, 1, 101).tolist()}
    study = shelved(noted(copied(folder, tmp_path / "one"), "statistics", planted=planted), monkeypatch)
    base = f"{routes.data_url(study)}/desk"
    queue = Desk(study).queue("", "all").tolist()
    post(f"{base}/decide", rows=queue[:4], decision="drop", who="anna")
    assert told(f"{base}/state")["progress"]["left"] is None
    post(f"{base}/decide", rows=queue[4:110:2], decision="drop", who="anna")
    post(f"{base}/decide", rows=queue[5:110:2], decision="keep", who="anna")
    suspicion = study.samples["suspicion"].to_numpy()
    wrong = np.isin(np.arange(study.n), queue[:4] + queue[4:110:2])
    covered = coverage.coverage(suspicion, np.isin(np.arange(study.n), queue[:110]), planted["suspicion"], wrong)
    left = DeskState(study).told(0, "")["progress"]["left"]
    assert left == pytest.approx({"wrong": coverage.expected_left(wrong.sum(), covered), "coverage": covered})


def test_a_log_begun_anew_tells_nothing_of_the_old_one(study, base):
    """Also where it has reached a version at which the old one was asked the same."""
    post(f"{base}/decide", rows=[4], decision="drop", who="anna")
    assert told(f"{base}/state?since=0&who=anna")["undoable"]
    Decisions.open(study).path.rename(study.path / "moved")
    assert told(f"{base}/state?since=0&who=anna")["changed"] == []
    post(f"{base}/decide", rows=[7], decision="keep", who="bob")
    anew = told(f"{base}/state?since=0&who=anna")
    assert [one["row"] for one in anew["changed"]] == [7]
    assert not anew["undoable"] and (anew["progress"]["kept"], anew["progress"]["dropped"]) == (1, 0)


def test_targets_are_decided_by_number(folder, tmp_path, monkeypatch):
    def with_doubt(table):
        return table.assign(suspicion=np.linspace(0, 1, len(table)))

    study = shelved(rewritten(as_regression(copied(folder, tmp_path / "one")), with_doubt), monkeypatch)
    base = f"{routes.data_url(study)}/desk"
    post(f"{base}/decide", rows=[3], decision="relabel", new_label=-0.25, who="anna")
    (entry,) = told(f"{base}/state")["changed"]
    assert verdicts(entry) == [("anna", "relabel", -0.25)] and entry["verdicts"][0]["text"] == "−0.25"
    assert told(f"{base}/setup")["classes"] is None


def test_where_nobody_may_write_the_desk_is_read_and_says_why(study, base, monkeypatch):
    """One sentence, before anything is decided and when it is; queue, cards and the decisions so far are shown."""
    post(f"{base}/decide", rows=[3], decision="drop", who="anna")
    monkeypatch.setattr("explorer.study.database.os.access", lambda path, mode: False)
    refusal = told(f"{base}/setup")["decisions_allowed"]
    assert "may not be written" in refusal and "Ask for the right to write there" in refusal
    assert [one["row"] for one in told(f"{base}/state")["changed"]] == [3]
    assert send(f"{base}/queue")[0] == send(f"{base}/card/3")[0] == 200


def test_decisions_of_another_study_are_one_sentence_and_the_desk_is_read(study, base):
    study.path.joinpath("decisions.sqlite").write_bytes(b"row,label\r\n" * 1000)
    assert "damaged" in told(f"{base}/setup")["decisions_allowed"]
    for answer in (
        send(f"{base}/state"),
        send(f"{base}/decide", "POST", b'{"rows": [1], "decision": "keep", "who": ""}', PAGE),
    ):
        assert answer[0] == 400 and "damaged" in json.loads(answer[2])["error"]
    assert send(f"{base}/queue")[0] == send(f"{base}/card/3")[0] == 200
