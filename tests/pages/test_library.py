"""Laws of the library: what can be opened, what is opened once, and what is opened again."""

import shutil

import pytest
from pages.screen import copied, damage, made_up_study, rewritten

from explorer.errors import StudyMismatch, StudyNotFound
from explorer.pages.library import Library


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("library") / "made")


@pytest.fixture
def root(made, tmp_path):
    copied(made, tmp_path / "studies" / "one")
    copied(made, tmp_path / "studies" / "two")
    return tmp_path / "studies"


def test_only_studies_that_can_be_shown_are_listed(root):
    """Folders without a samples table, files and hidden things are none."""
    (root / "unfinished").mkdir()
    (root / "unfinished" / "manifest.json").write_text("{}")
    (root / "notes.log").write_text("")
    assert Library(root).names() == ["one", "two"]


def test_without_a_studies_folder_there_is_nothing_and_no_trouble(tmp_path):
    """The first start."""
    library = Library(tmp_path / "studies")
    assert (library.names(), library.first) == ([], None)


def test_the_study_from_the_command_line_comes_first_wherever_it_lies(root, made):
    """And it takes the place of one with the same name in studies/."""
    assert Library(root, made).names() == ["made", "one", "two"]
    named = copied(made, root.parent / "elsewhere" / "one")
    assert Library(root, named).open("one").path == named


def test_a_folder_named_on_the_command_line_is_waited_for(root):
    """Other studies are not shown in its place."""
    library = Library(root, root / "later")
    assert (library.waiting, library.first) == (root / "later", None)
    shutil.copytree(root / "one", root / "later")
    assert (library.waiting, library.first) == (None, "later")


@pytest.mark.parametrize("name", ["three", "", ".", "..", "../studies/one", "one/", "one/../two", "/etc", "one\0"])
def test_a_name_that_is_not_listed_is_not_found(root, name):
    """Whatever it spells as a path."""
    with pytest.raises(StudyNotFound, match="one, two"):
        Library(root).open(name)


def test_a_study_is_opened_once_until_it_changes(root):
    """The same object while the manifest is the same; another one with the new content after."""
    library = Library(root)
    before = library.open("one")
    assert library.open("one") is before
    rewritten(root / "one", lambda table: table.assign(confidence=0.5))
    after = library.open("one")
    assert after.version != before.version
    assert (after.samples["confidence"] == 0.5).all()


def test_a_failed_load_is_not_remembered(root, made):
    """Once the folder is whole again, so is the page."""
    library = Library(root)
    damage(root / "one" / "manifest.json")
    with pytest.raises(StudyMismatch):
        library.open("one")
    shutil.copy(made / "manifest.json", root / "one" / "manifest.json")
    assert library.open("one").n == 240
