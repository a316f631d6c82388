"""A number of a sample as all pages show it."""

from html import escape

import streamlit as st

from explorer.study.study import Study
from explorer.views.reading import Reading, read_value


def show_number(study: Study, column: str, row: int) -> None:
    """One number of a sample: title, value with unit, place among all samples, and its help behind the title."""
    st.html(reading_html(read_value(study, column, row)))


def reading_html(reading: Reading) -> str:
    """A number as all pages show it: help behind the title, value, and a bar for its place among the samples."""
    place = ""
    if reading.percentile is not None:
        place = (
            f'<div class="reading-bar" role="img" aria-label="{reading.place}">'
            f'<i style="width:{reading.percentile:.0f}%"></i></div><small>{reading.place}</small>'
        )
    return (
        f'<div class="reading"><details><summary>{escape(reading.title)}</summary>'
        f"<p>{escape(reading.help)}</p></details><b>{escape(reading.text)}</b>{place}</div>"
    )
