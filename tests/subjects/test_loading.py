"""load_subject: bundled names, the user's own files, and sentences for what goes wrong in them."""

import sys

import pytest

from explorer.errors import SubjectError
from explorer.subjects import Subject, load_subject

HEAD = "import torch\nfrom explorer import subjects\n"
MAKE = """
def make():
    return subjects.Subject(name="own", model=torch.nn.Linear(4, 2), dataset=torch.eye(4), labels=[0, 1, 0, 1])
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="own.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write_file


def test_a_function_in_a_file_is_run(write):
    """What it returns is the subject, and its reference makes it again."""
    path = write(HEAD + MAKE)
    subject = load_subject(f"{path}:make")
    assert isinstance(subject, Subject)
    assert subject.name == "own"
    again = load_subject(subject.reference)
    assert again.reference == subject.reference == f"{path.resolve()}:make"


def test_a_file_may_use_its_neighbors_and_dataclasses(write):
    """It runs as it would when started by itself; afterwards the import path is as it was."""
    write("LABELS = [1, 1, 0, 0]\n", name="labels_beside_own.py")
    path = write(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom labels_beside_own import LABELS\n"
        f"{HEAD}@dataclass\nclass Choice:\n    width: int = 4\n{MAKE.replace('[0, 1, 0, 1]', 'LABELS')}"
    )
    before = list(sys.path)
    assert load_subject(f"{path}:make").targets.tolist() == [1, 1, 0, 0]
    assert sys.path == before


def test_a_file_may_change_the_import_path(write):
    """What it took out itself need not be taken out again."""
    path = write(f"import sys\nsys.path.pop(0)\n{HEAD}{MAKE}")
    assert load_subject(f"{path}:make").name == "own"


def test_two_files_of_one_name_do_not_meet(tmp_path):
    """Each place is a module of its own."""
    subjects = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "subject.py"
        path.write_text(HEAD + MAKE.replace('"own"', f'"{name}"'))
        subjects.append(load_subject(f"{path}:make"))
    assert [subject.name for subject in subjects] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "function", "words"),
    [
        (HEAD + "\n1 / 0\n", "make", "own.py line 4: ZeroDivisionError: division by zero"),
        (HEAD + "def make():\n    return [][1]\n", "make", "own.py line 4: IndexError"),
        (HEAD + "def make(:\n", "make", "own.py line 3: SyntaxError"),
        ("import nowhere_to_be_found\n", "make", "own.py line 1: ModuleNotFoundError"),
        ("raise SystemExit('stop')\n", "make", "own.py line 1: SystemExit: stop"),
        (HEAD + MAKE.replace("[0, 1, 0, 1]", "['a']"), "make", "own.py line 5: labels must be numbers"),
        (HEAD + MAKE, "made", "expected a function 'made' in own.py, found make"),
        (HEAD + MAKE, "", "expected a function '' in own.py, found make"),
        ("def make():\n    return 3\n", "make", "must return an explorer.Subject, found a int"),
        ("def make(width):\n    return width\n", "make", "missing 1 required positional argument"),
    ],
)
def test_what_goes_wrong_in_a_file_is_told_with_its_line(write, text, function, words):
    """The user's mistake becomes one sentence, and no trace of the file is left behind."""
    path = write(text)
    with pytest.raises(SubjectError) as caught:
        load_subject(f"{path}:{function}")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnits", "Did you mean mnist?"),
        ("zebra", "mnist-noisy, mnist, digits, circle, registration, diabetes or path/file.py:function, found 'zebra'"),
        ("nowhere.py:make", "expected a Python file at nowhere.py, found none"),
        ("own.py", "expected file.py:function, found own.py alone"),
    ],
)
def test_a_name_that_is_no_subject_is_told_what_would_be(name, words):
    """The message lists what there is."""
    with pytest.raises(SubjectError) as caught:
        load_subject(name)
    assert words in str(caught.value)
