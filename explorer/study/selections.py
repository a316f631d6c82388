"""Selections that people gave a name: flags beside the samples table, a column a name, kept in the study.

They lie in a file of their own that is replaced whole, so that the measured table and its checksum stay as they were
built. A file that cannot be read costs the selections and nothing else: the study says so and shows all the rest.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from explorer.columns import COLUMNS
from explorer.errors import SettingsError, StudyError, StudyMismatch
from explorer.study.lock import held
from explorer.study.steps import write_file

if TYPE_CHECKING:
    import pandas as pd

    from explorer.study.study import Study

NAME = "selections.parquet"
LOCK = "selections.lock"
LONGEST_NAME = 40
MOST_SELECTIONS = 100
PATIENCE_SECONDS = 10.0
TAKEN = {"row", "rows", "lasso", "index", *COLUMNS}
"""Names that mean something else in a samples table, its exports or a filter."""
MOST_BYTES = 2**31
"""The most that the file may take once it is unpacked."""


class Kept(NamedTuple):
    """What the file holds."""

    table: pd.DataFrame
    """[n] rows, a column of flags for each selection, in the order in which they were saved; none without a file."""
    content: bytes
    """The file as it was read; empty without one."""
    trouble: str
    """Why it cannot be read, as a sentence; empty when it can."""

    def beside(self, measured: pd.DataFrame) -> pd.DataFrame:
        """The flags that a samples table can take in; a column that was measured since keeps its name."""
        return self.table[[name for name in self.table if not _is_one_of(name, measured)]]


class Selections:
    """The named selections of one study. Safe to share between processes: a change is made under a lock."""

    def __init__(self, folder: Path, samples: int, measured: Iterable[str]) -> None:
        """Nothing is read yet.

        Args:
            folder: of the study.
            samples: how many rows a selection has.
            measured: names of the measured columns, which no selection may have.
        """
        self.path = folder / NAME
        self._samples = samples
        self._measured = tuple(measured)

    @classmethod
    def open(cls, study: Study) -> Selections:
        """The selections of a study, also one in which none was saved.

        Raises:
            StepMissing: the study has no samples table yet.
        """
        named = read_selections(study.path, study.n).table
        return cls(study.path, study.n, [name for name in study.samples if name not in named])

    @property
    def names(self) -> list[str]:
        """What was saved, the oldest first; none while the file is damaged."""
        return list(read_selections(self.path.parent, self._samples).table)

    def save(self, name: str, rows: np.ndarray) -> str:
        """Give some samples a name. When it returns, the selection is on the disk.

        Args:
            name: letters, digits, spaces and underscores, at most 40, the first a letter; of no other column.
            rows: [n] bool, True for the samples of the selection; at least one.

        Returns:
            The name, without spaces around it.

        Raises:
            SettingsError: the name or the rows cannot be used; nothing was written.
            StudyError: the file is damaged or cannot be written; nothing was written.
        """
        name = _checked_name(name.strip())
        flags = np.asarray(rows)
        if flags.dtype != bool or flags.shape != (self._samples,) or not flags.any():
            raise SettingsError(
                f"a selection needs at least one of {self._samples:,} samples, found none. Select some samples first."
            )
        with self._changing() as kept:
            if _is_taken(name) or _is_one_of(name, [*self._measured, *kept]):
                raise SettingsError(f"a selection needs a name of its own, found {name!r}. Choose another name.")
            if len(kept.columns) >= MOST_SELECTIONS:
                raise SettingsError(f"a study keeps at most {MOST_SELECTIONS} selections. Remove one first.")
            self._write(kept.assign(**{name: flags}))
        return name

    def remove(self, name: str) -> None:
        """Forget a selection; the samples stay as they are.

        Raises:
            SettingsError: there is none of this name.
            StudyError: the file is damaged or cannot be written; nothing was written.
        """
        with self._changing() as kept:
            if name not in kept:
                named = ", ".join(kept) or "none"
                raise SettingsError(f"expected one of the selections ({named}), found {name[:80]!r}. Name one of them.")
            self._write(kept.drop(columns=name))

    @contextmanager
    def _changing(self) -> Iterator[pd.DataFrame]:
        try:
            with held(self.path.with_name(LOCK), PATIENCE_SECONDS) as is_held:
                if not is_held:
                    raise StudyError("expected the selections for this change, found another at work. Try again.")
                kept = read_selections(self.path.parent, self._samples)
                if kept.trouble:
                    raise StudyMismatch(kept.trouble)
                yield kept.table
        except OSError as error:
            if isinstance(error, StudyError):
                raise
            raise StudyError(
                f"expected a folder {self.path.parent} that can be written, found: {error.strerror or error}. "
                "Copy the study to a place of your own to save selections."
            ) from error

    def _write(self, table: pd.DataFrame) -> None:
        if not len(table.columns):
            self.path.unlink(missing_ok=True)
            return
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        write_file(self.path, content.getvalue())


def read_selections(folder: Path, samples: int) -> Kept:
    """Read a study's file of named selections strictly; a damaged one is told and never raised.

    Args:
        folder: of the study; it need not have the file.
        samples: how many rows the file must have.
    """
    import pandas as pd

    path = folder / NAME
    none = pd.DataFrame(index=pd.RangeIndex(samples))
    if not path.exists() and not path.is_symlink():
        return Kept(none, b"", "")
    content = b""
    try:
        if path.is_symlink():  # it could make a stranger's study show what else lies on this machine
            raise StudyMismatch("expected a file, found a link to another place")
        content = path.read_bytes()
        return Kept(_table(content, samples), content, "")
    except (StudyMismatch, SettingsError, OSError) as error:
        return Kept(
            none,
            content,
            f"The named selections of this study cannot be read from {path}: {error}. They are left out; "
            "put the file back as it was, or delete it to begin anew.",
        )


def _table(content: bytes, samples: int) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(io.BytesIO(content)) as file:
            about, kinds = file.metadata, file.schema_arrow
            size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
            if about.num_rows != samples or about.num_columns > MOST_SELECTIONS or size > MOST_BYTES:
                raise StudyMismatch(f"expected {samples} rows, found {about.num_rows} rows of {size} bytes")
            if not all(pa.types.is_boolean(kind) for kind in kinds.types):
                raise StudyMismatch("expected columns of flags, found others")
            # What the file says about pandas is left aside.
            table = file.read().replace_schema_metadata(None)
            if any(column.null_count for column in table.columns):
                raise StudyMismatch("expected a flag in each row, found none in some")
            found = table.to_pandas()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        if isinstance(error, StudyMismatch):
            raise
        raise StudyMismatch(f"it is not a table that can be read ({error})") from error
    names = [_checked_name(str(name)) for name in found]
    for place, name in enumerate(names):
        if _is_taken(name) or _is_one_of(name, names[:place]):
            raise StudyMismatch(f"expected names that no other column has, found {name!r}")
    return found


def _is_taken(name: str) -> bool:
    # A regression numbers its columns: target_0, target_1.
    return not TAKEN.isdisjoint({name.lower(), re.sub(r"_\d+$", "", name.lower())})


def _is_one_of(name: str, known: Iterable[str]) -> bool:
    return name.lower() in {str(one).lower() for one in known}


def _checked_name(name: str) -> str:
    is_written = all(character.isalpha() or character.isdecimal() or character in " _" for character in name)
    if not 0 < len(name) <= LONGEST_NAME or not is_written or not name[0].isalpha() or name != name.strip():
        raise SettingsError(
            f"a selection's name must be 1 to {LONGEST_NAME} letters, digits, spaces and underscores and begin with "
            f"a letter, found {name[:60]!r}. Change it."
        )
    return name
