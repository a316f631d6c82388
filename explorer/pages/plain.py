"""Texts of strangers as markdown."""

import re


def plain(text: str) -> str:
    """Text as markdown that shows it unchanged; only `code` between backticks keeps its meaning.

    Names and links come from strangers: they must not become pictures, links or formulas on the page.
    """
    return re.sub(r"(`[^`]*`)|([\\\[\]<>*_$~#!:|])", lambda found: found[1] or "\\" + found[2], text)
