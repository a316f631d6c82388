"""Laws of the figures of a report: bars are as high as their counts, ticks tell numbers apart, texts stay texts."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from pages.screen import as_regression, copied, rewritten
from safety.hostile import EVIL, hostile_study
from synthetic import synthetic_study

from explorer.study.study import Study
from explorer.views.charts import Bins, count_bins
from explorer.views.report.axes import axis_across, axis_up, cut, text_width, tick_words, ticks_between
from explorer.views.report.drawing import Mark, bar_chart, scatter, whole
from explorer.views.report.figures import MOST_CLASSES, MOST_DOTS, figures
from explorer.views.report.matrix import short_count

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["density", "denoising", "leverage", "agreement", "suspicion", "classes"]
COUNTED = {"density": "soft_density", "denoising": "denoising_factor", "suspicion": "label_margin"}
# A binary fraction, a constant, an offset that dwarfs the spread, and the smallest and largest that features reach.
RANGES = [(0, 1), (0.1, 0.7), (-3, 12345), (1e-7, 3e-7), (1e6, 1e6 + 0.01), (-1e-3, 1e12), (-5e30, 5e30), (0, 7e-38)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_study(tmp_path_factory.mktemp("figures") / "one", n=400, classes=4)


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


def drawn(folder):
    return {one.name: one for one in figures(Study.open(folder))}


def tree(figure):
    return ElementTree.fromstring(figure.svg)


def bar_counts(root):
    """(count, height in pixels) of each bar; a bar is what has a rectangle beside the words for its count."""
    bars = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    told = [re.search(r": ([\d,]+) samples$", bar.find(f"{SVG}title").text)[1] for bar in bars]
    return [
        (int(count.replace(",", "")), float(bar.find(f"{SVG}rect").get("height")))
        for count, bar in zip(told, bars, strict=True)
    ]


def texts(root):
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def value_of(word):
    return float(word.replace("−", "-").replace(",", ""))


def test_a_study_with_everything_has_all_figures_as_valid_svg_with_words(made):
    """Each stands alone: its own namespace, a role, a title and a description that are referred to."""
    found = drawn(made)
    assert list(found) == NAMES
    ids = []
    for figure in found.values():
        root = tree(figure)
        named = {one.get("id"): one.text for one in root if one.get("id")}
        assert root.tag == f"{SVG}svg" and root.get("role") == "img"
        assert root.get("aria-labelledby").split() == list(named)
        assert list(named.values()) == [figure.title, figure.caption]
        ids += named
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", COUNTED)
def test_bars_are_as_high_as_their_counts_and_hold_every_finite_value(folder, name):
    """Values that are not finite are in no bar, and the caption says how many there are."""

    def with_holes(table):
        values = table[COUNTED[name]].copy()
        values[:7], values[7] = np.nan, np.inf
        return table.assign(**{COUNTED[name]: values})

    figure = drawn(rewritten(folder, with_holes))[name]
    bars = bar_counts(tree(figure))
    counts, heights = np.array(bars).T
    assert counts.sum() == 400 - 8
    assert "8 of 400 samples have no such number" in figure.caption
    np.testing.assert_allclose(heights / heights.max(), counts / counts.max(), atol=0.01 / heights.max() + 1e-4)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_ticks_rise_lie_inside_and_are_written_apart(low, high):
    """What is written is the tick itself, and no two ticks share their words."""
    for most in range(2, 9):
        ticks = ticks_between(low, high, most)
        assert 1 <= len(ticks) <= most or most < 2
        assert ticks == sorted(set(ticks))
        room = 1e-8 * (high - low)
        assert all(low - room <= tick <= high + room for tick in ticks)
        words = tick_words(ticks)
        assert len(set(words)) == len(words)
        if len(ticks) > 1:
            np.testing.assert_allclose(list(map(value_of, words)), ticks, atol=1e-3 * (ticks[1] - ticks[0]))


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("room", [120, 300, 460])
def test_words_of_ticks_never_touch_nor_leave_the_drawing(low, high, room):
    axis = axis_across(low, high, 60, room - 14, room)
    halves = [text_width(word) / 2 for word in axis.words]
    spans = [(middle - half, middle + half) for middle, half in zip(axis.middles(room), halves, strict=True)]
    assert spans[0][0] >= 0 and spans[-1][1] <= room + 1e-9
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize("most", [1, 2, 3, 7, 45, 1_000_000])
def test_counts_have_ticks_at_whole_numbers_only(most):
    ticks = axis_up(0, most, 200, 0, whole=True).ticks
    assert ticks and all(tick == int(tick) for tick in ticks)


def test_axes_of_drawn_figures_are_monotone(made):
    """Numbers under a figure rise to the right, and beside it upward."""
    for name, figure in drawn(made).items():
        if name == "classes":
            continue
        words = [one for one in tree(figure).iter(f"{SVG}text") if re.fullmatch(r"−?[\d,.]+(e−?\d+)?", one.text)]
        across = [one for one in words if one.get("text-anchor") == "middle"]
        up = [one for one in words if one.get("text-anchor") == "end"]
        for ticks, place, sign in ((across, "x", 1), (up, "y", -1)):
            pairs = sorted((sign * float(one.get(place)), value_of(one.text)) for one in ticks)
            assert len(pairs) >= 2
            assert [value for _, value in pairs] == sorted(value for _, value in pairs)


def test_texts_of_strangers_stay_texts(tmp_path):
    """Class names that would like to be code: no element and no attribute comes from them, nothing is fetched."""
    for figure in figures(Study.open(hostile_study(tmp_path / "bad"))):
        root = tree(figure)
        tags = {one.tag.removeprefix(SVG) for one in root.iter()}
        assert tags <= {"svg", "title", "desc", "style", "g", "rect", "path", "text", "image"}
        for one in root.iter():
            assert not any(name.startswith("on") for name in one.attrib)
            assert EVIL not in " ".join(one.attrib.values())
            assert not one.get("href", "").startswith(("http", "javascript"))


def test_signs_that_no_svg_may_hold_are_replaced():
    chart = bar_chart(count_bins(np.arange(5.0), 5), "a\x00b\x1b\ud800<c>", marks=[Mark(1.0, "\x07 & ]]>")])
    assert "a\ufffdb\ufffd\ufffd<c>" in texts(ElementTree.fromstring(whole("x", "\x01", "\ufffe", chart)))


def test_regressions_have_the_figures_that_need_no_classes(folder):
    assert list(drawn(as_regression(folder))) == NAMES[:4]
    far = np.abs(np.random.default_rng(0).normal(size=400))
    found = drawn(rewritten(folder, lambda table: table.assign(target_residual=far)))
    assert list(found) == NAMES[:5] and "target" in found["suspicion"].title


def test_a_study_without_labels_has_what_needs_none(folder):
    kept = ["split", "soft_density", "soft_density_share", "hard_density", "x", "y"]
    assert list(drawn(rewritten(folder, lambda table: table[kept], class_names=None))) == ["density"]


def test_columns_without_a_finite_value_have_no_figure(folder):
    def emptied(table):
        numbers = table.select_dtypes("float").columns.difference(["x", "y"])
        return table.assign(**dict.fromkeys(numbers, np.nan), suggested_label=-1)

    assert drawn(rewritten(folder, emptied)) == {}


def test_a_column_of_one_value_is_one_full_bar(folder):
    found = drawn(rewritten(folder, lambda table: table.assign(soft_density=7.0, label_variance=0.0)))
    assert [count for count, _ in bar_counts(tree(found["density"]))] == [400]
    assert "agreement" in found


def test_twenty_samples_are_drawn_and_many_are_thinned_and_said_so(tmp_path):
    few = drawn(synthetic_study(tmp_path / "few", n=20, classes=2))
    many = drawn(synthetic_study(tmp_path / "many", n=3 * MOST_DOTS, classes=3))
    for found, dots in ((few, 20), (many, MOST_DOTS)):
        for name in ("leverage", "agreement"):
            paths = [one.get("d") for one in tree(found[name]).iter(f"{SVG}path")]
            assert sum(path.count("h0") for path in paths) == dots
            assert ("chosen at random" in found[name].caption) == (dots == MOST_DOTS)


def test_the_matrix_counts_what_a_table_counts(made):
    """Given against suggested classes, cell by cell, as pandas counts them; its words name the number that differ."""
    samples = Study.open(made).samples
    expected = pd.crosstab(samples["label"], samples["suggested_label"]).to_numpy()
    root = tree(drawn(made)["classes"])
    counts = [count for count, _ in bar_counts(root)]
    assert counts == expected.ravel().tolist()
    apart = int((samples["label"] != samples["suggested_label"]).sum())
    assert drawn(made)["classes"].caption.startswith(f"For {apart:,} of 400 samples")


def test_of_many_classes_those_that_disagree_most_are_shown(tmp_path):
    root = tree(drawn(synthetic_study(tmp_path / "classes", n=600, classes=30))["classes"])
    assert len(bar_counts(root)) == MOST_CLASSES**2


def test_empty_bins_have_no_bar_and_pictures_stand_on_full_ones_only():
    bins = Bins(np.array([0.0, 1.0, 2.0, 3.0]), np.array([2, 0, 5]))
    root = ElementTree.fromstring(whole("x", "t", "d", bar_chart(bins, "v", pictures=["data:a", "data:b", None])))
    assert [count for count, _ in bar_counts(root)] == [2, 5]
    assert [one.get("href") for one in root.iter(f"{SVG}image")] == ["data:a"]


def test_a_dot_stands_where_its_numbers_are():
    """Distances between dots are those of the numbers, to the tenth of a pixel that is written."""
    across, up = np.array([0.0, 1.0, 4.0]), np.array([10.0, 30.0, 20.0])
    root = ElementTree.fromstring(whole("x", "t", "d", scatter(across, up, ("a", "b"))))
    places = np.array(
        [
            list(map(float, pair))
            for one in root.iter(f"{SVG}path")
            for pair in re.findall(r"M(\S+) (\S+)h0", one.get("d"))
        ]
    )
    places = places[np.argsort(places[:, 0])]
    x, y = places.T
    assert (x[1] - x[0]) * 3 == pytest.approx(x[2] - x[1], abs=0.5)
    assert (y[0] - y[1]) == pytest.approx(2 * (y[0] - y[2]), abs=0.5)


@pytest.mark.parametrize("room", [0, 30, 80, 500])
def test_a_cut_text_fits_and_begins_like_the_whole(room):
    text = "a rather long name of a class"
    shown = cut(text, room)
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
    assert shown == "…" or text_width(shown) <= room


@pytest.mark.parametrize("count", [0, 999, 1000, 9_949, 99_499, 99_500, 999_499, 999_500, 123_456_789])
def test_a_short_count_is_short_and_right_to_two_digits(count):
    words = short_count(count)
    value = float(words.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(words[-1], 1)
    assert len(words) <= 5 and value == pytest.approx(count, rel=0.06)
