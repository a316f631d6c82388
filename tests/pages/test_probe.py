"""Laws of the page Probe: nothing runs before it is allowed, every source shows inputs, bad ones are a sentence."""

import csv
import io
import re
import tempfile

import numpy as np
import probed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages.screen import galleries, made_up_study, page, shown_rows, words
from PIL import Image

import explorer
from explorer.pages import consent
from explorer.pages import probe as probe_page
from explorer.pages.altered import BLEND, NEGATIVE, NOISE, ROTATION, SWAP, ways_for
from explorer.pages.given_inputs import as_table
from explorer.pages.verdicts import percent, verdict
from explorer.pipeline.probe import own_inputs
from explorer.study.study import Study


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Builds a study of one of the small subjects when it is first asked for."""
    place, built = tmp_path_factory.mktemp("probed"), {}

    def study(kind):
        if kind not in built:
            subject = explorer.load_subject(f"{probed.__file__}:{kind}")
            built[kind] = explorer.build(subject, place / kind, settings=probed.SETTINGS).path
        return built[kind]

    return study


@pytest.fixture(autouse=True)
def nothing_kept():
    probe_page._probed.clear()


def opened(folder, row=17):
    """The page after its network was allowed."""
    test = page("probe", folder, sample=str(row))
    next(one for one in test.button if one.label == consent.BUTTON).click().run()
    assert not test.exception, test.exception
    return test


def from_source(test, source):
    found = next(group for group in test.segmented_control if group.key == "probe-source")
    found.set_value(source).run()
    assert not test.exception, test.exception
    return test


def uploaded(test, *files):
    test.file_uploader[0].set_value([(name, content, "application/octet-stream") for name, content in files]).run()
    assert not test.exception, test.exception
    return test


def array_file(values):
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def picture_file(shares):
    content = io.BytesIO()
    Image.fromarray((255 * shares).round().astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


def test_no_file_of_the_visitor_is_run_before_it_is_allowed(studies, monkeypatch):
    """The page says what would be run, and waits."""
    folder = studies("line")
    with monkeypatch.context() as patch:
        patch.setattr("explorer.pipeline.exact.load_subject", lambda reference: pytest.fail("the file was run"))
        test = page("probe", folder)
    assert "a Python file or module named there is run" in words(test)
    assert "probed.py:line" in words(test).replace("\\", "")
    assert not galleries(test)


def test_a_study_made_in_python_says_how_to_ask_it(tmp_path):
    """There is no way to load its network: one sentence, and nothing to click in vain."""
    test = page("probe", made_up_study(tmp_path / "study"))
    assert "explorer.probe(study, inputs, subject=subject)" in words(test)
    assert consent.BUTTON not in [one.label for one in test.button] and not galleries(test)


def test_a_subject_that_is_gone_is_one_sentence(studies, tmp_path, monkeypatch):
    """The file that it was built from has been deleted since."""
    (tmp_path / "mine.py").write_text("from probed import line\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    subject = explorer.load_subject(f"{tmp_path}/mine.py:line")
    folder = explorer.build(subject, tmp_path / "study", settings=probed.SETTINGS).path
    (tmp_path / "mine.py").unlink()
    test = opened(folder)
    assert len(test.warning) == 1 and "expected a Python file at" in test.warning[0].value
    assert not galleries(test)


@pytest.mark.parametrize("kind", probed.KINDS)
def test_with_no_file_at_hand_a_sample_is_changed_step_by_step(studies, kind):
    """Five inputs; the first is the sample itself, which comes out as its own nearest with similarity 1."""
    test = opened(studies(kind))
    study = Study.open(studies(kind))
    shown = galleries(test)
    assert len(shown) == 5 and not test.warning
    assert shown_rows(shown[0])[0] == 17
    assert shown_rows(shown[0])[1:] == study.neighbors(17, 7).indices.tolist()
    assert "<b>kᶜ 1.000</b>" in shown[0]
    assert "It is the input of sample 17." in words(test)


@pytest.mark.parametrize("kind", probed.KINDS)
def test_on_the_way_to_another_sample_one_arrives_there(studies, kind):
    """The last step is the other sample, recognized as such."""
    test = opened(studies(kind))
    way = next(group for group in test.segmented_control if group.key.startswith("probe-way"))
    way.set_value("Toward another sample").run()
    other = next(one.value for one in test.number_input if one.key.startswith("probe-other"))
    assert shown_rows(galleries(test)[-1])[0] == other
    assert f"It is the input of sample {other}." in words(test)


def test_files_of_several_kinds_are_shown_at_once(studies):
    """A picture, an array of two inputs and one alone; what is no input is told in a sentence and left out."""
    folder = studies("pictures")
    inputs = own_inputs(Study.open(folder), [3, 8, 9])
    files = [
        ("<script>alert(1)</script>.png", picture_file(inputs[0, 0])),
        ("two.npy", array_file(inputs[1:])),
        ("broken.png", b"no picture"),
        ("wide.npy", array_file(np.zeros((2, 9)))),
        ("objects.npy", array_file(np.array([{"a": 1}], dtype=object))),
    ]
    test = uploaded(from_source(opened(folder), "Files"), *files)
    assert [shown_rows(one)[0] for one in galleries(test)[1:]] == [8, 9]
    text = words(test)
    assert "two.npy, row 1" in text and len(galleries(test)) == 3
    assert len(test.warning) == 3
    for (name, _), warning in zip(files[2:], test.warning, strict=True):
        assert name.replace(".", "") in warning.value.replace("\\", "").replace(".", "")
        assert tempfile.gettempdir() not in warning.value
    assert all("<script>" not in one.value for one in test.get("html"))
    assert all("<script>" not in one.value.replace("\\<", "") for one in test.markdown)


def test_nothing_of_a_file_stays_on_the_disk(studies, tmp_path, monkeypatch):
    """Neither of one that was read nor of one that was refused."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = array_file(own_inputs(Study.open(studies("line")), [1]))
    test = uploaded(from_source(opened(studies("line")), "Files"), ("a.npy", content), ("b.csv", b"\0\xff"))
    assert len(galleries(test)) == 1 and len(test.warning) == 1
    assert list(tmp_path.iterdir()) == []


def test_files_are_still_there_after_a_visit_to_another_page_until_forgotten(studies):
    """The widget forgets its files when it is not drawn; the page does not, until it is told to."""
    folder = studies("line")
    content = array_file(own_inputs(Study.open(folder), [1]))
    test = uploaded(from_source(opened(folder), "Files"), ("a.npy", content))
    assert shown_rows(galleries(test)[0])[0] == 1
    test = from_source(from_source(test, "Numbers"), "Files")
    assert shown_rows(galleries(test)[0])[0] == 1
    next(button for button in test.button if button.label == "Forget these inputs").click().run()
    assert not galleries(test) and "Drop files above" in words(test)


def test_numbers_begin_as_those_of_the_sample_and_follow_what_is_typed(studies):
    """Unchanged they are the sample; one changed makes a new input."""
    test = from_source(opened(studies("line")), "Numbers")
    assert shown_rows(galleries(test)[0])[0] == 17 and "It is the input of sample 17." in words(test)
    test.number_input[0].set_value(3.5).run()
    assert "It is the input of sample" not in words(test)
    study = explorer.open_study(studies("line"))
    inputs = own_inputs(study, [17])
    inputs[0, 0] = 3.5
    expected = explorer.probe(study, inputs, k=8)[0]
    assert shown_rows(galleries(test)[0]) == expected.neighbors.indices.tolist()


def test_pasted_rows_are_inputs(studies):
    """With names of columns or without, whatever separates the values."""
    folder = studies("line")
    rows = own_inputs(Study.open(folder), [4, 6])
    test = from_source(opened(folder), "Pasted rows")
    assert not galleries(test)
    for separator in (", ", ";", "\t", " "):
        text = "\n".join(separator.join(f"{value:.9g}" for value in row) for row in rows)
        test.text_area[0].set_value(text).run()
        assert [shown_rows(one)[0] for one in galleries(test)] == [4, 6]
    test.text_area[0].set_value("1,2").run()
    assert not galleries(test) and len(test.warning) == 1


def test_pasted_text_becomes_a_table_with_names_above():
    """Names stay where there are some, are added where there are none, and keep their commas."""
    assert as_table("1 2\n\n3 4\n", ["a", 'b, "c"']) == 'a,"b, ""c"""\n1,2\n3,4\n'
    assert as_table("x;y\n1;2", ["a", "b"]) == "x,y\n1,2\n"
    assert as_table("1\t2\t3", ["a", "b"]).startswith("value 0,value 1,value 2\n")


@settings(deadline=None)
@given(st.text(min_size=1).filter(str.strip), st.none() | st.lists(st.text(), max_size=4))
def test_any_text_is_a_table_of_its_lines(text, names):
    """A line a row, of as many cells as it has, and names above: CSV reads back what was pasted."""
    rows = list(csv.reader(io.StringIO(as_table(text, names), newline="\n")))
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(rows) in (len(lines), len(lines) + 1)


def test_a_token_that_the_network_does_not_know_is_a_sentence(studies):
    """Typed as a number; the page goes on."""
    test = from_source(opened(studies("tokens")), "Numbers")
    test.number_input[0].set_value(10**6).run()
    assert not test.exception and not galleries(test)
    assert [one.value.split("(")[0] for one in test.warning] == ["the network could not be run on these inputs "]
    test.number_input[0].set_value(3).run()
    assert len(galleries(test)) == 1 and not test.warning


def test_exact_similarities_are_those_of_full_gradients(studies):
    """With the switch on, order and numbers are what explorer.probe says exactly."""
    folder = studies("pictures")
    test = opened(folder)
    test.toggle(key="probe-exact").set_value(True).run()
    study = explorer.open_study(folder)
    exact = explorer.probe(study, own_inputs(study, [17]), k=8, exact=True)[0]
    assert shown_rows(galleries(test)[0]) == exact.neighbors.indices.tolist()
    for similarity in exact.neighbors.similarities:
        assert f"<b>kᶜ {similarity:.3f}".replace("-", "−") in galleries(test)[0]


def test_many_inputs_are_shown_some_at_a_time(studies):
    """Eleven inputs are three pages; only those that are shown are measured."""
    folder = studies("line")
    content = array_file(own_inputs(Study.open(folder), range(11)))
    test = uploaded(from_source(opened(folder), "Files"), ("many.npy", content))
    assert [shown_rows(one)[0] for one in galleries(test)] == [0, 1, 2, 3, 4]


def test_neighbors_with_another_label_than_the_prediction_are_marked(studies):
    """≠ where label and prediction differ, and the sentence counts the others."""
    folder = studies("pictures")
    study = explorer.open_study(folder)
    test = opened(folder)
    for gallery in galleries(test)[:1]:
        prediction = explorer.probe(study, own_inputs(study, [17]))[0].prediction
        rows = shown_rows(gallery)
        differing = (study.samples["label"].to_numpy()[rows] != prediction).sum()
        assert gallery.count("≠") == differing
        others = [row for row in rows if row != 17]
        agreeing = (study.samples["label"].to_numpy()[others] == prediction).sum()
        assert f"{agreeing} of {len(others)} neighbors have the predicted class" in words(test)


def test_a_share_that_is_not_whole_is_not_written_as_the_whole():
    """Nearly everything is said to be nearly everything."""
    assert [percent(one) for one in (0.5, 0.9994, 0.9999, 1.0)] == ["50.0 %", "99.9 %", "over 99.9 %", "100.0 %"]


def test_an_input_without_a_gradient_is_said(studies):
    """In a sentence, with no bars and no neighbors."""
    study = explorer.open_study(studies("line"))
    inputs = own_inputs(study, [1])
    inputs[:] = np.inf
    assert "no gradient" in verdict(study, explorer.probe(study, inputs)[0])


@pytest.mark.parametrize("way", [NOISE, ROTATION, BLEND, NEGATIVE, SWAP], ids=lambda way: way.title)
def test_the_first_step_of_a_change_is_no_change(way):
    """And every step keeps shape and type; the amount 0 changes nothing."""
    own, other = np.random.default_rng(0).integers(0, 9, (2, 1, 6, 6)).astype(np.float32)
    steps = way.steps(own, other, np.asarray(2.0))
    assert np.array_equal(steps[0][1], own) and len(steps) == 5
    assert all(inputs.shape == own.shape and inputs.dtype == own.dtype for _, inputs in steps)
    assert way.change(own, other, np.asarray(2.0), 0) == pytest.approx(own, abs=1e-5)
    assert len({words for words, _ in steps}) == 5


def test_changes_do_what_they_say():
    """Mixtures end at the other input, half a turn is upside down, noise only grows, a negative twice is none."""
    own, other = np.random.default_rng(0).random((2, 3, 5, 5))
    for way in (BLEND, SWAP):
        assert np.array_equal(way.change(own, other, np.asarray(1.0), 1), other)
    assert ROTATION.change(own, other, np.asarray(1.0), 180) == pytest.approx(own[:, ::-1, ::-1], abs=1e-6)
    first, second = (NOISE.change(own, other, np.asarray(1.0), amount) - own for amount in (0.5, 1))
    assert second == pytest.approx(2 * first)
    negative = NEGATIVE.change(own, other, np.asarray(1.0), 1)
    assert NEGATIVE.change(negative, other, np.asarray(1.0), 1) == pytest.approx(own)


def test_tokens_are_never_halved():
    """Of whole numbers only whole ones are made."""
    assert list(ways_for("row", (5,), is_whole=True).values()) == [SWAP]
    assert ROTATION not in ways_for("row", (5,), is_whole=False).values()
    assert re.fullmatch(r"[A-Z].*", next(iter(ways_for("image", (1, 6, 6), is_whole=False))))
