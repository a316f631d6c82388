"""Imports run downward: the table is the picture of the house, and the tests hold the code to it."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

FLOORS = (
    ("errors",),
    ("records", "columns"),
    ("subjects", "similarity"),
    ("features", "study"),
    ("pipeline", "training", "views"),
    ("face",),
    ("cli", "pages"),
    ("__main__", "app"),
)
"""From the ground up. face is explorer/__init__.py, the public list: it loads a room only when it is named."""

ALLOWED = {
    "errors": set(),
    "records": {"errors"},
    "columns": set(),
    "subjects": {"errors"},
    "similarity": {"errors", "records"},
    "features": {"errors", "records", "subjects", "similarity"},
    "study": {"errors", "records", "columns"},
    "pipeline": {"errors", "records", "columns", "subjects", "features", "similarity", "study"},
    "training": {"errors", "records", "subjects", "features", "similarity", "study"},
    "views": {"errors", "records", "columns", "study"},
    "face": {"records", "subjects", "study", "pipeline"},
    "cli": {"errors", "records", "study", "face"},
    "pages": {"errors", "records", "columns", "study", "views", "face"},
    "__main__": {"cli"},
    "app": {"pages"},
}

EXCEPTIONS = {
    "cli/measuring.py": {"pipeline", "training"},
    "cli/presenting.py": {"views"},
    "cli/probing.py": {"pipeline"},
    "cli/reading.py": {"subjects"},
    "cli/snapshots.py": {"pipeline"},
    "pages/duplicates.py": {"similarity"},
    "pages/groups.py": {"similarity"},
    "pages/isolated.py": {"similarity"},
    "pages/given_inputs.py": {"pipeline"},
    "pages/consent.py": {"subjects"},
    "pages/probe.py": {"pipeline"},
    "pages/start.py": {"subjects"},
    "pages/verdicts.py": {"pipeline"},
}
"""Rooms that single files reach inside a function only (or for their types), so that nothing is loaded before it is
needed."""

HEAVY = ("torch", "umap", "streamlit")


def room_of(path):
    """The room of a file, e.g. views for explorer/views/charts.py."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    if parts[0] != "explorer":
        return parts[0]
    return "face" if parts[1] == "__init__" else parts[1]


def imports_of(tree):
    """Names of the modules that a file imports, anywhere in it, with the line of each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node) for name in (names if node.module == "explorer" else [node.module]))


def room_named(module):
    """The room that an import reaches, or None for the outside world."""
    words = module.split(".")
    if words[0] != "explorer":
        return None
    rooms = {room for floor in FLOORS for room in floor}
    return words[1] if len(words) > 1 and words[1] in rooms else "face"


def arrows(path, text):
    """(room, node) for each import of another room."""
    for module, node in imports_of(ast.parse(text)):
        room = room_named(module)
        if room not in (None, room_of(path)):
            yield room, node


def violations(path, text):
    """A sentence for each import that the table does not allow."""
    name = path.relative_to(REPOSITORY).as_posix().removeprefix("explorer/")
    deferred = deferred_lines(ast.parse(text))
    for room, node in arrows(path, text):
        is_exception = room in EXCEPTIONS.get(name, set()) and node.lineno in deferred
        if room not in ALLOWED[room_of(path)] and not is_exception:
            yield f"{name} must not import {room}"


def deferred_lines(tree):
    """The lines that do not run when a file is imported: inside functions, and for the type checker only."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for line in range(node.lineno, node.end_lineno + 1)
    }


def files():
    return [path for path in [REPOSITORY / "app.py", *(REPOSITORY / "explorer").rglob("*.py")] if path.exists()]


def test_no_file_imports_what_stands_above_it():
    found = [sentence for path in files() for sentence in violations(path, path.read_text())]
    assert not found, "; ".join(sorted(set(found)))


def test_every_arrow_of_the_table_runs_downward():
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    assert set(floor_of) == set(ALLOWED)
    for room, reached in ALLOWED.items():
        for other in reached:
            assert floor_of[other] < floor_of[room], f"{room} -> {other}"


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in files()} <= set(ALLOWED)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("views/charts.py", "from explorer.pipeline.build import build", "views/charts.py must not import pipeline"),
        ("study/study.py", "def f():\n    import explorer.features", "study/study.py must not import features"),
        ("similarity/kernels.py", "from explorer import open_study", "similarity/kernels.py must not import face"),
        ("cli/measuring.py", "from explorer.pipeline import build", "cli/measuring.py must not import pipeline"),
    ],
)
def test_an_arrow_upward_would_be_found_and_named(name, text, sentence):
    assert list(violations(REPOSITORY / "explorer" / name, text)) == [sentence]


def loaded_by(code, *words):
    """The heavy packages that a fresh interpreter has loaded after running some code."""
    told = f"{code}\nimport sys, json\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    command = [sys.executable, "-c", told, *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_light_rooms_load_nothing_heavy():
    modules = [
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        for path in files()
        if room_of(path) in ("errors", "records", "columns", "study", "views", "face")
    ]
    assert len(modules) > 10
    assert loaded_by("import " + ", ".join(modules)) == []


QUESTIONS = """
import sys
import explorer
study = explorer.open_study(sys.argv[1])
study.verify()
study.samples, study.neighbors(0), study.neighbors(0, 70, by="input"), study.similarity([0], [1]), study.thumbnail(0)
"""


def test_a_finished_study_answers_without_torch(small):
    assert loaded_by(QUESTIONS, str(small)) == []


def test_the_public_list_is_what_it_says():
    import explorer

    assert {"Subject", "Settings", "Study", "Neighbors", "load_subject", "build", "open_study"} <= set(explorer.__all__)
    for name in explorer.__all__:
        assert getattr(explorer, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'color'"):
        explorer.color  # noqa: B018
