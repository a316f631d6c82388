"""Laws of the labels page, without a browser: what the desk is given, what is measured, and which part is shown."""

import json

import numpy as np
import pytest
from pages.screen import as_regression, copied, damage, made_up_study, page, rewritten, words

from explorer.pages.labels import VIEWS, flipped_rows
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("labels") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


def given(test) -> dict:
    """What the desk in the browser is given."""
    return json.loads(test.get("bidi_component")[0].proto.json)


def doubted(table):
    """Doubt about targets, rising with the row."""
    return table.assign(suspicion=np.linspace(0, 1, len(table)), target_residual=np.linspace(0, 3, len(table)))


def test_the_desk_is_given_the_study_and_nothing_chosen(folder, study):
    """Which study, in which version, how many samples; no sample, no filter and no pair of classes."""
    told = given(page("labels", folder))
    assert (told["study"], told["version"], told["n"]) == ("study", study.version, study.n)
    assert (told["sample"], told["filter"], told["conditions"], told["pair"]) == (None, "", [], [None, None])


def test_a_link_decides_filter_pair_and_sample(folder):
    """What the address names is what the desk is given, conditions in words with it."""
    told = given(page("labels", folder, sample="7", filter="label=2;suggested_label=3;suspicion=0.5..1"))
    assert (told["sample"], told["pair"]) == (7, [2, 3])
    assert told["filter"] == "label=2;suggested_label=3;suspicion=0.5..1"
    assert [one["words"] for one in told["conditions"]] == [
        "Label is 2",
        "Suggested label is 3",
        "Suspicion from 0.5 to 1",
    ]


def test_the_desk_only_learns_whole_numbers_as_a_pair(folder):
    """A condition that is no class is a filter, and no pair."""
    assert given(page("labels", folder, filter="label=1..2"))["pair"] == [None, None]


def test_precision_is_counted_on_the_labels_that_were_changed(folder, study):
    """Of the top 50 so many were really flipped: the page says the number that a count by hand gives."""
    order = study.samples["suspicion"].sort_values(ascending=False, kind="stable").index
    found = int(study.samples["flipped"].loc[order[:50]].sum())
    assert f"**{found} of the top 50**" in words(page("labels", folder))


def test_precision_needs_the_truth(folder, tmp_path):
    """Where nobody knows which labels are wrong, no precision is claimed."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns=["flipped", "true_label"]))
    assert "Measured" not in words(page("labels", path))
    assert flipped_rows(Study.open(path).samples) is None


def test_precision_needs_an_order(folder, tmp_path):
    """Where nothing is doubted there is no top of a list, and no claim about it."""
    doubts = ["suspicion", "label_margin", "neighbor_disagreement", "given_label_loss"]
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns=doubts))
    test = page("labels", path)
    assert "Measured" not in words(test)
    assert "no column of doubt about its labels" in test.info[0].value


def test_true_labels_tell_what_was_flipped(study):
    """The two columns of a demo agree."""
    samples = study.samples
    np.testing.assert_array_equal(flipped_rows(samples.drop(columns="flipped")), samples["flipped"])


def test_a_regression_without_doubt_says_so(folder, tmp_path):
    """One sentence about targets, no desk."""
    test = page("labels", as_regression(copied(folder, tmp_path / "study")))
    assert "no column of doubt about its targets" in test.info[0].value
    assert not test.get("bidi_component")


def test_a_regression_with_doubt_has_a_desk(folder, tmp_path):
    """Nothing is suggested in classes, so there is no pair to choose."""
    told = given(page("labels", rewritten(as_regression(copied(folder, tmp_path / "study")), doubted)))
    assert told["pair"] == [None, None]


@pytest.mark.parametrize("view", [name for name in VIEWS if name != "Triage"])
def test_each_part_of_the_page_stands_alone(folder, view):
    """The address names the part: no desk is drawn beside it, and the filter is shown with a way to take it back."""
    test = page("labels", folder, view=view, filter="label=2")
    assert view == test.segmented_control[0].value
    assert not [one for one in test.get("bidi_component") if '"pair"' in one.proto.json]
    assert any("Label is 2" in button.label for button in test.button)


def test_a_part_that_does_not_exist_is_the_desk(folder):
    """A mistyped address shows what an address without a part shows."""
    assert "pair" in given(page("labels", folder, view="Nowhere"))


def test_a_filter_that_cannot_be_read_is_one_sentence(folder):
    """A damaged link is told, and the desk is there without it."""
    test = page("labels", folder, filter="nonsense")
    assert "a filter must read" in test.warning[0].value
    assert given(test)["filter"] == ""


def test_a_damaged_study_is_one_sentence(folder, tmp_path):
    """A flipped byte in the samples table is said on screen."""
    broken = copied(folder, tmp_path / "study")
    damage(broken / "samples.parquet")
    assert "is damaged" in page("labels", broken).error[0].value


@pytest.mark.parametrize("value", ["²", "9" * 5000, "१"])
def test_a_link_with_no_class_number_is_a_filter_that_nothing_passes(folder, value):
    """Digits of other scripts and numbers without end are text like any other."""
    told = given(page("labels", folder, filter=f"label={value}"))
    assert told["pair"] == [None, None]
    assert [one["words"] for one in told["conditions"]] == [f"Label is {value}"]
