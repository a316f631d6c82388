"""Laws of the report: it says what any kind of study says, asks for nothing, and no text in it becomes code."""

import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
from pages.screen import as_regression, copied, rewritten
from PIL import Image
from safety.hostile import HOSTILE, hostile_study
from synthetic import synthetic_study
from views.reported import Page, numbers, page_of

from explorer.study.album import Album
from explorer.study.study import Study
from explorer.views.coloring import color_codes, legend
from explorer.views.reading import write_value
from explorer.views.reasons import few_neighbors, ranked_rows, reasons
from explorer.views.report import mapped, parts
from explorer.views.report.page import NAMES, POLICY, report_html
from explorer.views.report.pictures import ACROSS, PER_SHEET, spread_over
from explorer.views.report.still import still_map, whole_map


def decoded(address):
    kind, content = address.split(",", 1)
    assert kind in ("data:image/png;base64", "data:image/webp;base64", "data:image/jpeg;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_study(tmp_path_factory.mktemp("report") / "one", n=300, classes=4, seed=5)


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


@pytest.fixture(scope="module")
def whole(made):
    return page_of(made)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A study in which everything would like to be code, an album among it."""
    folder = hostile_study(tmp_path_factory.mktemp("hostile") / "one")
    album = Album.open(Study.open(folder))
    for text in HOSTILE:
        album.save(name=text[:100], note=text, page="map", color=text, filter=f"label={text}"[:200], who=text)
    album.pick(3, HOSTILE[0], HOSTILE[1])
    return folder


def test_every_part_is_there_and_can_be_jumped_to(whole):
    """In the order told, each with a heading, and no link leads to a place that is not there."""
    ids = [attributes["id"] for _, attributes in whole.tags if attributes.get("id") in NAMES]
    links = [attributes["href"][1:] for tag, attributes in whole.tags if tag == "a"]
    everywhere = [attributes["id"] for _, attributes in whole.tags if "id" in attributes]
    assert ids == [name for name in NAMES if name not in ("views", "picks")]
    assert set(ids) <= set(links) <= set(everywhere)
    assert len(everywhere) == len(set(everywhere))
    assert whole.open == []


def test_the_page_asks_for_nothing(hostile, made):
    """Its policy forbids it, and no attribute or style names an address but pictures inside and places on the page."""
    for folder in (hostile, made):
        page = page_of(folder)
        policies = [one for tag, one in page.tags if tag == "meta" and "http-equiv" in one]
        html = page.html
        known, _, checksum = policies[0]["content"].partition("'sha256-")
        assert (len(policies), known) == (1, POLICY.partition("'sha256-")[0])
        script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
        assert [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() + "'" for one in script] == [checksum]
        for tag, attributes in page.tags:
            assert tag not in ("link", "iframe", "object", "embed", "base", "form", "audio", "video", "source")
            for name in ("src", "href", "xlink:href", "srcset", "action", "poster", "background"):
                assert attributes.get(name, "#").startswith(("data:image/", "#"))
            assert "url(" not in attributes.get("style", "") and "url(" not in (attributes.get("fill") or "").replace(
                "url(#", ""
            )
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/)", _style_and_script(page.html))


def _style_and_script(html):
    return (
        "".join(re.findall(r"<style>(.*?)</style>", html, re.S)) + re.findall(r"<script>(.*?)</script>", html, re.S)[0]
    )


def test_what_would_like_to_be_code_stays_text(hostile, made):
    """The only scripts are ours, nothing listens, and the texts stand there as they were written."""
    page = page_of(hostile)
    assert [attributes.get("id") for tag, attributes in page.tags if tag == "script"] == ["data", None]
    assert not [text for text in HOSTILE if text in "".join(re.findall(r"<style>(.*?)</style>", page.html, re.S))]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in page_of(made).tags} | {"article", "q", "small", "i", "b"}
    for text in HOSTILE:
        assert " ".join(text.split()) in page.text
    assert page.open == []


def test_the_data_of_the_script_cannot_end_it():
    """JSON inside a script element holds no sign that HTML reads, and reads back as it was."""
    told = {"a": ["</script><!--", "&amp;", "\u2028", "é", *HOSTILE]}
    text = mapped.script_json(told)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == told


def test_the_numbers_are_those_of_the_study(made, whole):
    """Medians, fidelity, doubt and answers, as the study's own columns give them."""
    study = Study.open(made)
    samples = study.samples
    for column in ("soft_density", "denoising_factor", "leverage_gain"):
        if column in samples:
            assert write_value(study, column, samples[column].median()) in whole.text
    assert f"{10 * study.fidelity['recall_at_10']:.1f} are found" in whole.text
    doubted = int((samples["label"] != samples["suggested_label"]).sum())
    assert f"for {doubted:,} samples" in whole.text
    held = samples["split"] != "train"
    assert (
        f"{100 * (samples['label'] == samples['prediction'])[held].mean():.0f} % of {held.sum()} held-out" in whole.text
    )
    flipped = samples["flipped"].to_numpy()
    first = np.argsort(-samples["suspicion"].to_numpy(), kind="stable")[: flipped.sum()]
    assert f"of the first {flipped.sum()} in the order of doubt {flipped[first].sum()} " in whole.text


def test_the_suspects_are_the_first_in_the_order_with_their_reasons_and_neighbors(made):
    """As many as asked for, each with the same sentences as on the desk and the study's own neighbors."""
    study = Study.open(made)
    page = page_of(made, suspects=5)
    order = ranked_rows(study.samples["suspicion"].to_numpy())[:5]
    cards = re.findall(r'<article class="card" id="sample-(\d+)">(.*?)</article>', page.html, re.S)
    assert [int(row) for row, _ in cards] == order.tolist()
    for row, card in zip(order.tolist(), (card for _, card in cards), strict=True):
        told = Page(card)
        for sentence in reasons(study, row, few_neighbors(study)):
            assert sentence in told.text
        pictured = [int(one["data-row"]) for tag, one in told.tags if tag == "img"]
        near = study.neighbors(row, k=parts.NEIGHBORS)
        assert pictured == [row, *near.indices.tolist()]
        similarities = [parts.write_similarity(float(one)) for one in near.similarities]
        assert [text for text in told.texts if text in similarities] == similarities


def test_every_picture_beside_a_text_is_the_samples_own(made, whole):
    """Pixel by pixel."""
    study = Study.open(made)
    shown = [(int(one["data-row"]), one["src"]) for tag, one in whole.tags if tag == "img" and "data-row" in one]
    assert len(shown) > 12
    for row, address in shown:
        np.testing.assert_array_equal(decoded(address), study.thumbnail(row))


def test_the_pictures_under_the_pointer_are_the_samples_own(made, whole):
    """Each place of each sheet shows the row that it is said to show; all samples are there when they fit."""
    study, sheets = Study.open(made), whole.data["sheets"]
    rows = numbers(sheets["rows"], "<u4")
    images = [decoded(address) for address in sheets["addresses"]]
    assert sorted(rows.tolist()) == list(range(study.n))
    for place, row in enumerate(rows.tolist()):
        down, across = divmod(place % PER_SHEET, ACROSS)
        top, left = down * sheets["height"], across * sheets["width"]
        found = images[place // PER_SHEET][top : top + sheets["height"], left : left + sheets["width"]]
        np.testing.assert_array_equal(found, study.thumbnail(row))


def test_the_map_has_every_sample_at_its_place_and_in_its_color(made, whole):
    """To a step of the grid, with one scale for both directions; colors by the study's own legend."""
    study, data = Study.open(made), whole.data
    places = numbers(data["places"], "<u2").reshape(-1, 2).astype(float)
    true = study.samples[["x", "y"]].to_numpy()
    scale = mapped.GRID / np.ptp(true, axis=0).max()
    moved = places - true * scale
    assert np.ptp(moved, axis=0).max() <= 1.01
    assert data["rows"] is None and data["n"] == study.n
    by_title = {one["title"]: one for one in data["columns"]}
    for column in mapped.color_columns(study):
        told = by_title[legend(study, column)["title"]]
        np.testing.assert_array_equal(numbers(told["codes"], np.uint8), color_codes(study, column))
        assert [one["name"] for one in told["entries"]] == [
            one["name"] for one in legend(study, column).get("entries", [])
        ]


def _without(*names):
    return lambda table: table.drop(columns=[name for name in names if name in table])


DOUBT = ("suspicion", "suggested_label", "suggested_probability", "label_margin", "neighbor_disagreement")
GIVEN = ("label", "true_label", "flipped", "given_label_loss", "label_variance", *DOUBT)


@pytest.mark.parametrize(
    "kind", ["regression", "several", "unlabelled", "undoubted", "placeless", "unmapped", "no-numbers", "few", "many"]
)
def test_every_kind_of_study_has_a_report(kind, folder, tmp_path):
    """Targets, several targets, no labels, no doubt, no places, a few samples, many classes: all are told whole."""
    if kind in ("regression", "several"):
        as_regression(folder)
    if kind == "several":
        both = {"target_0": "target", "target_1": "soft_density", "prediction_0": "prediction"}
        rewritten(
            folder,
            lambda table: table.assign(
                **{new: table[old] for new, old in both.items()}, prediction_1=1.0, target_residual=table["x"]
            ).drop(columns=["target", "prediction"]),
            outputs=2,
        )
    changes = {
        "unlabelled": _without(*GIVEN),
        "undoubted": _without(*DOUBT),
        "placeless": lambda table: table.assign(x=np.nan, y=np.nan),
        "unmapped": lambda table: table.assign(x=table["x"].where(table.index % 3 > 0), y=table["y"]),
        "no-numbers": lambda table: table.assign(soft_density=np.nan, denoising_factor=np.nan, suspicion=np.nan),
    }
    if kind in changes:
        rewritten(folder, changes[kind])
    if kind in ("few", "many"):
        folder = synthetic_study(tmp_path / kind, n=20 if kind == "few" else 400, classes=3 if kind == "few" else 72)
    page = page_of(folder)
    assert page.open == []
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", page.text)
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {name for name in NAMES if name not in ("views", "picks")} <= ids
    if kind == "unmapped":
        assert page.data["n"] == 200 and len(numbers(page.data["rows"], "<u4")) == 200
        assert "Shown are 200 of 300 samples" in page.text
    if kind == "unlabelled":
        assert "no labels" in page.part("doubts")


def test_a_table_has_no_pictures_and_says_nothing_of_them(tmp_path):
    """Its samples are named by number."""
    page = page_of(synthetic_study(tmp_path / "table", n=60, classes=3, thumbnails=False))
    assert page.data["sheets"] is None
    assert not [one for tag, one in page.tags if tag == "img" and "data-row" in one]
    assert "pictures of" not in page.text


def test_beyond_the_most_points_a_random_choice_is_shown_and_said(folder, monkeypatch):
    """The samples that are named are always among them, and each row keeps its own place."""
    monkeypatch.setattr(mapped, "MOST_POINTS", 100)
    study = Study.open(folder)
    page = page_of(folder)
    rows = numbers(page.data["rows"], "<u4")
    assert len(rows) == len(set(rows.tolist())) == 100
    assert set(ranked_rows(study.samples["suspicion"].to_numpy())[:12].tolist()) <= set(rows.tolist())
    assert "Shown are 100 of 300 samples, drawn at random" in page.text
    true = study.samples[["x", "y"]].to_numpy()[rows]
    places = numbers(page.data["places"], "<u2").reshape(-1, 2)
    assert np.ptp(places - true * mapped.GRID / np.ptp(true, axis=0).max(), axis=0).max() <= 1.01


def test_every_beginning_of_the_order_of_pictures_covers_the_map():
    """No occupied cell waits for its second picture while another has none; what has no place comes last."""
    places = np.random.default_rng(0).normal(size=(2000, 2)) ** 3
    places[::50] = np.nan
    order = spread_over(places, [7, 3])
    assert order[:2].tolist() == [7, 3] and sorted(order.tolist()) == list(range(2000))
    known = order[np.isfinite(places[order]).all(axis=1)][2:]
    low, high = np.nanmin(places, axis=0), np.nanmax(places, axis=0)
    cells = [tuple(cell) for cell in np.floor((places[known] - low) / (high - low) * 63.999).astype(int).tolist()]
    met = [cells[:place].count(cell) for place, cell in enumerate(cells)]
    assert sum(later < earlier for earlier, later in zip(met, met[1:], strict=False)) <= 2
    assert not np.isfinite(places[order[-40:]]).any()


def test_a_still_map_shows_each_sample_at_its_place(made):
    """Alone in the light, a sample paints the pixel at its place with its color, and nothing far from it."""
    study = Study.open(made)
    places, size = study.samples[["x", "y"]].to_numpy(), (400, 300)
    x, y, scale = whole_map(places, size)
    for row in (0, 17, 299):
        picture = still_map(study, None, size, lit=np.arange(study.n) == row)
        across = int((places[row, 0] - x) * scale + size[0] / 2)
        down = int(size[1] / 2 - (places[row, 1] - y) * scale)
        solid = np.argwhere(picture[..., 3] > 200)
        assert picture[down, across, 3] > 200
        assert np.abs(solid - [down, across]).max() < 12


def test_progress_goes_to_its_end(made):
    """Shares rise from 0 to 1, each with words."""
    told = []
    report_html(Study.open(made), progress=lambda share, words: told.append((share, words)))
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[0][0] == 0 and told[-1][0] == 1 and all(words for _, words in told)


def test_a_value_that_is_missing_is_a_dash_not_a_number(folder):
    """A sample without a suggestion is not told to be of class −1."""
    rewritten(folder, lambda table: table.assign(prediction=-1, suggested_label=-1, confidence=np.nan))
    text = page_of(folder).text
    assert "−1 %" not in text and "suggested -1" not in text and not re.search(r"\bnan\b", text)


def test_samples_of_no_known_split_are_neither_trained_on_nor_held_out(folder):
    """They count in neither number, nor in the share of held-out answers."""

    def with_holes(table):
        answers = np.where(table.index % 10 < 7, 1 - table["label"].clip(0, 1), table["label"])
        split = np.select([table.index % 10 < 5, table.index % 10 < 7], ["train", None], "held-out")
        return table.assign(split=split, prediction=answers)

    text = page_of(rewritten(folder, with_holes)).text
    assert "150 trained on, 90 held out" in text
    assert "100 % of 90 held-out samples" in text
