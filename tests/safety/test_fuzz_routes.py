"""Whatever an address or a message spells, the app answers with data or with a sentence: no traceback, no hang.

The suite sends a part; EXPLORER_FUZZ=1 sends it all (EXPLORER_FUZZ=n: n times as much as that).
"""

import json
import os
import string
from random import Random
from urllib.parse import quote

import pytest
from pages.screen import as_regression, copied, made_up_study
from safety.asking import APP, ask_route, no_hang

from explorer.errors import ExplorerError
from explorer.pages import library as library_room
from explorer.pages import routes
from explorer.study.album import Album
from explorer.study.decisions import Decisions
from explorer.study.study import Study
from explorer.views.selection import Filter, Selection

WHOLE = float(os.environ.get("EXPLORER_FUZZ", "0"))
ADDRESSES = round(6000 * WHOLE) or 600
FILTERS = round(2000 * WHOLE) or 300
MESSAGES = round(1500 * WHOLE) or 150
SELECTIONS = round(1000 * WHOLE) or 200

NASTY = (
    *(
        "",
        "..",
        "../..",
        "%2e%2e",
        "..%2f",
        "%00",
        "\0",
        "%",
        "%zz",
        "%c0%af",
        "\\..\\",
        "//",
        ";",
        "?",
        "#",
        "&",
        "=",
        " ",
    ),
    *(
        "-1",
        "0",
        "239",
        "240",
        "1e9",
        "9" * 40,
        "0x1",
        "१२",
        "NaN",
        "inf",
        "-inf",
        "1..2",
        "..",
        "1..",
        "..1",
        "nan..nan",
    ),
    *(
        "<script>alert(1)</script>",
        "'\"><img src=x onerror=alert(1)>",
        "{{7*7}}",
        "${7*7}",
        "$(id)",
        "`id`",
        "'; DROP TABLE x",
    ),
    *("label", "suspicion", "lasso", "x", "split", "__class__", "label=1", "suspicion=0..1", "lasso=0,0_1,1_1,0"),
    *("é" * 300, "😀", "\u202e", "\ud800", "a" * 9000, "None", "true", "[]", "null", "\r\nSet-Cookie: a=b", "𝟙"),
)
PIECES = (
    "points/{}",
    "legend/{}",
    "rows?filter={}",
    "sample/{}",
    "sample/3?k={}",
    "sample/3?by={}",
    "sheet/{}",
    "picture/{}.png",
    "values/{}",
    "chart/{}",
    "order/{}",
    "order/suspicion?rising={}",
    "words?rows={}",
    "selection.csv?filter={}",
)
DESK = ("desk/queue?filter={}", "desk/queue?scope={}", "desk/queue?reasons={}", "desk/card/{}", "desk/state?since={}")
DESK += ("album/picks", "album/{}", "desk/state?who={}", "desk/setup", "{}", "desk/{}", "points/label?v={}")


def text_from(random: Random) -> str:
    """A nasty text, a mixture of some, or arbitrary characters."""
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(NASTY)
    if kind == 1:
        return "".join(random.choice(NASTY) for _ in range(random.randrange(1, 4)))
    if kind == 2:
        return "".join(random.choice(string.printable) for _ in range(random.randrange(30)))
    return "".join(chr(random.randrange(1, 0x2FFF)) for _ in range(random.randrange(30)))


def spelled(text: str, random: Random) -> str:
    """The text as an address may carry it: encoded once, twice, or as it is where that is possible."""
    encoded = quote(text.encode("utf-8", "surrogatepass"), safe="/" if random.random() < 0.5 else "")
    return quote(encoded, safe="") if random.random() < 0.15 else encoded


@pytest.fixture(scope="module", params=["classes", "values"])
def study(request, tmp_path_factory):
    folder = made_up_study(tmp_path_factory.mktemp("fuzz") / "studies" / "one")
    if request.param == "values":
        folder = as_regression(copied(folder, folder.parent / "two"))
    return Study.open(folder)


@pytest.fixture(autouse=True)
def shelved(study, monkeypatch):
    shelf = library_room.Library(study.path.parent)
    monkeypatch.setattr(routes, "library", lambda: shelf)


def assert_answered(address, status, headers, body):
    assert status in (200, 400, 403, 404, 405, 413, 415), address
    if status != 200 and status != 405 and body:
        assert headers["content-type"].startswith(("application/json", "text/plain")), address
        assert b"Traceback" not in body and len(body) < 20_000, address
    assert "set-cookie" not in headers and "access-control-allow-origin" not in headers


def test_any_address_is_answered_by_data_or_a_sentence(study):
    """Rows, columns, filters, counts, kinds, study names and tokens, encoded in every way."""
    random = Random(1)
    token, name = routes.TOKEN, quote(study.path.name)
    answered = 0
    for _ in range(ADDRESSES // 2):
        piece = random.choice(PIECES + DESK).format(spelled(text_from(random), random))
        wild = [spelled(text_from(random), random) if random.random() < 0.1 else one for one in (token, name)]
        address = f"{routes.PREFIX}/{'/'.join(wild)}/{piece}"
        with no_hang(address):
            status, headers, body = ask_route(APP, address)
        assert_answered(address, status, headers, body)
        answered += status == 200
    assert answered, "some of them make sense"


def test_any_filter_is_a_mask_or_a_sentence(study):
    """What can be read is written back so that it reads the same."""
    random, rows = Random(2), len(study.samples)
    for _ in range(FILTERS // 2):
        column, join = random.choice([*study.samples, text_from(random)]), random.choice(("=", "", "==", "..", ";"))
        text = f"{column}{join}{text_from(random)}{random.choice(('', '..', ',', '_'))}{text_from(random)}"
        text = ";".join([text] * random.randrange(1, 4))
        with no_hang(text):
            try:
                found = Filter.parse(text)
                mask = found.mask(study.samples)
            except ExplorerError:
                continue
        assert mask.shape == (rows,) and mask.dtype == bool
        assert (Filter.parse(str(found)).mask(study.samples) == mask).mean() > 0.98, text  # numbers are shortened


def test_any_link_is_a_selection_or_a_sentence():
    random = Random(3)
    for _ in range(SELECTIONS):
        names = random.sample(("study", "sample", "color", "filter", "other", "desk"), random.randrange(5))
        params = {name: text_from(random) for name in names}
        try:
            chosen = Selection.from_params(params)
        except ExplorerError:
            continue
        assert Selection.from_params(chosen.as_params()) == chosen, params


def value_from(random: Random, depth: int = 0):
    kinds = (
        *(lambda: random.choice((None, True, False, 0, 3, -1, 10**30, 1.5, 1e308)), lambda: text_from(random)),
        *(lambda: random.choice(("keep", "relabel", "drop", "unsure")), lambda: random.randrange(-5, 400)),
        lambda: [value_from(random, depth + 1) for _ in range(random.randrange(4))] if depth < 3 else [],
        lambda: {text_from(random)[:20]: value_from(random, depth + 1)} if depth < 3 else {},
    )
    return random.choice(kinds)()


def message_from(random: Random) -> bytes:
    if random.random() < 0.1:
        return random.choice(
            (b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 2000, b'"\\ud800"', b"1e999")
        )
    told = {"rows": [random.randrange(240)], "decision": "keep", "who": "ann", "note": "", "new_label": None}
    for key in random.sample(list(told), random.randrange(4)):
        if random.random() < 0.2:
            del told[key]
        else:
            told[key] = value_from(random)
    if random.random() < 0.1:
        told[text_from(random)] = value_from(random)
    return json.dumps(told, allow_nan=True).encode()


def test_any_message_is_a_decision_or_a_sentence_and_nothing_is_half_written(study):
    """After 200 one batch more stands on the disk; after anything else, not a line."""
    random = Random(4)
    decisions, base = Decisions.open(study), routes.data_url(study)
    kept = refused = 0
    for _ in range(MESSAGES // 2):
        body, before = message_from(random), decisions.version
        headers = [(b"content-type", random.choice((b"application/json",) * 9 + (b"text/plain", b"\xff")))]
        headers += [(b"origin", b"http://evil.example")] if random.random() < 0.05 else []
        headers += [(b"host", b"127.0.0.1:8501")]
        address = f"{base}/desk/{random.choice(('decide', 'decide', 'decide', 'undo'))}"
        with no_hang(address):
            status, found, answer = ask_route(APP, address, "POST", body, headers)
        assert_answered(address, status, found, answer)
        after = decisions.version
        assert after - before == (1 if status == 200 and (b"batch" in answer or json.loads(answer)["rows"]) else 0), (
            body
        )
        kept, refused = kept + (status == 200), refused + (status != 200)
    assert refused and (kept or study.task == "regression"), "a study without doubt about labels has no desk"
    decisions.standing()
    decisions.log()


@pytest.mark.parametrize(
    "path", ["desk/decide", "desk/undo", "selections/save", "selections/remove", "album/pick", "album/unpick"]
)
@pytest.mark.parametrize(
    "origin", [b"http://evil.example", b"null", b"http://127.0.0.1:8501.evil.example", b"https://a"]
)
def test_another_site_cannot_decide(study, path, origin):
    """Even with the token in hand; and a plain form of another site has not the content type."""
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1:8501"), (b"origin", origin)]
    body = json.dumps({"rows": [1], "decision": "drop", "who": "eve"}).encode()
    before = Decisions.open(study).version
    assert ask_route(APP, f"{routes.data_url(study)}/{path}", "POST", body, headers)[0] == 403
    form = [(b"content-type", b"text/plain"), (b"host", b"127.0.0.1:8501")]
    assert ask_route(APP, f"{routes.data_url(study)}/{path}", "POST", body, form)[0] == 415
    assert Decisions.open(study).version == before


def test_any_message_is_a_selection_or_a_sentence(study):
    """After 200 the study has one selection more or less; after anything else, the file is as it was."""
    random, base, path = Random(5), routes.data_url(study), study.path / "selections.parquet"
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1:8501")]
    kept = refused = 0
    for number in range(MESSAGES // 2):
        told = {"name": f"mine {number}", "filter": random.choice(("split=train", "suspicion=0..0.5", ""))}
        if random.random() < 0.7:
            told[random.choice(("name", "filter"))] = value_from(random)
        address = f"{base}/selections/{random.choice(('save', 'save', 'remove'))}"
        before = path.read_bytes() if path.exists() else b""
        with no_hang(address):
            status, found, answer = ask_route(APP, address, "POST", json.dumps(told).encode(), headers)
        assert_answered(address, status, found, answer)
        after = path.read_bytes() if path.exists() else b""
        assert (before != after) == (status == 200), told
        kept, refused = kept + (status == 200), refused + (status != 200)
    assert kept and refused
    assert not [line for line in Study.open(study.path).warnings if "named selections" in line]
    path.unlink(missing_ok=True)


def test_any_message_is_a_pick_or_a_sentence(study):
    """After 200 the album holds exactly what was sent; after anything else, it is as it was."""
    random, base, album = Random(6), routes.data_url(study), Album.open(study)
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1:8501")]
    kept = refused = 0
    for _ in range(MESSAGES // 2):
        told = {"row": random.randrange(240), "note": text_from(random), "who": "ann"}
        if random.random() < 0.5:
            told[random.choice(("row", "note", "who", "more"))] = value_from(random)
        before = {one.row: (one.note, one.who) for one in album.picks()}
        address = f"{base}/album/pick"
        with no_hang(address):
            status, found, answer = ask_route(APP, address, "POST", json.dumps(told).encode(), headers)
        assert_answered(address, status, found, answer)
        after = {one.row: (one.note, one.who) for one in album.picks()}
        expected = before | {told["row"]: (told["note"], told["who"])} if status == 200 else before
        assert after == expected, told
        kept, refused = kept + (status == 200), refused + (status != 200)
    assert kept and refused
    album.path.unlink()


SECRET = (
    "../../secret.txt",
    "..%2f..%2fsecret.txt",
    "%2e%2e/%2e%2e/secret.txt",
    "..%5c..%5csecret.txt",
    "....//secret.txt",
)


@pytest.mark.parametrize(
    "way", [*SECRET, "%252e%252e%252fsecret.txt", "/etc/passwd", "file:///etc/passwd", "~/secret.txt"]
)
def test_no_address_leads_out_of_the_studies(study, way):
    """In place of the study, of a column, of a row or of a sheet."""
    (study.path.parent.parent / "secret.txt").write_text("the secret")
    token, name = routes.TOKEN, study.path.name
    for address in (f"{token}/{way}/points/label", f"{token}/{name}/points/{way}", f"{token}/{name}/sheet/{way}"):
        for prefix in ("", f"{name}/"):
            status, _, body = ask_route(APP, f"{routes.PREFIX}/{address}".replace(f"{token}/", f"{token}/{prefix}", 1))
            assert status in (400, 404)
            assert b"the secret" not in body and b"root:" not in body
