"""The log of decisions: nothing acknowledged is lost, nothing is changed, and what stands follows from it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import decision_writers
import numpy as np
import pytest
import tiny

from explorer.errors import DecisionError, ExplorerError
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels
from explorer.study.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ["red", "green", "blue"]
CLASSES = GivenLabels(np.arange(12) % 3, 3, NAMES)
TARGETS = GivenLabels(np.linspace(-1, 1, 12, dtype=np.float32))
PAIRS = GivenLabels(np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2))


def decisions_in(folder, given=CLASSES):
    return Decisions(folder / "decisions.sqlite", given, "fingerprint")


@pytest.fixture
def decisions(tmp_path):
    return decisions_in(tmp_path)


def standing(decisions, **options):
    """Row, who, decision and new label of what stands, and whether others disagree."""
    table = decisions.standing(**options)
    new_labels = [None if value != value else value for value in table["new_label"].astype(object).fillna(np.nan)]
    return list(zip(table["row"], table["who"], table["decision"], new_labels, table["conflict"], strict=True))


def test_what_was_decided_is_read_back_by_everyone(decisions, tmp_path):
    """Row, given label, decision, new label, note, person and time; also by another who opens the same file."""
    batch = decisions.decide([4, 2], "relabel", 0, note="a\n“naïve” =note", who="anna")
    for reader in (decisions, decisions_in(tmp_path)):
        table = reader.standing()
        assert table["row"].tolist() == [2, 4] and table["label"].tolist() == [2, 1]
        assert table["new_label"].tolist() == [0, 0] and set(table["decision"]) == {"relabel"}
        assert set(table["note"]) == {"a\n“naïve” =note"} and set(table["who"]) == {"anna"}
        assert table["decided_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00").all()
        assert reader.version == batch


def test_nobody_has_decided_and_nothing_is_written_by_looking(decisions, tmp_path):
    assert decisions.standing().empty and decisions.log().empty and decisions.current() == []
    assert decisions.version == 0 and decisions.undo("anna") == []
    assert list(tmp_path.iterdir()) == []


def test_a_class_may_be_named_and_to_give_the_given_label_is_to_keep_it(decisions):
    """Row 1 is green already."""
    decisions.decide([0, 1], "relabel", "green", who="anna")
    assert standing(decisions) == [(0, "anna", "relabel", 1, False), (1, "anna", "keep", None, False)]


def test_targets_are_numbers_and_lists_of_numbers(tmp_path):
    """One target is kept as a float, several as JSON; the given one in the fewest digits of single precision."""
    one = decisions_in(tmp_path, TARGETS)
    one.decide([11], "relabel", 0.1)
    assert one.standing()[["label", "new_label"]].to_numpy().tolist() == [[1.0, 0.1]]
    (tmp_path / "pairs").mkdir()
    two = decisions_in(tmp_path / "pairs", PAIRS)
    two.decide([0], "relabel", np.array([0.5, 2.0]))
    assert json.loads(two.standing()["new_label"][0]) == [0.5, 2.0]
    assert [np.float32(value) for value in json.loads(two.standing()["label"][0])] == PAIRS.values[0].tolist()


REFUSED = [
    (CLASSES, ([12], "keep"), "from 0 to 11, found 12"),
    (CLASSES, ([0, -1], "keep"), "from 0 to 11, found -1"),
    (CLASSES, ([0.5], "keep"), "found 0.5"),
    (CLASSES, ([True], "keep"), "found True"),
    (CLASSES, ([], "keep"), "at least one sample"),
    (CLASSES, ([0], "paint"), "keep, relabel, drop, unsure, found 'paint'"),
    (CLASSES, ([0], "relabel"), "a relabel without one"),
    (CLASSES, ([0], "keep", 1), "a new label, 1, with keep"),
    (CLASSES, ([0], "drop", 1), "with drop"),
    (CLASSES, ([0], "relabel", 3), "from 0 to 2 or the name of one (red, green, blue), found 3"),
    (CLASSES, ([0], "relabel", -1), "found -1"),
    (CLASSES, ([0], "relabel", 1.0), "found 1.0"),
    (CLASSES, ([0], "relabel", "gray"), "found 'gray'"),
    (CLASSES, ([0], "unsure", None, "x" * 10_001), "at most 10,000 characters, found 10001"),
    (CLASSES, ([0], "unsure", None, "", None), "found None"),
    (TARGETS, ([0], "relabel", float("nan")), "found nan"),
    (TARGETS, ([0], "relabel", 10**400), "finite number in single precision"),
    (TARGETS, ([0], "relabel", "much"), "found 'much'"),
    (PAIRS, ([0], "relabel", 1.0), "2 finite numbers, found 1.0"),
    (PAIRS, ([0], "relabel", [1.0]), "2 finite numbers"),
    (PAIRS, ([0], "relabel", "[1, " * 9000), "2 finite numbers"),
]


@pytest.mark.parametrize(("given", "words", "told"), REFUSED, ids=[told for _, _, told in REFUSED])
def test_what_cannot_be_decided_is_said_in_words_and_nothing_is_written(tmp_path, given, words, told):
    """Not even the samples before the one that is wrong, nor the file."""
    decisions = decisions_in(tmp_path, given)
    with pytest.raises(DecisionError) as caught:
        decisions.decide(*words)
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def replayed(log):
    """What stands, by going through the log once with lists: for each (row, who) the last that was not taken back."""
    undone = {line["undoes"] for line in log if line["kind"] == "undo"}
    found = {}
    for line in log:
        if line["kind"] != "undo" and line["batch"] not in undone:
            found.pop((line["row"], line["who"]), None)
            found[line["row"], line["who"]] = (line["decision"], line["new_label"])
    return found


def test_any_story_of_decisions_and_undos_stands_as_replayed_by_hand(decisions):
    """Each undo takes back the latest batch of that person alone, down to the first; disagreement is marked."""
    random = np.random.default_rng(0)
    story, batches = [], {"anna": [], "bob": []}
    for _ in range(120):
        who = str(random.choice(["anna", "bob"]))
        if random.random() < 0.4:
            taken = decisions.undo(who)
            former = batches[who].pop() if batches[who] else None
            assert taken == (sorted(former[1]) if former else [])
            if former:
                story.append({"kind": "undo", "undoes": former[0]})
            continue
        rows = random.choice(12, size=random.integers(1, 5), replace=False).tolist()
        decision = str(random.choice(["keep", "drop", "relabel"]))
        new_label = int(random.integers(3)) if decision == "relabel" else None
        batch = decisions.decide(rows, decision, new_label, who=who)
        batches[who].append((batch, rows))
        for row in rows:
            verdict = ("keep", None) if new_label == CLASSES.label(row) else (decision, new_label)
            story.append(
                {"kind": "decide", "batch": batch, "row": row, "who": who}
                | dict(zip(("decision", "new_label"), verdict, strict=True))
            )
        expected = replayed(story)
        rows_of = {row: {who for one, who in expected if one == row} for row, _ in expected}
        verdicts = {row: {expected[row, who] for who in people} for row, people in rows_of.items()}
        assert standing(decisions, everyone=True) == sorted(
            [(row, who, *found, len(verdicts[row]) > 1) for (row, who), found in expected.items()],
            key=lambda line: (line[0], list(expected).index(line[:2])),
        )
    assert any(batches.values())


def test_where_people_agree_the_latest_stands_for_all(decisions):
    """Where they do not, all are shown; a conflict ends when one of them changes their mind."""
    decisions.decide([3], "drop", who="anna")
    decisions.decide([3], "drop", who="bob")
    assert standing(decisions) == [(3, "bob", "drop", None, False)]
    decisions.decide([3], "relabel", 1, who="carl")
    assert [line[1:] for line in standing(decisions)] == [
        ("anna", "drop", None, True),
        ("bob", "drop", None, True),
        ("carl", "relabel", 1, True),
    ]
    decisions.decide([3], "drop", who="carl")
    assert standing(decisions) == [(3, "carl", "drop", None, False)]
    assert len(standing(decisions, everyone=True)) == 3


def test_the_log_only_grows(decisions):
    """The version rises with every entry, undos too; the file itself refuses to forget or to change one."""
    versions = [decisions.version]
    for act in (
        lambda: decisions.decide([1, 2], "keep", who="anna"),
        lambda: decisions.decide([1], "drop", who="bob"),
        lambda: decisions.undo("anna"),
    ):
        before = decisions.log()
        act()
        after = decisions.log()
        assert after.head(len(before)).equals(before) and len(after) > len(before)
        versions.append(decisions.version)
    assert versions == sorted(set(versions))
    assert decisions.undo("anna") == [] and decisions.version == versions[-1]
    with sqlite3.connect(decisions.path) as connection:
        for table in ("entries", "batches"):
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET who = 'eve'"):
                with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
                    connection.execute(statement)
    connection.close()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork and be killed")
def test_a_hundred_writers_who_are_killed_at_random_lose_no_acknowledged_decision(tmp_path):
    """100 writers × 100 decisions: 4 processes of 25 threads (see decision_writers), of which one is killed with
    SIGKILL and started anew whenever another thirteenth of the decisions is acknowledged, 12 times in all.

    Every acknowledged decision stands in the log once, whole, under its batch, in its writer's order; besides there is
    at most one decision a killed writer, which was kept but not yet acknowledged. The file is sound.

    The file lies in memory where it can: a kill cannot tell, and 10,000 flushes take minutes on a busy disk.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path, acknowledgements = Path(folder) / "decisions.sqlite", Path(folder) / "acknowledged"
        script = Path(decision_writers.__file__)
        words = [sys.executable, str(script), str(path), str(acknowledgements), "0"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert (done.stdout, done.stderr) == (f"{decision_writers.KILLS}\n", "")
        told = decision_writers.acknowledged(acknowledgements)
        writers, each = decision_writers.WRITERS, decision_writers.DECISIONS
        assert sorted((writer, number) for writer, number, _ in told) == [
            (writer, number) for writer in range(writers) for number in range(each)
        ]
        log = Decisions(path, decision_writers.GIVEN, decision_writers.FINGERPRINT).log()
        kept = {line.batch: (line.row, line.who, line.note, line.new_label) for line in log.itertuples()}
        assert len(kept) == len(log), "one decision a batch"
        expected = {batch: (w, f"writer {w}", str(number), 1 + number % 9) for w, number, batch in told}
        assert {batch: kept.get(batch) for batch in expected} == expected
        for writer in range(writers):
            batches = [batch for _, batch in sorted((number, batch) for one, number, batch in told if one == writer)]
            assert batches == sorted(batches)
        assert len(kept) - len(told) <= decision_writers.KILLS * writers // decision_writers.PROCESSES
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_the_sessions_of_one_app_decide_and_undo_at_once(decisions):
    """Of ten threads that undo for one person each takes back another batch."""
    for row in range(12):
        decisions.decide([row], "keep", who="anna")
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(decisions.undo("anna"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [[row] for row in range(2, 12)]


def test_decisions_are_no_part_of_what_was_measured(tiny_folder):
    """A study with decisions verifies, has the same version, and keeps them when a step is made anew."""
    from explorer.pipeline.build import build

    study = Study.open(tiny_folder)
    decisions = Decisions.open(study)
    decisions.decide([5, 7], "relabel", "blue", who="anna")
    before, manifest = decisions.standing(), (tiny_folder / "manifest.json").read_bytes()
    study.verify()
    assert b"decisions" not in manifest and Study.open(tiny_folder).version == study.version
    built = build(tiny.subject(), tiny_folder, settings=tiny.SETTINGS, redo="features")
    assert Decisions.open(built).standing().equals(before)
    assert built.version == study.version


def test_decisions_survive_a_build_that_was_broken_off(tiny_folder):
    """What is missing is made; what people decided is not touched."""
    from explorer.pipeline.build import build

    decisions = Decisions.open(Study.open(tiny_folder))
    decisions.decide([5], "drop")
    before = decisions.standing()
    manifest = Study.open(tiny_folder).manifest.without_step("layout").without_step("samples")
    (tiny_folder / "manifest.json").write_bytes(manifest.to_json())
    shutil.rmtree(tiny_folder / "layout")
    with pytest.raises(ExplorerError, match="no samples yet"):
        Decisions.open(Study.open(tiny_folder))
    assert Decisions.open(build(tiny.subject(), tiny_folder, settings=tiny.SETTINGS)).standing().equals(before)


def test_the_decisions_of_a_study_know_its_labels(tiny_study, small):
    """Classes, their names and the given labels come from the study."""
    for study in (tiny_study, Study.open(small)):
        given = Decisions.open(study).given
        assert given.values.tolist() == study.samples["label"].tolist()
        assert (given.classes, given.class_names) == (3, study.class_names)


LIGHT = "import sys, explorer.study.decisions; print([name for name in ('torch', 'pandas') if name in sys.modules])"


def test_deciding_needs_neither_torch_nor_pandas():
    done = subprocess.run([sys.executable, "-c", LIGHT], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
