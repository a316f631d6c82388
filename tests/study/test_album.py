"""Laws of the album: what was saved is opened exactly, moves only reorder, and no accident loses what stood there."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest

from explorer.errors import SettingsError, StudyError, StudyMismatch
from explorer.study import album as room
from explorer.study import database
from explorer.study.album import Album

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = 100
TEXTS = ("", "plain", "<b>“naïve”</b>\nsecond line", "'; DROP TABLE views; --", "\u202e😀 $x$ [a](b)", "x" * 4000)


def album_in(folder):
    return Album(folder / "album.sqlite", SAMPLES, "fingerprint")


@pytest.fixture
def album(tmp_path):
    return album_in(tmp_path)


def a_view(random):
    return {
        "name": random.choice(("a", "Δ <i>", "n" * 120, "'; DROP TABLE views; --")),
        "note": random.choice(TEXTS),
        "page": random.choice(("map", "sample", "compare")),
        "sample": random.choice((None, 0, SAMPLES - 1)),
        "color": random.choice((None, "label", "soft_density", "<script>")),
        "filter": random.choice(("", "label=2;suspicion=0.1..0.5", "lasso=0,0_1,1_1,0")),
        "place": random.choice((None, (0.1, -3e5, 1e-4), (random.random(), -random.random(), 12.5))),
        "who": random.choice(("", "Ada")),
        "options": random.choice(("", "other=input")),
        "stage": random.choice((None, (1032.5, 640), (1, 100_000))),
    }


def test_what_was_saved_is_opened_exactly_and_in_order(album, tmp_path):
    """Any view, read by another opening of the file."""
    random = Random(0)
    given = [a_view(random) for _ in range(60)]
    saved = [album.save(**one) for one in given]
    again = album_in(tmp_path).views()
    assert again == saved
    for one, view in zip(given, again, strict=True):
        assert {name: getattr(view, name) for name in one} == one
        assert album.view(view.id) == view


def test_any_story_of_saves_moves_removals_and_returns_ends_as_a_list_would(album):
    """A list of numbers, moved by hand, is the oracle; a number is never given twice."""
    random, order, removed, ever = Random(1), [], [], []
    for _ in range(150):
        deed = random.choice(("save", "move", "move", "remove", "restore"))
        if deed == "save" or not order:
            number = album.save(name="v", page="map").id
            assert number not in ever
            ever.append(number)
            order.append(number)
        elif deed == "move":
            number, place = random.choice(order), random.randrange(-2, len(order) + 2)
            album.move(number, place)
            order.remove(number)
            order.insert(min(max(place, 0), len(order)), number)
        elif deed == "remove":
            number = random.choice(order)
            album.remove(number)
            order.remove(number)
            removed.append(number)
        elif removed:
            number = removed.pop(random.randrange(len(removed)))
            album.restore(number)
            shown = [view.id for view in album.views()]
            assert [one for one in shown if one != number] == order and number in shown
            order = shown
        assert [view.id for view in album.views()] == order


def test_a_view_that_is_brought_back_at_once_stands_where_it_stood(album):
    """Undo is exact: the whole album is as before."""
    for number in range(5):
        album.save(name=f"v{number}", page="map")
    for number in (3, 1, 5):
        before = album.views()
        album.remove(number)
        album.restore(number)
        assert album.views() == before


def test_a_removed_view_is_named_and_an_unknown_one_is_not(album):
    view = album.save(name="gone", page="map")
    album.remove(view.id)
    with pytest.raises(SettingsError, match='"gone" .* was removed'):
        album.view(view.id)
    for number in (99, "x", -1, None):
        with pytest.raises(SettingsError, match="expected the number of a saved view"):
            album.view(number)


def test_names_and_notes_are_changed_and_the_rest_stays(album):
    view = album.save(name="a", note="b", page="map", sample=3, place=(1.0, 2.0, 3.0))
    assert album.change(view.id, name="c").note == "b"
    changed = album.change(view.id, note="")
    assert (changed.name, changed.note, changed.place, changed.made_at) == ("c", "", view.place, view.made_at)


def test_picks_keep_their_order_and_take_new_notes(album):
    """Picked again, a sample stays at its place; taken out and in again, it comes last."""
    for row in (7, 3, 99):
        album.pick(row, f"note {row}", "Ada")
    album.pick(7, "new", "Bob")
    assert [(one.row, one.note, one.who) for one in album.picks()] == [
        (7, "new", "Bob"),
        (3, "note 3", "Ada"),
        (99, "note 99", "Ada"),
    ]
    album.unpick(7)
    album.unpick(7)
    album.pick(7)
    assert [one.row for one in album.picks()] == [3, 99, 7]


REFUSED = [
    ({"name": ""}, "one line of text"),
    ({"name": " \u2028"}, "one line of text"),
    ({"name": "a\nb"}, "one line of text"),
    ({"name": "n" * 121}, "at most 120"),
    ({"name": None}, "must be text"),
    ({"note": "\ud800"}, "halves of characters"),
    ({"note": "x" * 4001}, "at most 4,000"),
    ({"page": "../etc"}, "word of small letters"),
    ({"sample": SAMPLES}, "from 0 to 99"),
    ({"sample": True}, "from 0 to 99"),
    ({"sample": 1.0}, "from 0 to 99"),
    ({"color": 3}, "must be text"),
    ({"filter": "x" * 10_001}, "at most 10,000"),
    ({"place": (0, 0, 0)}, "finite and near"),
    ({"place": (float("nan"), 0, 1)}, "finite and near"),
    ({"place": (10**400, 0, 1)}, "finite and near"),
    ({"place": (0, 0)}, "x, y and scale"),
    ({"who": "w" * 201}, "at most 200"),
    *(
        ({"stage": stage}, "width and a height")
        for stage in ((0, 5), (5,), (float("nan"), 5), (True, 5), "ab", (5, 1e9))
    ),
]


@pytest.mark.parametrize(("wrong", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_kept_is_said_in_words_and_nothing_is_written(album, tmp_path, wrong, told):
    with pytest.raises(SettingsError) as caught:
        album.save(**{"name": "a", "page": "map", **wrong})
    assert told in str(caught.value) and list(tmp_path.iterdir()) == []


def test_an_album_has_an_end(album, monkeypatch):
    monkeypatch.setattr(room, "MOST_VIEWS", 2)
    monkeypatch.setattr(room, "MOST_PICKS", 2)
    for number in range(2):
        album.save(name="a", page="map")
        album.pick(number)
    with pytest.raises(SettingsError, match="at most 2 saved views"):
        album.save(name="a", page="map")
    with pytest.raises(SettingsError, match="at most 2 picked samples"):
        album.pick(5)
    album.pick(1, "another note")
    assert len(album.views()) == len(album.picks()) == 2
    gone = album.views()[0].id
    album.remove(gone)
    album.save(name="b", page="map")
    with pytest.raises(SettingsError, match="at most 2 saved views"):
        album.restore(gone)


FORGERIES = (
    "UPDATE views SET sample = 100",
    "UPDATE views SET sample = 'x'",
    "UPDATE views SET name = ''",
    "UPDATE views SET page = 'javascript:'",
    "UPDATE views SET scale = NULL",
    "UPDATE views SET scale = 9e999",
    "UPDATE stages SET width = -1",
    "UPDATE stages SET height = 'x'",
    "UPDATE views SET made_at = 'yesterday'",
    "UPDATE views SET note = x'ff'",
    "PRAGMA user_version = 9",
    "UPDATE about SET fingerprint = 'another'",
    "CREATE TRIGGER t AFTER INSERT ON views BEGIN DELETE FROM views; END",
    "CREATE VIEW v AS SELECT 1",
    "DROP TABLE views",
)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_file_that_was_changed_by_others_is_one_sentence(album, forgery):
    """For reading and writing alike, and the file stays as it is."""
    album.save(name="a", page="map", place=(1, 2, 3), stage=(800, 600))
    connection = sqlite3.connect(album.path)
    connection.execute(forgery)
    connection.commit()
    connection.close()
    before = album.path.read_bytes()
    for act in (album.views, lambda: album.save(name="b", page="map"), lambda: album.move(1, 0)):
        with pytest.raises(StudyMismatch) as caught:
            act()
        assert str(album.path) in str(caught.value) and "\n" not in str(caught.value)
    assert album.path.read_bytes() == before


def test_a_file_from_before_stages_opens_and_takes_in_new_views(album):
    """What an older program wrote is read as it was; then an older program is told to make way."""
    before = album.save(name="old", page="map", place=(1, 2, 3))
    connection = sqlite3.connect(album.path)
    connection.executescript("DROP TABLE stages; PRAGMA user_version = 1;")
    assert album.views() == [before] and before.stage is None
    album.move(before.id, 0)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    after = album.save(name="new", page="map", place=(1, 2, 3), stage=(800, 600))
    assert album.views() == [before, after] and after.stage == (800, 600)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize("content", [b"row,label\r\n" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_none_is_one_sentence_and_stays(album, content):
    album.path.write_bytes(content)
    for act in (album.views, album.picks, lambda: album.pick(1)):
        with pytest.raises(StudyMismatch, match="damaged or something else"):
            act()
    assert album.path.read_bytes() == content and "damaged" in album.refusal


def test_a_file_that_others_hold_is_waited_for_and_then_named(album, monkeypatch):
    album.save(name="a", page="map")
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.05)
    holder = sqlite3.connect(album.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StudyError, match="held by another program"):
        album.save(name="b", page="map")
    assert [view.name for view in album.views()] == ["a"]
    holder.execute("ROLLBACK")
    holder.close()


def test_where_nobody_may_write_the_album_is_read_and_says_why(album, monkeypatch):
    album.pick(4)
    monkeypatch.setattr("explorer.study.database.os.access", lambda path, mode: False)
    assert "may not be written" in album.refusal and [one.row for one in album.picks()] == [4]


def test_visitors_who_save_at_once_all_find_their_views(album):
    """Ten threads: every view is there once, places are a permutation, numbers are unlike."""

    def visit(who):
        for _ in range(5):
            view = album.save(name=f"by {who}", page="map", who=str(who))
            album.move(view.id, 0)
            album.pick(who)

    threads = [threading.Thread(target=visit, args=(who,)) for who in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    views = album.views()
    assert sorted(view.who for view in views) == sorted(str(who) for who in range(10) for _ in range(5))
    assert len({view.id for view in views}) == 50 and sorted(one.row for one in album.picks()) == list(range(10))


@pytest.mark.skipif(os.name == "nt", reason="needs a signal that nobody can catch")
def test_a_writer_that_is_killed_leaves_every_view_whole(tmp_path):
    """Killed at any moment, several times: what was acknowledged stands, and no view is half of one."""
    path, random = tmp_path / "album.sqlite", Random(2)
    for _ in range(6):
        words = [sys.executable, str(REPOSITORY / "tests" / "album_writers.py"), str(path)]
        child = subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."})
        acknowledged = [int(child.stdout.readline()) for _ in range(random.randrange(2, 12))]
        child.kill()
        acknowledged += [int(line) for line in child.stdout.read().split(b"\n")[:-1]]
        child.wait()
        child.stdout.close()
        views = {view.id: view for view in Album(path, 100, "writers").views()}
        for number in acknowledged:
            assert (number in views) == (number % 3 != 0)
        for view in views.values():
            assert view.place == (0.5, -1.25, 30.0) and (view.name, len(view.note)) in (
                ("one", 0),
                (f"view {view.id}", 3000),
                (f"view {view.id}", 0),
            )
