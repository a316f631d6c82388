"""What the sections of a report are made of: sections, numbers, pictures of samples with their neighbors."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from explorer.study.study import Study
from explorer.views.reading import write_rows
from explorer.views.report.markup import Markup, element
from explorer.views.report.pictures import address_of, has_pictures

NEIGHBORS = 8
"""Shown of each sample that is shown."""
Thing = TypeVar("Thing")


class Pictures:
    """Pictures of samples in the text of one report, no more of them than fit."""

    def __init__(self, study: Study, room: int) -> None:
        """Nothing is packed yet.

        Args:
            study: whose pictures.
            room: characters for all of them; beyond half of it they are packed with loss, beyond it left out.
        """
        self.study, self.room = study, room
        self.exists = has_pictures(study)
        self.left_out = 0
        self.lossy = 0
        self._spent = 0

    def picture(self, row: int, description: str = "", kind: str = "") -> Markup | None:
        """The picture of one sample as an element; None when the study has none, or no room is left for it."""
        if not self.exists or row < 0:
            return None
        if self._spent >= self.room:
            self.left_out += 1
            return None
        is_exact = self._spent < self.room / 2
        address = address_of(self.study.thumbnail(row), is_exact)
        self._spent += len(address)
        self.lossy += not is_exact
        return element("img", src=address, alt=description, class_=f"sample {kind}".strip(), data_row=row)


def section(name: str, title: str, *inside: Any, lead: str | None = None) -> Markup:
    """A part of the page that can be jumped to."""
    return element(
        "section",
        element("h2", title, id=f"{name}-title"),
        element("p", lead, class_="lead") if lead else None,
        *inside,
        id=name,
        aria_labelledby=f"{name}-title",
    )


def paragraph(*inside: Any, kind: str | None = None) -> Markup:
    """A paragraph; of a kind of report.css when one is named."""
    return element("p", *inside, class_=kind)


def bullets(lines: Sequence[Any], kind: str | None = None) -> Markup | None:
    """A list, None when there is nothing in it."""
    return element("ul", [element("li", line) for line in lines], class_=kind) if lines else None


def numbers(cells: Sequence[tuple[str, str, str]]) -> Markup | None:
    """Large numbers side by side: what each is called, the number, and a line about it."""
    if not cells:
        return None
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", value), element("dd", words, class_="about"))
            for name, value, words in cells
        ],
        class_="numbers",
    )


def table(lines: Sequence[tuple[str, Any]]) -> Markup | None:
    """Facts, one a line: what it is called, and what it is. None without lines."""
    if not lines:
        return None
    rows = [element("tr", element("th", name, scope="row"), element("td", value)) for name, value in lines]
    return element("table", element("tbody", rows), class_="facts")


def fitting(things: Sequence[Thing], card: Callable[[Thing], Markup], room: int) -> list[Markup]:
    """Cards of the first of some things, as many as so many bytes hold."""
    cards: list[Markup] = []
    for one in things:
        made = card(one)
        room -= len(made.encode())
        if room < 0:
            break
        cards.append(made)
    return cards


def left_out(count: int, what: str) -> Markup | None:
    """That some cards have no room; None where all have."""
    if not count:
        return None
    were = "was" if count == 1 else "were"
    return paragraph(f"{counted(count, f'more {what}')} {were} left out to keep this page small.", kind="none")


def nearest(pictures: Pictures, row: int) -> Markup:
    """The nearest neighbors of a sample under a heading of their own."""
    return element("div", element("h4", "Nearest neighbors"), neighbor_row(pictures, row), class_="near")


def neighbor_row(pictures: Pictures, row: int, most: int = NEIGHBORS) -> Markup:
    """The nearest neighbors of a sample: picture, similarity and label, with a mark where the label is another."""
    study = pictures.study
    if "neighbors" in study.steps_missing:
        return paragraph("The neighbors of this study have not been computed yet.", kind="none")
    # More than are stored would be searched for, over all samples, once for each card.
    found = study.neighbors(row, k=min(most, study.array("neighbors/network/indices").shape[1]))
    pairs = zip(found.indices, found.similarities, strict=True)
    known = [(int(other), float(one)) for other, one in pairs if other >= 0]
    if not known:
        return paragraph("No neighbors: its gradient is zero or not finite, so it has no direction.", kind="none")
    given, *labels = labels_of(study, [row, *(other for other, _ in known)])
    is_class = study.task == "classification" and bool(given)
    tiles = []
    for (other, similarity), label in zip(known, labels, strict=True):
        differs = is_class and label != given
        words = f"Sample {other}, similarity {write_similarity(similarity)}" + (f", label {label}" if label else "")
        tiles.append(
            element(
                "li",
                pictures.picture(other, words) or element("span", f"#{other}", class_="sample blank"),
                element("b", write_similarity(similarity)),
                element("span", f"≠ {label}" if differs else label, class_="label") if label else None,
                class_="differs" if differs else None,
                title=words + (": another label than the sample's" if differs else ""),
            )
        )
    return element("ul", tiles, class_="row", aria_label=f"nearest neighbors of sample {row}, the most similar first")


def given_of(study: Study) -> str:
    """What is given of a sample, as a word and a column: label or target."""
    return "label" if study.task == "classification" else "target"


def labels_of(study: Study, rows: Sequence[int]) -> list[str]:
    """The given labels or targets as text; empty ones where the study has none."""
    return write_rows(study, given_of(study), rows)


def has_labels(study: Study) -> bool:
    """Whether the study has labels or targets."""
    return bool(study.columns_of(given_of(study)))


def write_similarity(value: float) -> str:
    """A similarity with two digits; rounding never makes it 1."""
    return "> 0.99" if 0.995 <= value < 1 else f"{value:.2f}".replace("-", "−")


def percent(share: float) -> str:
    """A share in percent: whole ones from ten on, two digits below."""
    if not np.isfinite(share):
        return "—"
    told = 100 * share
    return f"{told:.0f} %" if told >= 9.95 or told == 0 else f"{told:.2g} %"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def date_of(time: str) -> str:
    """A time of a study, to the minute."""
    day, _, hour = time.partition("T")
    return f"{day} {hour[:5]} UTC" if hour else day
