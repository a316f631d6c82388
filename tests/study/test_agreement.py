"""Laws of agreement: what two lists share does not depend on their order, and samples that differ are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages.screen import copied, made_up_study, rewritten
from synthetic import synthetic_study
from twins import recut

from explorer.errors import ShapeError, StudyMismatch
from explorer.study.agreement import (
    OTHERS,
    neighbor_overlap,
    rank_correlation,
    same_samples,
    similarity_agreement,
)
from explorer.study.study import Study

RANDOM = np.random.default_rng(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("agreement") / "study")


def random_lists(n, k, seed):
    random = np.random.default_rng(seed)
    return np.stack([random.choice(3 * k, k, replace=False) for _ in range(n)])


@given(st.integers(1, 12), st.integers(0, 1000))
def test_overlap_counts_what_sets_share(k, seed):
    """One by one with sets, for every sample."""
    mine, theirs = random_lists(9, 12, seed), random_lists(9, 12, seed + 1)
    expected = [len(set(one[:k]) & set(other[:k])) for one, other in zip(mine.tolist(), theirs.tolist(), strict=True)]
    assert neighbor_overlap(mine, theirs, k).tolist() == expected


def test_overlap_is_symmetric_blind_to_order_and_whole_with_itself():
    """Two views of one fact: who the first k are."""
    mine, theirs = random_lists(5000, 10, 3), random_lists(5000, 10, 4)
    shared = neighbor_overlap(mine, theirs, 10)
    np.testing.assert_array_equal(shared, neighbor_overlap(theirs, mine, 10))
    np.testing.assert_array_equal(shared, neighbor_overlap(mine[:, ::-1], RANDOM.permuted(theirs, axis=1), 10))
    assert (neighbor_overlap(mine, mine, 10) == 10).all()


def test_no_neighbor_is_not_shared():
    """Minus one is nobody: two lists that end early share only real samples, and an empty list says nothing."""
    mine = np.array([[4, -1, -1], [-1, -1, -1], [1, 2, 3]])
    theirs = np.array([[4, 7, -1], [1, 2, 3], [-1, -1, -1]])
    np.testing.assert_array_equal(neighbor_overlap(mine, theirs, 3), [1, np.nan, np.nan])


@pytest.mark.parametrize(("shapes", "k"), [(((3, 4), (2, 4)), 2), (((3, 4), (3, 2)), 3), (((3, 4), (3, 4)), 0)])
def test_lists_that_cannot_be_compared_are_refused(shapes, k):
    """Other samples, or more places than there are."""
    with pytest.raises(ShapeError, match="lists of neighbors"):
        neighbor_overlap(*(np.zeros(shape, dtype=np.int64) for shape in shapes), k)


def test_rank_correlation_is_pandas_spearman_row_by_row():
    """Ties and missing entries included; nan where nothing varies."""
    import pandas as pd

    left, right = RANDOM.integers(0, 6, (20, 15)).astype(float), RANDOM.normal(size=(20, 15))
    left[3, 4], right[5, 6], left[7] = np.nan, np.inf, 2.0
    found = rank_correlation(left, right)
    for row in range(20):
        known = np.isfinite(left[row]) & np.isfinite(right[row])
        ranks = [pd.Series(one[row][known]).rank() for one in (left, right)]
        expected = ranks[0].corr(ranks[1]) if ranks[0].std() > 0 else np.nan
        assert found[row] == pytest.approx(expected, nan_ok=True)
    np.testing.assert_allclose(rank_correlation(left, np.exp(right)), found)
    with pytest.raises(ShapeError, match="one shape"):
        rank_correlation(left, right[:, 1:])


def test_a_space_agrees_with_itself_and_agreement_is_mutual(folder):
    """1 with itself; the same from both sides; for a sample, the correlation over all others but itself."""
    study = Study.open(folder)
    assert study.n < OTHERS
    assert similarity_agreement(study, "network", study, "network") == pytest.approx(1.0)
    forth = similarity_agreement(study, "network", study, "input")
    np.testing.assert_allclose(forth, similarity_agreement(study, "input", study, "network"))
    others = np.delete(np.arange(study.n), 7)
    expected = rank_correlation(*(study.similarity([7], others, by) for by in ("network", "input")))
    assert similarity_agreement(study, "network", study, "input", np.array([7])) == pytest.approx(expected)


def test_the_same_inputs_are_the_same_samples(folder, tmp_path):
    """Whatever else differs: the network, the labels, the number of outputs."""
    other = rewritten(copied(folder, tmp_path / "other"), lambda table: table.assign(label=0), outputs=1, name="b")
    assert same_samples(Study.open(folder), Study.open(other)) == "inputs"


def test_other_inputs_with_the_same_pictures_are_the_same_samples(folder, tmp_path):
    """Two networks may want their pictures prepared in two ways."""
    other = recut(copied(folder, tmp_path / "other"), inputs=lambda values: 2 * values - 1)
    assert same_samples(Study.open(folder), Study.open(other)) == "pictures"


def test_labels_speak_only_in_a_mixed_order(folder, tmp_path):
    """Row by row the same labels are evidence, unless they are sorted: then any other data set has them too."""
    other = recut(
        copied(folder, tmp_path / "other"), inputs=lambda values: 2 * values - 1, pictures=lambda image: 255 - image
    )
    assert same_samples(Study.open(folder), Study.open(other)) == "labels"
    mine = copied(folder, tmp_path / "mine")
    for path in (mine, other):
        rewritten(path, lambda table: table.assign(label=np.sort(table["label"])))
    with pytest.raises(StudyMismatch, match="other inputs"):
        same_samples(Study.open(mine), Study.open(other))


def test_other_samples_are_refused_in_a_sentence(folder, tmp_path):
    """Another number of samples, or other samples."""
    few, strangers = (
        synthetic_study(tmp_path / name, n=n, classes=4, seed=seed) for name, n, seed in (("f", 100, 3), ("s", 240, 4))
    )
    for other, words in ((few, "found 100 samples instead of 240"), (strangers, "found other inputs")):
        with pytest.raises(StudyMismatch, match=words):
            same_samples(Study.open(folder), Study.open(other))
    with pytest.raises(ShapeError, match="same samples"):
        similarity_agreement(Study.open(folder), "network", Study.open(few), "network")


def test_targets_speak_for_a_regression_and_what_was_computed_from_them_does_not(folder, tmp_path):
    """Residuals differ between two networks, and a user's own column may begin with the same word and hold text."""
    random = np.random.default_rng(5)
    targets = random.normal(size=Study.open(folder).n)

    def regression(path, residuals):
        table = {"target": targets, "target_residual": residuals, "target_name": "height"}
        return rewritten(path, lambda samples: samples.drop(columns="label").assign(**table), task="regression")

    mine = regression(copied(folder, tmp_path / "mine"), random.normal(size=len(targets)))
    other = regression(
        recut(copied(folder, tmp_path / "other"), lambda values: 2 * values - 1, lambda image: 255 - image),
        random.normal(size=len(targets)),
    )
    assert same_samples(Study.open(mine), Study.open(other)) == "labels"
