"""Ways to damage a study folder, by accident or on purpose; each is drawn with a seeded generator.

An accident changes files behind the manifest's back. A forgery also changes the manifest and its checksum, as somebody
could who hands you a study.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib import format as npy

BLANK = "0" * 64
WEIRD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, -0.0, 1e308, "", "x", "../../etc/passwd", "/etc/passwd", "\0"),
    *("<script>alert(1)</script>", "é" * 5000, "\x1b[2J", "\ud800", [], {}, [1], [[]], {"a": 1}, [None], ["a"] * 3),
)
DTYPES = ("<f8", "<f2", "<i8", "<i4", "|u1", "|b1", "<c8", "<U3", "|S5", "<M8[s]")


def files_of(folder: Path) -> list[Path]:
    """The manifest and all files that it names; decisions have mutations of their own."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in found if not path.name.startswith("decisions.sqlite")]


def arrays_of(folder: Path) -> list[Path]:
    return [path for path in files_of(folder) if path.suffix == ".npy"]


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def seal(folder: Path, values: dict[str, Any]) -> None:
    """Write a manifest with a checksum that fits."""
    text = json.dumps({**values, "checksum": BLANK}, indent=1) + "\n"
    sealed = text.replace(BLANK, hashlib.sha256(text.encode()).hexdigest(), 1)
    (folder / "manifest.json").write_bytes(sealed.encode())


def register(folder: Path, path: Path) -> None:
    """Make the manifest agree with a file as it is now."""
    values, name = read(folder), path.relative_to(folder).as_posix()
    content = path.read_bytes()
    entry: dict[str, Any] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if path.suffix == ".npy":
        head = io.BytesIO(content)
        assert npy.read_magic(head) == (1, 0)
        shape, _, dtype = npy.read_array_header_1_0(head)
        values["arrays"][name.removesuffix(".npy")] = {**entry, "shape": list(shape), "dtype": dtype.str}
    else:
        values["files"][name] = entry
    seal(folder, values)


# Accidents.


def truncated(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    content = path.read_bytes()
    path.write_bytes(content[: random.randrange(max(1, len(content)))])
    return path.name


def extended(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    path.write_bytes(path.read_bytes() + random.randbytes(random.randrange(1, 2000)))
    return path.name


def flipped(folder: Path, random: Random) -> str:
    path = random.choice([one for one in files_of(folder) if one.stat().st_size])
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)
    return str(path.relative_to(folder))


def zeroed(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    content = bytearray(path.read_bytes())
    start = random.randrange(max(1, len(content)))
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)
    return path.name


def deleted(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    path.unlink()
    return path.name


def folder_deleted(folder: Path, random: Random) -> str:
    path = random.choice([path for path in sorted(folder.rglob("*")) if path.is_dir()])
    shutil.rmtree(path)
    return path.name


def swapped(folder: Path, random: Random) -> str:
    one, other = random.sample(files_of(folder), 2)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    return f"{one.name} {other.name}"


def arrays_swapped(folder: Path, random: Random) -> str:
    one = random.choice(arrays_of(folder))
    alike = [path for path in arrays_of(folder) if path != one and path.stat().st_size == one.stat().st_size] or [one]
    other = random.choice(alike)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    return f"{one.relative_to(folder)} {other.relative_to(folder)}"


def emptied(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    path.write_bytes(b"")
    return path.name


def folder_for_file(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    path.unlink()
    path.mkdir()
    return path.name


def file_for_folder(folder: Path, random: Random) -> str:
    path = random.choice([path for path in sorted(folder.rglob("*")) if path.is_dir()])
    shutil.rmtree(path)
    path.write_bytes(b"not a folder")
    return path.name


def pipe_for_file(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    path.unlink()
    os.mkfifo(path)
    return path.name


def linked_away(folder: Path, random: Random) -> str:
    """The same bytes, but outside of the folder."""
    path = random.choice(files_of(folder))
    away = folder.parent / "away"
    shutil.move(path, away)
    path.symlink_to(away)
    return path.name


def linked_to(folder: Path, random: Random) -> str:
    path = random.choice(files_of(folder))
    target = random.choice(("/etc/passwd", "/dev/zero", "/nowhere", path.name, "..", "/proc/self/mem"))
    path.unlink()
    path.symlink_to(target)
    return f"{path.name} -> {target}"


def other_dtype(folder: Path, random: Random) -> str:
    path = random.choice(arrays_of(folder))
    with np.errstate(all="ignore"):
        np.save(path, np.load(path).astype(random.choice(DTYPES[:6])))
    return str(path.relative_to(folder))


def other_shape(folder: Path, random: Random) -> str:
    path = random.choice(arrays_of(folder))
    array = np.load(path)
    np.save(path, random.choice((array[..., None], array.reshape(-1), array[:0], array[:-1], array.T)))
    return str(path.relative_to(folder))


def huge_shape(folder: Path, random: Random) -> str:
    """A header that says that there is more than any machine could hold."""
    path = random.choice(arrays_of(folder))
    length = random.choice((10**9, 10**12, 2**62, 10**20, -1))
    with path.open("r+b") as file:
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({length}, 7), }}"
        file.seek(10)
        file.write(text.ljust(117).encode() + b"\n")
    return str(path.relative_to(folder))


def added(folder: Path, random: Random) -> str:
    """Files that the manifest does not name: nothing changes."""
    name = random.choice(("notes.txt", "features/0099/units.npy", "layout.part/key", "neighbors/.DS_Store"))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(random.randbytes(100))
    return name


def journal_left(folder: Path, random: Random) -> str:
    (folder / "commit.json").write_bytes(
        random.choice((b"", b"{}", b"[1]", b"\xff", (folder / "manifest.json").read_bytes()))
    )
    return "commit.json"


def decisions_damaged(folder: Path, random: Random) -> str:
    """SQLite keeps no checksums: a changed letter of a note cannot be told from a note."""
    path = folder / "decisions.sqlite"
    content = bytearray(path.read_bytes())
    start = random.randrange(len(content))
    content[start : start + 64] = random.randbytes(len(content[start : start + 64]))
    path.write_bytes(random.choice((bytes(content), b"x" * 5000, bytes(content[: len(content) // 2]))))
    return "decisions.sqlite"


def decisions_gone(folder: Path, random: Random) -> str:
    """A link, a folder or a pipe in their place."""
    path = folder / "decisions.sqlite"
    path.unlink()
    kind = random.randrange(3)
    if kind == 0:
        path.symlink_to(random.choice(("/dev/zero", "/etc/passwd", "/nowhere", "..", path.name)))
    elif kind == 1:
        path.mkdir()
    else:
        os.mkfifo(path)
    return f"decisions.sqlite {kind}"


# Forgeries.


def decisions_forged(folder: Path, random: Random) -> str:
    """Decisions that no page can make, and a database that does something when it is asked."""
    statements = (
        *("UPDATE entries SET row = 1000000000", "UPDATE entries SET row = -5", "UPDATE entries SET row = 'x'"),
        *(
            "UPDATE entries SET new_label = 99",
            "UPDATE entries SET new_label = 'red'",
            "UPDATE entries SET label = x'00ff'",
        ),
        *("UPDATE entries SET new_label = 1e400", "UPDATE entries SET label = '[1'", "UPDATE entries SET note = x'ff'"),
        *(
            "UPDATE entries SET decided_at = 5",
            "UPDATE entries SET who = x'80'",
            "UPDATE entries SET decision = 'burn'",
        ),
        *("UPDATE batches SET made_at = x'ff'", "UPDATE about SET fingerprint = x'ff'", "DELETE FROM about"),
        *(
            "PRAGMA user_version = 0",
            "PRAGMA user_version = 99",
            "DROP TABLE entries",
            "UPDATE batches SET undoes = id",
        ),
        "ALTER TABLE entries RENAME TO kept; CREATE VIEW entries AS WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, i AS row, * FROM kept, n",
        "CREATE TRIGGER more AFTER INSERT ON batches BEGIN INSERT INTO about VALUES (randomblob(100000000)); END",
    )
    chosen = random.choice(statements)
    with closing(sqlite3.connect(folder / "decisions.sqlite")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.executescript(chosen)
        connection.commit()
    return chosen


def field_forged(folder: Path, random: Random) -> str:
    """Any value of the manifest, however deep, becomes something else; then the checksum is made to fit."""
    values = read(folder)
    place, path = values, []
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = random.choice(keys)
        path.append(key)
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.2:
            break
        place = inner
    change = random.randrange(3)
    if change == 0 and isinstance(place, dict):
        del place[key]
    else:
        place[key] = random.choice(WEIRD)
    seal(folder, values)
    return f"{path} {'deleted' if change == 0 else repr(place[key] if key in path[-1:] and change else '')[:40]}"


def facts_forged(folder: Path, random: Random) -> str:
    """What pages and questions lean on: counts, names, notes."""
    values = read(folder)
    places = (
        *(("subject", name) for name in values["subject"]),
        *(("settings", name) for name in values["settings"]),
        *(("steps", step, part) for step in values["steps"] for part in ("notes", "warnings", "seconds")),
        *(
            ("steps", "previews", "notes", "sheets", name)
            for name in ("width", "height", "columns", "per_sheet", "count")
        ),
        *(("steps", "previews", "notes", "sheets"), ("steps", "projection", "notes", "unseen")),
        *(("steps", "projection", "notes", "unseen", name) for name in ("share", "power")),
        *(("fidelity",), ("fidelity", "rmse"), ("coverage",), ("versions",), ("versions", "numpy"), ("name",)),
        ("created_at",),
    )
    path = random.choice(places)
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = random.choice(WEIRD)
    seal(folder, values)
    return f"{path} = {repr(place[path[-1]])[:40]}"


def entry_renamed(folder: Path, random: Random) -> str:
    """A name that leads out of the folder, or to a file that no step makes."""
    values = read(folder)
    kind = random.choice(("arrays", "files"))
    name = random.choice(list(values[kind]))
    step = name.split("/")[0]
    new = random.choice(
        (
            f"{step}/../../../secret",
            f"../{name}",
            f"/{name}",
            f"{step}/./{name}",
            f"{step}\\..\\x",
            "",
            ".",
            f"{name}\0",
            name * 300,
        )
    )
    values[kind][new] = values[kind].pop(name)
    seal(folder, values)
    return f"{name} -> {new[:60]!r}"


def array_forged(folder: Path, random: Random) -> str:
    """Other numbers, dtype or shape than what the step makes, and the manifest says so too."""
    path = random.choice(arrays_of(folder))
    array = np.load(path)
    with np.errstate(all="ignore"):
        changed = random.choice(
            (
                lambda: array.astype(random.choice(DTYPES)),
                lambda: array[..., None],
                lambda: array.reshape(-1),
                lambda: array[:0],
                lambda: array[:-1],
                lambda: array.T,
                lambda: np.full_like(array, 10**9 if array.dtype.kind in "iu" else np.inf),
                lambda: np.full_like(array, -(10**9) if array.dtype.kind in "iu" else np.nan),
                lambda: np.zeros_like(array),
                lambda: np.array(3.0),
                lambda: np.zeros((len(array), 0), array.dtype),
            )
        )()
    np.save(path, changed)
    register(folder, path)
    return f"{path.relative_to(folder)} {array.dtype}{array.shape} -> {changed.dtype}{changed.shape}"


def pickle_forged(folder: Path, random: Random) -> str:
    """An array that would run code when it is unpickled."""
    path = random.choice(arrays_of(folder))
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    register(folder, path)
    return str(path.relative_to(folder))


def table_forged(folder: Path, random: Random) -> str:
    path = folder / "samples.parquet"
    table = pd.read_parquet(path)
    name = random.choice(list(table))
    change = random.randrange(9)
    changed = (
        lambda: table.drop(columns=name),
        lambda: table.head(random.randrange(len(table))),
        lambda: pd.concat([table, table]),
        lambda: table.assign(**{name: "text"}),
        lambda: table.assign(**{name: np.inf}),
        lambda: table.assign(**{name: 10**12}),
        lambda: table.assign(**{name: [[1, 2]] * len(table)}),
        lambda: table.assign(**{"<script>alert(1)</script>": "=1+1"}),
        lambda: table.set_index(name),
    )[change]()
    changed.to_parquet(path)
    register(folder, path)
    return f"change {change} of {name}"


def file_forged(folder: Path, random: Random) -> str:
    """Another content under the name of a sheet, a table, a projection or an index."""
    path = random.choice(
        [path for path in files_of(folder) if path.suffix in (".png", ".parquet", ".safetensors", ".faiss")]
    )
    contents = (b"", b"\x89PNG\r\n\x1a\n", b"PAR1", b"{}", random.randbytes(500), bomb(), b"\x80\x04cposix\nsystem\n.")
    path.write_bytes(random.choice(contents))
    register(folder, path)
    return path.name


def bomb() -> bytes:
    """A small PNG that says that it is 60,000 pixels a side: 10 GB of them."""
    side = 60_000

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


ACCIDENTS: tuple[Callable[[Path, Random], str], ...] = (
    *(truncated, extended, flipped, flipped, zeroed, deleted, folder_deleted, swapped, arrays_swapped, emptied),
    *(folder_for_file, file_for_folder, pipe_for_file, linked_away, linked_to, other_dtype, other_shape, huge_shape),
    *(added, journal_left, decisions_gone),
)
FORGERIES: tuple[Callable[[Path, Random], str], ...] = (
    *(field_forged, facts_forged, facts_forged, entry_renamed, array_forged, array_forged, pickle_forged),
    *(table_forged, file_forged, decisions_damaged, decisions_forged),
)
