"""Laws of the sample page: what it shows is what the study holds, in the study's order."""

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

from explorer.pages.sample import SPACES, overlap_in_words
from explorer.records import Neighbors
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("sample") / "study")


def labeled(test, label):
    return next(button for button in test.button if button.label == label)


def current(test):
    return int("".join(test.query_params["sample"]))


def test_three_rows_show_the_studys_neighbors(folder):
    """Each row holds the neighbors of its own space, best first, with their similarities to three digits."""
    study, shown = Study.open(folder), galleries(page("sample", folder, sample="17"))
    for space, gallery in zip(SPACES, shown, strict=True):
        neighbors = study.neighbors(17, k=10, by=space.by)
        assert shown_rows(gallery) == neighbors.indices.tolist()
        for similarity in neighbors.similarities:
            assert f"<b>{space.symbol} {similarity:.3f}</b>" in gallery


def test_overlap_counts_shared_neighbors(folder):
    """The words say how many rows two lists share, counted over what is shown."""
    study, text = Study.open(folder), words(page("sample", folder, sample="17"))
    network = set(study.neighbors(17, k=10).indices.tolist())
    for by in ("embedding", "input"):
        shared = network & set(study.neighbors(17, k=10, by=by).indices.tolist())
        assert f"{len(shared)} of 10 are also alike for the network" in text


def test_places_without_a_neighbor_are_not_shared():
    """Minus one stands for no sample; two lists of it have nothing in common."""
    none = Neighbors(np.array([4, -1, -1]), np.array([0.5, np.nan, np.nan]))
    other = Neighbors(np.array([7, -1, -1]), np.array([0.5, np.nan, np.nan]))
    assert overlap_in_words(none, other) == "0 of 3"


def test_every_row_of_pictures_marks_other_labels_only(folder):
    """The sign ≠ stands on those neighbors whose label differs, and on no other."""
    study = Study.open(folder)
    labels = study.samples["label"].to_numpy()
    row = int(np.flatnonzero(study.samples["flipped"])[0])
    for space, gallery in zip(SPACES, galleries(page("sample", folder, sample=str(row))), strict=True):
        others = int((labels[study.neighbors(row, k=10, by=space.by).indices] != labels[row]).sum())
        assert gallery.count('class="mark"') == others


def test_k_changes_all_three_rows(folder):
    """Choosing twenty-four shows twenty-four in each space."""
    test = page("sample", folder, sample="17")
    test.button_group[0].set_value(24).run()
    assert [len(shown_rows(gallery)) for gallery in galleries(test)] == [24, 24, 24]


def test_the_histogram_counts_all_other_samples(folder):
    """Similarities to n − 1 samples, with the line at the tenth neighbor's."""
    figure = figures(page("sample", folder, sample="17"))[0]
    study = Study.open(folder)
    assert figure.data[0].y.sum() == study.n - 1
    assert figure.layout.shapes[0].x0 == pytest.approx(study.neighbors(17, k=10).similarities[-1], abs=1e-6)


def test_numbers_on_screen_are_those_of_the_table(folder):
    """The soft count and the confidence of the chosen row, not of another."""
    sample = Study.open(folder).samples.iloc[17]
    text = words(page("sample", folder, sample="17"))
    assert f"<b>{sample['soft_density']:.3g} samples</b>" in text
    assert f"confidence {sample['confidence']:.3f}" in text


def test_next_previous_and_a_number_lead_to_rows(folder):
    """Next is one further, previous one back, a number goes there."""
    test = page("sample", folder, sample="17")
    assert current(labeled(test, "Next").click().run()) == 18
    assert current(labeled(test, "Previous").click().run()) == 17
    assert current(test.number_input[0].set_value(3).run()) == 3


def test_there_is_nothing_before_the_first_sample_nor_after_the_last(folder):
    """At the ends the button that leads out is disabled."""
    assert labeled(page("sample", folder, sample="0"), "Previous").disabled
    last = str(Study.open(folder).n - 1)
    assert labeled(page("sample", folder, sample=last), "Next").disabled


def test_next_stays_inside_the_filter(folder):
    """With a filter, next is the next sample that passes it."""
    study = Study.open(folder)
    rows = np.flatnonzero(study.samples["label"] == 2)
    test = page("sample", folder, sample=str(rows[0]), filter="label=2")
    assert current(labeled(test, "Next").click().run()) == rows[1]


def test_names_from_outside_are_shown_as_they_are(folder, tmp_path):
    """A class that is named like a tag does not become one."""
    strange = rewritten(copied(folder, tmp_path / "study"), lambda table: table, class_names=["<img src=x>"] * 4)
    for gallery in galleries(page("sample", strange, sample="17")):
        assert "<img src=x>" not in gallery
        assert "&lt;img src=x&gt;" in gallery


def test_targets_take_the_place_of_labels_in_a_regression(folder, tmp_path):
    """No label is spoken of, no neighbor is marked, and target and prediction are numbers."""
    test = page("sample", as_regression(copied(folder, tmp_path / "study")), sample="17")
    target = Study.open(tmp_path / "study").samples["target"][17]
    assert f"Target **{target:.3g}**" in words(test)
    assert "another label" not in words(test)
    assert not any("mark" in gallery for gallery in galleries(test))


def test_the_values_of_a_row_are_shown_by_name(folder, tmp_path):
    """A table's sample is its features: each bar has its name and the value that the study holds."""
    study = Study.open(folder)
    width = study.rows("inputs", [17]).shape[1]
    named = rewritten(
        copied(folder, tmp_path / "study"),
        lambda table: table,
        kind="row",
        feature_names=[f"f{place}" for place in range(width)],
    )
    figure = figures(page("sample", named, sample="17"))[0]
    assert figure.layout.yaxis.ticktext == tuple(f"f{place}" for place in range(width))
    np.testing.assert_allclose(figure.data[0].x, study.rows("inputs", [17])[0], rtol=1e-6)


def test_a_count_over_some_samples_only_is_said_to_be_one(folder, monkeypatch):
    """Beyond a size the histogram takes evenly spaced samples, and the page says how many."""
    monkeypatch.setattr("explorer.pages.sample.DRAWN", 60)
    test = page("sample", folder, sample="33")  # a row that no other test has brought into the cache
    assert "Counted over one in 4 samples." in words(test)
    assert figures(test)[0].data[0].y.sum() == Study.open(folder).n / 4


def test_a_sample_without_a_gradient_is_named(folder, tmp_path, monkeypatch):
    """Nothing is similar to it: the page says so and shows no rows and no histogram."""
    nothing = Neighbors(np.full(10, -1), np.full(10, np.nan, dtype=np.float32))
    monkeypatch.setattr(Study, "neighbors", lambda self, row, k=10, by="network": nothing)
    test = page("sample", folder, sample="17")
    assert "no gradient for this sample" in words(test)
    assert galleries(test) == [] and figures(test) == []


def test_a_damaged_study_is_one_sentence(folder, tmp_path):
    """A flipped byte in the neighbors is said on screen, with what to do."""
    broken = copied(folder, tmp_path / "study")
    damage(broken / "neighbors/network/indices.npy")
    test = page("sample", broken, sample="17")
    assert len(test.error) == 1
    assert "is damaged" in test.error[0].value
    assert galleries(test) == []
