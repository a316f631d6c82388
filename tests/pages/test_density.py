"""Laws of the density page: counts, ranges and corners are those of the table."""

import re
from functools import partial
from urllib.parse import parse_qs

import numpy as np
import pytest
import streamlit as st
from pages.screen import (
    as_regression,
    copied,
    damage,
    figures,
    galleries,
    made_up_study,
    page,
    rewritten,
    shown_rows,
    words,
)

from explorer.pages.counting import bins_of
from explorer.pages.density import label_variance_of_all
from explorer.study.counts import neighbor_counts
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("density") / "study")


@pytest.fixture(scope="module")
def samples(folder):
    return Study.open(folder).samples


@pytest.fixture(scope="module")
def similarities(folder, samples):
    rows = np.arange(len(samples))
    return Study.open(folder).similarity(rows, rows)


def test_the_place_of_the_sample_is_said_in_words(folder, samples):
    """Its soft count, and the share of the other samples that have fewer."""
    counts = samples["soft_density"].to_numpy()
    below = 100 * (counts < counts[9]).sum() / (len(counts) - 1)
    text = words(page("density", folder, sample="9"))
    assert f"counts as **{counts[9]:.3g} samples** of {len(counts)}: more than {below:.0f} %" in text


def test_the_histogram_counts_everyone_and_marks_the_sample(folder, samples):
    """Bars sum to n, the line stands at the sample's count, and every bar that holds samples has a picture."""
    figure = figures(page("density", folder, sample="9"))[0]
    assert figure.data[0].y.sum() == len(samples)
    assert figure.layout.shapes[0].x0 == pytest.approx(samples["soft_density"][9])
    assert len(figure.layout.images) == np.count_nonzero(figure.data[0].y)


def test_a_chosen_range_filters_all_pages_and_lists_its_samples(folder, samples):
    """The list holds exactly the samples of the range, fewest neighbors first, and the filter goes into the link."""
    test = page("density", folder, sample="9")
    figure = figures(test)[0]
    place = int(np.argmax((figure.data[0].y > 0) & (figure.data[0].y <= 24)))
    low, high = figure.data[0].customdata[place]
    test.selectbox[0].set_value(test.selectbox[0].options[place]).run()
    counts = samples["soft_density"]
    expected = counts[(counts >= low) & (counts <= high)].sort_values(kind="stable").index.tolist()
    assert shown_rows(galleries(test)[0]) == expected
    assert f"**{len(expected)} samples pass the filter**" in words(test)
    assert "".join(test.query_params["filter"]).startswith("soft_density=")
    assert figures(test)[0].data[0].marker.color.count("#ff5808") == 1


def test_taking_the_range_back_shows_all_again(folder):
    """An empty choice sets the filter free."""
    test = page("density", folder, sample="9")
    test.selectbox[0].set_value(test.selectbox[0].options[0]).run()
    test.selectbox[0].set_value(None).run()
    assert "filter" not in test.query_params
    assert galleries(test) == []


def test_corners_hold_what_their_caption_says(folder, samples):
    """The number on each corner is that of the samples within its borders, counted apart."""
    counts, variances = samples["soft_density"].astype(float), samples["label_variance"].astype(float)
    few, many = np.quantile(counts, [0.1, 0.9])
    mixed = (1 - (samples["label"].value_counts(normalize=True) ** 2).sum()) / 2
    expected = {
        "memorized?": (counts <= few) & (variances <= mixed),
        "contested?": (counts <= few) & (variances > mixed),
        "typical": (counts >= many) & (variances <= mixed),
        "underfit?": (counts >= many) & (variances > mixed),
    }
    test = page("density", folder, sample="9")
    shown = list(test.button_group[0].options)
    assert shown == [f"{name} ({inside.sum():,})" for name, inside in expected.items()]
    test.button_group[0].set_value("memorized?").run()
    rows = shown_rows(galleries(test)[0])
    assert set(rows) <= set(np.flatnonzero(expected["memorized?"]))
    assert counts[rows].is_monotonic_increasing


def test_the_slider_begins_at_the_threshold_of_the_table(folder, samples):
    """The first count is the column hard_density, and its threshold is named."""
    threshold = Study.open(folder).manifest.steps["statistics"].notes["threshold"]
    test = page("density", folder, sample="9")
    assert test.select_slider[0].value == threshold
    assert f"similarity above {threshold:g}, itself included" in words(test)
    np.testing.assert_array_equal(figures(test)[-1].data[0].x, samples["hard_density"])


@pytest.mark.parametrize("threshold", [0.5, 0.99])
def test_a_step_of_the_slider_counts_above_another_threshold(folder, similarities, threshold):
    """Each sample's count is that of the pairs, across in one figure and summed into bars in the other."""
    test = page("density", folder, sample="9")
    test.select_slider[0].set_value(threshold).run()
    expected = (similarities > threshold).sum(1)
    bars, plane = figures(test)[-2:]
    np.testing.assert_array_equal(plane.data[0].x, expected)
    assert np.sum(bars.data[0].y) == len(expected)
    below = 100 * (expected < expected[9]).sum() / (len(expected) - 1)
    assert f"counts as **{expected[9]}** of {len(expected)}, more than {below:.0f} %" in words(test)


def test_the_power_count_has_exponents_in_place_of_thresholds(folder, similarities):
    """Sums of powers of all positive similarities."""
    test = page("density", folder, sample="9")
    test.button_group(key="close-way").set_value("power").run()
    test.select_slider[0].set_value(3).run()
    plane = figures(test)[-1]
    np.testing.assert_allclose(plane.data[0].x, (similarities.clip(0) ** 3).sum(1), rtol=1e-5)
    assert "raised to the power of 3" in words(test)


def test_small_whole_counts_have_a_bar_each():
    """No bar stands between two whole numbers, and none is lost; wider counts get round bins."""
    few = bins_of(np.array([1.0, 1.0, 4.0, np.nan]))
    assert few.counts.tolist() == [2, 0, 0, 1]
    assert few.edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert bins_of(np.array([1.0, 900.0])).counts.sum() == 2
    assert bins_of(np.array([1.0, 1.5])).counts.sum() == 2


def test_estimates_are_called_so(folder, monkeypatch):
    """Where not all pairs are compared the page says among how many, and the chosen sample's count stays exact."""
    exact = words(page("density", folder, sample="9"))
    monkeypatch.setattr("explorer.pages.counting.neighbor_counts", partial(neighbor_counts, pairs=1))
    monkeypatch.setattr("explorer.study.counts.LEAST_OTHERS", 100)
    st.cache_data.clear()
    text = words(page("density", folder, sample="9"))
    st.cache_data.clear()
    assert "All pairs of samples were compared" in exact
    assert "with 100 others chosen at random" in text
    (count,) = re.findall(r"counts as \*\*(\d+)\*\* of", exact)
    assert f"counts as **{count}** of" in text


def test_label_variance_of_all_is_that_of_the_targets_in_a_regression(folder, tmp_path):
    """The unit of the border is the unit of the column: variance of numbers, not of classes."""
    path = rewritten(as_regression(copied(folder, tmp_path / "study")), lambda table: table.assign(target_residual=7.0))
    study = Study.open(path)
    assert label_variance_of_all(study) == pytest.approx(study.samples["target"].to_numpy().var())
    assert len(figures(page("density", study.path))) == 4


def test_a_study_without_counts_says_so(folder, tmp_path):
    """No empty frames: one sentence, no figure."""
    empty = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns="soft_density"))
    test = page("density", empty)
    assert len(test.info) == 1
    assert "no neighbor counts" in test.info[0].value
    assert figures(test) == []


def test_a_study_without_labels_still_counts(folder, tmp_path):
    """The histogram needs no labels; the agreement of labels is explained away in a sentence."""
    without = ["label", "label_variance", "true_label", "flipped"]
    test = page("density", rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns=without)))
    assert "needs labels or targets" in test.info[0].value
    assert figures(test)[0].data[0].y.sum() > 0


def test_a_damaged_table_is_one_sentence(folder, tmp_path):
    """A flipped byte in the samples table is said on screen."""
    broken = copied(folder, tmp_path / "study")
    damage(broken / "samples.parquet")
    test = page("density", broken)
    assert len(test.error) == 1
    assert "is damaged" in test.error[0].value


def test_the_link_to_the_guide_keeps_the_selection(folder):
    """Whoever follows it reads about this sample's study, at the column's own words."""
    text = words(page("density", folder, sample="9"))
    target = re.search(r"\(/guide\?([^#]*)#soft_density\)", text)
    assert parse_qs(target[1])["sample"] == ["9"]
