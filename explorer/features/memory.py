"""Memory that does not suffice: how it is told from other errors, and the same work again in smaller batches."""

from collections.abc import Callable
from typing import TypeVar

import torch

from explorer.errors import EngineError, first_line

Result = TypeVar("Result")

WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
"""What torch says when the memory of a machine or of a GPU is full, where it has no exception of its own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory did not suffice, on the machine or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def in_smaller_batches(
    action: Callable[[int | None], Result], size: int | None, most: int, say: Callable[[str], None]
) -> Result:
    """Do something, and while memory does not suffice do it again from its start, with half as many samples at once.

    Args:
        action: called with the number of samples in a batch; None lets it choose.
        size: what to try first.
        most: as many samples as there are, or as a chosen batch has; from what follows None is halved.
        say: is told in a sentence each time.

    Returns:
        What action returns, as if it had been called with the last number at once.

    Raises:
        EngineError: memory does not even suffice for one sample.
    """
    while True:
        try:
            return action(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise EngineError(
                    f"memory must suffice for one sample at a time, found that it does not ({first_line(error, 120)}). "
                    "Close other programs, measure on --device cpu, or lower --coordinates and --dim."
                ) from error
            found = first_line(error, 120)
        # Only here, after the error, is what its frames held free again.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        size = max(1, min(size or most, most) // 2)
        say(f"memory did not suffice ({found}): going on with {size} samples at once")
