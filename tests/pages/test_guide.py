"""Laws of the guide: words are said once, for what the study has, and its own fidelity is read out."""

from dataclasses import replace

import numpy as np
import pytest
from pages.screen import as_regression, copied, damage, made_up_study, page, rewritten, words

from explorer.columns import COLUMNS
from explorer.pages import circle
from explorer.pages.findings import QUERIES, negative_share
from explorer.pages.guide import explained_columns
from explorer.pages.measurement import MODES, coverage_in_words
from explorer.records import OUTPUT_MODES
from explorer.study.study import Study
from explorer.study.writer import StudyWriter
from explorer.views.assumptions import assumptions

SELF_EVIDENT = {"label", "true_label", "flipped", "target", "prediction", "split", "alpha", "curvature", "x", "y"} | {
    "true_0",
    "true_1",
    "label_error",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("guide") / "study")


def test_every_number_of_the_table_is_explained():
    """A new column needs its entry here; names and places on the map explain themselves."""
    assert explained_columns() == set(COLUMNS) - SELF_EVIDENT


def test_the_words_are_those_of_the_columns(folder):
    """Each column that the study has stands with its own title and help, and can be linked to by its name."""
    test = page("guide", folder)
    text, anchors = words(test), {heading.anchor for heading in test.subheader}
    for name in explained_columns() & set(Study.open(folder).samples):
        assert COLUMNS[name].help in text
        assert name in anchors


def test_what_a_study_lacks_is_not_explained(folder, tmp_path):
    """A regression is told nothing about suggested labels."""
    path = as_regression(copied(folder, tmp_path / "study"))
    text = words(page("guide", path))
    assert COLUMNS["suggested_label"].help not in text
    assert "Which labels to doubt" not in text
    assert COLUMNS["soft_density"].help in text


def test_fidelity_is_that_of_this_study(folder):
    """Recall of ten and the error of a similarity are read out in words, with the study's numbers."""
    fidelity, text = Study.open(folder).fidelity, words(page("guide", folder))
    assert f"typically off by {fidelity['rmse']:.3f}" in text
    assert f"{10 * fidelity['recall_at_10']:.1f} stand among the ten shown" in text
    assert f"on {fidelity['rows']} samples" in text


def test_an_unfinished_study_says_that_its_fidelity_is_unknown(folder, tmp_path):
    """Nothing is claimed that was not measured."""
    path = copied(folder, tmp_path / "study")
    writer = StudyWriter.resume(path)
    writer.commit("fidelity", writer.manifest.steps["fidelity"], None, fidelity=None)
    assert "has not been measured" in page("guide", path).info[0].value


def test_every_way_to_choose_outputs_is_explained(folder, tmp_path):
    """What one contrast for a thousand classes means is said where it was used, and only there."""
    assert set(MODES) == set(OUTPUT_MODES) - {"auto"}
    path = copied(folder, tmp_path / "study")
    writer = StudyWriter.resume(path)
    record = writer.manifest.steps["projection"]
    writer.commit("projection", replace(record, notes={**record.notes, "mode": "contrast"}), None)
    text = words(page("guide", path))
    assert "right class against the rest" in text and "drawn with the probabilities" not in text


def test_a_search_that_can_miss_says_how_much(folder, tmp_path):
    """The measured recall stands on the page; an exhaustive search says that it was one."""
    path = copied(folder, tmp_path / "study")
    writer = StudyWriter.resume(path)
    record = writer.manifest.steps["neighbors"]
    for facts, expected in (
        ({"index": "ivf-flat", "recall_at_10": 0.975, "recall_samples": 256}, "97.5%"),
        ({"index": "flat"}, "compared with every other"),
    ):
        writer.commit("neighbors", replace(record, notes={**record.notes, "search": {"network": facts}}), None)
        assert expected in words(page("guide", path))


def test_coverage_counts_every_parameter_once():
    """Counts sum to the number of parameters, the most common way first."""
    coverage = {"a": "linear", "b": "linear", "c": "left out by the subject"}
    assert coverage_in_words(coverage) == [
        "2 parameter tensors: linear layers",
        "1 parameter tensor: left out by the subject",
    ]


def test_the_study_may_have_no_samples_columns_to_explain(folder, tmp_path):
    """With nothing but labels and places the guide still says what similarity is."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table[["label", "x", "y"]])
    text = words(page("guide", path))
    assert "What similarity means here" in text
    assert "How many are alike" not in text


def test_a_damaged_table_is_one_sentence(folder, tmp_path):
    """A flipped byte in the samples table is said on screen."""
    broken = copied(folder, tmp_path / "study")
    damage(broken / "samples.parquet")
    assert "is damaged" in page("guide", broken).error[0].value


def test_what_we_found_is_read_from_the_shipped_tables(folder):
    """The slopes of the circle's counts and the gains stand in the guide as on the page Training."""
    text = words(page("guide", folder))
    medians = circle.count_medians(circle.table("counts"))
    learned = circle.learned_frequencies(circle.table("runs"))
    assert circle.paces_in_words(circle.count_slopes(medians[learned])) in text
    assert circle.leverage_in_words(circle.table("noise")) in text


def test_what_noise_numbers_assume_is_judged_for_this_study(folder):
    """Each assumption stands with the verdict that the Denoising page gives."""
    text = words(page("guide", folder))
    for one in assumptions(Study.open(folder)):
        assert f"{one.name}: **{one.verdict}**" in text


def test_the_share_of_negative_pairs_is_that_of_all_pairs_where_all_are_drawn(small):
    """Up to the number of drawn samples it is no estimate."""
    study = Study.open(small)
    similarities = study.similarity(range(study.n), range(study.n))[~np.eye(study.n, dtype=bool)]
    assert study.n < QUERIES
    assert negative_share.__wrapped__(study, study.version) == pytest.approx((similarities < 0).mean())
