"""What the desk's routes refuse: in one sentence, whatever a stranger sends, and with nothing written."""

import json

import pytest
from pages.screen import copied, made_up_study
from pages.visitor import HOST, PAGE, send, shelved

from explorer.pages import routes


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


GOOD = {"rows": [1], "decision": "keep", "new_label": None, "note": "", "who": "anna"}
MESSAGES = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"who": "\xff"}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "a long number": b'{"rows": [' + b"9" * 10_000 + b"]}",
    **{
        name: json.dumps({**GOOD, **change}).encode()
        for name, change in {
            "unknown key": {"row": 1},
            "half a key": {"\ud800": 1},
            "rows no list": {"rows": "1"},
            "rows an object": {"rows": {"1": 1}},
            "no rows": {"rows": []},
            "negative row": {"rows": [0, -1]},
            "row too large": {"rows": [0, 240]},
            "huge row": {"rows": [10**30]},
            "row a flag": {"rows": [True]},
            "row a text": {"rows": [0, "1"]},
            "row a list": {"rows": [0, [1]]},
            "row a fraction": {"rows": [0, 1.0]},
            "row NaN": {"rows": [float("nan")]},
            "unknown decision": {"decision": "paint"},
            "decision an object": {"decision": {}},
            "class too large": {"decision": "relabel", "new_label": 4},
            "class negative": {"decision": "relabel", "new_label": -1},
            "class a fraction": {"decision": "relabel", "new_label": 1.5},
            "class a flag": {"decision": "relabel", "new_label": True},
            "class a list": {"decision": "relabel", "new_label": [1] * 100_000},
            "class unknown": {"decision": "relabel", "new_label": "\ud800<script>"},
            "class infinite": {"decision": "relabel", "new_label": float("inf")},
            "relabel to nothing": {"decision": "relabel"},
            "keep with a label": {"new_label": 1},
            "note too long": {"note": "x" * 10_001},
            "note none": {"note": None},
            "note half a character": {"note": "\udfff"},
            "who too long": {"who": "x" * 201},
            "who a number": {"who": 3},
            "who half a character": {"who": "\ud800"},
        }.items()
    },
    **{
        f"no {key}": json.dumps({k: v for k, v in GOOD.items() if k != key}).encode()
        for key in ("rows", "decision", "who")
    },
}


def assert_refused(answer, study, *statuses):
    status, headers, body = answer
    assert status in statuses and headers["content-type"] == "application/json"
    (sentence,) = json.loads(body).values()
    assert "Traceback" not in sentence and "\n" not in sentence and len(sentence) < 2500
    assert not list(study.path.glob("decisions*")), "nothing is written"


@pytest.mark.parametrize("body", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_cannot_be_is_one_sentence_and_nothing_is_written(study, base, body):
    assert_refused(send(f"{base}/decide", "POST", body, PAGE), study, 400)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"who": 1}', b'{"who": null}', b'{"who": "", "x": 1}', b'{"who": "\\ud800"}']
)
def test_an_undo_that_cannot_be_is_one_sentence(study, base, body):
    assert_refused(send(f"{base}/undo", "POST", body, PAGE), study, 400)


HEADERS = {
    "no kind": (415, {}),
    "a form": (415, {"content-type": "application/x-www-form-urlencoded"}),
    "plain text, as other sites may send": (415, {"content-type": "text/plain"}),
    "another site": (403, PAGE | {"origin": "http://evil.example"}),
    "another port": (403, PAGE | {"origin": "http://127.0.0.1:1"}),
    "a longer name": (403, PAGE | {"origin": f"http://{HOST}.evil.example"}),
    "no site": (403, PAGE | {"origin": "null"}),
    "no address": (403, PAGE | {"origin": "http://[bad"}),
}


@pytest.mark.parametrize("act", ["decide", "undo"])
@pytest.mark.parametrize(("status", "headers"), HEADERS.values(), ids=HEADERS)
def test_only_this_apps_pages_may_tell(study, base, status, headers, act):
    assert_refused(send(f"{base}/{act}", "POST", json.dumps(GOOD).encode(), headers), study, status)


def test_who_does_not_say_where_from_is_heard(base):
    """A program that is no browser sends no origin; and the kind may name its letters."""
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert send(f"{base}/decide", "POST", json.dumps(GOOD).encode(), headers)[0] == 200


def test_a_message_that_is_too_long_is_not_read_to_its_end(study, base):
    body = json.dumps(GOOD).encode() + b" " * (8 << 20)
    assert_refused(send(f"{base}/decide", "POST", body, PAGE), study, 413)


@pytest.mark.parametrize("token", ["wrong", routes.TOKEN[:-1], "é"])
def test_without_the_token_nothing_is_taken(study, base, token):
    address = base.replace(routes.TOKEN, token)
    assert_refused(send(f"{address}/decide", "POST", json.dumps(GOOD).encode(), PAGE), study, 404)
    assert_refused(send(f"{base.replace('/one/', '/two/')}/undo", "POST", b'{"who": ""}', PAGE), study, 404)


@pytest.mark.parametrize(
    "path",
    [
        *(f"card/{row}" for row in ("-1", "240", "1e2", "९", "null", "9" * 30)),
        *(f"state?since={since}" for since in ("-1", "x", "1.5", "9" * 30, "")),
        f"state?who={'x' * 201}",
        "state?who=%00",
        "queue?scope=",
        "queue?scope=some",
        "queue?reasons=far",
        "queue?reasons=neighbors;drop",
        "queue?filter=nope",
        "queue?filter=nope=1..2",
    ],
)
def test_a_question_that_cannot_be_read_is_one_sentence(study, base, path):
    assert_refused(send(f"{base}/{path}"), study, 400)


def test_what_is_told_is_not_asked_and_the_other_way_round(study, base):
    """GET never writes."""
    for path, method in (("decide", "GET"), ("undo", "GET"), ("queue", "POST"), ("state", "POST"), ("decide", "PUT")):
        assert send(f"{base}/{path}", method, json.dumps(GOOD).encode(), PAGE)[0] in (404, 405)
    assert not list(study.path.glob("decisions*"))
