"""The conditions of a filter in words, with the names that a study gives its classes. No streamlit."""

from dataclasses import replace

from explorer.study.study import Study
from explorer.views.reading import kind_of, write_value
from explorer.views.selection import Condition, Equals, Filter, OneOf


def filter_in_words(study: Study, chosen: Filter) -> list[str]:
    """Each condition of a filter as a person would say it."""
    return [condition_in_words(study, one) for one in chosen.conditions]


def condition_in_words(study: Study, condition: Condition) -> str:
    """One condition as a person would say it, classes by name."""
    if condition.column not in study.samples:
        return condition.in_words()
    if isinstance(condition, Equals):
        return replace(condition, value=_named(study, condition.column, condition.value)).in_words()
    if isinstance(condition, OneOf):
        named = tuple(_named(study, condition.column, value) for value in condition.values)
        return replace(condition, values=named).in_words()
    return condition.in_words()


def _named(study: Study, column: str, value: str) -> str:
    """A value of a condition as pages write it: classes by name, flags as yes and no."""
    kind = kind_of(study, column)
    if kind == "flag" and value in ("True", "False"):
        return write_value(study, column, value == "True")
    is_number = kind != "text" and value.isascii() and value.isdigit() and len(value) < 16
    return write_value(study, column, int(value)) if is_number else value
