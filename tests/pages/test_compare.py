"""Laws of the Compare page: both sides show one sample, what is shared is counted, and strangers are refused."""

import re

import numpy as np
import pytest
from pages.screen import (
    as_regression,
    copied,
    damage,
    figures,
    galleries,
    made_up_study,
    page,
    rewritten,
    shown_rows,
    words,
)
from synthetic import synthetic_study
from twins import recut, retrained

from explorer.pages import others
from explorer.pages.compare import marked_tiles, rows_by_change, shared_columns
from explorer.pages.others import Other, space_of, studies_of_the_same_samples
from explorer.records import Neighbors
from explorer.study.study import Study
from explorer.views.gallery import Tile


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with a study, the same samples with another network and wider count, and one of other samples."""
    root = tmp_path_factory.mktemp("compare")
    made_up_study(root / "one")
    twin = retrained(copied(root / "one", root / "two"))
    rewritten(twin, lambda table: table.assign(soft_density=2 * table["soft_density"], own=1.0), outputs=1)
    synthetic_study(root / "strangers", n=240, classes=4, seed=8)
    return root


@pytest.fixture(scope="module")
def pair(shelf):
    return Study.open(shelf / "one"), Other(Study.open(shelf / "two"), "network", "two")


def chosen(test):
    return "".join(test.query_params["other"]) if "other" in test.query_params else None


def shared_by_hand(mine, theirs, k=10):
    return np.array([len(set(a[:k]) & set(b[:k])) for a, b in zip(mine.tolist(), theirs.tolist(), strict=True)])


@pytest.mark.parametrize("by", ["embedding", "input"])
def test_both_sides_show_the_neighbors_of_one_sample(shelf, by):
    """Left the network's, right the other space's, best first; each side says which of them the other has too."""
    study = Study.open(shelf / "one")
    left, right = galleries(page("compare", shelf / "one", sample="17", other=by))[:2]
    mine, theirs = study.neighbors(17, 10), study.neighbors(17, 10, by)
    assert (shown_rows(left), shown_rows(right)) == (mine.indices.tolist(), theirs.indices.tolist())
    shared = len(set(mine.indices.tolist()) & set(theirs.indices.tolist()))
    assert left.count("●") == right.count("●") == shared
    assert left.count("○ only here") == right.count("○ only here") == 10 - shared


def test_the_other_study_shows_its_own_neighbors(shelf, pair):
    """The same row of another study, with its own similarities."""
    study, other = pair
    left, right = galleries(page("compare", shelf / "one", sample="17", other="two"))[:2]
    found = other.study.neighbors(17, 10)
    assert shown_rows(left) == study.neighbors(17, 10).indices.tolist()
    assert shown_rows(right) == found.indices.tolist()
    assert f"<b>kᶜ {found.similarities[0]:.3f}</b>" in right


def test_a_mark_names_the_place_on_the_other_side():
    """Counted from the first; who is not there is said to be only here."""
    tiles = [Tile(5, "", ("kᶜ 0.9",)), Tile(8, "", ("kᶜ 0.8",))]
    marked = marked_tiles(tiles, Neighbors(np.array([3, 5, -1]), np.array([0.9, 0.8, np.nan])))
    assert [tile.lines for tile in marked] == [("kᶜ 0.9", "● 2nd there"), ("kᶜ 0.8", "○ only here")]


def test_the_table_counts_what_is_shared(shelf, pair):
    """The mean over all samples and this sample's own number, for both spaces and the other study."""
    study, other = pair
    mine = study.array("neighbors/network/indices")
    text = re.sub(r"</t[dh]><t[dh][^>]*>", " | ", words(page("compare", shelf / "one", sample="17", other="two")))
    for one in (space_of(study, "embedding"), space_of(study, "input"), other):
        shared = shared_by_hand(mine, one.study.array(f"neighbors/{one.by}/indices"))
        assert re.search(rf">{re.escape(one.name)} \| {shared.mean():.1f} \| {shared[17]} \| ", text)


def test_the_figure_counts_everybody_and_the_list_begins_with_the_most_changed(shelf, pair):
    """Bars sum to n; the list is ordered by what is shared, fewest first, and holds all who have neighbors."""
    study, other = pair
    shared = shared_by_hand(study.array("neighbors/network/indices"), other.study.array("neighbors/network/indices"))
    order = rows_by_change(study, other)
    assert sorted(order) == list(range(study.n))
    assert (np.diff(shared[order]) >= 0).all()
    test = page("compare", shelf / "one", sample="17", other="two")
    bars = figures(test)[0].data[0]
    np.testing.assert_array_equal(bars.y, np.bincount(shared, minlength=11))
    assert shown_rows(galleries(test)[2]) == order[:24].tolist()


def test_the_list_follows_the_filter(shelf, pair):
    """Whoever the filter hides is not listed."""
    study, other = pair
    test = page("compare", shelf / "one", sample="17", other="two", filter="label=2")
    kept = study.samples["label"].to_numpy() == 2
    order = rows_by_change(study, other)
    assert shown_rows(galleries(test)[2]) == order[kept[order]][:24].tolist()


def test_one_number_of_both_studies_is_drawn_twice(shelf, pair):
    """Both histograms hold all samples; the plane has the first study across and the second up; the ring is the row."""
    study, _ = pair
    histograms, plane = figures(page("compare", shelf / "one", sample="17", other="two"))[1:]
    assert np.sum(histograms.data[0].y) == study.n
    counts = study.samples["soft_density"].to_numpy()
    np.testing.assert_allclose(plane.data[0].x, counts, rtol=1e-6)
    np.testing.assert_allclose(plane.data[0].y, 2 * counts, rtol=1e-6)
    assert plane.data[-1].customdata[0] == 17
    assert {"own", "x", "y", "label"}.isdisjoint(shared_columns(*(one for one in (pair[0], pair[1].study))))


def test_a_space_of_the_same_study_has_no_second_table(shelf):
    """Its numbers are the same: one figure, no columns to compare."""
    assert len(figures(page("compare", shelf / "one", other="input"))) == 1


def test_the_link_opens_the_same_view_and_a_choice_goes_into_the_link(shelf):
    """What is chosen stands in the address as other=."""
    test = page("compare", shelf / "one", sample="17")
    assert (chosen(test), test.selectbox[0].value) == (None, "embedding")
    test.selectbox[0].set_value("two").run()
    assert chosen(test) == "two"
    linked = page("compare", shelf / "one", sample="17", other="two")
    assert linked.selectbox[0].value == "two"
    assert galleries(linked) == galleries(test)


def test_only_studies_of_the_same_samples_are_offered(shelf, tmp_path):
    """Not the study itself, not strangers, not what is unfinished or damaged."""
    for name in ("unfinished", "broken"):
        copied(shelf / "two", shelf / name)
    (shelf / "unfinished/samples.parquet").unlink()
    damage(shelf / "broken/manifest.json")
    assert studies_of_the_same_samples(Study.open(shelf / "one")) == ["two"]
    lonely = copied(shelf / "one", tmp_path / "lonely")
    test = page("compare", lonely)
    assert "no second study of these samples" in words(test)
    assert len(galleries(test)) == 3


def test_other_samples_are_refused_in_a_sentence(shelf):
    """One error, the comparison with the own spaces still there, and no neighbors of strangers."""
    test = page("compare", shelf / "one", sample="17", other="strangers")
    assert len(test.error) == 1
    assert "must measure the same samples" in test.error[0].value
    assert (galleries(test), figures(test)) == ([], [])
    assert "the plain inputs" in words(test)


def test_a_folder_is_opened_when_it_was_typed_and_not_by_a_strangers_link(shelf, tmp_path):
    """A link may lead to a folder only after somebody at this computer has named it."""
    elsewhere = copied(shelf / "two", tmp_path / "elsewhere")
    refused = page("compare", shelf / "one", other=str(elsewhere))
    assert "expected another study of these samples" in refused.error[0].value
    try:
        others._typed.add(elsewhere)
        test = page("compare", shelf / "one", other=str(elsewhere))
        assert not test.error
        assert len(figures(test)) == 3
    finally:
        others._typed.discard(elsewhere)


def test_an_unfinished_study_says_how_to_finish_it(shelf, tmp_path, monkeypatch):
    """One sentence with the command."""
    unfinished = copied(shelf / "two", tmp_path / "unfinished")
    rewritten(unfinished, lambda table: table)
    manifest = Study.open(unfinished).manifest
    (unfinished / "samples.parquet").unlink()
    (unfinished / "manifest.json").write_bytes(manifest.without_step("samples").to_json())
    monkeypatch.setattr(others, "_typed", {unfinished})
    test = page("compare", shelf / "one", other=str(unfinished))
    assert "has no samples yet" in test.error[0].value


def test_a_study_without_neighbors_says_so(shelf, tmp_path):
    """An info box in place of figures."""
    bare = copied(shelf / "one", tmp_path / "bare")
    manifest = Study.open(bare).manifest
    (bare / "manifest.json").write_bytes(manifest.without_step("neighbors").to_json())
    test = page("compare", bare)
    assert "no neighbors yet" in test.info[0].value
    assert galleries(test) == []


def test_pictures_prepared_otherwise_are_compared_with_a_note(shelf, tmp_path):
    """Other inputs, same pictures: the page says what it goes by."""
    mine = copied(shelf / "one", tmp_path / "mine")
    recut(copied(shelf / "two", tmp_path / "other"), inputs=lambda values: 3 * values)
    test = page("compare", mine, other="other")
    assert "their pictures are the same" in words(test)


def test_other_labels_and_no_labels_are_no_trouble(shelf, tmp_path):
    """Rounds change labels, and a study may have none: both are shown as they are."""
    mine = copied(shelf / "one", tmp_path / "mine")
    rewritten(copied(shelf / "two", tmp_path / "round"), lambda table: table.assign(label=(table["label"] + 1) % 4))
    names = ["label", "true_label", "flipped", "label_variance"]
    rewritten(copied(shelf / "two", tmp_path / "bare"), lambda table: table.drop(columns=names))
    label = int(Study.open(mine).samples["label"][17])
    text = words(page("compare", mine, sample="17", other="round"))
    assert f"Label **{label}** · label in round **{(label + 1) % 4}**" in text
    for one, other in (("mine", "bare"), ("bare", "mine")):
        test = page("compare", tmp_path / one, sample="17", other=other)
        assert not test.error
        assert len(figures(test)) == 3


def test_regressions_are_compared_too(shelf, tmp_path):
    """Targets in place of classes."""
    mine = as_regression(copied(shelf / "one", tmp_path / "mine"))
    as_regression(copied(shelf / "two", tmp_path / "other"))
    test = page("compare", mine, sample="17", other="other")
    assert not test.error
    assert "Target **" in words(test)


def test_different_outputs_are_said(shelf):
    """All four outputs against the only one: part of the difference may come from that."""
    assert "one compares samples by all 4 outputs, two by all 1 outputs" in words(
        page("compare", shelf / "one", other="two")
    )


def test_names_from_outside_are_shown_as_they_are(shelf, tmp_path):
    """A folder's name is no markup."""
    mine = copied(shelf / "one", tmp_path / "mine")
    copied(shelf / "two", tmp_path / "a*b_[x](y)")
    test = page("compare", mine, other="a*b_[x](y)")
    assert not test.error
    assert r"a\*b\_\[x\](y)" in words(test)


def test_damage_in_the_other_study_is_one_sentence(shelf, tmp_path):
    """A flipped byte in its neighbors is said on screen."""
    mine = copied(shelf / "one", tmp_path / "mine")
    damage(copied(shelf / "two", tmp_path / "other") / "neighbors/network/indices.npy")
    test = page("compare", mine, other="other")
    assert len(test.error) == 1
    assert "is damaged" in test.error[0].value
