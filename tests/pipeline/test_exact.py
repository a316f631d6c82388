import numpy as np
import pytest
import tiny
import torch

import explorer
from explorer.errors import StudyError, StudyMismatch
from explorer.pipeline.exact import checked_subject, measured_fidelity
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
