"""The last sections of a report: settings and versions, and how to read the numbers."""

from explorer.columns import COLUMNS
from explorer.study.study import Study
from explorer.views.meanings import SECTIONS
from explorer.views.report.markup import Markup, element
from explorer.views.report.parts import date_of, paragraph, section, table

SIMILARITY = (
    "Two samples are similar for the network when training on one changes its answer for the other: take the gradient "
    "of the outputs with respect to all parameters at each sample, make both the same size, and compare their "
    "directions. The similarity, called kᶜ, lies between −1 and 1: 1 means that a training step cannot tell the two "
    "apart, 0 that it moves one and leaves the other alone. No label takes part."
)
NOT_SIMILARITY = (
    "the similarity of the pictures, nor of the answers: two samples can get the same answer for different "
    "reasons. Distances on the map are only a hint; trust the numbers under the pictures."
)


def reading_section(study: Study) -> Markup:
    """Every number of the report: what it means, what it assumes, what it is not."""
    parts = []
    for title, entries in SECTIONS.items():
        known = [(name, entry) for name, entry in entries.items() if name in study.samples]
        if known:
            parts.append(element("h3", title))
            parts.append(element("dl", [_meaning(study, name, entry) for name, entry in known], class_="meanings"))
    return section(
        "reading",
        "How to read it",
        element("h3", "Similarity"),
        paragraph(SIMILARITY),
        paragraph(element("b", "Is not"), " ", NOT_SIMILARITY),
        parts,
    )


def _meaning(study: Study, name: str, entry: object) -> Markup:
    return element(
        "div",
        element("dt", COLUMNS[name].title),
        element("dd", COLUMNS[name].help),
        element("dd", element("b", "Assumes"), " ", _lowered(entry.assumes)) if entry.assumes else None,
        element("dd", element("b", "Is not"), " ", _lowered(entry.is_not), class_="isnot") if entry.is_not else None,
    )


def settings_section(study: Study) -> Markup:
    """What was asked of the build, with which versions, and which study this is."""
    subject = study.subject
    facts = [
        ("Study", study.name),
        ("Version", element("code", study.version)),
        ("Built", date_of(study.manifest.created_at)),
        ("Subject", subject["name"]),
        ("Reference", subject["reference"] or "—"),
        ("Fingerprint", element("code", subject["fingerprint"])),
        ("Samples", f"{study.n:,}"),
        ("Task", f"{subject['task']}, {subject['kind']}, outputs: {subject['outputs']:,}"),
    ]
    asked = [(name.replace("_", " "), _told(value)) for name, value in study.settings.as_dict().items()]
    versions = list(study.manifest.versions.items())
    return section(
        "settings",
        "Settings and versions",
        paragraph(
            "A study never mixes two settings. With these, the same data and the same network, the build can be "
            "repeated."
        ),
        table(facts),
        element(
            "div",
            element("div", element("h3", "Settings"), table(asked)),
            element("div", element("h3", "Versions"), table(versions)),
            class_="halves",
        ),
    )


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "—" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
