"""Functions in the user's own files: run as they stand, and what goes wrong in them told with its line."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from explorer.errors import SubjectError


def run_own(path: Path, function: str, use: Callable[[Any], Any]) -> Any:
    """Run a Python file and use one of its functions: this is running the user's code.

    Args:
        path: a Python file; its own folder is on the import path meanwhile.
        function: the name of something callable in it.
        use: called with the function; usually calls it.

    Returns:
        What use returns.

    Raises:
        SubjectError: there is no such file or function, or the code raised; the message names the file and the line.
    """
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
        return _told_by_line(path, lambda: use(make))


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


def _told_by_line(path: Path, action: Callable[[], Any]) -> Any:
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
        with suppress(ValueError):  # the user's code may have taken it out
            sys.path.remove(str(path.parent))


def _functions(module: ModuleType) -> str:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return ", ".join(sorted(name for name in own if callable(getattr(module, name)))) or "none"
