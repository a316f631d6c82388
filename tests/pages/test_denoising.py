"""Laws of the denoising page: the floor is the floor, verdicts follow the identity, and nothing is an error bar."""

import shutil

import numpy as np
import pytest
from pages.screen import as_regression, copied, damage, figures, made_up_study, noted, page, rewritten, words

from explorer.pages.denoising import SAYS, floor_of, labels_averaged, labels_near
from explorer.study.manifest import StepRecord
from explorer.study.study import Study
from explorer.study.writer import StudyWriter
from explorer.views.assumptions import assumptions, identity_gaps, stationarity


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("denoising") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


def averaged(folder, **means):
    """The study with other averages around its samples; None takes one away."""
    writer = StudyWriter.resume(folder)
    part = writer.part("statistics", "averaged")
    for source in (folder / "statistics").glob("*.npy"):
        shutil.copy(source, part)
    for name, values in means.items():
        (part / f"{name}.npy").unlink()
        if values is not None:
            np.save(part / f"{name}.npy", values.astype(np.float32))
    notes = writer.manifest.steps["statistics"].notes
    writer.commit("statistics", StepRecord("averaged", 0.0, 0, notes), "statistics")
    return folder


def regression(folder):
    """The study of one target, whose averages have one column too."""
    study = Study.open(folder)
    means = {name: study.array(f"statistics/{name}")[:, :1] for name in ("neighbor_mean", "label_mean")}
    return averaged(as_regression(folder), **means)


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
    text = words(page("denoising", regression(path) if task == "regression" else path))
    assert not any(sign in text for sign in ("σ", "sigma", "±", "confidence interval"))
    assert "The factor is no error bar" in text


@pytest.mark.parametrize("name", SAYS)
def test_every_number_stands_with_what_it_can_and_cannot_say(folder, study, name):
    """Under each number that the study has, and under no other."""
    assert name in study.samples
    assert SAYS[name] in words(page("denoising", folder))


def test_the_identity_is_measured_in_spreads_of_the_labels(folder, tmp_path):
    """Averages that are one standard deviation of all one-hot labels apart are apart by 1, with one output or many."""
    labels = Study.open(folder).samples["label"].to_numpy()
    one_hot = np.eye(4)[labels]
    spread = np.sqrt(((one_hot - one_hot.mean(axis=0)) ** 2).sum(axis=1).mean())
    apart = np.linspace(0, 2, len(labels))
    means = one_hot + apart[:, None] * spread * np.array([0.6, 0.0, 0.0, -0.8])
    path = averaged(copied(folder, tmp_path / "many"), neighbor_mean=means, label_mean=one_hot)
    np.testing.assert_allclose(identity_gaps(Study.open(path)), apart, atol=1e-6)
    spread = labels.clip(max=1).std()
    means = np.stack([apart * spread, np.zeros(len(apart))])[:, :, None]
    path = averaged(copied(folder, tmp_path / "one"), neighbor_mean=means[0], label_mean=means[1])
    path = rewritten(path, lambda table: table.assign(label=table["label"].clip(upper=1)))
    np.testing.assert_allclose(identity_gaps(Study.open(path)), apart, atol=1e-6)


@pytest.mark.parametrize(
    ("times_factor", "verdict", "said"),
    [
        (0.0, "met", "Training had come to rest: the identity E_k[prediction] = E_k[label] holds to 0 %"),
        (0.09, "met", "Training had come to rest"),
        (0.5, "roughly met", "Training had nearly come to rest"),
        (1.01, "not met", "Training had not converged"),
        (9.0, "not met", "describes another network"),
    ],
)
def test_the_verdict_holds_the_identity_against_what_the_factor_speaks_of(
    folder, study, tmp_path, times_factor, verdict, said
):
    """Averages that differ by more than the noise that the factor leaves would drown it."""
    variance = 1 - (study.samples["label"].value_counts(normalize=True) ** 2).sum()
    gap = times_factor * study.samples["denoising_factor"].median() * np.sqrt(variance)
    labels = study.array("statistics/label_mean")
    path = averaged(copied(folder, tmp_path / "study"), neighbor_mean=labels + gap * np.array([0, 1, 0, 0]))
    found = stationarity(Study.open(path))
    assert found.verdict == verdict
    assert said in found.reason
    assert "Stationarity residual, the joint pull of all errors on the parameters: 0.02" in found.reason


def test_a_residual_that_was_not_measured_is_not_mentioned(folder, tmp_path):
    """The averages alone carry the verdict."""
    path = noted(copied(folder, tmp_path / "study"), "statistics", stationarity_residual=None)
    assert "residual" not in stationarity(Study.open(path)).reason


def test_a_study_without_averages_gets_no_verdict(folder, tmp_path):
    """What was not measured is not judged."""
    path = averaged(copied(folder, tmp_path / "study"), neighbor_mean=None)
    assert stationarity(Study.open(path)).verdict == "cannot be told"
    shown = words(page("denoising", path)).replace("\\", "")
    assert all(one.reason in shown for one in assumptions(Study.open(path)))


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


def test_a_regression_shows_both_averages_in_place_of_label_distributions(folder, tmp_path):
    """Prediction and target of the sample, each beside its average."""
    path = regression(copied(folder, tmp_path / "study"))
    test, study = page("denoising", path, sample="5"), Study.open(path)
    assert "Labels nearby" not in words(test)
    assert len(figures(test)) == 2
    rows = [line.split(" | ") for line in words(test).splitlines() if line.startswith("| ")]
    for (name, own, mean), array in zip(rows[-2:], ("neighbor_mean", "label_mean"), strict=True):
        column = name.removeprefix("| ")
        assert float(own) == pytest.approx(study.samples[column][5], rel=0.01)
        assert float(mean.removesuffix(" |")) == pytest.approx(study.array(f"statistics/{array}")[5, 0], rel=0.01)


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
