"""Neighbors counted with more weight on the close ones: hard counts and power counts, with a slider."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.pages.state import errors_on_screen
from explorer.pages.tiles import show_figure
from explorer.study.counts import EXPONENTS, THRESHOLDS, Counts, counts_of, neighbor_counts
from explorer.study.study import Study
from explorer.views.charts import Bins, count_bins, histogram, round_bins
from explorer.views.planes import HEIGHT, plane
from explorer.views.reading import write_value
from explorer.views.theme import DARK_BACKGROUND, LIGHT_BACKGROUND

COUNT = "soft_density"
MOST_BARS = 40
BACKGROUND = f"light-dark({LIGHT_BACKGROUND}, {DARK_BACKGROUND})"
# The value stands above the slider's thumb, but inside of it in the document: without a ground of its own, whatever
# judges contrast would hold it against the thumb.
STYLE = f'<style>[data-testid="stSliderThumbValue"] {{ background: {BACKGROUND}; }}</style>'
HARD, POWER = "hard", "power"


@dataclass(frozen=True)
class Way:
    """One way to count close neighbors more than distant ones, with a number to choose."""

    field: str
    """Of explorer.study.counts.Counts."""
    choices: tuple[float, ...]
    slider: str
    title: str
    words: str


WAYS = {
    HARD: Way(
        "hard",
        THRESHOLDS,
        "Similarity above",
        "hard count, similarity above {value}",
        "The hard count takes samples with a similarity above {value}, itself included, and forgets the rest; the soft "
        "count lets every sample count by its similarity. Where the two disagree, a sample has many distant relatives "
        "and few close ones, or the reverse.",
    ),
    POWER: Way(
        "power",
        EXPONENTS,
        "Similarity to the power of",
        "power count, exponent {value}",
        "The power count adds up the positive similarities, each raised to the power of {value}: at 0.9 a sample still "
        "counts for much of one, at 0.3 for hardly anything. It lies between the soft count and a count of duplicates.",
    ),
}


# A fragment: a step of the slider draws these figures again and not the whole page.
@st.fragment
def show_counts(study: Study, row: int) -> None:
    """The section of the Density page that counts close neighbors; needs features, neighbors and the soft count."""
    with errors_on_screen():
        st.html(STYLE)
        st.header("Counting only close neighbors", anchor=False)
        kind = st.segmented_control(
            "Way to count",
            list(WAYS),
            default=HARD,
            required=True,
            format_func=lambda one: f"{one} count",
            key="close-way",
        )
        way = WAYS[kind]
        first = threshold_of(study) if kind == HARD else None
        value = st.select_slider(
            way.slider,
            way.choices,
            value=first if first in way.choices else way.choices[0],
            key=f"close-{way.field}",
            width=420,
            persist_state="session",
        )
        place = way.choices.index(value)
        with st.spinner(f"Comparing {study.n:,} samples with each other …", show_time=True):
            counts, own = _counts(study, study.version), _counts_of(study, study.version, row)
        numbers, mine = getattr(counts, way.field)[place], float(getattr(own, way.field)[place, 0])
        _show_counted(study, row, numbers, mine, way.title.format(value=f"{value:g}"))
        st.caption(f"{way.words.format(value=f'{value:g}')} {_among_in_words(study, counts)}")


def _show_counted(study: Study, row: int, numbers: np.ndarray, mine: float, title: str) -> None:
    soft = study.samples[COUNT].to_numpy(dtype=float)
    numbers = np.where(np.arange(study.n) == row, mine, numbers)  # the chosen sample's own count is exact
    if not np.isfinite(numbers).any():
        return
    rank = 100 * float((numbers < mine).sum()) / max(int(np.isfinite(numbers).sum()) - 1, 1)
    if np.isfinite(mine):
        st.markdown(
            f"Sample **{row}** counts as **{write_value(study, COUNT, mine)}** of {study.n:,}, more than {rank:.0f} % "
            f"of all; its soft count is {write_value(study, COUNT, soft[row])}."
        )
    spread, against = st.columns(2, gap="medium")
    with spread:
        figure = histogram(bins_of(numbers), f"{title} (samples)", value=mine, value_name=f"sample {row}")
        show_figure(figure.update_layout(height=HEIGHT), key="close-histogram")
    with against:
        show_figure(plane(numbers, soft, (f"{title} (samples)", "soft count (samples)"), row=row), key="close-soft")


def bins_of(numbers: np.ndarray) -> Bins:
    """One bar for each count where counts are few whole numbers, else round bins."""
    finite = numbers[np.isfinite(numbers)]
    low, high = finite.min(), finite.max()
    if high - low < MOST_BARS and (finite == np.round(finite)).all():
        return count_bins(numbers, int(high - low) + 1, span=(low - 0.5, high + 0.5))
    return round_bins(numbers, MOST_BARS // 2)


def _among_in_words(study: Study, counts: Counts) -> str:
    if counts.among >= study.n:
        return "All pairs of samples were compared."
    k = study.array("neighbors/network/similarities").shape[1]
    return (
        f"With {study.n:,} samples, each was compared with {counts.among:,} others chosen at random and counted in "
        f"proportion: estimates, except for hard counts up to {k}, known from the stored neighbors, and for the chosen "
        "sample."
    )


def threshold_of(study: Study) -> float | None:
    """The similarity above which the column hard_density counts, as the study's notes say it."""
    threshold = study.notes("statistics").get("threshold")
    return float(threshold) if isinstance(threshold, int | float) else None


@st.cache_data(max_entries=4, show_spinner=False)
def _counts(_study: Study, version: str) -> Counts:
    return neighbor_counts(_study)


@st.cache_data(max_entries=256, show_spinner=False)
def _counts_of(_study: Study, version: str, row: int) -> Counts:
    return counts_of(_study, row)
