"""Laws of the closer look: exact order is the network's, explanations add up, and nothing runs before it is asked."""

import re

import numpy as np
import pytest
from pages.screen import alternatives, figures, galleries, made_up_study, page, shown_rows, words

import explorer
from explorer.errors import EngineError
from explorer.pages import closer, consent
from explorer.records import Settings
from explorer.study.study import Study

SUBJECT = """
import torch
from explorer import Subject


def pictures():
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(48) % 3
    shapes = torch.rand(3, 1, 6, 6, generator=generator)
    inputs = shapes[labels] + 0.3 * torch.randn(48, 1, 6, 6, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(64, 3)
        )
    return Subject(name="pictures", model=model, dataset=inputs, labels=labels)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of small pictures with coarse features, so that exact order differs from the stored one."""
    place = tmp_path_factory.mktemp("closer")
    (place / "subject.py").write_text(SUBJECT)
    settings = Settings(dim=3, neighbors=12, calibration=16, device="cpu")
    subject = explorer.load_subject(f"{place}/subject.py:pictures")
    return explorer.build(subject, place / "study", settings=settings).path


@pytest.fixture(scope="module")
def unloadable(tmp_path_factory):
    """Its subject was made in Python: no network can be loaded for it."""
    return made_up_study(tmp_path_factory.mktemp("unloadable") / "study")


@pytest.fixture(autouse=True)
def nothing_kept():
    for kept in (closer._ranked_again, closer._shares, closer._slopes):
        kept.clear()


def asked(folder, switch, row=17):
    """The page after a switch, before leave to run the subject's file is given."""
    return page("sample", folder, sample=str(row)).toggle(key=switch).set_value(True).run()


def switched(folder, switch, row=17):
    test = asked(folder, switch, row)
    leave = [one for one in test.button if one.label == consent.BUTTON]
    return leave[0].click().run() if leave else test


def test_nothing_is_asked_of_the_network_until_a_switch_is_on(folder, monkeypatch):
    """A page that is only looked at opens no network."""
    monkeypatch.setattr("explorer.open_study", lambda path: pytest.fail("the network was asked"))
    assert len(galleries(page("sample", folder, sample="17"))) == 3


@pytest.mark.parametrize("switch", ["exact-order", "explain-pair"])
def test_no_file_of_ones_own_is_run_before_leave_is_given(folder, switch, monkeypatch):
    """The page names the file that would be run, and waits; the stored neighbors stay."""
    monkeypatch.setattr("explorer.open_study", lambda path: pytest.fail("the network was asked"))
    test = asked(folder, switch)
    assert "subject.py:pictures" in words(test).replace("\\", "")
    assert len(galleries(test)) == 3


def test_leave_once_given_holds_for_the_other_question(folder):
    """Whoever allowed exact order is not asked again for an explanation."""
    test = switched(folder, "exact-order").toggle(key="explain-pair").set_value(True).run()
    assert consent.BUTTON not in [one.label for one in test.button]
    assert figures(test)


def test_exact_order_is_that_of_full_gradients(folder):
    """The first row holds the study's exact neighbors with their exact similarities, best first."""
    gallery = galleries(switched(folder, "exact-order"))[0]
    exact = explorer.open_study(folder).exact_neighbors(17, 10)
    assert shown_rows(gallery) == exact.indices.tolist()
    for similarity in exact.similarities:
        assert f"<b>kᶜ {similarity:.3f}".replace("-", "−") in gallery


def test_an_arrow_counts_the_places_from_the_stored_to_the_exact_order(folder):
    """Stored place minus exact place, up for nearer; a tile without an arrow has not moved, and the note counts."""
    test = switched(folder, "exact-order")
    gallery, stored = galleries(test)[0], Study.open(folder).neighbors(17, 47).indices.tolist()
    firsts = re.findall(r"<b>(kᶜ [^<]*)</b>", gallery)
    moved = 0
    for place, (row, first) in enumerate(zip(shown_rows(gallery), firsts, strict=True)):
        moves = stored.index(row) - place
        assert first.endswith(f"↑{moves}" if moves > 0 else f"↓{-moves}") if moves else "↑" not in first
        moved += moves != 0
    assert moved and f"{moved} of 10 changed place" in words(test)
    assert gallery.count("than the stored features put it") == 2 * moved  # for the pointer and for screen readers


def test_overlaps_are_counted_with_the_row_that_is_shown(folder):
    """In exact order, what other spaces share with the network is what the first row shows."""
    test = switched(folder, "exact-order")
    rows = [set(shown_rows(gallery)) for gallery in galleries(test)]
    for other in rows[1:]:
        assert f"{len(rows[0] & other)} of 10 are also alike for the network" in words(test)


def test_explaining_shows_shares_that_add_up(folder):
    """One bar a layer; together they are the exact similarity to the nearest neighbor, which is the first choice."""
    test = switched(folder, "explain-pair")
    study = explorer.open_study(folder)
    first = int(study.neighbors(17, 10).indices[0])
    assert test.selectbox(key="pair-17").value == first
    bars = figures(test)[0].data[0]
    assert sum(bars.x) == pytest.approx(study.exact_similarity([17], [first])[0, 0], abs=1e-5)
    assert "0 (Conv2d)" in alternatives(test)[0] and "3 (Linear)" in alternatives(test)[0]
    assert f"kᶜ is {sum(bars.x):.3f} by full gradients" in words(test)


def test_another_neighbor_is_another_pair(folder):
    """The choice leads: bars and pictures are those of the chosen pair."""
    test = switched(folder, "explain-pair")
    study = explorer.open_study(folder)
    other = int(study.neighbors(17, 10).indices[4])
    test.selectbox(key="pair-17").set_value(other).run()
    np.testing.assert_allclose(figures(test)[0].data[0].x, study.layer_shares(17, other)[1], rtol=1e-6)
    assert f"sample {other} · label" in words(test)


def test_both_pictures_of_a_pair_are_shown_with_words(folder):
    """Two pictures, each with a description, and a legend that says what each color means."""
    text = words(switched(folder, "explain-pair"))
    assert text.count("Slope of the similarity at the pixels of sample") == 2
    assert "orange: brightening this pixel makes the two more alike" in text
    assert "blue: brightening this pixel makes the two less alike" in text
    assert "It is not the reason" in text


def test_what_one_half_cannot_answer_leaves_the_other(folder, monkeypatch):
    """A network that cannot be differentiated twice still has shares by layer; the reason is one sentence."""

    def refuse(*_):
        raise EngineError("the slope of a similarity needs a network that can be differentiated twice.")

    monkeypatch.setattr(Study, "similarity_gradient", refuse)
    test = switched(folder, "explain-pair")
    assert len(figures(test)) == 2 and "brightening" not in words(test)
    assert [warning.value for warning in test.warning] == [
        "the slope of a similarity needs a network that can be differentiated twice."
    ]


def test_rows_and_points_have_no_pixels(tiny_study):
    """Only pictures are asked for their pixels."""
    test = switched(tiny_study.path, "explain-pair", row=7)
    assert len(figures(test)) == 2
    assert "Which pixels" not in words(test)


@pytest.mark.parametrize("switch", ["exact-order", "explain-pair"])
def test_a_subject_that_cannot_be_loaded_is_said(unloadable, switch):
    """One sentence with what to do; the stored order stays, and so does the rest of the page."""
    test = switched(unloadable, switch)
    assert len(test.warning) == 1 and not test.error
    assert "built from a Subject made in Python" in test.warning[0].value
    assert shown_rows(galleries(test)[0]) == Study.open(unloadable).neighbors(17, 10).indices.tolist()
    assert len(figures(test)) == 1
