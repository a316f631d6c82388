"""Laws of the labels page: the order is the ranking's, precision is counted, and reasons agree with the table."""

import numpy as np
import pandas as pd
import pytest
from pages.screen import as_regression, copied, damage, galleries, made_up_study, page, rewritten, shown_rows, words

from explorer.pages.labels import flipped_rows, ranked_rows, reasons
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("labels") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


def listed(test) -> pd.DataFrame:
    return test.dataframe[0].value


def test_the_list_is_the_ranking(folder, study):
    """Most suspicious first: no sample outside the first page is more suspicious than one on it."""
    table = listed(page("labels", folder))
    assert list(table["Rank"]) == list(range(1, len(table) + 1))
    shown = study.samples["suspicion"].iloc[table["Sample"]]
    assert shown.is_monotonic_decreasing
    assert shown.min() >= study.samples["suspicion"].drop(table["Sample"]).max()


def test_ranked_rows_leave_out_what_has_no_doubt():
    """Samples without a number are not in the list; equals keep the order of rows."""
    assert ranked_rows(np.array([0.5, np.nan, 0.9, 0.5])).tolist() == [2, 0, 3]


def test_precision_is_counted_on_the_labels_that_were_changed(folder, study):
    """Of the top 50 so many were really flipped: the page says the number that a count by hand gives."""
    order = study.samples["suspicion"].sort_values(ascending=False, kind="stable").index
    flipped = study.samples["flipped"]
    found = int(flipped.loc[order[:50]].sum())
    text = words(page("labels", folder))
    assert f"**{found} of the top 50** ({100 * found / 50:.0f} %)" in text
    assert f"{int(flipped.sum())} of the {study.n} labels were changed on purpose" in text


def test_precision_needs_the_truth(folder, tmp_path):
    """Where nobody knows which labels are wrong, no precision is claimed."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns=["flipped", "true_label"]))
    assert "on purpose" not in words(page("labels", path))
    assert flipped_rows(Study.open(path).samples) is None


def test_true_labels_tell_what_was_flipped(study):
    """The two columns of a demo agree."""
    samples = study.samples
    np.testing.assert_array_equal(flipped_rows(samples.drop(columns="flipped")), samples["flipped"])


def test_a_pair_of_classes_narrows_the_list(folder, study):
    """Only samples with that given and that suggested label are left, and the count on the choice is theirs."""
    test = page("labels", folder)
    chosen = test.selectbox[0].options[0]
    test.selectbox[0].set_value("0>1" if "0>1" in chosen else _first_pair(study)).run()
    given, suggested = test.selectbox[0].value.split(">")
    table, samples = listed(test), study.samples
    expected = samples[(samples["label"] == int(given)) & (samples["suggested_label"] == int(suggested))]
    assert sorted(table["Sample"]) == sorted(expected.index)
    assert set(table["Given"]) == {given}
    assert set(table["Suggested"]) == {suggested}
    assert chosen.endswith(f"({len(expected):,})")


def _first_pair(study):
    doubted = study.samples[study.samples["label"] != study.samples["suggested_label"]]
    sizes = doubted.groupby(["label", "suggested_label"]).size().sort_values(ascending=False, kind="stable")
    return ">".join(map(str, sizes.index[0]))


def test_a_filter_that_lets_nobody_through_says_so(folder):
    """An empty list is a sentence, not an empty table."""
    test = page("labels", folder, filter="soft_density=-5..-4")
    assert "No sample passes the filter" in test.info[0].value
    assert len(test.dataframe) == 0


def test_the_chosen_sample_is_shown_with_its_neighbors_and_rank(folder, study):
    """Given and suggested label, the place in the whole list, and the neighbors that the study holds."""
    row = int(study.samples["suspicion"].idxmax())
    test = page("labels", folder, sample=str(row))
    assert f"Sample {row}, number 1 of {study.n}" in words(test)
    assert f"Given **{study.samples['label'][row]}**" in words(test)
    assert f"Suggested **{study.samples['suggested_label'][row]}**" in words(test)
    assert shown_rows(galleries(test)[0]) == study.neighbors(row, k=12).indices.tolist()


@pytest.mark.parametrize("place", [0, -1])
def test_reasons_say_what_the_table_says(study, place):
    """The suggested class is named when it differs from the label, and never when it does not."""
    row = int(study.samples["suspicion"].argsort().iloc[::-1].iloc[place])
    sample, text = study.samples.iloc[row], " ".join(reasons(study, row))
    assert ("The neighbors speak for" in text) == (sample["suggested_label"] != sample["label"])
    if sample["suggested_label"] != sample["label"]:
        assert f"speak for {sample['suggested_label']} with {100 * sample['suggested_probability']:.0f} %" in text
    assert ("as well" in text) == (sample["prediction"] == sample["label"])


def test_the_next_best_column_orders_a_study_without_suspicion(folder, tmp_path):
    """Contradiction by neighbors ranks when there is no suspicion, and the page says so."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns="suspicion"))
    test, samples = page("labels", path), Study.open(path).samples
    assert samples["label_margin"].iloc[listed(test)["Sample"]].is_monotonic_decreasing
    assert "ordered by contradiction by neighbors" in words(test)


def test_a_regression_without_doubt_says_so(folder, tmp_path):
    """One sentence about targets, no table."""
    test = page("labels", as_regression(copied(folder, tmp_path / "study")))
    assert "no column of doubt about its targets" in test.info[0].value
    assert len(test.dataframe) == 0


def test_a_regression_with_doubt_lists_targets(folder, tmp_path):
    """Targets and predictions take the place of classes; nothing is suggested and no pair can be chosen."""

    def doubted(table):
        return table.assign(suspicion=np.linspace(0, 1, len(table)), target_residual=np.linspace(0, 3, len(table)))

    test = page("labels", rewritten(as_regression(copied(folder, tmp_path / "study")), doubted))
    table = listed(test)
    assert table["Sample"].iloc[0] == len(Study.open(folder).samples) - 1
    assert "3.0 × the usual distance" in table["Why"].iloc[0]
    assert "Suggested" not in table
    assert len(test.selectbox) == 0


def test_a_damaged_study_is_one_sentence(folder, tmp_path):
    """A flipped byte in the pictures is said on screen."""
    broken = copied(folder, tmp_path / "study")
    damage(next((broken / "previews").glob("sheet-*.png")))
    assert "is damaged" in page("labels", broken).error[0].value
