"""Laws of the map page and its frame, without a browser: what the map is given, and what a person reads in trouble."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pages.screen import copied, damage, made_up_study, page, words
from streamlit.testing.v1 import AppTest

from explorer.pages import routes
from explorer.pages.library import library
from explorer.pages.map import _charts
from explorer.study.selections import NAME, Selections
from explorer.study.study import Study
from explorer.study.writer import StudyWriter

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("map") / "study")


def given(test: AppTest) -> dict:
    """What the map in the browser is given."""
    return json.loads(test.get("bidi_component")[0].proto.json)


@pytest.fixture
def framed(tmp_path, monkeypatch):
    """Runs the whole app on a folder named on the command line, with its own studies/."""

    def run(named=None, **params):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["app.py", *([str(named)] if named else [])])
        library.cache_clear()
        test = AppTest.from_file(str(routes.__file__).replace("routes.py", "frame.py"), default_timeout=60)
        for key, value in params.items():
            test.query_params[key] = value
        return test.run()

    yield run
    library.cache_clear()


def test_the_map_begins_with_the_sample_most_worth_a_look(folder):
    """Nothing chosen: the most suspicious sample, colored by label, nothing filtered."""
    told = given(page("map", folder))
    samples = Study.open(folder).samples
    assert (told["sample"], told["color"], told["filter"]) == (samples["suspicion"].idxmax(), "label", "")
    assert told["words"] == f"{len(samples)} samples, 4 classes"


def test_a_link_decides_sample_color_and_filter(folder):
    """What the URL names is what the map is given."""
    told = given(page("map", folder, sample="9", color="confidence", filter="label=2;suspicion=0.5..1"))
    assert (told["sample"], told["color"], told["filter"]) == (9, "confidence", "label=2;suspicion=0.5..1")
    assert [one["words"] for one in told["conditions"]] == ["Label is 2", "Suspicion from 0.5 to 1"]


@pytest.mark.parametrize(
    "params", [{"sample": "abc"}, {"sample": "-3"}, {"filter": "nonsense"}, {"sample": "![](http://x/y.png)"}]
)
def test_a_link_that_cannot_be_read_is_told_and_the_page_still_works(folder, params):
    """One sentence that shows the text as text, and the map as if nothing had been asked."""
    test = page("map", folder, **params)
    assert len(test.warning) == 1
    assert "![](" not in test.warning[0].value
    assert given(test)["filter"] == ""


@pytest.mark.parametrize("params", [{"sample": "240"}, {"sample": "999999"}, {"color": "no_such_column"}])
def test_a_link_to_what_this_study_has_not_shows_the_beginning(folder, params):
    """A row or column of another study is passed over."""
    assert given(page("map", folder, **params)) == given(page("map", folder))


def test_the_named_selections_are_read_once_for_an_opened_study(folder, tmp_path):
    """A click on the map draws its fragment again, and that reads no file."""
    study = Study.open(copied(folder, tmp_path / "named"))
    Selections.open(study).save("odd ones", study.samples["label"].to_numpy() % 2 == 1)
    study = Study.open(study.path)
    told = _charts(study)
    assert list(told["named"]) == ["odd ones"]
    (study.path / NAME).unlink()
    assert _charts(study) == told


def test_the_address_of_the_data_holds_the_token_and_the_version(folder):
    """The browser can ask for this study's data, and keep them until they change."""
    told, study = given(page("map", folder)), Study.open(folder)
    assert told["base"] == f"/data/{routes.TOKEN}/study"
    assert told["version"] == study.version


def test_a_damaged_study_is_told_in_its_own_sentence(folder, tmp_path):
    """The page says which file, and stops."""
    broken = copied(folder, tmp_path / "broken")
    damage(broken / "samples.parquet")
    test = page("map", broken)
    assert "samples.parquet" in test.error[0].value
    assert not test.get("bidi_component")


def test_a_study_whose_build_has_not_finished_says_how_to_go_on(tmp_path):
    """An empty study is not an empty page."""
    full = Study.open(made_up_study(tmp_path / "full"))
    (tmp_path / "empty").mkdir()
    StudyWriter.create(tmp_path / "empty", full.manifest.without_step("samples"))
    assert "has not finished" in page("map", tmp_path / "empty").error[0].value


def test_the_app_opens_the_study_from_the_command_line(folder, framed):
    """`streamlit run app.py -- STUDY` shows that study's map at once."""
    test = framed(folder)
    assert not test.exception
    assert test.title[0].value == "Map"
    assert given(test)["version"] == Study.open(folder).version


def test_without_a_study_the_app_offers_the_bundled_subjects(framed):
    """All of them, the default subject first and with the one primary button to measure it."""
    test = framed()
    assert not test.exception
    names = ["mnist-noisy", "mnist", "digits", "circle", "registration", "diabetes"]
    assert [one.value for one in test.header if one.value in names] == names
    measure = [one for one in test.button if one.label == "Measure it"]
    assert [one.proto.type for one in measure] == ["primary"] + ["secondary"] * (len(names) - 1)


def test_a_link_to_a_study_that_is_not_here_names_those_that_are(folder, framed):
    """Nobody is left on a blank page, and the name is not used as a path."""
    test = framed(folder, study="../../etc")
    assert "study" in test.error[0].value
    assert not test.exception
    assert not test.get("bidi_component")


def test_a_folder_that_is_neither_study_nor_subject_is_told(framed, tmp_path):
    """The sentence says what was expected, what was found, and what to do."""
    assert "nothing-here" in framed(tmp_path / "nothing-here").error[0].value


def test_a_damaged_manifest_on_the_command_line_is_told_in_one_sentence(folder, framed, tmp_path):
    """A broken study opens the app with its sentence, not with a traceback."""
    broken = copied(folder, tmp_path / "torn")
    (broken / "manifest.json").write_text("{")
    test = framed(broken)
    assert not test.exception
    assert "manifest.json" in test.error[0].value


def test_the_notes_of_a_study_are_on_its_map(folder):
    """Warnings of the build are not lost between the folder and the screen."""
    warnings = Study.open(folder).warnings
    assert all(line in words(page("map", folder)) for line in warnings)


def test_opening_the_app_on_a_finished_study_loads_no_torch(folder):
    """A visitor waits for a map, not for a framework that nothing on screen needs."""
    script = (
        "import sys; from streamlit.testing.v1 import AppTest; from explorer.pages import map as room\n"
        "test = AppTest.from_file(room.__file__.replace('map.py', 'frame.py'), default_timeout=60).run()\n"
        "assert test.get('bidi_component') and not test.exception\n"
        "print([name for name in ('torch', 'umap', 'faiss') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
