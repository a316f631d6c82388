from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

import explorer
from explorer.errors import ShapeError, StudyError, StudyMismatch
from explorer.pipeline.exact import _loaded, checked_subject, exact_similarity, measured_fidelity, measured_subject
from explorer.study.study import Study


def test_exact_similarities_are_the_same_from_the_built_study_and_from_the_opened_one(tiny_study):
    opened = explorer.open_study(tiny_study.path)
    rows = [0, 13, 59]
    assert np.array_equal(opened.exact_similarity(rows, rows), tiny_study.exact_similarity(rows, rows))


def test_exact_neighbors_are_the_best_by_exact_similarity(tiny_study):
    everything = tiny_study.exact_similarity([7], range(60))[0]
    found = tiny_study.exact_neighbors(7, 5)
    assert found.similarities == pytest.approx(np.sort(np.delete(everything, 7))[::-1][:5], abs=1e-6)
    assert found.similarities == pytest.approx(everything[found.indices], abs=1e-6)


def test_shares_of_layers_add_up_to_the_exact_similarity(tiny_study):
    """Each layer of the network is named once; exchanging the samples exchanges nothing."""
    opened = explorer.open_study(tiny_study.path)
    names, shares = opened.layer_shares(7, 20)
    assert names == ["0 (Linear)", "2 (Linear)"]
    assert shares.sum() == pytest.approx(opened.exact_similarity([7], [20])[0, 0], abs=1e-6)
    assert opened.layer_shares(20, 7)[1] == pytest.approx(shares, abs=1e-6)


def test_the_slope_of_a_similarity_is_that_of_its_own_differences(tiny_study):
    """A step of the first sample's input along the slope changes the exact similarity by its length."""
    slope = explorer.open_study(tiny_study.path).similarity_gradient(7, 20)
    assert slope.shape == (2,) and slope.dtype == np.float32
    subject, step, ends = tiny.subject(), 0.02, []
    for sign in (1, -1):
        points = [point.clone() for point in subject.dataset]
        points[7] += sign * step * torch.tensor(slope) / np.linalg.norm(slope)
        moved = replace(subject, dataset=points)
        ends.append(exact_similarity(tiny_study, [7], [20], subject=moved)[0, 0])
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(np.linalg.norm(slope)), rel=0.01)


def test_a_subject_stays_loaded_for_the_next_question(tiny_study):
    """Two openings of the same study share one subject: a click need not load the network again."""
    first, second = (measured_subject(explorer.open_study(tiny_study.path)) for _ in range(2))
    assert first is second


def test_a_subject_that_was_refused_is_asked_for_again(tiny_study, monkeypatch):
    """A changed subject is not remembered: once it is restored the study answers."""
    other = tiny.subject()
    with torch.no_grad():
        next(other.model.parameters())[0, 0] += 1
    offered = iter([other, tiny.subject()])
    monkeypatch.setattr("explorer.pipeline.exact.load_subject", lambda reference: next(offered))
    _loaded.cache_clear()
    with pytest.raises(StudyMismatch, match="made of another version"):
        measured_subject(tiny_study)
    assert measured_subject(tiny_study).name == "tiny"
    _loaded.cache_clear()


@pytest.mark.parametrize("question", ["layer_shares", "similarity_gradient"])
def test_questions_about_a_pair_say_what_they_lack(question, tiny_study, made_up):
    """A row that does not exist, a study without its network, and one whose subject was made in Python."""
    with pytest.raises(ShapeError, match="run from 0 to 59, found 60"):
        getattr(explorer.open_study(tiny_study.path), question)(0, 60)
    with pytest.raises(StudyError, match="opened without its network"):
        getattr(Study.open(tiny_study.path), question)(0, 1)
    with pytest.raises(StudyError, match="built from a Subject made in Python"):
        getattr(explorer.open_study(made_up), question)(0, 1)


def test_fidelity_measured_again_on_as_many_rows_is_what_the_build_stored(tiny_study):
    assert measured_fidelity(tiny_study, 256) == pytest.approx(tiny_study.fidelity)


def test_a_subject_that_has_changed_is_not_taken_for_the_measured_one(tiny_study):
    other = tiny.subject()
    with torch.no_grad():
        next(other.model.parameters())[0, 0] += 1
    with pytest.raises(StudyMismatch, match="made of another version of tiny"):
        checked_subject(tiny_study, other)


def test_a_study_of_a_subject_made_in_python_says_that_it_cannot_load_it(made_up):
    with pytest.raises(StudyError, match="built from a Subject made in Python"):
        explorer.open_study(made_up).exact_similarity([0], [1])
    assert Study.open(made_up).subject["reference"] is None
