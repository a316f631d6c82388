"""What people chose to present: saved views and picked samples."""

from functools import partial

import numpy as np

from explorer.errors import ExplorerError
from explorer.study.album import Album
from explorer.study.saved import Pick, SavedView
from explorer.study.study import Study
from explorer.views.coloring import NONE, color_codes, legend, map_color
from explorer.views.conditions import filter_in_words
from explorer.views.report.doubts import Doubts, change_of, decided, facts_of, sample_head
from explorer.views.report.markup import Markup, element, together
from explorer.views.report.measured import Figures
from explorer.views.report.parts import Pictures, counted, date_of, fitting, left_out, nearest, paragraph, section
from explorer.views.report.pictures import address_of
from explorer.views.report.still import palette, still_map
from explorer.views.selection import Filter

SIZE = (960, 560)
"""Pixels of the picture of a saved view."""
STAGE = (1100, 650)
"""Pixels of the map in the app on a usual screen, for views that do not say on what they were seen."""
PAGES = {"density": "density", "denoising": "denoising", "labels": "classes"}
"""The figure that stands for a page of the app."""
NAMED = 14
"""Entries of a legend that are named."""


def views_section(study: Study, pictures: Pictures, figures: Figures, room: int) -> Markup | None:
    """Every saved view with its note and what it showed; None when nobody saved any.

    Args:
        study: whose views.
        pictures: of samples, for views of a sample.
        figures: of the study, for views of other pages.
        room: bytes for all of it; half of them for pictures, so that later views are at least told in words.
    """
    views, trouble = _read(study, "views")
    if trouble:
        return section("views", "Saved views", paragraph(f"The saved views could not be read: {trouble}", kind="none"))
    spent = 0

    def card(view: SavedView) -> Markup:
        nonlocal spent
        has_room = spent < room // 2
        shown = _shown(study, view, pictures, figures) if has_room else None
        spent += len(shown or "")
        return _view(study, view, shown, has_room)

    cards = fitting(views, card, room)
    return section("views", "Saved views", cards, left_out(len(views) - len(cards), "saved view")) if views else None


def picks_section(study: Study, pictures: Pictures, doubts: Doubts, room: int) -> Markup | None:
    """Every picked sample with its note and its neighbors, as far as so many bytes reach; None without any."""
    picks, trouble = _read(study, "picks")
    title = "Picked samples"
    if trouble:
        return section("picks", title, paragraph(f"The picked samples could not be read: {trouble}", kind="none"))
    cards = fitting(picks, partial(_pick, study, pictures, doubts), room)
    return section("picks", title, cards, left_out(len(picks) - len(cards), "picked sample")) if picks else None


def picked_rows(study: Study) -> list[int]:
    """Rows of the picked samples and of those that saved views ring; none where the album cannot be read."""
    picks, views = _read(study, "picks")[0], _read(study, "views")[0]
    return [one.row for one in picks] + [one.sample for one in views if one.sample is not None]


def _read(study: Study, what: str) -> tuple[list, str]:
    try:
        return getattr(Album.open(study), what)(), ""
    except ExplorerError as error:
        return [], str(error)


def _view(study: Study, view: SavedView, shown: Markup | None, has_room: bool) -> Markup:
    facts = [] if view.page == "map" else [f"Saved on the page {view.page.capitalize()}"]
    chosen, lit = _filter_of(study, view)
    if chosen is None:
        facts.append("Its filter asks for something that this study does not have")
    elif lit is not None:
        facts += [*filter_in_words(study, chosen), f"{counted(int(lit.sum()), 'sample')} of {study.n:,} pass"]
        if shown and view.page in PAGES:
            facts.append("the figure shows all samples")
    if view.sample is not None:
        facts.append(f"sample {view.sample} is chosen")
    if not has_room and view.page in ("map", "sample", *PAGES):
        facts.append("No room was left for its picture")
    by = f"Saved by {view.who}, {date_of(view.made_at)}" if view.who else f"Saved {date_of(view.made_at)}"
    return element(
        "article",
        element("h3", view.name),
        paragraph(view.note, kind="note") if view.note.strip() else None,
        shown,
        paragraph(" · ".join([*facts, by]), kind="under"),
        class_="view",
        id=f"view-{view.id}",
    )


def _shown(study: Study, view: SavedView, pictures: Pictures, figures: Figures) -> Markup | None:
    """What stands for a view: the map, the sample, or the figure of its page; None where the report has none."""
    if view.page == "map":
        return _map(study, view)
    if view.page == "sample" and view.sample is not None:
        head = sample_head(study, pictures, view.sample, f"Sample {view.sample}")
        return element("div", head, _told(study, view.sample), nearest(pictures, view.sample), class_="card")
    figure = figures.get(PAGES.get(view.page, ""))
    if figure is None:
        return None
    drawn = element("div", figure.drawn(f"{figure.name}-{view.id}"), class_="drawn")
    words = element("figcaption", element("b", figure.title), " ", figure.caption)
    return element("div", element("figure", drawn, words), class_="pair")


def _filter_of(study: Study, view: SavedView) -> tuple[Filter | None, np.ndarray | None]:
    """The filter of a view and what it lets through: None for all samples, and for a filter that cannot be read."""
    try:
        chosen = Filter.parse(view.filter)
        return chosen, chosen.mask(study.samples) if chosen else None
    except ExplorerError:
        return None, None


def _map(study: Study, view: SavedView) -> Markup | None:
    if not np.isfinite(study.samples[["x", "y"]].to_numpy(dtype=float)).all(axis=1).any():
        return None
    _, lit = _filter_of(study, view)
    place, color = view.place, map_color(study, view.color)
    if place:
        # A place says how many pixels a unit had: all that was seen around it has to fit into the picture.
        width, height = view.stage or STAGE
        place = (*place[:2], place[2] * min(SIZE[0] / width, SIZE[1] / height))
    address = address_of(still_map(study, color, SIZE, lit=lit, place=place, row=view.sample), exact=False)
    words = f"The map as saved: {view.name}"
    return together(
        element("img", src=address, alt=words, class_="still", width=SIZE[0], height=SIZE[1]),
        color_key(study, color, lit) if color else None,
    )


def color_key(study: Study, column: str, lit: np.ndarray | None = None) -> Markup:
    """What the colors of a map mean; where only some samples are lit, the colors of these."""
    told = legend(study, column)
    if told["kind"] == "scale":
        colors = palette(told)
        stops = ", ".join(colors[int(place)] for place in np.linspace(0, 254, 9))
        return element(
            "div",
            element("b", told["title"]),
            element("span", told["ends"][0]),
            element("i", class_="scale", style=f"background:linear-gradient(90deg, {stops})"),
            element("span", told["ends"][1]),
            class_="key",
        )
    seen = range(NONE) if lit is None else set(color_codes(study, column)[lit].tolist())
    entries = [one for code, one in enumerate(told["entries"]) if code in seen]
    more = len(entries) - NAMED
    return element(
        "div",
        element("b", told["title"]),
        [
            element("span", element("i", class_="dot", style=f"background:{one['color']}"), one["name"])
            for one in entries[:NAMED]
        ],
        element("span", f"and {more} more; colors come again") if more > 0 else None,
        class_="key",
    )


def _pick(study: Study, pictures: Pictures, doubts: Doubts, pick: Pick) -> Markup:
    opinions, by = doubts.opinions.get(pick.row, ()), f"Picked by {pick.who}" if pick.who else ""
    return element(
        "article",
        sample_head(study, pictures, pick.row, f"Sample {pick.row}", by, level="h3"),
        _told(study, pick.row, paragraph(pick.note, kind="note") if pick.note.strip() else None),
        decided(study, opinions) if opinions else None,
        nearest(pictures, pick.row),
        class_="card",
        id=f"pick-{pick.row}",
    )


def _told(study: Study, row: int, note: Markup | None = None) -> Markup:
    return element("div", note, change_of(study, row), facts_of(study, row), class_="why")
