"""What people write into a study: whether it can be kept."""

import re
from typing import Any

from explorer.errors import ExplorerError

_NOT_KEPT = re.compile("[\0\ud800-\udfff]")
# A surrogate, as JSON can spell one alone, cannot be written as UTF-8.


def checked_text(name: str, text: Any, longest: int, trouble: type[ExplorerError]) -> str:
    """The text, unchanged.

    Args:
        name: what it is, to be named.
        text: of whatever type.
        longest: the most characters that it may have.
        trouble: what is raised when it is no text, too long, or cannot be written as UTF-8.
    """
    if not isinstance(text, str):
        raise trouble(f"{name} must be text, found {repr(text)[:80]}. Write some, or nothing.")
    if len(text) > longest:
        raise trouble(f"{name} must be at most {longest:,} characters, found {len(text)}. Shorten it.")
    if _NOT_KEPT.search(text):
        raise trouble(f"{name} must be text without NUL and halves of characters, found {text!r}. Mend it.")
    return text
