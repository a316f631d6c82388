"""A study as one page that can be mailed: no network, no other files, and it reads without its script."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from explorer.study.decision import now_in_utc
from explorer.study.study import Study
from explorer.views.charts import bin_examples, round_bins
from explorer.views.report.about import reading_section, settings_section
from explorer.views.report.chosen import picked_rows, picks_section, views_section
from explorer.views.report.doubts import Doubts, doubts_of, doubts_section
from explorer.views.report.figures import BARS, figures
from explorer.views.report.mapped import map_section
from explorer.views.report.markup import Markup, element, together
from explorer.views.report.measured import COUNT, denoising_section, density_section, faithful_section, known_values
from explorer.views.report.parts import Pictures, counted, paragraph
from explorer.views.report.summary import summary

ASSETS = Path(__file__).parents[3] / "assets" / "report"
SCRIPTS = ("map.js", "hands.js", "start.js")
"""In this order they are one script."""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
NAMES = {
    "summary": "In short",
    "faithful": "How faithful",
    "map": "Map",
    "density": "How many are alike",
    "denoising": "Denoising",
    "doubts": "Doubtful labels",
    "views": "Saved views",
    "picks": "Picked samples",
    "settings": "Settings",
    "reading": "How to read it",
}
"""The sections in their order, as the list of contents calls them."""
MOST_BYTES = 15_000_000
"""Of a page: mail adds a third to what is attached, and many boxes take no more than 20 MB."""
SPARE = 300_000
"""Bytes of it for what is between the cards: style, script, contents, figures of the doubts."""
Progress = Callable[[float, str], None]


def report_html(study: Study, *, suspects: int = 12, progress: Progress | None = None) -> str:
    """The story of a study as one HTML page.

    Args:
        study: what to tell about; it needs its samples table, everything else may be missing.
        suspects: how many samples are shown of the order of doubt.
        progress: told the share that is done, 0 to 1, and in a few words what comes next.

    Returns:
        The page. It asks for nothing from outside, and names no address but its own pictures and places.

    Raises:
        StepMissing: the study has no samples table yet.

    Cost: some seconds for 5,000 small pictures; at most MOST_BYTES, whatever the study's size.
    """
    tell = progress or (lambda share, words: None)
    tell(0.0, "Reading decisions and saved views")
    doubts = doubts_of(study)
    tell(0.1, "Drawing figures")
    drawn = {one.name: one for one in figures(study)}
    sections = {"summary": summary(study, doubts, now_in_utc())}
    sections["faithful"] = faithful_section(study)
    sections["density"] = density_section(study, drawn)
    sections["denoising"] = denoising_section(study, drawn)
    sections["settings"] = settings_section(study)
    sections["reading"] = reading_section(study)
    tell(0.25, "Packing the map and its pictures")
    sections["map"] = map_section(study, _first_rows(study, doubts, suspects))
    # What people chose, and as many suspects as were asked for, may come to any size: each has a third of what is left.
    room = max(MOST_BYTES - SPARE - sum(len(one.encode()) for one in sections.values()), 0) // 3
    pictures = Pictures(study, room)
    tell(0.7, "Choosing samples")
    sections["doubts"] = doubts_section(study, pictures, doubts, suspects, drawn, room)
    sections["picks"] = picks_section(study, pictures, doubts, room)
    tell(0.8, "Drawing saved views")
    sections["views"] = views_section(study, pictures, drawn, room)
    tell(0.95, "Writing the page")
    shown = [name for name in NAMES if sections.get(name)]
    html = _page(study, shown, [sections[name] for name in shown], pictures)
    tell(1.0, "Done")
    return html


def _page(study: Study, names: list[str], sections: list[Markup], pictures: Pictures) -> str:
    style, *scripts = (Markup((ASSETS / name).read_text(encoding="utf-8")) for name in ("report.css", *SCRIPTS))
    script = Markup("\n".join(scripts))
    links = [element("li", element("a", NAMES[name], href=f"#{name}")) for name in names]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY.format(script=_checksum(script))),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{study.name} · report"),
        element("style", style),
    )
    body = element(
        "body",
        element("nav", element("ul", links), aria_label="Contents", class_="contents"),
        element("main", sections, _left_out(pictures)),
        element("script", script),
    )
    return together(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def _checksum(script: str) -> str:
    """What the policy says of our script: a browser runs no other one."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _left_out(pictures: Pictures) -> Markup | None:
    if not pictures.lossy and not pictures.left_out:
        return None
    words = [f"To keep this page small, {counted(pictures.lossy, 'picture')} beside texts lost a little quality"]
    if pictures.left_out:
        words.append(f" and {pictures.left_out:,} were left out")
    return paragraph(*words, ".", kind="under")


def _first_rows(study: Study, doubts: Doubts, suspects: int) -> list[int]:
    """The rows that the report names: their pictures are on the map whatever else fits."""
    rows = [*doubts.order[:suspects].tolist(), *picked_rows(study)]
    if len(known_values(study, COUNT)):
        values = study.samples[COUNT].to_numpy(dtype=float)
        rows += [int(row) for row in bin_examples(values, round_bins(values, BARS)) if row >= 0]
    return list(dict.fromkeys(rows))
