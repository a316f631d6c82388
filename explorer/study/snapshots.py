"""How training changed the similarity: a table with a line a snapshot of the weights, in a study's `snapshots/`.

Like the records of trainings it stands beside the measured arrays and is no part of them: the manifest does not name
it, and the version of the study stays what it is. No torch.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explorer.errors import StudyError, StudyMismatch
from explorer.study.steps import write_file

FOLDER = "snapshots"
NAME = "measured.parquet"
FORMAT = 2
SINCE_2 = "suspects"
"""A column and a fact that tables of format 1, which are still read, do not have."""
KEY = b"explorer"
MEASURES = ("accuracy", "rmse")
QUANTILES = {"soft_05": 0.05, "soft_25": 0.25, "soft_50": 0.5, "soft_75": 0.75, "soft_95": 0.95}
COLUMNS = ("epoch", "weights", *QUANTILES, "negative", "overlap", "suspects", "precision", "train", "held_out")
"""epoch: passes over the data so far, 0 before training. weights: the snapshot's file name. soft_05 to soft_95:
quantiles over samples of N_S, in samples. negative: share of samples with N_S below zero. overlap: mean share of the k
nearest neighbors that the last snapshot has too. suspects: share of the last snapshot's most suspicious samples that
are among as many most suspicious here; nan where nothing is doubted. precision: average precision of suspicion against
labels that are known to be wrong; nan where none are. train and held_out: accuracy, or RMSE in units of the target, by
the given labels; nan for a part without samples."""
SHARES = ("negative", "overlap", "suspects", "precision")
MOST_LINES = 10_000
MOST_BYTES = 2**26


@dataclass(frozen=True)
class SnapshotFacts:
    """What a table of snapshots was made of."""

    made_at: str
    """When, in UTC, ISO 8601."""
    fingerprint: str
    """Of the subject that the study measured."""
    name: str
    """Of that subject."""
    measure: str
    """accuracy or rmse."""
    samples: int
    """How many samples were measured, an even selection of all."""
    all_samples: int
    """How many the subject has."""
    k: int
    """How many nearest neighbors are compared."""
    wrong_share: float | None
    """Of the ranked training samples so many have a label that is known to be wrong: what a list in random order
    reaches as its average precision. None where no wrong labels are known."""
    suspects: int | None = None
    """How many of the most suspicious samples are compared; None where nothing is doubted."""


@dataclass(frozen=True, eq=False)
class Snapshots:
    """The table with its facts."""

    facts: SnapshotFacts
    table: pd.DataFrame
    """COLUMNS, at least one line, epochs rising."""


def write_snapshots(path: Path, found: Snapshots) -> None:
    """Write a table of snapshots, whole or not at all.

    Args:
        path: of the file; the folder above it is made. For a study: snapshots_path(study.path).

    Raises:
        StudyError: it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(found.table[list(COLUMNS)], preserve_index=False)
    facts = asdict(found.facts)
    sealed = {"format": FORMAT, "checksum": _checksum(facts, found.table, COLUMNS), "facts": facts}
    content = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({KEY: json.dumps(sealed)}), content)
    try:
        path.parent.mkdir(exist_ok=True)
        write_file(path, content.getvalue())
    except OSError as error:
        raise StudyError(
            f"expected a place to write {path}, found: {error.strerror or error}. Make room, or copy the study."
        ) from error


def snapshots_path(folder: Path) -> Path:
    """Where the table of a study lies, if there is one."""
    return folder / FOLDER / NAME


def read_snapshots(path: Path, fingerprint: str | None = None) -> Snapshots | None:
    """A table of snapshots; None when there is no file.

    Args:
        path: see snapshots_path.
        fingerprint: of the subject that it must be about; None takes any.

    Raises:
        StudyMismatch: it is damaged, or about another subject.
    """
    if not path.is_file():
        return None
    import pyarrow as pa

    try:
        found = _read(path)
    except (
        ValueError,
        TypeError,
        KeyError,
        LookupError,
        AttributeError,
        OSError,
        RecursionError,
        pa.ArrowException,
    ) as error:
        raise StudyMismatch(
            f"expected a table of snapshots in {path}, found what cannot be used: {error}. Delete it, and measure the "
            "snapshots again if you need it."
        ) from error
    if fingerprint is not None and found.facts.fingerprint != fingerprint:
        raise StudyMismatch(
            f"expected snapshots of the subject of this study in {path}, found those of another: weights, labels or "
            "samples were changed since. Delete it, or measure the snapshots again."
        )
    return found


def _read(path: Path) -> Snapshots:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        about = file.metadata
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
        _require(0 < about.num_rows <= MOST_LINES and size <= MOST_BYTES, "size", f"{about.num_rows} lines")
        arrow = file.read()
    sealed = json.loads((arrow.schema.metadata or {}).get(KEY, b"{}"))
    if not isinstance(sealed, dict) or set(sealed) != {"format", "checksum", "facts"}:
        raise ValueError("it is no table of snapshots")
    version = sealed["format"]
    _require(type(version) is int and 1 <= version <= FORMAT, "format", version)
    columns = tuple(name for name in COLUMNS if version > 1 or name != SINCE_2)
    # What the file says about pandas is left aside.
    table = arrow.replace_schema_metadata(None).to_pandas()
    _check_table(table, columns)
    facts = _checked_facts(sealed["facts"], version)
    _require(sealed["checksum"] == _checksum(sealed["facts"], table, columns), "checksum", "another: it was changed")
    return Snapshots(facts, table.reindex(columns=list(COLUMNS)))


def _check_table(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    _require(tuple(table) == columns, "columns", list(table))
    _require(table["epoch"].dtype.kind == "i" and table["epoch"].iloc[0] >= 0, "epoch", table["epoch"].iloc[0])
    _require(bool((np.diff(table["epoch"]) > 0).all()), "epochs", table["epoch"].tolist())
    _require(all(isinstance(one, str) for one in table["weights"]), "weights", table["weights"].tolist())
    for name in columns[2:]:
        values = table[name]
        _require(isinstance(values.dtype, np.dtype) and values.dtype.kind == "f", name, values.dtype)
        _require(not np.isinf(values).any(), name, "an infinite number")
        if name in SHARES:
            _require(bool(values.dropna().between(0, 1).all()), name, values.tolist())


def _checked_facts(values: Any, version: int) -> SnapshotFacts:
    rules: dict[str, Callable[[Any], bool]] = {
        **dict.fromkeys(("made_at", "fingerprint", "name"), lambda one: isinstance(one, str)),
        "measure": lambda one: one in MEASURES,
        **dict.fromkeys(("samples", "all_samples", "k"), lambda one: type(one) is int and one > 0),
        "wrong_share": lambda one: one is None or (isinstance(one, float) and 0 <= one <= 1),
    }
    if version > 1:
        rules[SINCE_2] = lambda one: one is None or (type(one) is int and one > 0)
    _require(isinstance(values, dict) and set(values) == set(rules), "facts", values)
    for name, holds in rules.items():
        _require(holds(values[name]), name, values[name])
    return SnapshotFacts(**values)


def _checksum(facts: dict[str, Any], table: pd.DataFrame, columns: tuple[str, ...]) -> str:
    lines = [[None if one != one else one for one in line] for line in table[list(columns)].to_numpy(object).tolist()]
    return hashlib.sha256(json.dumps([facts, lines], sort_keys=True).encode()).hexdigest()


def _require(holds: bool, name: str, found: Any) -> None:
    if not holds:
        raise ValueError(f"its {name} is {str(found)[:80]}")
