"""What stands, kept up to date by what is new: always the same as reading everything anew."""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from explorer.errors import DecisionError
from explorer.study.decision import checked_decision, checked_decisions
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels
from explorer.study.standing import VERDICTS, Standing

REPOSITORY = Path(__file__).resolve().parents[2]
N = 12
CLASSES = GivenLabels(np.arange(N) % 3, 3, ["red", "green", "blue"])
TARGETS = GivenLabels(np.linspace(-1, 1, N, dtype=np.float32))
PAIRS = GivenLabels(np.linspace(-1, 1, 2 * N, dtype=np.float32).reshape(N, 2))
PEOPLE = ("anna", "bob", "carl")


def decisions_in(folder, given=CLASSES):
    return Decisions(folder / "decisions.sqlite", given, "fingerprint")


def act(decisions, random):
    """Something that a person does: rows that it was about; none when there was nothing to take back."""
    who = str(random.choice(PEOPLE))
    if random.random() < 0.35:
        return decisions.undo(who)
    rows = random.choice(N, size=random.integers(1, 5), replace=False).tolist()
    decision = str(random.choice(["keep", "drop", "unsure", "relabel"]))
    decisions.decide(rows, decision, int(random.integers(3)) if decision == "relabel" else None, who=who)
    return rows


def story(decisions, seed, length=40):
    """After each step of a random story: version -> what stands, and version -> the rows that the step was about."""
    random = np.random.default_rng(seed)
    stood, about = {0: []}, {}
    for _ in range(length):
        rows = act(decisions, random)
        if rows:
            about[decisions.version] = rows
            stood[decisions.version] = decisions.current()
    return stood, about


@pytest.mark.parametrize("seed", range(4))
def test_changes_are_the_difference_of_what_stood(tmp_path, seed):
    """From every version of a random story: what stood then, with the touched rows replaced, is what stands now; and a
    row is touched exactly when a later step was about it, at the version of the last such step.
    """
    decisions = decisions_in(tmp_path)
    stood, about = story(decisions, seed)
    now = max(stood)
    for since, then in stood.items():
        version, touched, opinions = decisions.changes(since)
        later = {row: at for at in sorted(about) if at > since for row in about[at]}
        assert (version, touched) == (now, later)
        replaced = {row: found for row, found in opinions_of(then).items() if row not in later} | opinions
        assert {row: found for row, found in replaced.items() if found} == opinions_of(stood[now])
        assert {one.row for one in set(then) ^ set(stood[now])} <= set(touched)


def opinions_of(standing):
    """Row to what stands about it, in the order decided."""
    found = defaultdict(tuple)
    for one in standing:
        found[one.row] += ((one.decision, one.new_label, one.note, one.decided_at, one.who),)
    return dict(found)


@pytest.mark.parametrize("seed", range(4))
def test_a_standing_that_was_kept_up_is_the_one_read_anew(tmp_path, seed):
    """Whenever it was refreshed; its words are those of the opinions in the log."""
    decisions, random = decisions_in(tmp_path), np.random.default_rng(seed)
    kept = Standing(N)
    for _ in range(40):
        act(decisions, random)
        if random.random() < 0.5:
            continue
        assert kept.refresh(decisions) == decisions.version
        anew = Standing(N)
        anew.refresh(decisions)
        opinions = opinions_of(decisions.current())
        for standing in (kept, anew):
            news = standing.news(0)
            told = {row: news.opinions[place] for row, place in zip(news.rows, news.stands, strict=True)}
            assert {row: found for row, found in told.items() if found} == opinions
            assert [VERDICTS[place] for place in standing.verdicts()] == [word(opinions.get(row)) for row in range(N)]
        assert kept.news(0).rows.tolist() == anew.news(0).rows.tolist()


def word(opinions):
    """What stands about a row, in a word."""
    verdicts = {found[:2] for found in opinions or ()}
    return "" if not verdicts else "conflict" if len(verdicts) > 1 else opinions[0][0]


def test_news_are_of_the_rows_after_a_version_and_the_latest_comes_last(tmp_path):
    decisions, standing = decisions_in(tmp_path), Standing(N)
    assert standing.refresh(decisions) == 0
    first = decisions.decide([5, 3], "drop", who="anna")
    second = decisions.decide([1, 5], "keep", who="bob")
    standing.refresh(decisions)
    assert standing.news(0).rows.tolist() == [3, 1, 5]
    assert standing.news(first).rows.tolist() == [1, 5]
    assert standing.news(second).rows.tolist() == []
    decisions.undo("anna")
    standing.refresh(decisions)
    news = standing.news(second)
    assert [(row, len(news.opinions[place])) for row, place in zip(news.rows, news.stands, strict=True)] == [
        (3, 0),
        (5, 1),
    ]


def test_a_log_that_was_begun_anew_is_read_anew(tmp_path):
    """The file was moved away: nothing of it stands any more, and whoever knows a later version is told to forget."""
    decisions, standing = decisions_in(tmp_path), Standing(N)
    for row in range(5):
        decisions.decide([row], "drop", who="anna")
    standing.refresh(decisions)
    decisions.path.rename(tmp_path / "moved")
    assert standing.refresh(decisions) == 0 and not standing.verdicts().any()
    decisions.decide([7], "keep", who="bob")
    standing.refresh(decisions)
    news = standing.news(5)
    assert (news.version, news.since, news.rows.tolist()) == (1, 0, [7])


def test_a_late_question_forgets_nothing(tmp_path):
    """Two ask at once, and the one whose version is already old when it may read takes that for no new log."""

    class Overtaken(Decisions):
        @property
        def version(self):
            asked = super().version
            if asked == 1:
                decisions.decide([7], "drop", who="bob")
                standing.refresh(decisions)
            return asked

    decisions, standing = decisions_in(tmp_path), Standing(N)
    decisions.decide([3], "keep", who="anna")
    begun = standing.beginnings
    assert standing.refresh(Overtaken(decisions.path, CLASSES, "fingerprint")) == 2
    assert standing.beginnings == begun and standing.news(1).rows.tolist() == [7]


def test_a_person_can_undo_what_undo_would_take_back(tmp_path):
    """In any story; another's decisions do not count."""
    decisions, random = decisions_in(tmp_path), np.random.default_rng(0)
    for _ in range(40):
        act(decisions, random)
        who = str(random.choice(PEOPLE))
        could = decisions.undoable(who)
        assert could == bool(decisions.undo(who))
    assert not decisions.undoable("nobody")


LABELS = [(CLASSES, "relabel", 1), (CLASSES, "relabel", "red"), (CLASSES, "drop", None)]
LABELS += [(TARGETS, "relabel", float(np.float32(TARGETS.values[3]))), (TARGETS, "keep", None)]
LABELS += [(PAIRS, "relabel", PAIRS.values[4].tolist()), (PAIRS, "relabel", [0.5, float(PAIRS.values[4][1])])]


@pytest.mark.parametrize(("given", "decision", "new_label"), LABELS)
def test_a_decision_about_many_is_the_same_as_about_each(given, decision, new_label):
    """Also where some of them have that label already; a row that is named twice is decided about once."""
    rows, when = [4, 1, 3, 4, *range(5, N)], "2026-01-31T12:00:00.000+00:00"
    alone = [checked_decision(given, row, decision, new_label, "note", "anna", when) for row in dict.fromkeys(rows)]
    assert checked_decisions(given, rows, decision, new_label, "note", "anna", when) == alone
    if new_label is not None:
        for one in alone:
            as_kept = one.new_label if one.decision == "relabel" else given.label(one.row)
            assert (one.decision == "keep") == given.is_given(one.row, as_kept)


@pytest.mark.parametrize("rows", [[0, [1]], [0, "1"], [0, None], [0, 10**30], [0, True], [{}], [0, float("nan")]])
def test_rows_that_are_none_are_refused_whatever_they_are(tmp_path, rows):
    with pytest.raises(DecisionError, match="a row must be a whole number"):
        decisions_in(tmp_path).decide(rows, "keep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 10_001, 3, None, ["x"]])
def test_texts_that_cannot_be_kept_are_refused(tmp_path, text):
    """JSON can spell half a character alone, which no file can keep."""
    decisions = decisions_in(tmp_path)
    for refused in (
        lambda: decisions.decide([0], "keep", note=text),
        lambda: decisions.decide([0], "keep", who=text),
        lambda: decisions.undo(text),
        lambda: decisions.undoable(text),
    ):
        with pytest.raises(DecisionError, match="must be"):
            refused()
    assert list(tmp_path.iterdir()) == []


def test_whoever_may_write_is_not_refused(tmp_path):
    decisions = decisions_in(tmp_path)
    assert decisions.refusal is None and list(tmp_path.iterdir()) == []
    decisions.decide([0], "keep")
    assert decisions.refusal is None


GUEST = """
import os, sys
from pathlib import Path
import numpy as np
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels

if os.geteuid() == 0:
    os.setuid(65534)
decisions = Decisions(Path(sys.argv[1]), GivenLabels(np.arange(12) % 3, 3), "fingerprint")
print(decisions.refusal)
print([one.decision for one in decisions.current()])
"""


@pytest.mark.skipif(os.name == "nt", reason="needs folders that some users may not write")
@pytest.mark.parametrize("is_decided", [False, True])
def test_whoever_may_not_write_is_told_and_reads_on(is_decided):
    """Asked before anything is decided; by a user who may not write into the folder."""
    with tempfile.TemporaryDirectory() as folder:
        decisions = decisions_in(Path(folder))
        if is_decided:
            decisions.decide([0], "keep")
            decisions.path.chmod(0o444)
        Path(folder).chmod(0o555)
        words = [sys.executable, "-c", GUEST, str(decisions.path)]
        done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
        refusal, kept = done.stdout.splitlines()
        assert refusal.startswith("expected a place to keep decisions") and "Ask for the right" in refusal
        assert kept == str(["keep"] * is_decided)
        Path(folder).chmod(0o755)


def test_a_file_that_is_no_log_refuses_in_its_own_words(tmp_path):
    decisions = decisions_in(tmp_path)
    decisions.path.write_bytes(b"row,label\r\n" * 1000)
    assert "damaged or something else" in decisions.refusal
