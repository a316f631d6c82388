"""Laws of the routes that pick samples: what is acknowledged is on the disk, and what is refused is not."""

import json

import pytest
from pages.screen import copied, made_up_study
from pages.visitor import PAGE, post, send, shelved, told

from explorer.pages import routes
from explorer.study.album import Album
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("album") / "studies" / "one")


@pytest.fixture
def study(folder, tmp_path, monkeypatch):
    return shelved(copied(folder, tmp_path / "one"), monkeypatch)


@pytest.fixture
def base(study):
    return f"{routes.data_url(study)}/album"


def test_what_is_acknowledged_is_on_the_disk_and_told_again(study, base):
    """Row, note and person, in the order picked; taken out, it is gone."""
    post(f"{base}/pick", row=9, note="<b>look</b>", who="anna")
    answer = post(f"{base}/pick", row=3)
    assert [(one["row"], one["note"], one["who"]) for one in answer["picks"]] == [
        (9, "<b>look</b>", "anna"),
        (3, "", ""),
    ]
    assert told(f"{base}/picks") == answer and answer["allowed"] is True
    assert [one.row for one in Album.open(Study.open(study.path)).picks()] == [9, 3]
    assert [one["row"] for one in post(f"{base}/unpick", row=9)["picks"]] == [3]
    assert [one.row for one in Album.open(study).picks()] == [3]


@pytest.mark.parametrize(
    "message",
    [{}, {"row": "1"}, {"row": -1}, {"row": 240}, {"row": True}, {"row": 1, "note": 5}, {"row": 1, "other": 1}]
    + [{"row": 1, "note": "x" * 4001}, {"row": 1, "who": "w" * 201}, {"row": 1, "note": "\ud800"}, {"row": [1]}],
)
def test_a_message_that_makes_no_sense_is_a_sentence_and_writes_nothing(study, base, message):
    status, _, body = send(f"{base}/pick", "POST", json.dumps(message).encode(), PAGE)
    assert status == 400 and json.loads(body)["error"]
    assert not (study.path / "album.sqlite").exists()


@pytest.mark.parametrize("path", ["pick", "unpick"])
def test_another_site_cannot_pick(study, base, path):
    """Nor can a plain form, nor anyone without the token, nor a question."""
    body = b'{"row": 1}'
    assert send(f"{base}/{path}", "POST", body, {**PAGE, "origin": "http://evil.example"})[0] == 403
    assert send(f"{base}/{path}", "POST", body, {"content-type": "text/plain"})[0] == 415
    assert send(f"{base}/{path}".replace(routes.TOKEN, "x"), "POST", body, PAGE)[0] == 404
    assert send(f"{base}/{path}")[0] == 404
    assert not (study.path / "album.sqlite").exists()


def test_a_damaged_album_is_one_sentence_and_the_study_is_open(study, base):
    (study.path / "album.sqlite").write_bytes(b"row,label\r\n" * 1000)
    for answer in (send(f"{base}/picks"), send(f"{base}/pick", "POST", b'{"row": 1}', PAGE)):
        assert answer[0] == 400 and "damaged" in json.loads(answer[2])["error"]
    assert send(f"{routes.data_url(study)}/sample/3")[0] == 200


def test_where_nobody_may_write_the_control_is_told_why(study, base, monkeypatch):
    monkeypatch.setattr("explorer.study.database.os.access", lambda path, mode: False)
    assert "may not be written" in told(f"{base}/picks")["allowed"]
