"""Two ways to compare the same samples: who is near whom in each, who changed neighbors, and which numbers moved."""

from dataclasses import replace
from html import escape

import numpy as np
import streamlit as st

from explorer.pages.others import SPACES, Other, choose_other, space_of
from explorer.pages.state import current_rows, current_sample, page_header, plain, select_sample
from explorer.pages.tiles import (
    answer_text,
    given_text,
    given_word,
    neighbor_tiles,
    picked_points,
    show_figure,
    show_gallery,
    show_samples,
)
from explorer.records import Neighbors
from explorer.study.agreement import QUERIES, neighbor_overlap, rank_correlation, similarity_agreement
from explorer.study.study import Study
from explorer.views.gallery import Tile, large_picture, picture_address
from explorer.views.overlaid import against, overlaid_histograms, shared_bars
from explorer.views.planes import POINTS
from explorer.views.reading import columns_of_kind, read_value
from explorer.views.selection import title_of

SHOWN, WIDER = 10, 25
FIRST_COLUMN = "soft_density"
OUTPUTS = {
    "all": "all {} outputs",
    "predicted": "the predicted one of {} outputs",
    "contrast": "one contrast of {} outputs",
    "adversary": "one sampled contrast of {} outputs",
}
"""What was differentiated, by the mode in the notes of the step projection."""
TITLES = {"embedding": "Alike in the last layer", "input": "Alike as inputs"}


def show(study: Study) -> None:
    """The page of comparisons."""
    row = current_sample(study)
    page_header(study, "Compare", "Do two ways to compare the same samples agree about who is near whom?")
    if "neighbors" in study.steps_missing:
        st.info("This study has no neighbors yet: its step “neighbors” has not run.", icon=":material/info:")
        return
    other = choose_other(study)
    _show_numbers(study, row, other)
    if other is None:
        return
    if notes := f"{other.note} {_outputs_note(study, other)}".strip():
        st.caption(notes)
    _show_sample(study, row, other)
    _show_neighbors(study, row, other)
    st.divider()
    _show_changes(study, row, other)
    if other.study is not study:
        st.divider()
        _show_columns(study, row, other)


def compared(study: Study, other: Other, most: int = SHOWN) -> int:
    """How many of the first neighbors are compared: at most so many, or as many as both studies hold."""
    sides = ((study, "network"), (other.study, other.by))
    return min(most, *(one.array(f"neighbors/{by}/indices").shape[1] for one, by in sides))


def shared_neighbors(study: Study, other: Other, k: int) -> np.ndarray:
    """[n] float64: how many of the k nearest to each sample are the same in both; nan where there are none."""
    return _shared(study, other.study, f"{study.version}-{other.study.version}", other.by, k)


def rows_by_change(study: Study, other: Other) -> np.ndarray:
    """Rows with the fewest neighbors in common first; among equals those that share fewer of the WIDER ones."""
    near, wide = (shared_neighbors(study, other, compared(study, other, most)) for most in (SHOWN, WIDER))
    order = np.lexsort((wide, near))
    return order[np.isfinite(near[order])]


def shared_columns(study: Study, other: Study) -> list[str]:
    """Columns with numbers in both studies; the map's coordinates have no meaning across studies."""
    theirs = columns_of_kind(other, "number", "share")
    return [
        name
        for name in columns_of_kind(study, "number", "share")
        if name in theirs and name not in "xy" and all(np.isfinite(_numbers(one, name)).any() for one in (study, other))
    ]


def _show_numbers(study: Study, row: int, other: Other | None) -> None:
    """A table: the network against its own last layer, the plain inputs and the chosen study."""
    rivals = [space_of(study, by) for by in SPACES]
    rivals += [other] if other is not None and other.study is not study else []
    k = min(compared(study, one) for one in rivals)
    with st.spinner("Comparing similarities …", show_time=True):
        lines = [_line_of_numbers(study, row, one, k) for one in rivals]
    st.html(_table(("network and", f"shared of {k}", f"by sample {row}", "order", f"for sample {row}"), lines))
    st.caption(
        f"Shared: how many of the {k} nearest are the same, on average over all samples; by chance it would be "
        f"{k * k / max(study.n - 1, 1):.2g}. Order: rank correlation of a sample's similarities to others, near "
        f"and far, on average over {min(QUERIES, study.n)} samples; 1 is the same order. Two orders may be alike as a "
        "whole and still differ in who comes first."
    )


def _line_of_numbers(study: Study, row: int, other: Other, k: int) -> tuple[str, ...]:
    shared = shared_neighbors(study, other, k)
    versions = f"{study.version}-{other.study.version}"
    ranks, own = (_agreement(study, other.study, versions, other.by, one) for one in (None, row))
    return (
        other.name,
        _mean(shared, ".1f"),
        _mean(shared[[row]], ".0f"),
        _mean(ranks, ".2f"),
        _mean(own, ".2f"),
    )


def _table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A table narrow enough for a phone; the first column is words, the others are numbers."""

    def cells(kind: str, texts: tuple[str, ...]) -> str:
        border = "border-bottom:1px solid rgba(128,128,128,0.35)"
        words, numbers = f"{border};padding:4px 0;text-align:left", f"{border};padding:4px 0 4px 12px;text-align:right"
        first = f'<{kind} style="{words};overflow-wrap:anywhere;min-width:5em">{escape(texts[0])}</{kind}>'
        return first + "".join(f'<{kind} style="{numbers}">{escape(one)}</{kind}>' for one in texts[1:])

    body = "".join(f"<tr>{cells('td', line)}</tr>" for line in lines)
    return (
        '<table style="border-collapse:collapse;font-size:0.95rem;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"
    )


def _mean(values: np.ndarray, form: str) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():{form}}".replace("-", "−") if len(known) else "—"


def _show_sample(study: Study, row: int, other: Other) -> None:
    st.header(f"Sample {row}", anchor=False)
    given, answer = given_text(study, row), answer_text(study, row)
    parts = [f"{given_word(study).capitalize()} **{plain(given)}**"] if given else []
    if other.study is study:
        parts += [f"predicted **{plain(answer)}**"] if answer else []
    else:
        theirs = given_text(other.study, row)
        parts += (
            [f"{given_word(study)} in {plain(other.name)} **{plain(theirs)}**"] if given != theirs and theirs else []
        )
        for one, name in ((study, study.path.name), (other.study, other.name)):
            answer = answer_text(one, row)
            parts += [f"predicted **{plain(answer)}** in {plain(name)}"] if answer else []
    picture, words = st.columns([1, 9], vertical_alignment="center")
    with picture:
        st.html(large_picture(picture_address(study.thumbnail(row)), f"Sample {row}, {given_word(study)} {given}"))
    words.markdown(" · ".join(parts) or "Neither label nor prediction is known.")


def _show_neighbors(study: Study, row: int, other: Other) -> None:
    k = compared(study, other)
    mine, theirs = study.neighbors(row, k=k), other.study.neighbors(row, k=k, by=other.by)
    if (mine.indices < 0).all() or (theirs.indices < 0).all():
        st.info(
            "One of the two knows no neighbors of this sample: its gradient there is zero or not finite.",
            icon=":material/block:",
        )
    titles = ("Alike for the network", TITLES.get(other.by, ""))
    if other.study is not study:
        titles = tuple(f"Alike for the network in {plain(name)}" for name in (study.path.name, other.name))
    sides = ((study, mine, theirs, "kᶜ"), (other.study, theirs, mine, other.symbol))
    places = zip(st.columns(2, gap="medium"), titles, sides, strict=True)
    for number, (place, title, (one, near, far, symbol)) in enumerate(places):
        with place:
            st.markdown(f"**{title}**")
            tiles = marked_tiles(neighbor_tiles(one, row, near, symbol), far)
            show_gallery(tiles, key=f"compare-{number}", label=title)
    labels = " ≠ marks another label than this sample's." if "label" in study.samples else ""
    st.caption(
        "Best first. ● says where a neighbor stands on the other side, ○ that it is not among the first there. Click a "
        f"picture, here or below, to compare its sample.{labels}"
    )


def marked_tiles(tiles: list[Tile], others: Neighbors) -> list[Tile]:
    """The neighbors of one side, each with the words whether it stands on the other side as well, and where there."""
    places = {int(row): place for place, row in enumerate(others.indices, start=1)}
    marked = []
    for tile in tiles:
        word = f"● {_ordinal(places[tile.row])} there" if tile.row in places else "○ only here"
        marked.append(replace(tile, lines=(tile.lines[0], word, *tile.lines[1:]), help=f"{tile.help}; {word[2:]}"))
    return marked


def _ordinal(place: int) -> str:
    return f"{place}{'th' if 10 < place < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"


def _show_changes(study: Study, row: int, other: Other) -> None:
    k = compared(study, other)
    shared = shared_neighbors(study, other, k)
    if not np.isfinite(shared).any():
        return
    st.header("Who has other neighbors", anchor=False)
    value = float(shared[row])
    show_figure(shared_bars(shared, k, value=value if np.isfinite(value) else None), key="compare-shared")
    rows = rows_by_change(study, other)
    rows = rows[current_rows(study)[rows]]
    st.markdown("**Fewest neighbors in common first.** Click one to see both sides of it above.")
    show_samples(
        study,
        rows,
        key="compare-changes",
        label="samples with the fewest neighbors in common",
        first_line=lambda one: f"{shared[one]:.0f} of {k} shared",
        chosen=row,
    )


def _show_columns(study: Study, row: int, other: Other) -> None:
    st.header("One number in both studies", anchor=False)
    names = shared_columns(study, other.study)
    if not names:
        st.info("The two studies have no column of numbers in common.", icon=":material/info:")
        return
    first = names.index(FIRST_COLUMN) if FIRST_COLUMN in names else 0
    column = st.selectbox("Number", names, index=first, format_func=title_of, key="compare-column", width=420)
    values = _numbers(study, column), _numbers(other.study, column)
    pair = (study.path.name, other.name)
    over, across = st.columns(2, gap="medium")
    with over:
        show_figure(overlaid_histograms(values, pair, title_of(column), row=row), key="compare-histograms")
    key = f"compare-plane-{study.version}-{other.study.version}-{column}"
    has_line = False
    with across:
        if (np.isfinite(values[0]) & np.isfinite(values[1])).any():
            figure = against(values, pair, title_of(column), row=row)
            has_line = len(figure.layout.shapes) > 0

            def pick() -> None:
                for point in picked_points(key)[:1]:
                    if figure.data[point["curve_number"]].type == "scatter":
                        select_sample(int(figure.data[point["curve_number"]].customdata[point["point_index"]]))

            show_figure(figure, key=key, on_select=pick)
    ranks = rank_correlation(values[0][None], values[1][None])
    mine, theirs = (read_value(one, column, row).text for one in (study, other.study))
    st.caption(
        f"Sample {row}: {mine} in {plain(pair[0])}, {theirs} in {plain(pair[1])}. Rank correlation over all samples: "
        f"{_mean(ranks, '.2f')}.{' On the dotted line nothing changed.' if has_line else ''}"
        f"{' Click a point to go to its sample.' if study.n <= POINTS else ' Color counts samples.'}"
    )


def _outputs_note(study: Study, other: Other) -> str:
    """A warning when the two similarities are taken over different outputs."""
    mine, theirs = (
        OUTPUTS[one.manifest.steps["projection"].notes["mode"]].format(one.subject["outputs"])
        for one in (study, other.study)
    )
    if mine == theirs:
        return ""
    return (
        f"{plain(study.path.name)} compares samples by {mine}, {plain(other.name)} by {theirs}: part of what differs "
        "may come from that."
    )


def _numbers(study: Study, column: str) -> np.ndarray:
    return study.samples[column].to_numpy(dtype=float)


@st.cache_data(max_entries=16, show_spinner=False)
def _shared(_study: Study, _other: Study, versions: str, by: str, k: int) -> np.ndarray:
    mine, theirs = _study.array("neighbors/network/indices"), _other.array(f"neighbors/{by}/indices")
    return neighbor_overlap(mine, theirs, k)


@st.cache_data(max_entries=256, show_spinner=False)
def _agreement(_study: Study, _other: Study, versions: str, by: str, row: int | None) -> np.ndarray:
    return similarity_agreement(_study, "network", _other, by, None if row is None else np.array([row]))
