"""Laws of the data routes: they say what the study holds, to those who know the token, and nothing else to anyone."""

import asyncio
import json
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from pages.screen import as_regression, copied, damage, made_up_study
from starlette.applications import Starlette

from explorer.pages import library as library_room
from explorer.pages import routes
from explorer.study.study import Study
from explorer.views.coloring import NONE, color_codes, legend
from explorer.views.selection import Between, Filter

APP = Starlette(routes=routes.data_routes())


def ask(address: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer, as a web server would ask for it."""
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [],
    }
    said = []

    async def receive():
        await asyncio.Event().wait()  # the other side neither says more nor leaves

    async def send(message):
        said.append(message)

    asyncio.run(APP(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], headers, b"".join(message.get("body", b"") for message in said)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study.open(made_up_study(tmp_path_factory.mktemp("routes") / "studies" / "one"))


@pytest.fixture(autouse=True)
def shelved(study, monkeypatch):
    shelf = library_room.Library(study.path.parent)
    monkeypatch.setattr(routes, "library", lambda: shelf)


@pytest.fixture
def base(study):
    return routes.data_url(study)


def test_points_are_places_and_then_one_color_byte_a_sample(study, base):
    """The bytes decode to the table's x and y and to the codes of the column, in the order of the samples."""
    status, headers, body = ask(f"{base}/points/label")
    places = np.frombuffer(body[: 8 * study.n], "<f4").reshape(study.n, 2)
    assert (status, len(body)) == (200, 9 * study.n)
    np.testing.assert_array_equal(places, study.samples[["x", "y"]].to_numpy("f4"))
    np.testing.assert_array_equal(np.frombuffer(body[8 * study.n :], "u1"), color_codes(study, "label"))


def test_another_color_brings_the_codes_alone(base):
    """The places are on the map already; what follows them in the points is the same."""
    for column in ("label", "confidence"):
        points, codes = ask(f"{base}/points/{column}")[2], ask(f"{base}/codes/{column}")[2]
        assert points.endswith(codes) and len(points) == 9 * len(codes)


def test_packed_numbers_are_sent_as_they_are_and_words_may_be_compressed(base):
    """Compressing a million points takes a second in which nobody else is answered, and saves a tenth."""
    encodings = {
        path: ask(f"{base}/{path}")[1].get("content-encoding")
        for path in ("points/label", "codes/label", "rows?filter=label=1", "legend/label", "sample/3")
    }
    assert encodings == {
        "points/label": "identity",
        "codes/label": "identity",
        "rows?filter=label=1": "identity",
        "legend/label": None,
        "sample/3": None,
    }


def test_a_legend_entry_counts_the_samples_of_its_code(study):
    """Categories add up to n, and entry i describes exactly the samples with code i."""
    entries = legend(study, "label")["entries"]
    counts = np.bincount(color_codes(study, "label"), minlength=len(entries))
    assert [one["count"] for one in entries] == counts.tolist()
    assert [one["name"] for one in entries] == study.class_names


def test_codes_of_a_number_rise_with_it_and_missing_ones_have_their_own(tmp_path, study):
    """A larger number never has a smaller code; NaN has the code that means none."""
    table = study.samples
    table.loc[7, "soft_density"] = np.nan
    study_with_gap = type("Gap", (), {"samples": table, "task": study.task, "class_names": study.class_names})
    codes = color_codes(study_with_gap, "soft_density").astype(int)
    order = np.argsort(table["soft_density"].drop(7).to_numpy())
    assert (np.diff(np.delete(codes, 7)[order]) >= 0).all()
    assert codes[7] == NONE
    assert np.delete(codes, 7).max() < NONE


def test_the_answer_about_a_sample_is_what_the_study_holds(study, base):
    """Neighbors in order with their similarities, labels by name, and the sample's own numbers with percentiles."""
    told = json.loads(ask(f"{base}/sample/9?k=5")[2])
    stored = study.neighbors(9, k=5)
    assert [one["row"] for one in told["neighbors"]] == stored.indices.tolist()
    assert [one["similarity"] for one in told["neighbors"]] == pytest.approx(stored.similarities.tolist())
    labels = study.samples["label"]
    assert [one["label"] for one in told["neighbors"]] == [study.class_names[labels[i]] for i in stored.indices]
    assert [one["has_other_label"] for one in told["neighbors"]] == [labels[i] != labels[9] for i in stored.indices]
    density = next(one for one in told["numbers"] if one["column"] == "soft_density")
    below = (study.samples["soft_density"] < study.samples["soft_density"][9]).sum()
    assert density["percentile"] == pytest.approx(100 * below / (study.n - 1))


def test_a_regression_is_told_by_its_values(study, tmp_path, monkeypatch):
    """Without classes nothing agrees or disagrees, and target and prediction are numbers."""
    regression = Study.open(as_regression(copied(study.path, tmp_path / "values")))
    told = routes.describe_sample(regression, 3, 4)
    assert float(told["label"]) == pytest.approx(regression.samples["target"][3], rel=0.01)
    assert all(one["agrees"] and not one["has_other_label"] for one in told["neighbors"])


def test_a_sample_without_similarity_has_no_neighbors(study, monkeypatch):
    """An index of -1 stands for nobody and is never shown as a row."""
    nobody = type(study.neighbors(0, k=3))(np.full(3, -1), np.full(3, np.nan, "f4"))
    monkeypatch.setattr(Study, "neighbors", lambda self, row, k, by: nobody)
    assert routes.describe_sample(study, 0, 3)["neighbors"] == []


def test_the_bits_of_a_filter_are_its_mask(study, base):
    """Bit i of the answer is set exactly where sample i passes."""
    chosen = Filter((Between("suspicion", 0.25, 0.5),))
    bits = np.unpackbits(np.frombuffer(ask(f"{base}/rows?filter={chosen}")[2], "u1"), bitorder="little")
    np.testing.assert_array_equal(bits[: study.n].astype(bool), chosen.mask(study.samples))


def test_a_sheet_is_the_file_of_the_study_and_a_picture_a_piece_of_it(study, base):
    """PNG bytes, unchanged from the disk; and the small picture has the size that the study says."""
    assert ask(f"{base}/sheet/0")[2] == study.sheet(0).read_bytes()
    status, headers, body = ask(f"{base}/picture/9.png")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")


def test_only_the_current_version_may_be_kept_by_the_browser(study, base):
    """What has no version, or an old one, might change and must be asked for again."""
    kept = ask(f"{base}/legend/label?v={study.version}")[1]["cache-control"]
    assert "immutable" in kept
    assert "public" not in kept
    for stale in ("", "?v=old", "?v="):
        assert ask(f"{base}/legend/label{stale}")[1]["cache-control"] == "no-store"


HOSTILE_ROWS = ("-1", "240", "1e2", "0x10", "९", "1.0", "null", "", "9" * 30, "..", "%2e%2e", "9%00", "9;ls", "<b>9")
HOSTILE_NAMES = ("two", "..", ".", "%2e%2e", "..%2f..", "%2fetc%2fpasswd", "one%00", "one%2f..%2fone", "~", "ONE", "")


@pytest.mark.parametrize("row", HOSTILE_ROWS)
@pytest.mark.parametrize("path", ["sample/{}", "picture/{}.png", "sheet/{}"])
def test_a_row_that_is_none_is_answered_by_a_sentence(base, path, row):
    """4xx with one JSON sentence: no traceback, no picture, no other row."""
    status, headers, body = ask(f"{base}/{path.format(row)}")
    assert status in (400, 404)
    assert headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["error"]
    assert b"Traceback" not in body


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_study_that_is_not_on_the_shelf_is_not_found(base, name):
    """A name is looked up and never used as a path, whatever it spells."""
    status, _, body = ask(f"{base.rsplit('/', 1)[0]}/{name}/legend/label")
    assert status == 404
    assert list(json.loads(body)) == ["error"]


@pytest.mark.parametrize(
    "path",
    [
        "points/nope",
        "points/__class__",
        "legend/%2e%2e",
        "rows?filter=nope",
        "rows?filter=nope=1..2",
        "rows?filter=label=a..b",
        "rows?filter=lasso=1,2",
        "rows?filter=lasso=nan,1_2,3_4,5",
        "sample/3?k=0x3",
        "sample/3?k=-1",
        "sample/3?k=100000",
        "sample/3?by=../input",
    ],
)
def test_a_question_that_cannot_be_read_is_answered_by_a_sentence(base, path):
    """Columns, filters, counts and kinds are checked like rows."""
    status, _, body = ask(f"{base}/{path}")
    assert (status, list(json.loads(body))) == (400, ["error"])


@pytest.mark.parametrize("token", ["wrong", "", "%00", "é", routes.TOKEN[:-1], routes.TOKEN.swapcase()])
def test_without_the_token_there_is_nothing(token):
    """Another token is refused before the study is looked at."""
    assert ask(f"/data/{token}/one/legend/label")[0] == 404


def test_an_unknown_path_is_not_answered_with_a_page(base):
    """Streamlit would send its start page with status 200 to any address."""
    for path in ("/data/", "/data/x", f"{base}/", f"{base}/manifest.json", f"{base}/sheet/0/../../manifest.json"):
        status, headers, _ = ask(path)
        assert (path, status) == (path, 404)
        assert headers["content-type"].startswith(("application/json", "text/plain"))


def test_a_damaged_study_is_answered_by_its_sentence(study, tmp_path, monkeypatch):
    """The words name the damage; the answer is not a half-read table."""
    broken = copied(study.path, tmp_path / "broken")
    damage(broken / "samples.parquet")
    shelf = library_room.Library(tmp_path)
    monkeypatch.setattr(routes, "library", lambda: shelf)
    status, _, body = ask(f"{routes.PREFIX}/{routes.TOKEN}/broken/points/label")
    assert status == 400
    assert "samples.parquet" in json.loads(body)["error"]
