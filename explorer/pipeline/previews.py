"""Step previews: a small picture of every sample, and the inputs as flat rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from explorer.pipeline.sheets import write_sheets
from explorer.pipeline.work import Outcome, Work
from explorer.study.saving import written_array

STORED_VALUES = 4096
"""At most so many values of an input are kept; larger ones are made smaller first."""
BATCH_ROWS = 256


def write_previews(work: Work) -> Outcome:
    """Write `sheet-000.png` … and `inputs.npy`, [n, f] float32 with f at most STORED_VALUES."""
    shape = work.subject.inputs([0]).shape[1:]
    reduction = told_reduction(shape)
    width = reduced(np.zeros((1, *shape), dtype=np.float32), reduction).shape[1]
    with written_array(work.part / "inputs.npy", (work.n, width), np.float32) as append:
        for start in range(0, work.n, BATCH_ROWS):
            rows = np.arange(start, min(start + BATCH_ROWS, work.n))
            append(reduced(work.subject.inputs(rows).numpy(), reduction))
    sheets = write_sheets(work.part, _thumbnails(work), work.n)
    return Outcome({"sheets": sheets, "inputs": {"shape": list(shape), **reduction}})


def _thumbnails(work: Work) -> Iterator[np.ndarray]:
    for start in range(0, work.n, BATCH_ROWS):
        rows = np.arange(start, min(start + BATCH_ROWS, work.n))
        yield from work.subject.thumbnails(rows)
        work.meter.advance(start + len(rows))


def told_reduction(shape: tuple[int, ...]) -> dict[str, Any]:
    """How inputs of a shape are made small enough to store.

    Returns:
        {"mean_over": b}: means of b x b pixels, for pictures (two or more axes); {"every": s}: every s-th value,
        for plain rows. A number of 1 changes nothing.

    >>> told_reduction((1, 28, 28)), told_reduction((3, 224, 224)), told_reduction((9000,))
    ({'mean_over': 1}, {'mean_over': 7}, {'every': 3})
    """
    if len(shape) < 2:
        return {"every": -(-int(np.prod(shape)) // STORED_VALUES)}
    block = 1
    while int(np.prod(shape[:-2])) * -(-shape[-2] // block) * -(-shape[-1] // block) > STORED_VALUES:
        block += 1
        if block > max(shape[-2:]):  # so many channels that even one value each is too many
            return {"every": -(-int(np.prod(shape)) // STORED_VALUES)}
    return {"mean_over": block}


def reduced(inputs: np.ndarray, reduction: dict[str, Any]) -> np.ndarray:
    """Inputs as flat float32 rows: [m, ...] to [m, f]."""
    inputs = inputs.astype(np.float32)
    if "every" in reduction:
        return inputs.reshape(len(inputs), -1)[:, :: reduction["every"]]
    block = reduction["mean_over"]
    if block > 1:
        for axis in (-2, -1):
            inputs = _block_means(inputs, block, axis)
    return inputs.reshape(len(inputs), -1)


def _block_means(values: np.ndarray, block: int, axis: int) -> np.ndarray:
    length = values.shape[axis]
    starts = np.arange(0, length, block)
    sizes = np.minimum(block, length - starts).astype(np.float32)
    sums = np.add.reduceat(values, starts, axis=axis)
    return sums / (sizes if axis == -1 else sizes[:, None])
