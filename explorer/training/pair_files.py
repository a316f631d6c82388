"""Pairs of samples that ought to be alike, from a file of one's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from explorer.errors import SettingsError
from explorer.study.tables import read_table

COLUMNS = ["first", "second"]


def read_pairs(path: Path) -> np.ndarray:
    """The pairs of a table, strictly read.

    Args:
        path: .csv or .parquet with the columns first and second, and nothing else: row numbers, counted from 0.

    Returns:
        [P, 2] int64, as they stand in the file. Whether there are such samples is not known here.

    Raises:
        DecisionError: the file cannot be read as a table.
        SettingsError: other columns, a cell that is no row number, or no pair at all; the message names the line.
    """
    columns, lines = read_table(Path(path))
    if columns != COLUMNS:
        raise SettingsError(
            f"pairs in {path} must have the columns {', '.join(COLUMNS)}, found {', '.join(columns)[:80] or 'none'}. "
            "Write two row numbers a line under these names."
        )
    pairs = []
    for place, cells in lines:
        for name in COLUMNS:
            # No signs, spaces, digits of other scripts or numbers beyond what can be a row.
            if not (cells[name].isascii() and cells[name].isdigit() and len(cells[name]) <= 18):
                raise SettingsError(
                    f"{path} {place}: {name} must be a row number, found {cells[name][:40]!r}. Count samples from 0."
                )
        pairs.append([int(cells[name]) for name in COLUMNS])
    if not pairs:
        raise SettingsError(f"expected pairs in {path}, found none. Write two row numbers a line.")
    return np.array(pairs, dtype=np.int64)


def among_kept(pairs: np.ndarray, kept: Sequence[int], samples: int) -> np.ndarray:
    """Pairs of a subject's rows as rows of the samples that were kept of it; without those of a dropped one.

    Args:
        pairs: [P, 2] rows of the subject, known to exist.
        kept: its rows that were kept, rising.
        samples: how many it has.

    Raises:
        SettingsError: every pair has a sample that was dropped.

    >>> among_kept(np.array([[0, 2], [1, 2]]), [0, 2], 3).tolist()
    [[0, 1]]
    """
    place = np.full(samples, -1)
    place[np.asarray(kept)] = np.arange(len(kept))
    found = place[pairs]
    found = found[(found >= 0).all(1)]
    if not len(found):
        raise SettingsError(
            f"expected a pair of samples that the labels keep, found none among {len(pairs):,}: a sample of each was "
            "dropped. Give other pairs, or keep some."
        )
    return found
