"""What people chose to present: saved views and picked samples."""

import numpy as np

from explorer.errors import ExplorerError
from explorer.study.album import Album
from explorer.study.saved import Pick, SavedView
from explorer.study.study import Study
from explorer.views.coloring import NONE, color_codes, legend
from explorer.views.reading import class_name, kind_of
from explorer.views.report.doubts import Doubts, change_of, decided, facts_of, sample_head
from explorer.views.report.markup import Markup, element
from explorer.views.report.parts import Pictures, counted, date_of, neighbor_row, paragraph, section
from explorer.views.report.pictures import address_of
from explorer.views.report.still import palette, still_map
from explorer.views.selection import Equals, Filter, OneOf, title_of

SIZE = (960, 560)
"""Pixels of the picture of a saved view."""
ROOM = 2_500_000
"""Characters for the pictures of all saved views; later views are then told in words."""
NAMED = 14
"""Entries of a legend that are named."""


def views_section(study: Study) -> Markup | None:
    """Every saved view with its note and a still picture of the map; None when nobody saved any."""
    views, trouble = _read(study, "views")
    if trouble:
        return section("views", "Saved views", paragraph(f"The saved views could not be read: {trouble}", kind="none"))
    spent, shown = 0, []
    for view in views:
        picture = _picture(study, view) if spent < ROOM else None
        spent += len(picture) if picture else 0
        shown.append(_view(study, view, picture, spent < ROOM))
    return section("views", "Saved views", shown) if shown else None


def picks_section(study: Study, pictures: Pictures, doubts: Doubts) -> Markup | None:
    """Every picked sample with its note and its neighbors; None when nobody picked any."""
    picks, trouble = _read(study, "picks")
    title = "Picked samples"
    if trouble:
        return section("picks", title, paragraph(f"The picked samples could not be read: {trouble}", kind="none"))
    cards = [_pick(study, pictures, one, doubts) for one in picks]
    return section("picks", title, cards) if cards else None


def picked_rows(study: Study) -> list[int]:
    """Rows of the picked samples and of those that saved views ring; none where the album cannot be read."""
    picks, views = _read(study, "picks")[0], _read(study, "views")[0]
    return [one.row for one in picks] + [one.sample for one in views if one.sample is not None]


def _read(study: Study, what: str) -> tuple[list, str]:
    try:
        return getattr(Album.open(study), what)(), ""
    except ExplorerError as error:
        return [], str(error)


def _view(study: Study, view: SavedView, picture: str | None, has_room: bool) -> Markup:
    facts, lit = [], None
    if view.page != "map":
        facts.append(f"Saved on the page {view.page.capitalize()}")
    try:
        chosen = Filter.parse(view.filter)
        lit = chosen.mask(study.samples) if chosen else None
        facts += [condition_in_words(study, one) for one in chosen.conditions]
    except ExplorerError:
        facts.append("Its filter asks for something that this study does not have")
    if lit is not None:
        facts.append(f"{counted(int(lit.sum()), 'sample')} of {study.n:,} pass")
    if view.sample is not None:
        facts.append(f"sample {view.sample} is chosen")
    if not picture and not has_room:
        facts.append("No room was left for its picture")
    by = f"Saved by {view.who}, {date_of(view.made_at)}" if view.who else f"Saved {date_of(view.made_at)}"
    return element(
        "article",
        element("h3", view.name),
        paragraph(view.note, kind="note") if view.note.strip() else None,
        element("img", src=picture, alt=f"The map as saved: {view.name}", class_="still", width=SIZE[0], height=SIZE[1])
        if picture
        else None,
        color_key(study, view.color, lit) if view.color in study.samples else None,
        paragraph(" · ".join([*facts, by]), kind="under"),
        class_="view",
        id=f"view-{view.id}",
    )


def _picture(study: Study, view: SavedView) -> str | None:
    try:
        chosen = Filter.parse(view.filter)
        lit = chosen.mask(study.samples) if chosen else None
    except ExplorerError:
        lit = None
    color = view.color if view.color in study.samples else None
    if not np.isfinite(study.samples[["x", "y"]].to_numpy(dtype=float)).all(axis=1).any():
        return None
    return address_of(still_map(study, color, SIZE, lit=lit, place=view.place, row=view.sample), exact=False)


def condition_in_words(study: Study, condition: object) -> str:
    """A condition as a person would say it, classes by name."""
    if isinstance(condition, Equals | OneOf) and condition.column in study.samples:
        values = (condition.value,) if isinstance(condition, Equals) else condition.values
        if kind_of(study, condition.column) == "class" and len(values) <= NAMED:
            names = [class_name(study, int(value)) if value.lstrip("-").isdigit() else value for value in values]
            return f"{title_of(condition.column)} is {' or '.join(names)}"
    return condition.in_words()


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


def _pick(study: Study, pictures: Pictures, pick: Pick, doubts: Doubts) -> Markup:
    opinions = doubts.opinions.get(pick.row, ())
    return element(
        "article",
        sample_head(study, pictures, pick.row, f"Sample {pick.row}", f"Picked by {pick.who}" if pick.who else ""),
        element(
            "div",
            paragraph(pick.note, kind="note") if pick.note.strip() else None,
            change_of(study, pick.row),
            facts_of(study, pick.row),
            class_="why",
        ),
        decided(study, opinions) if opinions else None,
        element("div", element("h4", "Nearest neighbors"), neighbor_row(pictures, pick.row), class_="near"),
        class_="card",
        id=f"pick-{pick.row}",
    )
