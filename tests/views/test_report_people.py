"""Laws of what people left in a study, as its report tells it: saved views, picked samples, decisions."""

import re

import numpy as np
import pytest
from pages.screen import as_regression, copied, noted, rewritten
from synthetic import synthetic_study
from views.reported import Page, numbers, page_of, reported_study

from explorer.pipeline.sheets import write_sheets
from explorer.study.album import MOST_PICKS, MOST_VIEWS, Album
from explorer.study.decisions import Decisions
from explorer.study.manifest import StepRecord
from explorer.study.saved import LONGEST
from explorer.study.study import Study
from explorer.study.writer import StudyWriter
from explorer.views.coloring import legend
from explorer.views.conditions import filter_in_words
from explorer.views.reasons import ranked_rows
from explorer.views.report import parts
from explorer.views.report.chosen import SIZE, STAGE
from explorer.views.report.page import MOST_BYTES, report_html
from explorer.views.selection import Filter


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_study(tmp_path_factory.mktemp("people") / "one", n=300, classes=4, seed=5)


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


def test_decisions_are_those_of_the_log(folder):
    """Who decided what with which note, disagreements named, and the counts of what stands."""
    study = Study.open(folder)
    first, second, third = ranked_rows(study.samples["suspicion"].to_numpy())[:3].tolist()
    log = Decisions.open(study)
    other = (int(study.samples["label"].iloc[first]) + 1) % 4
    log.decide([first], "relabel", other, "plainly so", "Ada")
    log.decide([first], "drop", note="no <b>label</b>", who="Grace")
    log.decide([second], "keep", who="Ada")
    log.decide([third], "drop", who="Ada")
    log.undo("Ada")
    page = page_of(folder)
    card = Page(re.search(rf'id="sample-{first}">(.*?)</article>', page.html, re.S)[1]).text
    assert "People disagree" in card and "plainly so" in card and "no <b>label</b>" in card
    assert f"Relabel to {other} by Ada" in card and "Drop by Grace" in card
    assert "Keep by Ada" in Page(re.search(rf'id="sample-{second}">(.*?)</article>', page.html, re.S)[1]).text
    assert "Nobody has decided" in Page(re.search(rf'id="sample-{third}">(.*?)</article>', page.html, re.S)[1]).text
    assert "Reviewed 2 of" in page.part("doubts") and "Kept 1" in page.part("doubts")
    assert "Decided by 2 people" in page.part("doubts")


def test_the_album_is_told_in_its_order(folder):
    """Saved views with name, note, condition and count; picked samples with note and neighbors."""
    study = Study.open(folder)
    album = Album.open(study)
    album.save(name="last", note="two\nlines", page="density", color="soft_density", filter="label=1|2")
    album.save(name="first", page="map", filter="nothing=1", color="nothing", sample=7, place=(0.0, 0.0, 5.0))
    album.move(2, 0)
    album.pick(11, "look here", "Ada")
    page = page_of(folder)
    views, picks = page.part("views"), page.part("picks")
    count = int(study.samples["label"].isin([1, 2]).sum())
    assert views.index("first") < views.index("last")
    assert "Label is 1 or 2" in views and f"{count} samples of 300 pass" in views and "the page Density" in views
    assert "something that this study does not have" in views and "two lines" in views
    assert "look here" in picks and "Picked by Ada" in picks
    near = study.neighbors(11, k=parts.NEIGHBORS).indices.tolist()
    shown = re.search(r'id="pick-11">(.*?)</article>', page.html, re.S)[1]
    assert [int(row) for row in re.findall(r'data-row="(\d+)"', shown)] == [11, *near]


def test_a_log_that_cannot_be_read_does_not_keep_the_rest_back(folder):
    """The report says so and tells everything else."""
    (folder / "decisions.sqlite").write_bytes(b"no database" * 1000)
    (folder / "album.sqlite").write_bytes(b"no database" * 1000)
    page = page_of(folder)
    assert "could not be read" in page.part("doubts") and "could not be read" in page.part("views")
    assert len(re.findall('class="card"', page.html)) == 12
    assert "Nobody has decided" not in page.text and "Decisions so far" not in page.text


def view_of(page, number):
    return Page(re.search(rf'<article class="view" id="view-{number}">.*?</article>', page.html, re.S)[0])


def test_a_view_is_told_whatever_its_filter_asks_for_and_in_the_words_of_the_app(folder):
    """Also where a value is no class: other digits, two signs, more digits than a number may have."""
    study = Study.open(folder)
    texts = ["label=²", "label=--5", "label=" + "9" * 5000, "flipped=True", "label=1|2|3|0|5", "soft_density=5..inf"]
    for text in texts:
        Album.open(study).save(name="one", page="map", filter=text)
    page = page_of(folder)
    for number, text in enumerate(texts, 1):
        (words,) = filter_in_words(study, Filter.parse(text))
        assert words in view_of(page, number).text
    assert "is yes" in view_of(page, 4).text


def test_a_saved_map_has_the_colors_that_the_app_shows(folder):
    """A view without a color of its own, or with one that the study does not have, is colored by label."""
    study = Study.open(folder)
    for color in (None, "nothing", "label", "split"):
        Album.open(study).save(name="same", page="map", color=color)
    page = page_of(folder)
    shown = [dict(view_of(page, number).tags)["img"]["src"] for number in (1, 2, 3, 4)]
    assert shown[0] == shown[1] == shown[2] != shown[3]
    for number, color in ((1, "label"), (4, "split")):
        assert view_of(page, number).texts[1] == legend(study, color)["title"]


@pytest.mark.parametrize("stage", [None, (1900.0, 700.0), (300.0, 500.0)])
def test_a_saved_place_shows_at_least_what_was_seen(folder, monkeypatch, stage):
    """As many units of the map, both ways; where nobody knows, what a usual screen shows."""
    asked = []
    monkeypatch.setattr(
        "explorer.views.report.chosen.still_map",
        lambda *_, place, **rest: (asked.append(place), np.zeros((4, 4, 4), dtype=np.uint8))[1],
    )
    Album.open(Study.open(folder)).save(name="one", page="map", place=(1.0, -2.0, 30.0), stage=stage)
    page_of(folder)
    ((x, y, scale),) = asked
    assert (x, y) == (1.0, -2.0)
    seen = stage or STAGE
    assert min(SIZE[axis] / scale - seen[axis] / 30.0 for axis in (0, 1)) == pytest.approx(0, abs=1e-9)


def test_a_view_of_another_page_is_no_picture_of_the_map(tmp_path):
    """Density, Denoising and Labels show their own figure, Sample the sample with its neighbors, others words alone."""
    study = reported_study(tmp_path / "one")
    page = page_of(study.path)
    views = {
        view.page: (view, view_of(page, view.id)) for view in Album.open(study).views() if view.name != "Zoomed in"
    }
    for name, figure in {"density": "density", "denoising": "denoising", "labels": "classes"}.items():
        view, told = views[name]
        assert f"drawing-{figure}-{view.id}-title" in [one.get("id") for _, one in told.tags]
        assert "the figure shows all samples" in told.text
    view, told = views["sample"]
    rows = [int(one["data-row"]) for tag, one in told.tags if tag == "img"]
    assert rows == [view.sample, *study.neighbors(view.sample, k=parts.NEIGHBORS).indices]
    for name, (_, told) in views.items():
        assert ("still" in [one.get("class") for _, one in told.tags]) == (name == "map")
        assert name in ("map", "sample") or "img" not in dict(told.tags)
        assert name == "map" or f"Saved on the page {name.capitalize()}" in told.text
    everywhere = [one["id"] for _, one in page.tags if "id" in one]
    assert len(everywhere) == len(set(everywhere))


def test_no_suspects_are_not_no_order(folder):
    text = page_of(folder, suspects=0).part("doubts")
    assert "Of 300 ranked samples none is shown here" in text and "No sample is ranked" not in text


def test_how_many_wrong_labels_are_left_is_told_where_somebody_can_know(folder):
    """Estimated from errors planted on paper; where there are none, nothing is said of what is left."""
    study = Study.open(folder)
    order = ranked_rows(study.samples["suspicion"].to_numpy()).tolist()
    log = Decisions.open(study)
    log.decide(order[:4], "drop")
    assert "how many are left" not in page_of(folder).text
    noted(folder, "statistics", planted={"count": 5, "share": 0.02, "suspicion": np.linspace(0.3, 1, 101).tolist()})
    assert "Too few wrong labels were found to tell how many are left" in page_of(folder).part("doubts")
    log.decide(order[4:100:2], "drop")
    log.decide(order[5:110:2], "keep")
    page = page_of(folder)
    (left,) = re.findall(r"About ([\d,]+) more wrong labels are expected among the rest", page.part("doubts"))
    assert f"About {left} more are expected among the rest" in page.text and int(left) > 0


def test_of_a_regression_it_is_targets_that_are_decided_about(folder):
    residuals = np.linspace(0, 5, 300)
    as_regression(folder)
    rewritten(folder, lambda table: table.assign(target_residual=residuals))
    assert "Nobody has decided about a target of this study yet" in page_of(folder).text
    Decisions.open(Study.open(folder)).decide([3], "relabel", 1.25, who="Ada")
    page = page_of(folder)
    assert "1 target found wrong" in page.text
    planted = {"count": 5, "share": 0.02, "suspicion": [0.5, 1.0]}
    rewritten(noted(folder, "statistics", planted=planted), lambda table: table.assign(suspicion=residuals / 5))
    page = page_of(folder)
    assert "Too few wrong targets were found" in page.part("doubts")
    for words in ("wrong labels", "a label", "1 label"):
        assert words not in page.part("doubts")


def test_of_many_opinions_the_first_are_told_and_the_rest_counted(folder):
    study = Study.open(folder)
    (row,) = ranked_rows(study.samples["suspicion"].to_numpy())[:1].tolist()
    for number in range(15):
        Decisions.open(study).decide([row], "keep", who=f"person {number}")
    card = re.search(rf'id="sample-{row}">(.*?)</article>', page_of(folder).html, re.S)[1]
    assert card.count("Keep") == 12 and "and 3 more people" in card


def test_a_sample_without_direction_has_no_neighbors(folder):
    """It is said so, where its neighbors would stand."""
    Album.open(Study.open(folder)).pick(4)
    indices = np.load(folder / "neighbors/network/indices.npy")
    similarities = np.load(folder / "neighbors/network/similarities.npy")
    indices[4], similarities[4] = -1, np.nan
    _stored(folder, {"network/indices": indices, "network/similarities": similarities})
    assert "has no direction" in page_of(folder).part("picks")


def _stored(folder, changed):
    """The study with other arrays in place of some of its neighbors."""
    writer = StudyWriter.resume(folder)
    part = writer.part("neighbors", "changed")
    for source in (folder / "neighbors").rglob("*.npy"):
        name = str(source.relative_to(folder / "neighbors"))
        (part / name).parent.mkdir(exist_ok=True)
        np.save(part / name, changed.get(name.removesuffix(".npy"), np.load(source)))
    writer.commit("neighbors", StepRecord("changed", 0.0, 0), "neighbors")


def test_no_more_neighbors_are_asked_for_than_a_study_stores(folder, monkeypatch):
    """More would be searched for, among all samples and once for each card."""
    names = ("network/indices", "network/similarities")
    _stored(folder, {name: np.load(folder / f"neighbors/{name}.npy")[:, :3] for name in names})
    monkeypatch.setattr(Study, "_search", None)
    page = page_of(folder, suspects=1)
    (row,) = re.findall(r'<ul class="row".*?</ul>', page.html, re.S)
    assert row.count("<li") == 3


@pytest.mark.slow
def test_no_study_and_no_album_make_a_page_too_large_to_mail(tmp_path):
    """Noise that packs badly, a full album, the longest notes, every suspect: and what is left out is said."""
    folder = synthetic_study(tmp_path / "large", n=12_000, classes=10)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (2000, 28, 28, 3), dtype=np.uint8)
    writer = StudyWriter.resume(folder)
    part = writer.part("previews", "noise")
    sheets = write_sheets(part, noise[random.integers(0, len(noise), 12_000)], 12_000)
    writer.commit("previews", StepRecord("noise", 0.0, 0, {"sheets": sheets}), "previews")
    study = Study.open(folder)
    Decisions.open(study).decide(range(50), "keep", note='"' * 10_000)
    fill(Album.open(study), "😀" * LONGEST["note"])
    html = report_html(study, suspects=12_000)
    page = Page(html)
    assert 0.8 * MOST_BYTES < len(html.encode()) <= MOST_BYTES
    for name, most in (("doubts", 12_000), ("picks", MOST_PICKS), ("views", MOST_VIEWS)):
        part = page.html.split(f'<section id="{name}"', 1)[1].split("</section>", 1)[0]
        (missing,) = re.findall(r"([\d,]+) more [a-z ]+ were left out", part)
        assert len(re.findall("<article", part)) + int(missing.replace(",", "")) == most
        assert len(re.findall("<article", part)) > 20
    assert page.data["n"] == 12_000
    pictured = len(numbers(page.data["sheets"]["rows"], "<u4"))
    assert pictured < 10_000 and f"pictures of {pictured:,} of them" in page.text


def fill(album, note):
    """As many picks and views as an album holds, written at once: one by one would take minutes."""
    album.pick(0, note)
    album.save(name="one", note=note, page="map")
    with album._writing() as connection:
        connection.executemany(
            "INSERT INTO picks SELECT ?, ?, note, who, picked_at FROM picks WHERE row = 0",
            [(row, row) for row in range(1, MOST_PICKS)],
        )
        names = "position, name, note, page, filter, who, made_at, options"
        connection.executemany(
            f"INSERT INTO views ({names}) SELECT ?, name, note, page, filter, who, made_at, options FROM views "
            "WHERE id = 1",
            [(place,) for place in range(1, MOST_VIEWS)],
        )
