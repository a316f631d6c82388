"""Laws of what is remembered of a study: it is what would be found afresh, bounded, and gone with the study."""

import gc
import shutil
from weakref import ref

import numpy as np
import pytest
from pages.screen import copied, made_up_study
from synthetic import synthetic_study

from explorer.pages.columns import describe_column
from explorer.pages.describing import describe_sample
from explorer.pages.library import Library
from explorer.pages.strip import picture_strip
from explorer.pages.warming import warm_up
from explorer.study.study import Study
from explorer.views import coloring
from explorer.views.coloring import color_codes, legend
from explorer.views.remembered import remembered


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("remembered") / "study")


def told(study):
    """All that a click, a color and a chart show, and a strip of pictures."""
    codes = {column: color_codes(study, column).tolist() for column in ("label", "confidence", "suspicion")}
    charts = {column: describe_column(study, column) for column in codes}
    legends = {column: legend(study, column) for column in codes}
    return describe_sample(study, 3, 8), codes, legends, charts, picture_strip(study, (2, 5))


def test_what_is_remembered_is_what_would_be_found_afresh(folder):
    """Asked again, and asked of another opening of the same study, which remembers nothing."""
    study = Study.open(folder)
    first = told(study)
    assert told(study) == first == told(Study.open(folder))


def test_a_study_built_anew_under_the_same_name_is_told_as_it_is_now(tmp_path):
    """Nothing of the old one is left, although name and folder are the same."""
    library = Library(tmp_path)
    synthetic_study(tmp_path / "one", n=120, classes=3, seed=0)
    before = told(library.open("one"))
    shutil.rmtree(tmp_path / "one")
    synthetic_study(tmp_path / "one", n=120, classes=3, seed=1)
    now = told(library.open("one"))
    assert now == told(Study.open(tmp_path / "one"))
    assert now != before


def test_a_study_that_nobody_has_open_is_forgotten(folder):
    """The memory holds neither the study nor what was read of it."""
    study = Study.open(folder)
    told(study)
    gone = ref(study)
    del study
    gc.collect()
    assert gone() is None


def test_so_many_answers_are_kept_and_no_more(folder):
    """The one that was asked for longest ago is found afresh, the others are not."""
    asked = []

    @remembered(most=2)
    def find(study, word):
        asked.append(word)
        return word

    study = Study.open(folder)
    for word in "abab" + "c" + "b" + "a":
        assert find(study, word) == word
    assert asked == ["a", "b", "c", "a"]


def test_two_studies_share_no_memory(folder, tmp_path):
    """The same question to another study is another question."""
    other = Study.open(copied(folder, tmp_path / "other"))

    @remembered(most=4)
    def name(study, word):
        return study.path.name + word

    assert (name(Study.open(folder), "!"), name(other, "!")) == ("study!", "other!")


def test_codes_that_are_shared_cannot_be_changed(folder):
    """Whoever tries is refused, so nobody else is shown another color."""
    codes = color_codes(Study.open(folder), "label")
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = coloring.NONE
    assert codes.dtype == np.uint8


def test_warming_up_ends_in_peace_whatever_there_is(tmp_path, monkeypatch):
    """No study, a study, a damaged one: what is wrong is told by the page, not by the start."""
    monkeypatch.setattr("explorer.pages.warming.library", lambda: Library(tmp_path))
    warm_up()
    synthetic_study(tmp_path / "one", n=60, classes=2)
    warm_up()
    (tmp_path / "one" / "neighbors" / "network" / "indices.npy").write_bytes(b"no array")
    warm_up()
