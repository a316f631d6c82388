"""Everything that can be asked of a study folder, and what it answers: a text to compare, or a named error."""

import asyncio
import contextlib
import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
from starlette.applications import Starlette

import explorer
from explorer.cli.main import main
from explorer.errors import ExplorerError
from explorer.pages import library as library_room
from explorer.pages import routes
from explorer.study.decisions import Decisions
from explorer.study.study import KINDS, Study

APP = Starlette(routes=routes.data_routes())
REFUSED = "refused: "
PATIENCE_SECONDS = 20
ROWS = (0, 7, 59)


def answers_of(folder: Path, study: Study | None = None) -> dict[str, str]:
    """The answer to each question; one that is refused begins with REFUSED and the name of the error.

    Any other exception, and a question that takes longer than PATIENCE_SECONDS, is raised with the question's name.
    """
    opened = _answer("open", lambda: study or explorer.open_study(folder))
    if isinstance(opened, str):
        return {"open": opened}
    found = {"open": "opened"}
    for name, ask in {**_questions(opened), **_commands(folder), **_addresses(folder)}.items():
        told = _answer(name, ask)
        found[name] = told if isinstance(told, str) and told.startswith(REFUSED) else _text(told)
    return found


def ask_route(app: Starlette, address: str, method: str = "GET", body: bytes = b"", headers: Any = ()) -> tuple:
    """Status, headers and body, as a web server would ask for it; an exception inside is raised here."""
    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query.encode("utf-8", "surrogatepass"),
        "headers": list(headers),
    }
    said, heard = [], [{"type": "http.request", "body": body}]

    async def receive():
        if heard:
            return heard.pop()
        return await asyncio.Event().wait()  # the other side neither says more nor leaves

    async def send(message):
        said.append(message)

    asyncio.run(app(scope, receive, send))
    named = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], named, b"".join(message.get("body", b"") for message in said)


@contextlib.contextmanager
def no_hang(name: str, seconds: int = PATIENCE_SECONDS):
    """Raise TimeoutError when the block takes longer."""

    def late(number, frame):
        raise TimeoutError(f"{name} took longer than {seconds} s")

    former = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def run_command(*words: Any) -> tuple[int, str, str]:
    """A command in this process: exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:  # --help
            code = ended.code
    return code, out.getvalue(), err.getvalue()


def _questions(study: Study) -> dict[str, Callable[[], Any]]:
    rows = [row for row in ROWS if row < study.n]
    asked: dict[str, Callable[[], Any]] = {
        "facts": lambda: (study.name, study.n, study.task, study.class_names, study.warnings, study.fidelity),
        "steps": lambda: (study.steps_missing, study.settings, study.unseen),
        "version": lambda: study.version,
        "verify": study.verify,
        "samples": lambda: study.samples,
        "sheets": lambda: [study.sheet(number).read_bytes() for number in range(study.sheets["count"])],
        "thumbnails": lambda: [study.thumbnail(row) for row in rows],
        "exact": lambda: study.exact_similarity(rows[:2], rows).round(4),
        "decisions": lambda: Decisions.open(study).standing(),
        "log": lambda: Decisions.open(study).log(),
    }
    for by in KINDS:
        asked[f"neighbors {by}"] = lambda by=by: [study.neighbors(row, k, by) for row in rows for k in (3, study.n)]
        asked[f"similarity {by}"] = lambda by=by: study.similarity(rows, rows, by)
    for name in ("units", "grams", "outputs", "embedding", "valid", "inputs"):
        asked[f"rows {name}"] = lambda name=name: study.rows(name)
    for name in list(study.manifest.arrays):
        if name.startswith(("statistics/", "layout/")):
            asked[f"array {name}"] = lambda name=name: np.array(study.array(name))
    return asked


def _commands(folder: Path) -> dict[str, Callable[[], Any]]:
    out = folder.parent / "out.csv"
    said = {
        "status": ("status", folder, "--json"),
        "suspects": ("suspects", folder, "-n", 5),
        "neighbors": ("neighbors", folder, 3, "--json"),
        "export": ("labels", "export", folder, "--out", out),
        "cleaned": ("labels", "export", folder, "--cleaned", "--out", out),
    }
    return {f"command {name}": lambda words=words: _said(words, out) for name, words in said.items()}


def _said(words: tuple, out: Path) -> Any:
    out.unlink(missing_ok=True)
    code, told, error = run_command(*words)
    if code == 2:
        if error.count("\n") != 1 or not error.startswith("error: ") or told or out.exists():
            raise AssertionError(f"{words}: not one line, or something half-written: {told!r} {error!r}")
        raise ExplorerError(error)
    if code:
        raise AssertionError(f"{words} ended with {code}: {error}")
    return told.replace(str(out.parent), "PLACE"), out.read_bytes() if out.exists() else b""


def _addresses(folder: Path) -> dict[str, Callable[[], Any]]:
    shelf = library_room.Library(folder.parent)
    base = f"{routes.PREFIX}/{routes.TOKEN}/{quote(folder.name)}"
    paths = (
        *("points/label", "points/soft_density", "legend/label", "rows?filter=suspicion=0..0.5"),
        *("sample/3?k=4", "sample/7?k=80&by=input", "sheet/0", "picture/9.png"),
    )
    return {f"route {path}": lambda path=path: _fetched(shelf, f"{base}/{path}") for path in paths}


def _fetched(shelf: library_room.Library, address: str) -> Any:
    former = routes.library
    routes.library = lambda: shelf
    try:
        status, _, body = ask_route(APP, address)
    finally:
        routes.library = former
    if status in (400, 404):
        raise ExplorerError(body.decode())
    if status != 200:
        raise AssertionError(f"{address} was answered with {status}")
    return body


def _answer(name: str, ask: Callable[[], Any]) -> Any:
    with no_hang(name):
        try:
            return ask()
        except ExplorerError as error:
            return f"{REFUSED}{type(error).__name__}: {error}"
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def _text(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    if hasattr(value, "indices"):
        return _text([value.indices, value.similarities])
    return repr(value)
