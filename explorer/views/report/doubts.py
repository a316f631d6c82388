"""The labels that are doubted most, why, and what people decided about them."""

from dataclasses import dataclass, field

import numpy as np

from explorer.errors import ExplorerError
from explorer.study.decision import Opinion
from explorer.study.decisions import Decisions
from explorer.study.review import left_of, progress_of
from explorer.study.standing import VERDICTS, Standing
from explorer.study.study import Study
from explorer.views.reading import class_name, label_text, read_value, write_rows
from explorer.views.reasons import differs, few_neighbors, ranked_rows, ranking_of, reasons
from explorer.views.report.markup import Markup, element, together
from explorer.views.report.measured import Figures, figures_beside, known_values
from explorer.views.report.parts import (
    Pictures,
    bullets,
    counted,
    date_of,
    fitting,
    given_of,
    labels_of,
    left_out,
    nearest,
    numbers,
    paragraph,
    percent,
    section,
)

MOST_OPINIONS = 12
"""Of one sample that are told one by one."""
VERBS = {"keep": "Keep", "relabel": "Relabel", "drop": "Drop", "unsure": "Unsure"}


@dataclass(frozen=True)
class Doubts:
    """The order of doubt in a study and what was decided so far."""

    order: np.ndarray
    """[r] int64 rows, most suspicious first; empty without labels or doubt."""
    ranking: str | None
    """The column that orders them."""
    verdicts: np.ndarray
    """[n] places in VERDICTS, see explorer.study.standing."""
    opinions: dict[int, tuple[Opinion, ...]] = field(default_factory=dict)
    """What stands about the rows that somebody decided about."""
    trouble: str = ""
    """Why decisions could not be read; empty when they could."""


def doubts_of(study: Study) -> Doubts:
    """The doubts of a study, also of one without labels or with a log that cannot be read."""
    ranking, nothing = ranking_of(study), np.zeros(study.n, dtype=np.uint8)
    if ranking is None:
        return Doubts(np.empty(0, dtype=np.int64), None, nothing)
    order = ranked_rows(study.samples[ranking].to_numpy(dtype=float))
    try:
        decisions, standing = Decisions.open(study), Standing(study.n)
        standing.refresh(decisions)
        stands = {row: found for row, found in decisions.changes(0).opinions.items() if found}
    except ExplorerError as error:
        return Doubts(order, ranking, nothing, trouble=str(error))
    return Doubts(order, ranking, standing.verdicts(), stands)


def doubts_section(
    study: Study, pictures: Pictures, doubts: Doubts, suspects: int, figures: Figures, room: int
) -> Markup:
    """The first of the order of doubt, each as a card, as far as so many bytes reach, and how far the review is."""
    title = f"Which {given_of(study)}s are doubtful?"
    if doubts.ranking is None:
        words = "This study has no labels or targets that could be doubted."
        return section("doubts", title, paragraph(words, kind="none"))
    few = few_neighbors(study) if len(known_values(study, "soft_density")) else -np.inf
    asked = list(enumerate(doubts.order[:suspects].tolist(), 1))
    cards = fitting(asked, lambda one: _card(study, pictures, doubts, *one, few), room)
    return section(
        "doubts",
        title,
        paragraph(_lead(study, doubts, len(cards))),
        paragraph(f"The decisions could not be read: {doubts.trouble}", kind="warned")
        if doubts.trouble
        else together(element("h3", "Decisions so far"), progress(study, doubts)),
        figures_beside(figures, "suspicion", "classes"),
        element("h3", "First in the order of doubt") if cards else None,
        cards,
        left_out(len(asked) - len(cards), "sample"),
    )


def _lead(study: Study, doubts: Doubts, shown: int) -> str:
    if not len(doubts.order):
        return "No sample is ranked."
    ranked = counted(len(doubts.order), "ranked sample")
    first = f"Of {ranked} these {shown} come first." if shown else f"Of {ranked} none is shown here."
    return (
        f"{first} The order is one of doubt: it says where to look first, and is no probability that a "
        f"{given_of(study)} is wrong."
    )


def _card(study: Study, pictures: Pictures, doubts: Doubts, place: int, row: int, few: float) -> Markup:
    return element(
        "article",
        sample_head(study, pictures, row, f"Sample {row}", f"rank {place:,} of {len(doubts.order):,}"),
        element("div", change_of(study, row), bullets(reasons(study, row, few), "reasons"), class_="why"),
        None if doubts.trouble else decided(study, doubts.opinions.get(row, ())),
        nearest(pictures, row),
        class_="card",
        id=f"sample-{row}",
    )


def sample_head(study: Study, pictures: Pictures, row: int, title: str, under: str = "", level: str = "h4") -> Markup:
    """Picture and name of one sample, the name as a heading of a level."""
    (label,) = labels_of(study, [row])
    return element(
        "header",
        pictures.picture(row, f"Sample {row}" + (f", given {label}" if label else ""), "large"),
        element(level, title),
        paragraph(under, kind="under") if under else None,
    )


def change_of(study: Study, row: int) -> Markup:
    """Given and suggested label, or target and prediction."""
    (given,) = labels_of(study, [row])
    if study.task == "classification":
        number = study.samples["suggested_label"].iat[row] if "suggested_label" in study.samples else -1
        name, other = "suggested", class_name(study, number) if number >= 0 else ""
        other = "" if other == given else other
    else:
        name, other = "predicted", write_rows(study, "prediction", [row])[0]
    sides = [element("span", element("small", "given"), element("b", given or "—"))]
    if other:
        arrow = element("span", "→", class_="arrow", aria_hidden="true")
        sides += [arrow, element("span", element("small", name), element("b", other))]
    return element("p", sides, class_="change")


def decided(study: Study, opinions: tuple[Opinion, ...]) -> Markup:
    """What stands about one sample: who decided what and when, with the note."""
    if not opinions:
        return element("div", paragraph("Nobody has decided yet.", kind="none"), class_="decided")
    disagree = len({(one.decision, one.new_label) for one in opinions}) > 1
    lines = [
        element(
            "div",
            element("b", VERBS[one.decision], class_=f"verb {one.decision}"),
            f" to {label_text(study, one.new_label)}" if one.new_label is not None else None,
            element("span", f" by {one.who or 'somebody without a name'}, {date_of(one.decided_at)}", class_="by"),
            element("q", one.note) if one.note else None,
        )
        for one in opinions[:MOST_OPINIONS]
    ]
    more = len(opinions) - len(lines)
    words = f"People disagree; the {given_of(study)} stays until they agree:"
    return element(
        "div",
        paragraph(words, kind="none") if disagree else None,
        lines,
        paragraph(f"and {counted(more, 'more person', 'more people')}", kind="none") if more else None,
        class_="decided",
    )


def progress(study: Study, doubts: Doubts) -> Markup:
    """How many samples were reviewed, with which outcome, and how many wrong labels are expected among the rest."""
    found = progress_of(doubts.verdicts)
    reviewed = int(found["reviewed"])
    if not reviewed:
        return paragraph(f"Nobody has decided about a {given_of(study)} of this study yet.", kind="none")
    cells = [("Reviewed", f"{reviewed:,}", f"of {len(doubts.order):,} ranked samples")]
    names = ("relabeled", "dropped", "kept", "unsure", "conflicts")
    cells += [(name.capitalize(), f"{found[name]:,}", _share(found[name], reviewed)) for name in names if found[name]]
    if found["precision"] is not None:
        cells.append(("Were wrong", percent(found["precision"]), "of those decided clearly"))
    people = len({one.who for opinions in doubts.opinions.values() for one in opinions})
    return element(
        "div",
        numbers(cells),
        _bar(doubts.verdicts),
        paragraph(
            f"Decided by {counted(people, 'person', 'people')}. Wrong are those that were relabeled or dropped. ",
            _left(study, doubts),
        ),
    )


def expected_left(study: Study, doubts: Doubts) -> dict[str, float] | None:
    """How many wrong labels are expected among the rest; None where nobody can tell."""
    planted = _planted(study)
    if not planted:
        return None
    return left_of(study.samples["suspicion"].to_numpy(dtype=float), doubts.verdicts, planted)


def _planted(study: Study) -> list[float]:
    """Where wrong labels come up that were planted on paper; empty where none could be."""
    planted = study.notes("statistics").get("planted")
    return planted["suspicion"] if planted and "suspicion" in study.samples else []


def _left(study: Study, doubts: Doubts) -> str:
    left = expected_left(study, doubts)
    if left:
        return (
            f"About {left['wrong']:,.0f} more wrong {given_of(study)}s are expected among the rest: the review has "
            f"come past {percent(left['coverage'])} of those that were planted on paper. Take it as an order of "
            "magnitude."
        )
    words = f"Too few wrong {given_of(study)}s were found to tell how many are left."
    return words if _planted(study) else ""


def doubted_count(study: Study) -> tuple[int, str] | None:
    """How many labels are doubted, and the pair of classes most often in question; None where nothing is suggested."""
    if not {"label", "suggested_label"} <= set(study.samples):
        return None
    apart = differs(study, "suggested_label")
    if not apart.any():
        return 0, ""
    pairs = study.samples.loc[apart, ["label", "suggested_label"]].value_counts()
    (given, suggested), count = pairs.index[0], int(pairs.iloc[0])
    return int(apart.sum()), f"{class_name(study, given)} → {class_name(study, suggested)} ({count:,})"


def facts_of(study: Study, row: int) -> Markup | None:
    """Numbers of one sample worth a line beside its picture, each with its name and its place among all."""
    wanted = ("prediction", "confidence", "suggested_label", "soft_density", "suspicion", "target_residual", "split")
    found = [read_value(study, column, row) for name in wanted for column in study.columns_of(name)]
    return element(
        "dl",
        [
            element("div", element("dt", one.title), element("dd", one.text, element("small", one.place)))
            for one in found
        ],
        class_="told",
    )


def _share(count: float, of: int) -> str:
    return f"{percent(count / of)} of the reviewed"


def _bar(verdicts: np.ndarray) -> Markup:
    """Outcomes side by side, each as wide as it is frequent."""
    counts = np.bincount(verdicts, minlength=len(VERDICTS))[1:]
    parts = [
        element(
            "i", class_=f"verb {name}", style=f"width:{100 * count / counts.sum():.2f}%", title=f"{name}: {count:,}"
        )
        for name, count in zip(VERDICTS[1:], counts.tolist(), strict=True)
        if count
    ]
    return element("div", parts, class_="outcomes", aria_hidden="true")
