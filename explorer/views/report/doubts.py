"""The labels that are doubted most, why, and what people decided about them."""

from dataclasses import dataclass, field

import numpy as np

from explorer.errors import ExplorerError
from explorer.study.decision import Opinion
from explorer.study.decisions import Decisions
from explorer.study.given import Label, numbers_of
from explorer.study.review import left_of, progress_of
from explorer.study.standing import VERDICTS, Standing
from explorer.study.study import Study
from explorer.views.reading import class_name, read_value, write_rows
from explorer.views.reasons import differs, few_neighbors, ranked_rows, ranking_of, reasons
from explorer.views.report.markup import Markup, element
from explorer.views.report.measured import Figures, figures_beside, known_values
from explorer.views.report.parts import (
    Pictures,
    bullets,
    counted,
    date_of,
    labels_of,
    neighbor_row,
    numbers,
    paragraph,
    percent,
    section,
)

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


def doubts_section(study: Study, pictures: Pictures, doubts: Doubts, suspects: int, figures: Figures) -> Markup:
    """The first of the order of doubt, each as a card, and how far the review is."""
    title = "Which labels are doubtful?" if study.task == "classification" else "Which targets are doubtful?"
    if doubts.ranking is None:
        words = "This study has no labels or targets that could be doubted."
        return section("doubts", title, paragraph(words, kind="none"))
    few = few_neighbors(study) if len(known_values(study, "soft_density")) else -np.inf
    shown = [int(row) for row in doubts.order[:suspects]]
    cards = [
        element(
            "article",
            sample_head(study, pictures, row, f"Sample {row}", f"rank {place:,} of {len(doubts.order):,}"),
            element("div", change_of(study, row), bullets(reasons(study, row, few), "reasons"), class_="why"),
            decided(study, doubts.opinions.get(row, ())),
            element("div", element("h4", "Nearest neighbors"), neighbor_row(pictures, row), class_="near"),
            class_="card",
            id=f"sample-{row}",
        )
        for place, row in enumerate(shown, 1)
    ]
    lead = (
        f"Of {counted(len(doubts.order), 'ranked sample')} these {len(shown)} come first. The order is one of doubt: "
        "it says where to look first, and is no probability that a label is wrong."
        if shown
        else "No sample is ranked."
    )
    return section(
        "doubts",
        title,
        paragraph(lead),
        paragraph(f"The decisions could not be read: {doubts.trouble}", kind="warned") if doubts.trouble else None,
        element("h3", "Decisions so far"),
        progress(study, doubts),
        figures_beside(figures, "suspicion", "classes"),
        element("h3", "First in the order of doubt") if cards else None,
        cards,
    )


def sample_head(study: Study, pictures: Pictures, row: int, title: str, under: str = "") -> Markup:
    """Picture and name of one sample."""
    (label,) = labels_of(study, [row])
    return element(
        "header",
        pictures.picture(row, f"Sample {row}" + (f", given {label}" if label else ""), "large"),
        element("h4", title),
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
        for one in opinions
    ]
    return element(
        "div",
        paragraph("People disagree; the label stays until they agree:", kind="none") if disagree else None,
        lines,
        class_="decided",
    )


def label_text(study: Study, label: Label) -> str:
    """A label as people read it: a class by name, targets in six digits."""
    if study.task == "classification":
        return class_name(study, label)
    return ", ".join(f"{one:.6g}".replace("-", "−") for one in np.atleast_1d(numbers_of(label)))


def progress(study: Study, doubts: Doubts) -> Markup:
    """How many samples were reviewed, with which outcome, and how many wrong labels are expected among the rest."""
    found = progress_of(doubts.verdicts)
    reviewed = int(found["reviewed"])
    if not reviewed:
        return paragraph("Nobody has decided about a label of this study yet.", kind="none")
    cells = [("Reviewed", f"{reviewed:,}", f"of {len(doubts.order):,} ranked samples")]
    names = ("relabeled", "dropped", "kept", "unsure", "conflicts")
    cells += [(name.capitalize(), f"{found[name]:,}", _share(found[name], reviewed)) for name in names if found[name]]
    if found["precision"] is not None:
        cells.append(("Were wrong", percent(found["precision"]), "of those decided clearly"))
    left = expected_left(study, doubts)
    people = len({one.who for opinions in doubts.opinions.values() for one in opinions})
    return element(
        "div",
        numbers(cells),
        _bar(doubts.verdicts),
        paragraph(
            f"Decided by {counted(people, 'person', 'people')}. Wrong are those that were relabeled or dropped. ",
            f"About {left['wrong']:,.0f} more wrong labels are expected among the rest: the review has come past "
            f"{percent(left['coverage'])} of those that were planted on paper. Take it as an order of magnitude."
            if left
            else "Too few wrong labels were found to tell how many are left.",
        ),
    )


def expected_left(study: Study, doubts: Doubts) -> dict[str, float] | None:
    """How many wrong labels are expected among the rest; None where nobody can tell."""
    planted = study.notes("statistics").get("planted")
    if not planted or "suspicion" not in study.samples:
        return None
    return left_of(study.samples["suspicion"].to_numpy(dtype=float), doubts.verdicts, planted["suspicion"])


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
