"""Reasons in words and as conditions: they say what the table says, and hold where a loop over the samples says so."""

import numpy as np
import pytest
from pages.screen import as_regression, copied, made_up_study, rewritten

from explorer.study.study import Study
from explorer.views.reasons import REASONS, few_neighbors, known_reasons, reasons


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """With a sample without a suggestion and one without numbers."""

    def with_gaps(table):
        table.loc[5, ["soft_density", "given_label_loss", "neighbor_disagreement"]] = np.nan
        table.loc[7, ["suggested_label", "prediction"]] = -1
        return table

    return Study.open(rewritten(made_up_study(tmp_path_factory.mktemp("reasons") / "study"), with_gaps))


@pytest.fixture(scope="module")
def regression(study, tmp_path_factory):
    def with_residuals(table):
        residuals = np.random.default_rng(0).gamma(1.0, 1.2, len(table))
        residuals[3], table.loc[9, "target"] = np.nan, np.nan
        return table.assign(target_residual=residuals, suspicion=residuals / 9)

    folder = as_regression(copied(study.path, tmp_path_factory.mktemp("values") / "study"))
    return Study.open(rewritten(folder, with_residuals))


def near_duplicates(study, row):
    """Rows of the stored neighbors with a similarity of at least 0.95."""
    found = study.neighbors(row, k=study.array("neighbors/network/indices").shape[1])
    return [other for other, near in zip(found.indices, found.similarities, strict=True) if other >= 0 and near >= 0.95]


def is_other(label, other):
    return label >= 0 and other >= 0 and label != other


CLASS_ORACLES = {
    "neighbors": lambda study, one: is_other(one["label"], one["suggested_label"]),
    "network": lambda study, one: is_other(one["label"], one["prediction"]),
    "loss": lambda study, one: np.exp(-one["given_label_loss"]) < 0.1,
    "crowd": lambda study, one: one["neighbor_disagreement"] >= 0.5,
    "clear": lambda study, one: one["soft_density"] > np.nanpercentile(study.samples["soft_density"], 5),
    "twin": lambda study, one: any(
        is_other(one["label"], study.samples["label"][other]) for other in near_duplicates(study, one.name)
    ),
}
TARGET_ORACLES = {
    "far": lambda study, one: one["target_residual"] >= 3,
    "clear": CLASS_ORACLES["clear"],
    "twin": lambda study, one: any(
        abs(one["target"] - study.samples["target"][other]) > 0.5 * study.samples["target"].std(ddof=0)
        for other in near_duplicates(study, one.name)
    ),
}


@pytest.mark.parametrize("key", CLASS_ORACLES)
def test_a_condition_on_labels_holds_where_a_loop_says_so(study, key):
    expected = [bool(CLASS_ORACLES[key](study, study.samples.loc[row])) for row in range(study.n)]
    assert known_reasons(study)[key].mask(study).tolist() == expected
    assert any(expected) and not all(expected)


@pytest.mark.parametrize("key", TARGET_ORACLES)
def test_a_condition_on_targets_holds_where_a_loop_says_so(regression, key):
    expected = [bool(TARGET_ORACLES[key](regression, regression.samples.loc[row])) for row in range(regression.n)]
    assert known_reasons(regression)[key].mask(regression).tolist() == expected
    assert any(expected) and not all(expected)


def test_a_study_offers_the_conditions_of_its_task_and_columns(study, regression, tmp_path):
    assert list(known_reasons(study)) == [key for key in REASONS if key != "far"]
    assert list(known_reasons(regression)) == ["far", "twin", "clear"]
    folder = rewritten(copied(study.path, tmp_path / "study"), lambda table: table.drop(columns="suggested_label"))
    assert "neighbors" not in known_reasons(Study.open(folder))


@pytest.mark.parametrize("row", range(0, 60, 3))
def test_reasons_name_a_class_exactly_where_it_differs_from_the_label(study, row):
    """With its support in percent; whoever agrees with the label is not said to speak against it."""
    sample, text = study.samples.iloc[row], " ".join(reasons(study, row, few_neighbors(study)))
    is_suggested = is_other(sample["label"], sample["suggested_label"])
    assert ("All other samples speak for" in text) == is_suggested
    if is_suggested:
        assert f"speak for {sample['suggested_label']}, with a chance of" in text
        assert f"{100 * sample['suggested_probability']:.0f} %" in text
    assert ("as well" in text) == (sample["prediction"] == sample["label"])
    assert ("weak evidence" in text) == (sample["soft_density"] <= few_neighbors(study))


@pytest.mark.parametrize(("support", "told"), [(0.9949, "of 99 %"), (0.9951, "of over 99 %"), (1.0, "of 100 %")])
def test_what_is_nearly_sure_is_not_called_sure(study, tmp_path, support, told):
    folder = rewritten(copied(study.path, tmp_path / "one"), lambda table: table.assign(suggested_probability=support))
    doubted = int(np.flatnonzero(study.samples["label"] != study.samples["suggested_label"])[0])
    assert told in " ".join(reasons(Study.open(folder), doubted, -np.inf))


def test_reasons_about_a_target_give_both_values_and_the_distance(regression):
    text = " ".join(reasons(regression, 0, -np.inf))
    assert f"{regression.samples['target_residual'][0]:.1f} times as far as usual" in text
    assert "The target is" in text and "the network predicts" in text
    assert "as usual" not in " ".join(reasons(regression, 3, -np.inf)), "there is no distance"
