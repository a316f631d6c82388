"""Laws of the page Present: it shows the album, in its order, as text, and what is done there is done in the file."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from pages.screen import copied, made_up_study, page, words
from safety.hostile import HOSTILE

from explorer.pages.saving import address_of
from explorer.study.album import Album
from explorer.study.study import Study
from explorer.views.selection import Selection


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("present") / "studies" / "one")


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


def button(test, key):
    return next(one for one in test.button if one.key == key)


def names(folder):
    return [view.name for view in Album.open(Study.open(folder)).views()]


def filled(folder, *given):
    album = Album.open(Study.open(folder))
    for name in given:
        album.save(name=name, page="map")
    return album


def test_an_empty_album_says_how_to_fill_it(folder):
    text = words(page("present", folder))
    assert "Save view" in text and "Add to report" in text and "slide" not in text.lower().replace("last slide", "")


def test_a_press_moves_a_view_and_the_others_keep_their_order(folder):
    filled(folder, "a", "b", "c")
    test = page("present", folder)
    button(test, "Move down-1").click().run()
    assert names(folder) == ["b", "a", "c"]
    assert button(test, "Move up-2").disabled and button(test, "Move down-3").disabled


def test_removing_can_be_taken_back(folder):
    filled(folder, "a", "b", "c").pick(5, "look")
    test = page("present", folder)
    button(test, "Remove-2").click().run()
    assert names(folder) == ["a", "c"]
    next(one for one in test.button if one.label == "Undo").click().run()
    assert names(folder) == ["a", "b", "c"]
    button(test, "unpick-5").click().run()
    assert Album.open(Study.open(folder)).picks() == []
    next(one for one in test.button if one.label == "Undo").click().run()
    assert [(one.row, one.note) for one in Album.open(Study.open(folder)).picks()] == [(5, "look")]


def test_a_link_says_exactly_what_was_saved(folder):
    """What the address spells is the selection of the view; the number leads to the rest."""
    study = Study.open(folder)
    view = Album.open(study).save(
        name="a", page="density", sample=3, color="split & more", filter="label=2;suspicion=0.1..0.5", options="other=x"
    )
    path, _, query = address_of(study, view).partition("?")
    params = dict(parse_qsl(query))
    chosen = Selection.from_params(params)
    assert path == "/density" and (params["saved"], params["other"]) == ("1", "x")
    assert (chosen.study, chosen.sample, chosen.color) == (folder.name, 3, "split & more")
    assert str(chosen.filter) == view.filter


def test_a_picked_sample_leads_to_it_whatever_the_folder_is_called(made, tmp_path):
    """A folder may hold what means something in an address."""
    folder = copied(made, tmp_path / "a&b=c%20#d")
    Album.open(Study.open(folder)).pick(7)
    (link,) = re.findall(r'href="(/sample[^"]*)"', "\n".join(one.value for one in page("present", folder).get("html")))
    address = urlsplit(unescape(link))
    assert dict(parse_qsl(address.query)) == {"study": folder.name, "sample": "7"} and not address.fragment


def test_hundreds_of_views_and_picks_are_drawn_page_by_page(folder):
    """Each is on one page, and no page has more of either than 25; a page that has gone is the first one."""
    album = filled(folder, *(f"view {number}" for number in range(60)))
    for row in range(51):
        album.pick(row)
    test, seen = page("present", folder), []
    for number in (1, 2, 3, 9):
        for kind in ("views", "picks"):
            test.session_state[f"page-of-{kind}"] = number
        test.run()
        seen.append(re.findall(r">(view \d+|Sample \d+)<", words(test)))
    assert list(map(len, seen)) == [50, 50, 11, 50] and seen[3] == seen[0]
    assert len(set(sum(seen[:3], []))) == 60 + 51


def test_hostile_names_and_notes_are_text(folder):
    """No tag, no link and no formula comes of them, in the list and beside a picked sample."""
    album = Album.open(Study.open(folder))
    for row, text in enumerate(HOSTILE):
        album.save(name=text[:120], note=text, page="map", who=text, color=text, filter=f"split={row}")
        album.pick(row, text, text)
    test = page("present", folder)
    markup = "\n".join(element.value for element in test.get("html"))
    assert set(re.findall(r"<(\w+)", markup)) <= {"div", "a", "b", "small", "p", "img", "span"}
    assert not re.search(r"<[^>]*\son\w+=", markup)
    assert set(re.findall(r'(?:href|src)="(\w+:)?', markup)) <= {"", "data:"}
    for text in HOSTILE:
        assert text in unescape(markup)


def test_a_damaged_album_is_one_sentence_here_and_other_pages_still_open(folder):
    (folder / "album.sqlite").write_bytes(b"row,label\r\n" * 1000)
    test = page("present", folder)
    assert len(test.error) == 1 and "damaged" in test.error[0].value
    assert not page("density", folder).error and not page("sample", folder).error
