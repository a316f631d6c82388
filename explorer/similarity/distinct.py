"""Samples with exactly the same row, found once: a search answers each direction once and hands it to its samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from explorer.errors import ShapeError

Read = Callable[[np.ndarray], np.ndarray]
"""Rows of features [m, d] of the row numbers that it is given, in their order; numbers of any float width."""

_BLOCK_VALUES = 2**22  # 16 MiB in float32
_DIGEST_BYTES = 16
_LONGEST_SQUARE = 1.01


@dataclass(frozen=True)
class Groups:
    """Which samples share a row. Groups are numbered by their first sample; unusable samples are in none."""

    first: np.ndarray
    """[u] int64, rising: the first sample of each group."""
    members: np.ndarray
    """[m] int64, the samples of group 0, of group 1 and so on, rising inside each."""
    starts: np.ndarray
    """[u + 1] int64: members[starts[g] : starts[g + 1]] are the samples of group g."""

    @classmethod
    def of(
        cls, read: Read, count: int, width: int, *, valid: np.ndarray | None = None, name: str = "units"
    ) -> "Groups":
        """Group samples 0 to count by their rows, reading them once, block by block.

        Args:
            read: gives unit rows, or shorter ones.
            count: how many samples there are.
            width: d, the columns of a row.
            valid: [count] bool, the samples that may be used; None takes those that are finite and not zero.
            name: what to call the rows in an error.

        Raises:
            ShapeError: valid does not fit, or a row is not finite where valid, or longer than 1.

        Cost: time O(n d), memory of one block and some 100 bytes a sample.
        """
        if valid is not None:
            valid = np.asarray(valid, dtype=bool)
            if valid.shape != (count,):
                raise ShapeError(
                    f"valid must name samples among {count} {name}, found shape {list(valid.shape)}. "
                    "Pass one True or False a sample."
                )
        places: dict[bytes, int] = {}
        group = np.full(count, -1, dtype=np.int64)
        for rows in blocks(count, width):
            values = float_rows(read(rows))
            for row in _usable(values, None if valid is None else valid[rows], rows[0], name):
                digest = blake2b(values[row], digest_size=_DIGEST_BYTES).digest()
                group[rows[row]] = places.setdefault(digest, len(places))
        order = np.argsort(group, kind="stable")
        members = order[np.count_nonzero(group < 0) :]
        starts = np.searchsorted(group[members], np.arange(len(places) + 1))
        return cls(members[starts[:-1]], members, starts)

    def __len__(self) -> int:
        return len(self.first)

    @property
    def are_single(self) -> bool:
        """Whether no two samples share a row."""
        return len(self.members) == len(self.first)

    @cached_property
    def sizes(self) -> np.ndarray:
        """[u] samples in each group."""
        return np.diff(self.starts)

    def samples_of(self, groups: np.ndarray, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The samples of some groups, one group after the other: place of the group in groups, and sample, [s] each.

        Args:
            groups: numbers of groups.
            most: only the first so many samples of each; None gives all.
        """
        sizes = self.sizes[groups] if most is None else np.minimum(self.sizes[groups], most)
        places = np.repeat(np.arange(len(groups)), sizes)
        inside = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return places, self.members[self.starts[groups][places] + inside]


def blocks(count: int, width: int) -> Iterator[np.ndarray]:
    """Row numbers 0 to count in blocks that take some 16 MiB in float32."""
    size = max(1, _BLOCK_VALUES // max(1, width))
    return (np.arange(start, min(start + size, count)) for start in range(0, count, size))


def float_rows(rows: np.ndarray) -> np.ndarray:
    """Contiguous float32 rows without negative zeros, which would set equal rows apart."""
    return np.ascontiguousarray(rows, dtype=np.float32) + np.float32(0)


def usable_rows(values: np.ndarray, valid: np.ndarray | None, name: str) -> np.ndarray:
    """Places of the rows that can be compared: finite, not zero, valid.

    Raises:
        ShapeError: a valid row is not finite, or a row is longer than 1.
    """
    return _usable(values, valid, 0, name)


def _usable(values: np.ndarray, valid: np.ndarray | None, offset: int, name: str) -> np.ndarray:
    squares = np.einsum("nd,nd->n", values, values)
    finite = np.isfinite(squares)
    if valid is not None and not finite[valid].all():
        row = offset + int(np.flatnonzero(valid & ~finite)[0])
        raise ShapeError(
            f"valid {name} must be finite, found row {row} with nan. Set valid to False for samples without a gradient."
        )
    usable = finite & (squares > 0) & (True if valid is None else valid)
    if (squares[usable] > _LONGEST_SQUARE).any():
        row = int(np.flatnonzero(usable & (squares > _LONGEST_SQUARE))[0])
        raise ShapeError(
            f"{name} must be rows of length 1, found length {squares[row] ** 0.5:.3g} in row {offset + row}. "
            "Use unit_rows first."
        )
    return np.flatnonzero(usable)
