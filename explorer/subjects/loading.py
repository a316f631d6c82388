"""Subjects by name: a bundled one, or the one that a function in the user's own file returns."""

import difflib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from explorer.errors import SubjectError
from explorer.subjects.bundled import bundled_subjects, is_bundled, load_bundled
from explorer.subjects.subject import Subject


def load_subject(name: str) -> Subject:
    """A subject by its reference.

    Args:
        name: a bundled name, or `path/file.py:function`; the function takes nothing and returns a Subject. The file is
            run as it stands, with its own folder on the import path: load only files that you trust.

    Raises:
        SubjectError: there is no such subject, or the file went wrong; the message names the file and the line.
    """
    name = str(name)
    if is_bundled(name):
        return load_bundled(name)
    file, _, function = name.rpartition(":")
    if file.endswith(".py"):
        return _load_own(Path(file), function)
    if name.endswith(".py"):
        raise SubjectError(f"expected file.py:function, found {name} alone. Add the function: {name}:NAME.")
    names = [one.name for one in bundled_subjects()]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Choose one of these or name your own file."
    raise SubjectError(f"a subject must be one of {', '.join(names)} or path/file.py:function, found {name!r}. {hint}")


def _load_own(path: Path, function: str) -> Subject:
    if not path.is_file():
        raise SubjectError(f"expected a Python file at {path}, found none. Check the path.")
    path = path.resolve()
    with _own_folder_importable(path):
        module = _run(path)
        make = getattr(module, function, None)
        if not callable(make):
            raise SubjectError(
                f"expected a function {function!r} in {path.name}, found {_functions(module)}. Name one."
            )
        subject = _told_by_line(path, make)
    if not isinstance(subject, Subject):
        raise SubjectError(
            f"{function}() in {path.name} must return an explorer.Subject, found a {type(subject).__name__}. "
            "End it with return Subject(...)."
        )
    return replace(subject, reference=f"{path}:{function}")


def _run(path: Path) -> ModuleType:
    # A name of its own for each place, so that two files called subject.py do not meet; registered before it runs,
    # as dataclasses and pickling in Ray workers look their module up.
    name = f"subject_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        _told_by_line(path, lambda: specification.loader.exec_module(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _told_by_line(path: Path, action: Any) -> Any:
    """Run the user's code; what goes wrong in it becomes one sentence with the line."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        line = _line_in(path, error)
        where = f"{path.name} line {line}" if line else path.name
        found = str(error) if isinstance(error, SubjectError) else f"{type(error).__name__}: {error}. Mend the file."
        raise SubjectError(f"{where}: {found}") from error


def _line_in(path: Path, error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


@contextmanager
def _own_folder_importable(path: Path) -> Iterator[None]:
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.path.remove(str(path.parent))


def _functions(module: ModuleType) -> str:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return ", ".join(sorted(name for name in own if callable(getattr(module, name)))) or "none"
