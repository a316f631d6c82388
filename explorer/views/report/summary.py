"""The head of a report: what was measured, and what came out, in plain words and few numbers."""

import numpy as np

from explorer.study.review import progress_of
from explorer.study.study import Study
from explorer.views.assumptions import FACTOR, assumptions, floor_of
from explorer.views.reading import write_value
from explorer.views.report.doubts import Doubts, doubted_count, expected_left
from explorer.views.report.markup import Markup, element
from explorer.views.report.measured import COUNT, GAIN, known_values, reading_of_factor
from explorer.views.report.parts import bullets, counted, date_of, given_of, has_labels, numbers, paragraph, percent


def summary(study: Study, doubts: Doubts, made_at: str) -> Markup:
    """Title, what the data set is, the main numbers, and the findings one by one."""
    subject = study.subject
    return element(
        "header",
        paragraph("A data set as a trained network sees it", kind="kicker"),
        element("h1", study.name),
        paragraph(subject["description"], kind="lead") if subject["description"] else None,
        paragraph(f"{_what(study)} · report of {date_of(made_at)}", kind="under"),
        numbers(_cells(study, doubts)),
        element("h2", "In short", id="summary-title"),
        bullets(findings(study, doubts), "findings"),
        id="summary",
    )


def _what(study: Study) -> str:
    subject = study.subject
    parts = [counted(study.n, "sample")]
    if study.task == "classification":
        classes = len(study.class_names or ()) or max(2, subject["outputs"])
        parts.append(counted(classes, "class", "classes"))
    else:
        parts.append("regression of " + counted(subject["outputs"], "number"))
    if "split" in study.samples:
        held, trained = int(held_out(study).sum()), int((study.samples["split"] == "train").sum())
        if held:
            parts.append(f"{trained:,} trained on, {held:,} held out")
    return " · ".join(parts)


def _cells(study: Study, doubts: Doubts) -> list[tuple[str, str, str]]:
    cells = []
    right = right_answers(study)
    if right is not None:
        cells.append(("Answers as labeled", percent(right[0]), right[1]))
    counts, factors = known_values(study, COUNT), known_values(study, FACTOR)
    if len(counts):
        median = write_value(study, COUNT, np.median(counts))
        cells.append(("Typical soft count", median, f"so many of {study.n:,} samples count as alike"))
    if len(factors):
        floor = floor_of(study.samples)
        words = f"share of noise left; {np.median(factors) / floor:.3g} × its floor" if floor else "share of noise left"
        cells.append(("Denoising factor", write_value(study, FACTOR, np.median(factors)), words))
    found = doubted_count(study)
    if found:
        cells.append(("Labels doubted", f"{found[0]:,}", f"{percent(found[0] / study.n)} of all samples"))
    reviewed = int(progress_of(doubts.verdicts)["reviewed"])
    if reviewed:
        cells.append(("Reviewed by people", f"{reviewed:,}", f"{counted(_wrong(doubts), given_of(study))} found wrong"))
    return cells


def findings(study: Study, doubts: Doubts) -> list[Markup]:
    """What came out, a sentence or two for each question that the study can answer."""
    found = [_faithful(study), _alike(study), _noise(study), _doubted(study, doubts), _planted(study, doubts)]
    found += [_reviewed(study, doubts), _at_rest(study)]
    return [element("span", element("b", head), " ", words) for head, words in filter(None, found)]


def right_answers(study: Study) -> tuple[float, str] | None:
    """Share of samples that the network answers as they are labeled, held-out ones where there are some, in words."""
    if study.task != "classification" or not {"label", "prediction"} <= set(study.samples):
        return None
    label, answer = (study.samples[name].to_numpy() for name in ("label", "prediction"))
    known, words = (label >= 0) & (answer >= 0), "of all samples"
    if "split" in study.samples:
        held = known & held_out(study)
        if held.any() and not held[known].all():
            known, words = held, f"of {int(held.sum()):,} held-out samples"
    return (float((label == answer)[known].mean()), words) if known.any() else None


def held_out(study: Study) -> np.ndarray:
    """[n] bool: the network was not trained on it; False where nobody knows."""
    split = study.samples["split"]
    return (split.notna() & (split != "train")).to_numpy(dtype=bool)


def _faithful(study: Study) -> tuple[str, str] | None:
    fidelity = study.fidelity or {}
    recall, order = fidelity.get("recall_at_10"), fidelity.get("soft_density_spearman")
    if recall is None:
        return None
    ranks = f" The order of the soft counts has a rank correlation of {order:.4f} with the exact one." if order else ""
    return "How faithful the numbers are:", f"of the ten truly nearest samples {10 * recall:.1f} are found.{ranks}"


def _alike(study: Study) -> tuple[str, str] | None:
    values = known_values(study, COUNT)
    if not len(values):
        return None
    low, middle, high = (write_value(study, COUNT, one) for one in np.quantile(values, [0.1, 0.5, 0.9]))
    return (
        "How many are alike:",
        f"a typical sample counts as {middle} of {study.n:,} samples; the tenth with the fewest as at most {low}, the "
        f"tenth with the most as at least {high}.",
    )


def _noise(study: Study) -> tuple[str, str] | None:
    factors, floor = known_values(study, FACTOR), floor_of(study.samples)
    if not len(factors) or not floor:
        return None
    median = float(np.median(factors))
    gains = known_values(study, GAIN)
    other = f" The leverage gain keeps {write_value(study, GAIN, np.median(gains))}." if len(gains) else ""
    words = f"the denoising factor is {write_value(study, FACTOR, median)}. {reading_of_factor(median, floor)}{other}"
    return "How much noise is averaged:", words


def _doubted(study: Study, doubts: Doubts) -> tuple[str, str] | None:
    if not has_labels(study):
        return "No labels:", "this study has none, so nothing about it is doubted."
    found = doubted_count(study)
    if found is None:
        return (
            ("What is doubted:", f"{counted(len(doubts.order), 'target')} in an order of doubt.")
            if len(doubts.order)
            else None
        )
    count, pair = found
    if not count:
        return "What is doubted:", "for no sample do the others speak for another class than the given one."
    return (
        "What is doubted:",
        f"for {counted(count, 'sample')} ({percent(count / study.n)}) all others speak for another class than the "
        f"given one, most often {pair}.",
    )


def _planted(study: Study, doubts: Doubts) -> tuple[str, str] | None:
    """Where the labels that were changed on purpose stand in the order of doubt."""
    if "flipped" not in study.samples or study.samples["flipped"].dtype != bool or not len(doubts.order):
        return None
    flipped = study.samples["flipped"].to_numpy()
    count = int(flipped.sum())
    if not count:
        return None
    hits = int(flipped[doubts.order[:count]].sum())
    return (
        "Checked against the truth:",
        f"{counted(count, 'label was', 'labels were')} changed on purpose, and of the first {count:,} in the order of "
        f"doubt {hits:,} ({percent(hits / count)}) are among these.",
    )


def _reviewed(study: Study, doubts: Doubts) -> tuple[str, str] | None:
    found = progress_of(doubts.verdicts)
    if not found["reviewed"]:
        return None
    left = expected_left(study, doubts)
    rest = f" About {left['wrong']:,.0f} more are expected among the rest." if left else ""
    return (
        "What people decided:",
        f"{counted(int(found['reviewed']), 'sample was', 'samples were')} reviewed and "
        f"{counted(_wrong(doubts), given_of(study))} found wrong.{rest}",
    )


def _at_rest(study: Study) -> tuple[str, str] | None:
    if not len(known_values(study, FACTOR)):
        return None
    words = {
        "met": "training had come to rest, as the denoising factor assumes.",
        "roughly met": "training had nearly come to rest, which the denoising factor assumes.",
        "not met": "training had not come to rest: the denoising factor then describes another network than this one.",
    }
    told = words.get(assumptions(study)[0].verdict)
    return ("What this rests on:", told) if told else None


def _wrong(doubts: Doubts) -> int:
    return int(progress_of(doubts.verdicts)["wrong_found"])
