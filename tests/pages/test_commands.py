"""Laws of the command for one's own data: whatever is typed, the command line reads it back as it was meant."""

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.cli.options import command_parser
from explorer.pages.children import REPOSITORY
from explorer.pages.commands import (
    ARRAYS,
    FUNCTION,
    KINDS,
    PICTURES,
    SAVED,
    TABLE,
    Own,
    complaints,
    default_name,
    own_command,
)

ROOT = Path("/somewhere/studies")


def understood(own):
    """The options that the command line takes from the command, and the folder that it begins in."""
    enter, command = own_command(own, ROOT).split("\n")
    words = shlex.split(command)
    assert words[:4] == [sys.executable, "-m", "explorer", "build"]
    assert shlex.split(enter) == ["cd", str(REPOSITORY)]
    return command_parser().parse_args(words[3:])


def test_pictures_with_all_that_can_be_said_of_them():
    """Paths become absolute; the folder of the study is where the app looks."""
    own = Own(
        kind=PICTURES,
        data="/my photos",
        model="/net.py:make",
        weights="/w.pt",
        labels="/l.csv",
        size=64,
        task="regression",
    )
    options = understood(own)
    assert (options.subject, options.model, options.weights) == ("/my photos", "/net.py:make", "/w.pt")
    assert (options.data_labels, options.size, options.task) == ("/l.csv", [64], "regression")
    assert options.study == ROOT / "my photos"


def test_a_table_names_its_columns():
    """Separated by commas, with spaces inside names kept; a table always names a target."""
    own = Own(kind=TABLE, data="/t.csv", model="timm:x", target="blood sugar, age", ignore="id", standardize=True)
    options = understood(own)
    assert (options.target, options.ignore, options.standardize) == (["blood sugar", "age"], ["id"], True)
    assert options.model == "timm:x" and options.study == ROOT / "t"
    assert understood(Own(kind=TABLE, data="/t.csv")).target == ["COLUMN"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_form_is_a_command_with_words_to_fill_in(kind):
    """In capitals, and already of the right form."""
    options = understood(Own(kind=kind))
    assert options.subject.isupper() or options.subject.endswith((".csv", ".npz", ".py:FUNCTION"))
    assert options.model is None if kind == FUNCTION else options.model == "FILE.py:FUNCTION"
    assert complaints(Own(kind=kind)) == []


def test_a_python_function_needs_nothing_else():
    """Options for data are left out, also when they were typed for another kind before."""
    options = understood(Own(kind=FUNCTION, data="/mine.py:subject", model="/net.py:make", target="y", size=3))
    assert (options.subject, options.model, options.target, options.size) == ("/mine.py:subject", None, None, None)
    assert options.study == ROOT / "mine"


@settings(deadline=None)
@given(
    st.sampled_from([PICTURES, TABLE, ARRAYS, SAVED]),
    st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1),
)
def test_nothing_that_is_typed_can_become_another_command(kind, name):
    """Quotes, semicolons, dollars and stars arrive as the path that they are."""
    data = f"/folder/{name}"
    options = understood(Own(kind=kind, data=data, model="timm:x", weights=data, target="y"))
    assert options.subject == str(Path(data.strip()).resolve())
    assert options.weights == options.subject


def test_what_will_not_work_is_said_before_it_is_tried(tmp_path):
    """A file that is not there, a folder for a table, a function without a file, a name that is a path."""
    (tmp_path / "net.py").touch()
    (tmp_path / "table.csv").touch()
    good = Own(kind=TABLE, data=f"{tmp_path}/table.csv", model=f"{tmp_path}/net.py:make", name="mine")
    assert complaints(good) == []
    said = complaints(Own(kind=PICTURES, data=f"{tmp_path}/table.csv", model=f"{tmp_path}/no.py:make"))
    assert len(said) == 2 and "no.py" in said[0] and "is a file" in said[1]
    assert "is a folder" in complaints(Own(kind=TABLE, data=str(tmp_path)))[0]
    assert "file.py:function" in complaints(Own(kind=FUNCTION, data="mine"))[-1]
    assert "slashes" in complaints(Own(name="../mine"))[0]
    assert len(complaints(Own(data="x" * 300, model="y" * 300))) == 2
    assert complaints(Own(model="timm:resnet18")) == complaints(Own(model="package.module:function")) == []


def test_a_study_is_named_after_its_data():
    """By the file's or folder's own name."""
    assert default_name(Own(kind=PICTURES, data="/a/photos/")) == "photos"
    assert default_name(Own(kind=FUNCTION, data="/a/net.py:make")) == "net"
    assert default_name(Own()) == "mine"
