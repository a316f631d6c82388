"""How faithful a study is, how many samples are alike in it, and how much noise it averages: three sections."""

from collections.abc import Mapping

import numpy as np

from explorer.study.study import Study
from explorer.views.assumptions import FACTOR, assumptions, floor_of
from explorer.views.measurement import FIDELITY, MODES, coverage_in_words
from explorer.views.reading import write_value
from explorer.views.report.figures import Figure
from explorer.views.report.markup import Markup, element, together
from explorer.views.report.parts import bullets, numbers, paragraph, section, table

COUNT, GAIN = "soft_density", "leverage_gain"
Figures = Mapping[str, Figure]
VERDICT_KINDS = {"met": "good", "roughly met": "fair", "not met": "bad"}


def figure_of(figures: Figures, name: str) -> Markup | None:
    """One of the figures with its title and caption; None where the study has none of this name."""
    if name not in figures:
        return None
    one = figures[name]
    drawn = element("div", one.svg, class_="drawn")
    return element("figure", element("h3", one.title), drawn, element("figcaption", one.caption), id=f"figure-{name}")


def figures_beside(figures: Figures, *names: str) -> Markup | None:
    """Those of the named figures that the study has, side by side where there is room."""
    found = [figure_of(figures, name) for name in names if name in figures]
    return element("div", found, class_="pair") if found else None


def known_values(study: Study, column: str) -> np.ndarray:
    """The finite values of a column; none where the study does not have it."""
    if column not in study.samples:
        return np.empty(0)
    values = study.samples[column].to_numpy(dtype=float)
    return values[np.isfinite(values)]


def faithful_section(study: Study) -> Markup:
    """What was measured, how well, of which parameters, and what to beware of."""
    mode = study.notes("projection").get("mode")
    fidelity = study.fidelity or {}
    lines = [
        (title, words.format(value=fidelity[name], tenths=10 * fidelity[name]))
        for name, (title, words) in FIDELITY.items()
        if isinstance(fidelity.get(name), int | float) and not (name == "storage_rmse" and fidelity[name] == 0)
    ]
    rows = fidelity.get("rows")
    tried = f" on {rows:,} samples" if isinstance(rows, int) else ""
    return section(
        "faithful",
        "How faithful are the numbers?",
        paragraph("A number is worth what it was measured with. ", MODES[mode].format(count=study.subject["outputs"]))
        if mode
        else None,
        paragraph(
            f"Whole gradients are too large to keep, so a study stores short features. They were compared with exact "
            f"gradients{tried}:"
        )
        if lines
        else paragraph("How faithful the stored features are has not been measured: the build is not finished."),
        table(lines),
        paragraph(_searched(study)),
        element("h3", "Did training come to rest?") if FACTOR in study.samples else None,
        _at_rest(study),
        element("h3", "Which parameters take part?"),
        bullets([f"{line[0].upper()}{line[1:]}." for line in coverage_in_words(study.manifest.coverage or {})])
        or paragraph("This study does not say which parameters were measured.", kind="none"),
        _warnings(study),
    )


def _searched(study: Study) -> str:
    found = study.notes("neighbors").get("search", {}).get("network")
    if not found:
        return ""
    if found["index"] == "flat":
        return "Every sample was compared with every other, so that no near one was missed."
    return (
        f"Neighbors were looked up in an index ({found['index']}), which finds {found['recall_at_10']:.1%} of the ten "
        f"nearest by features, measured on {found['recall_samples']:,} samples."
    )


def _at_rest(study: Study) -> Markup | None:
    if FACTOR not in study.samples or not len(known_values(study, FACTOR)):
        return None
    first = assumptions(study)[0]
    return paragraph(_verdict(first.verdict), " ", first.reason)


def _verdict(word: str) -> Markup:
    return element("span", word, class_=f"verdict {VERDICT_KINDS.get(word, 'open')}")


def _warnings(study: Study) -> Markup:
    lines = list(dict.fromkeys(study.warnings))
    if study.steps_missing:
        lines.append(f"The build of this study is not finished: {', '.join(study.steps_missing)} missing.")
    if not lines:
        return paragraph("The build gave no warnings.")
    return element("div", element("h3", "Warnings of the build"), bullets(lines), class_="warned")


def density_section(study: Study, figures: Figures) -> Markup:
    """How many samples each one counts as."""
    values = known_values(study, COUNT)
    title = "How many samples are alike to the network?"
    if not len(values):
        return section("density", title, paragraph("This study has no neighbor counts yet.", kind="none"))
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    told = [write_value(study, COUNT, one) for one in (low, middle, high)]
    return section(
        "density",
        title,
        paragraph(
            "The soft count of a sample adds up its similarities to all samples, itself included: how many samples it "
            "counts as, seen by the network. A low count says that the network holds the sample apart (rare, hard or "
            "memorized), a high one that its answer is tied to many others; neither is good or bad by itself."
        ),
        numbers(
            [
                ("Lowest tenth", f"≤ {told[0]}", "held apart"),
                ("Typical sample", told[1], f"the median, of {study.n:,} samples"),
                ("Highest tenth", f"≥ {told[2]}", "treated like many others"),
            ]
        ),
        figures_beside(figures, "density", "agreement"),
    )


def denoising_section(study: Study, figures: Figures) -> Markup:
    """The factor against its floor, the leverage gain, and what neither of them is."""
    factors, title = known_values(study, FACTOR), "How much label noise is averaged away?"
    if not len(factors):
        words = "This study has no denoising factors. They need labels or targets and a finished build."
        return section("denoising", title, paragraph(words, kind="none"))
    floor, median = floor_of(study.samples), float(np.median(factors))
    gains, taken = known_values(study, GAIN), assumptions(study)
    seen = together("How far it is met stands above, under ", element("a", "How faithful", href="#faithful"), ".")
    cells = [("Denoising factor", write_value(study, FACTOR, median), "share of independent noise left, at the median")]
    if floor:
        cells.append(("Times its floor", f"{median / floor:.3g}", f"1/√n = {floor:.3g}, with n = {1 / floor**2:,.0f}"))
    if len(gains):
        words = "the same share in the ridge regression that mimics the network"
        cells.append(("Leverage gain", write_value(study, GAIN, np.median(gains)), words))
    return section(
        "denoising",
        title,
        paragraph(
            "Where training has come to rest, the network's answers around a sample are, on average, the labels around "
            "it, weighted by similarity. The denoising factor is the share of independent label noise that is left in "
            "this average, under the assumptions below."
        ),
        numbers(cells),
        paragraph(reading_of_factor(median, floor)) if floor else None,
        figures_beside(figures, "denoising", "leverage"),
        element(
            "div",
            element("h3", "What it is not"),
            paragraph(
                "The factor is no error bar: it says nothing about how far the average itself is from the truth. "
                "Multiplied by a noise level it does not tell how wrong an answer is. The leverage gain came closer to "
                "the truth where that was known, and is no error bar either."
            ),
            class_="beware",
        ),
        element("h3", "Does it apply here?"),
        element(
            "ul",
            [
                element("li", element("b", one.name), " ", _verdict(one.verdict), element("br"), words)
                for one, words in zip(taken, (seen, *(one.reason for one in taken[1:])), strict=True)
            ],
            class_="verdicts",
        ),
    )


def reading_of_factor(median: float, floor: float) -> str:
    """What the ratio of the factor to its floor says, in a sentence."""
    times = f"The median is {median / floor:.3g} times the smallest that a factor can be."
    if median / floor < 2:
        return f"{times} Here it says little more than how many samples the network was trained on."
    return f"{times} It is well above its floor: neighborhoods are smaller than the whole data set."
