"""HTML and SVG as nested elements. Whatever is not markup already is escaped: texts of strangers stay text."""

from collections.abc import Iterable
from html import escape
from typing import Any

EMPTY = frozenset({"br", "img", "meta", "line", "rect", "circle", "image", "path", "input"})
"""Elements without an end tag in HTML, or written short in SVG."""


class Markup(str):
    """Text that is markup: made by `element` or `together`, or written by us and free of anything from outside."""


def element(name: str, /, *inside: Any, **attributes: Any) -> Markup:
    """One element.

    Args:
        name: of the element.
        inside: Markup as it is, lists of it, and anything else as escaped text; None and "" are left out.
        attributes: escaped; one that is None or False is left out, True has no value. An underscore at the end is
            dropped (`class_`), others are dashes.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in EMPTY:
        return Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{together(*inside)}</{name}>")


def together(*inside: Any) -> Markup:
    """Several things one after the other, as in `element`."""
    return Markup("".join(_written(one) for one in inside))


def _written(one: Any) -> str:
    if one is None:
        return ""
    if isinstance(one, Markup):
        return one
    if isinstance(one, Iterable) and not isinstance(one, str):
        return "".join(map(_written, one))
    return escape(str(one))


def _attribute(key: str, value: Any) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
