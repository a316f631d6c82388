"""The figures of a study, each a drawing that stands alone: in the report, on the page Present, and as a file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.study.study import Study
from explorer.views.assumptions import FACTOR, floor_of, label_variance_of_all
from explorer.views.charts import bin_examples, count_bins, round_bins
from explorer.views.gallery import pictures
from explorer.views.planes import CORNERS, corner_rule
from explorer.views.reading import class_name, write_value
from explorer.views.remembered import remembered
from explorer.views.report.drawing import Drawing, Mark, bar_chart, scatter, whole
from explorer.views.report.markup import Markup
from explorer.views.report.matrix import matrix
from explorer.views.report.pictures import has_pictures
from explorer.views.theme import SELECTED

COUNT, GAIN, VARIANCE, MARGIN, RESIDUAL = (
    "soft_density",
    "leverage_gain",
    "label_variance",
    "label_margin",
    "target_residual",
)
MOST_DOTS = 1500
"""More dots than this hide each other; of more samples so many are drawn, chosen at random."""
MOST_CLASSES = 12
BARS, FINE_BARS = 10, 30


@dataclass(frozen=True)
class Figure:
    """A figure with the words that belong to it."""

    name: str
    """Alone of its kind, of letters only: part of file names."""
    title: str
    caption: str
    """What is seen and how to read it, as plain text."""
    drawing: Drawing

    @property
    def svg(self) -> Markup:
        """The drawing with its words, as a file of its own."""
        return self.drawn(self.name)

    def drawn(self, name: str) -> Markup:
        """The same under another name: a page that shows it twice needs two."""
        return whole(name, self.title, self.caption, self.drawing)


@remembered(most=1)
def figures(study: Study) -> tuple[Figure, ...]:
    """All figures that a study has the numbers for, in the order in which they are told.

    Cost: a tenth of a second; a second or two for a million samples, most of it to unpack pictures.
    """
    made = (_density, _denoising, _leverage, _agreement, _suspicion, _classes)
    return tuple(figure for make in made if (figure := make(study)) is not None)


def _density(study: Study) -> Figure | None:
    counts = _values(study, COUNT)
    if counts is None:
        return None
    bins = round_bins(counts, BARS)
    shown = pictures(study, bin_examples(counts, bins)) if has_pictures(study) else []
    median = float(np.median(counts[np.isfinite(counts)]))
    drawing = bar_chart(
        bins,
        "soft count (samples)",
        marks=[Mark(median, f"median {write_value(study, COUNT, median)}")],
        pictures=shown,
    )
    caption = (
        "The soft count adds up the similarities to all samples, itself included. A low count says that the network "
        "holds a sample apart, a high one that its answer is tied to many others."
        + (" On each bar stands a typical sample of it." if len(shown) else "")
        + _left_out(counts)
    )
    return Figure("density", "How many samples does the network treat alike?", caption, drawing)


def _denoising(study: Study) -> Figure | None:
    factors = _values(study, FACTOR)
    if factors is None:
        return None
    finite = factors[np.isfinite(factors)]
    median, floor = float(np.median(finite)), floor_of(study.samples)
    marks = [Mark(median, f"median {median:.3g}", SELECTED, None)]
    span, words = None, ""
    if floor is not None:
        marks.insert(0, Mark(floor, f"floor 1/√n = {floor:.3g}"))
        span = (min(floor, float(finite.min())), max(floor, float(finite.max())))
        words = (
            f" No factor of positive weights can be smaller than 1/√n = {floor:.3g}, with n = {1 / floor**2:,.0f} "
            f"samples averaged; the median is {median / floor:.3g} times that."
        )
    drawing = bar_chart(
        count_bins(factors, FINE_BARS, span=span), "denoising factor (share of label noise left)", marks=marks
    )
    caption = (
        "Which share of independent label noise the network's own averaging leaves, under the paper's assumptions."
        f"{words} It is no error bar.{_left_out(factors)}"
    )
    return Figure("denoising", "How far is label noise averaged away?", caption, drawing)


def _leverage(study: Study) -> Figure | None:
    factors, gains = _values(study, FACTOR), _values(study, GAIN)
    rows = _rows_of(factors, gains)
    if not len(rows):
        return None
    drawn = _thinned(rows)
    drawing = scatter(factors[drawn], gains[drawn], ("denoising factor", "leverage gain"), equal="the same")
    caption = (
        f"Two estimates of the share of label noise that is left; medians {np.median(gains[rows]):.3g} for the "
        f"leverage gain and {np.median(factors[rows]):.3g} for the factor. Where the truth was known, the leverage "
        f"gain came nearer to it.{_thinned_words(rows, study.n)}"
    )
    return Figure("leverage", "Leverage gain and denoising factor", caption, drawing)


def _agreement(study: Study) -> Figure | None:
    counts, variances = _values(study, COUNT), _values(study, VARIANCE)
    rows, overall = _rows_of(counts, variances), label_variance_of_all(study)
    if not len(rows) or overall is None or not np.isfinite(overall):
        return None
    rule = corner_rule(counts[rows], overall)
    drawn = _thinned(rows)
    inside = {
        (corner.many, corner.mixed): f"{corner.name} ({int(rule.holds(corner, counts[rows], variances[rows]).sum()):,})"
        for corner in CORNERS
    }
    drawing = scatter(
        counts[drawn],
        variances[drawn],
        ("soft count (samples)", "label variance nearby"),
        upright=(rule.few, rule.many),
        level=(rule.mixed,),
        corners=(inside[False, True], inside[True, True], inside[False, False], inside[True, False]),
    )
    few, many = (write_value(study, COUNT, border) for border in (rule.few, rule.many))
    caption = (
        f"Few neighbors is the lowest tenth of the counts (up to {few}), many the highest (from {many}); labels are "
        f"mixed above {rule.mixed:.3g}, half the variance of all labels together. The names are readings to check by "
        f"looking; beside them stands how many samples lie there.{_thinned_words(rows, study.n)}"
    )
    return Figure("agreement", "Do the neighbors agree?", caption, drawing)


def _suspicion(study: Study) -> Figure | None:
    margins = _values(study, MARGIN)
    if margins is None:
        return _residuals(study)
    finite = margins[np.isfinite(margins)]
    against = int((finite > 0).sum())
    bins = round_bins(margins, FINE_BARS)
    drawing = bar_chart(
        bins,
        "evidence for the best other class − for the given one",
        marks=[Mark(0.0, f"against {against:,} of {len(finite):,} labels →")],
        is_lit=(bins.edges[:-1] + bins.edges[1:]) / 2 > 0,
    )
    caption = (
        f"What all other samples, seen by the network, say about each given label. Right of 0 they contradict it: "
        f"{_share(against, len(finite))} of the labels. A contradiction is a reason to look, not a verdict."
        f"{_left_out(margins)}"
    )
    return Figure("suspicion", "How many given labels are contradicted?", caption, drawing)


def _residuals(study: Study) -> Figure | None:
    residuals = _values(study, RESIDUAL)
    if residuals is None:
        return None
    finite = np.sort(residuals[np.isfinite(residuals)])
    far = float(np.quantile(finite, 0.99))
    drawing = bar_chart(
        round_bins(residuals, FINE_BARS),
        "distance from the others' prediction (usual one = 1)",
        marks=[Mark(far, f"one in a hundred lies beyond {write_value(study, RESIDUAL, far)}")],
    )
    caption = (
        "How far each target lies from what all other samples, seen by the network, predict for it, in units of the "
        f"usual distance. Those far right are the ones to look at first.{_left_out(residuals)}"
    )
    return Figure("suspicion", "Which targets are far from what the others say?", caption, drawing)


def _classes(study: Study) -> Figure | None:
    if study.task != "classification" or not {"label", "suggested_label"} <= set(study.samples):
        return None
    given, suggested = (study.samples[name].to_numpy(dtype=float) for name in ("label", "suggested_label"))
    known = np.isfinite(given) & np.isfinite(suggested) & (given >= 0) & (suggested >= 0)
    given, suggested = given[known].astype(np.int64), suggested[known].astype(np.int64)
    if not len(given):
        return None
    classes, places = np.unique(np.concatenate([given, suggested]), return_inverse=True)
    counts = np.bincount(places[: len(given)] * len(classes) + places[len(given) :], minlength=len(classes) ** 2)
    counts = counts.reshape(len(classes), len(classes))
    apart = counts.sum() - np.trace(counts)
    shown = _most_confused(counts)
    names = [class_name(study, classes[place]) for place in shown]
    drawing = matrix(counts[np.ix_(shown, shown)], names, ("given label ↓", "suggested label →"))
    others = (
        f" Shown are the {len(shown)} of {len(classes)} classes with most of them." if len(shown) < len(classes) else ""
    )
    caption = (
        f"For {apart:,} of {len(given):,} samples all others speak for another class than the given one. Rows are the "
        f"given labels, columns the suggested ones.{others}"
    )
    return Figure("classes", "Which classes are given for which?", caption, drawing)


def _values(study: Study, column: str) -> np.ndarray | None:
    """A column as [n] float64; None where the study has no finite value of it."""
    if column not in study.samples:
        return None
    values = study.samples[column].to_numpy(dtype=float, na_value=np.nan)
    return values if np.isfinite(values).any() else None


def _rows_of(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray:
    if one is None or other is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.isfinite(one) & np.isfinite(other))


def _thinned(rows: np.ndarray) -> np.ndarray:
    if len(rows) <= MOST_DOTS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MOST_DOTS, replace=False))


def _thinned_words(rows: np.ndarray, n: int) -> str:
    if len(rows) > MOST_DOTS:
        return f" Drawn are {MOST_DOTS:,} of {len(rows):,} samples, chosen at random."
    return f" {n - len(rows):,} of {n:,} samples have no such numbers." if len(rows) < n else ""


def _left_out(values: np.ndarray) -> str:
    missing = int((~np.isfinite(values)).sum())
    return f" {missing:,} of {len(values):,} samples have no such number." if missing else ""


def _share(part: int, total: int) -> str:
    return f"{part:,} of {total:,} ({100 * part / total:.2g} %)"


def _most_confused(counts: np.ndarray) -> Sequence[int]:
    """The classes that disagree most with others, in their own order; the largest where none do."""
    apart = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    weight = (apart.sum(axis=0) + apart.sum(axis=1)).astype(float) + counts.sum(axis=1) / (counts.sum() + 1)
    return np.sort(np.argsort(-weight, kind="stable")[:MOST_CLASSES])
