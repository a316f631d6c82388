"""Laws of the denoising page: the floor is the floor, verdicts follow the residual, and nothing is an error bar."""

import numpy as np
import pytest
from pages.screen import as_regression, copied, damage, figures, made_up_study, noted, page, rewritten, words

from explorer.pages.denoising import assumptions, floor_of, labels_averaged, labels_near, stationarity
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("denoising") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


def test_the_floor_is_one_over_the_root_of_the_training_samples(study):
    """Read back from two columns, it is what the notes say by another way."""
    samples = study.manifest.steps["statistics"].notes["training_samples"]
    assert floor_of(study.samples) == pytest.approx(samples**-0.5, rel=1e-5)
    assert floor_of(study.samples.drop(columns="denoising_floor_ratio")) is None


def test_factor_and_floor_stand_where_they_are(folder, study):
    """Two lines: the sample's own factor and the floor; bars sum to all samples."""
    figure = figures(page("denoising", folder, sample="5"))[0]
    assert figure.data[0].y.sum() == study.n
    marks = sorted(shape.x0 for shape in figure.layout.shapes)
    expected = sorted([study.samples["denoising_factor"][5], floor_of(study.samples)])
    np.testing.assert_allclose(marks, expected, rtol=1e-6)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_nothing_on_the_page_looks_like_an_error_bar(folder, tmp_path, task):
    """No deviation of a prediction is ever formed from the factor: no sigma, no plus-minus, and the page denies it."""
    path = copied(folder, tmp_path / "study")
    text = words(page("denoising", as_regression(path) if task == "regression" else path))
    assert not any(sign in text for sign in ("σ", "sigma", "±", "confidence interval"))
    assert "The factor is no error bar" in text


@pytest.mark.parametrize(
    ("times_chance", "verdict"),
    [(0.0, "met"), (0.09, "met"), (0.5, "roughly met"), (1.01, "not met"), (9.0, "not met")],
)
def test_the_verdict_follows_the_residual(folder, tmp_path, times_chance, verdict):
    """At rest errors do not pull; at chance they pull like errors at random; beyond, the numbers do not apply."""
    residual = times_chance / 100**0.5
    path = noted(copied(folder, tmp_path / "study"), "statistics", stationarity_residual=residual, training_samples=100)
    assert stationarity(Study.open(path)).verdict == verdict


def test_a_study_without_a_residual_gets_no_verdict(folder, tmp_path):
    """What was not measured is not judged."""
    path = noted(copied(folder, tmp_path / "study"), "statistics", stationarity_residual=None)
    assert stationarity(Study.open(path)).verdict == "cannot be told"
    assert all(one.reason in words(page("denoising", path)) for one in assumptions(Study.open(path)))


def test_classifiers_are_read_as_label_distributions(study):
    """Shares of the nearest labels are similarities added up by class, over their sum."""
    shares, count = labels_near(study, 5)
    neighbors = study.neighbors(5, k=study.settings.neighbors)
    labels = study.samples["label"].to_numpy()
    by_hand = {}
    for row, similarity in zip(neighbors.indices, neighbors.similarities, strict=True):
        by_hand[labels[row]] = by_hand.get(labels[row], 0.0) + max(float(similarity), 0.0)
    assert count == study.settings.neighbors
    assert shares.sum() == pytest.approx(1)
    for label, share in shares.items():
        assert share == pytest.approx(by_hand[label] / sum(by_hand.values()))
    assert shares.is_monotonic_decreasing


def test_the_average_of_all_is_the_stored_one(study):
    """E_k[label] is shown as the study holds it, largest first."""
    stored = study.array("statistics/label_mean")[5]
    averaged = labels_averaged(study, 5)
    np.testing.assert_allclose(averaged.sort_index().to_numpy(), stored, rtol=1e-6)
    assert averaged.is_monotonic_decreasing


def test_both_distributions_list_the_same_classes_in_one_order(folder):
    """The eye may go across from one figure to the other."""
    near, averaged = figures(page("denoising", folder, sample="5"))[1:3]
    assert near.layout.yaxis.ticktext == averaged.layout.yaxis.ticktext
    assert near.layout.xaxis.range[0] <= 0 and near.layout.xaxis.range[1] >= 1


def test_a_regression_has_no_label_distribution(folder, tmp_path):
    """Factor and shift stay, labels nearby go."""
    test = page("denoising", as_regression(copied(folder, tmp_path / "study")))
    assert "Labels nearby" not in words(test)
    assert len(figures(test)) == 2


def test_numbers_that_were_not_measured_are_named_in_a_sentence(folder, tmp_path):
    """A missing column is a clause, not an empty frame."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns=["leverage_gain", "shift"]))
    test = page("denoising", path)
    assert "Not measured in this study: leverage gain, shift." in words(test)
    assert len(figures(test)) == 3


def test_a_study_without_factors_says_so(folder, tmp_path):
    """One sentence, no figure."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns="denoising_factor"))
    test = page("denoising", path)
    assert "no denoising factors" in test.info[0].value
    assert figures(test) == []


def test_a_damaged_average_is_one_sentence(folder, tmp_path):
    """A flipped byte in what the page reads is said on screen."""
    broken = copied(folder, tmp_path / "study")
    damage(broken / "statistics/label_mean.npy")
    assert "is damaged" in page("denoising", broken).error[0].value
