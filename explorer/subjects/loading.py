"""Subjects by name: a bundled one, the one that a function in the user's own file returns, or data with a model."""

import difflib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from explorer.errors import SubjectError
from explorer.subjects.bundled import bundled_subjects, is_bundled, load_bundled
from explorer.subjects.running import run_own
from explorer.subjects.subject import Subject


def load_subject(name: str, progress: Callable[[int, int], None] | None = None) -> Subject:
    """A subject by its reference.

    Args:
        name: a bundled name; or `path/file.py:function`, whose function takes nothing and returns a Subject; or data
            with a model, in the words of the command line: `photos --model net.py:network --weights net.pt`. A file or
            module that is named is run as it stands: load only what you trust. Data and weights are never run.
        progress: (samples read, samples in all), while a folder of pictures is looked through.

    Raises:
        SubjectError: there is no such subject, or the file went wrong; the message names the file and the line.
    """
    name = str(name)
    if is_bundled(name):
        return load_bundled(name)
    file, _, function = name.rpartition(":")
    if file.endswith(".py") and "--model" not in name:
        return _load_own(Path(file), function)
    from explorer.subjects.own import asked_subject, own_subject

    asked = asked_subject(name)
    if asked is not None:
        return own_subject(asked, progress)
    if name.endswith(".py"):
        raise SubjectError(f"expected file.py:function, found {name} alone. Add the function: {name}:NAME.")
    if Path(name).exists():
        raise SubjectError(f"data need a network, found {name} alone. Add --model file.py:function.")
    names = [one.name for one in bundled_subjects()]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Choose one of these or name your own file."
    raise SubjectError(f"a subject must be one of {', '.join(names)} or path/file.py:function, found {name!r}. {hint}")


def _load_own(path: Path, function: str) -> Subject:
    subject = run_own(path, function, lambda make: make())
    path = path.resolve()
    if not isinstance(subject, Subject):
        raise SubjectError(
            f"{function}() in {path.name} must return an explorer.Subject, found a {type(subject).__name__}. "
            "End it with return Subject(...)."
        )
    return replace(subject, reference=f"{path}:{function}")
