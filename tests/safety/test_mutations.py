"""A damaged study answers rightly or says that it is damaged; a forged one cannot do more than say what is not true.

The suite draws a few dozen mutations; EXPLORER_MUTATIONS=500 draws as many as that.
"""

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from safety.asking import REFUSED, answers_of
from safety.mutations import ACCIDENTS, FORGERIES

from explorer.study.decisions import Decisions
from explorer.study.study import Study

DRAWN = int(os.environ.get("EXPLORER_MUTATIONS", "60"))
KINDS = (*ACCIDENTS, *FORGERIES)
EVERY = [(KINDS[number % len(KINDS)], number) for number in range(DRAWN)]


@pytest.fixture(scope="module")
def finished(tiny_study, tmp_path_factory):
    """A finished study that somebody has decided about, and what it answers."""
    folder = shutil.copytree(tiny_study.path, tmp_path_factory.mktemp("finished") / "tiny")
    decisions = Decisions.open(Study.open(folder))
    decisions.decide([3, 7], "relabel", 1, "a note", "ann")
    decisions.decide([9], "drop", who="ben")
    return folder, answers_of(folder)


@pytest.mark.parametrize(("mutate", "seed"), EVERY, ids=[f"{kind.__name__}-{seed}" for kind, seed in EVERY])
def test_a_mutated_study_answers_rightly_or_with_a_named_error(finished, tmp_path, mutate, seed):
    """Never another exception, a hang, or, after an accident, another answer than before."""
    folder, expected = finished
    mutated = Path(shutil.copytree(folder, tmp_path / "tiny"))
    told = mutate(mutated, Random(seed))
    try:
        found = answers_of(mutated)
    except AssertionError as error:
        raise AssertionError(f"after {mutate.__name__} {told}: {error}") from error
    if mutate in ACCIDENTS:
        wrong = [name for name, answer in found.items() if not answer.startswith(REFUSED) and answer != expected[name]]
        assert not wrong, f"after {mutate.__name__} {told}: other answers to {wrong}"
