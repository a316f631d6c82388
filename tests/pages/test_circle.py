"""Laws of the experiment on the circle: the shipped tables hold together, and the words say what the tables hold."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages.screen import alternatives, figures, made_up_study, page, words

from explorer.pages import circle
from explorer.pages.circle import (
    bends_in_words,
    count_medians,
    count_slopes,
    learned_frequencies,
    learning_in_words,
    leverage_in_words,
    pace_in_words,
    table,
)
from explorer.subjects.circle import curvature

FREQUENCIES = (1, 2, 4, 8, 16)
COUNTS = [("soft", 1.0), *[("hard", one) for one in (0.5, 0.8, 0.95)], *[("power", one) for one in (2.0, 3.0)]]
SLOWLY = "more slowly than 1/f"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("circle") / "study")


def circle_tab(folder):
    """The Training page with its tab Circle open."""
    test = page("training", folder)
    test.button_group(key="part").set_value("Circle").run()
    assert not test.exception
    return test


def power_law(power: float, runs: int = 3) -> pd.DataFrame:
    """Counts that follow a power of the frequency exactly; the runs differ by a factor each."""
    rows = [
        {"run": run, "frequency": f, "estimator": kind, "parameter": parameter, "count": (1 + run) * 500.0 * f**power}
        for run in range(runs)
        for f in FREQUENCIES
        for kind, parameter in COUNTS
    ]
    return pd.DataFrame(rows).assign(share=lambda rows: rows["count"] / 2048)


def with_counts(folder, monkeypatch, counts: pd.DataFrame) -> None:
    """The shipped tables with other counts, in a folder of their own."""
    for path in circle.TABLES.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    counts.to_parquet(folder / "circle-counts.parquet", index=False)
    monkeypatch.setattr(circle, "TABLES", folder)


@given(st.floats(-3, 0.5).filter(lambda slope: abs(slope + 1) > 0.006))
def test_slower_than_one_over_f_exactly_above_minus_one(slope):
    """The words follow the slope, to the two decimals that are shown."""
    assert (pace_in_words(slope) == SLOWLY) == (slope > -1)


@pytest.mark.parametrize("power", [-1.5, -1.0, -0.5, -0.25])
def test_the_page_says_how_fast_counts_fall(folder, tmp_path, monkeypatch, power):
    """On exact power laws every slope is the power, and the page speaks of a slower fall when that is above -1."""
    counts = power_law(power)
    np.testing.assert_allclose(count_slopes(count_medians(counts)), power, atol=1e-9)
    with_counts(tmp_path, monkeypatch, counts)
    text = words(circle_tab(folder))
    assert (f"**{SLOWLY}**" in text) == (power > -1)


def test_a_count_of_zero_has_no_slope_and_does_not_stop_the_others():
    """A logarithm of zero does not exist."""
    counts = power_law(-0.5)
    is_last = (counts["estimator"] == "hard") & (counts["parameter"] == 0.95) & (counts["frequency"] == 16)
    counts.loc[is_last, "count"] = 0.0
    slopes = count_slopes(count_medians(counts))
    assert np.isnan(slopes["hard", 0.95])
    np.testing.assert_allclose(slopes.drop(("hard", 0.95)), -0.5)


def test_a_wave_that_was_not_learned_follows_no_law():
    """It is named with its error and left out; nothing is said when all were learned."""
    runs = pd.DataFrame({"frequency": [1, 2, 16], "train_rmse": [0.01, 0.09, 0.5]})
    assert learned_frequencies(runs) == [1, 2]
    assert "not learned f = 16 (error 0.50)" in learning_in_words(runs)
    assert learning_in_words(runs[:2]) == ""


def test_where_the_bends_have_fewer_neighbors_is_said():
    """Frequencies with a strongly negative correlation hold, all others do not."""
    assert bends_in_words(pd.Series({1: -0.9, 2: -0.6, 4: 0.1})) == "that holds for f = 1, 2, and not for f = 4."
    assert bends_in_words(pd.Series({1: -0.9})) == "that holds for f = 1."
    assert "no frequency" in bends_in_words(pd.Series({1: 0.3}))


def test_within_a_factor_of_two_means_both_ways():
    """Half and double the truth count as within, less and more do not."""
    noise = pd.DataFrame({"leverage_gain": [0.05, 0.1, 0.2, 0.049, 0.21], "true_gain": 0.1})
    told = leverage_in_words(noise)
    assert "0.49 to 2.10 times the truth" in told and "in 3 of 5 networks" in told


def test_shipped_counts_are_counts():
    """A higher threshold or exponent never counts more, nothing beyond the samples, and every run has every count."""
    counts, runs = table("counts"), table("runs")
    assert set(counts["frequency"]) == set(FREQUENCIES)
    for _, one in counts.groupby(["frequency", "run"]):
        hard, power = (one[one["estimator"] == kind].sort_values("parameter")["count"] for kind in ("hard", "power"))
        assert len(hard) == 9 and len(power) == 3
        assert (np.diff(hard) <= 0).all() and (np.diff(power) <= 0).all()
        assert one["count"].between(1, 2048).all()
        np.testing.assert_allclose(one["share"], one["count"] / 2048)
    assert set(map(tuple, runs[["frequency", "run"]].to_numpy())) == set(
        map(tuple, counts[["frequency", "run"]].drop_duplicates().to_numpy())
    )


def test_shipped_points_are_those_of_the_first_run():
    """The mean over the points is the count of run 0, the curvature is the target's, and the ranking is told right."""
    around, counts, runs = table("around"), table("counts"), table("runs")
    for frequency, own in around.groupby("frequency"):
        angles = own["alpha"].to_numpy()
        assert len(own) == 2048 and (np.diff(angles) > 0).all()
        np.testing.assert_allclose(own["target"], np.sin(2 * np.pi * frequency * angles), atol=1e-6)
        np.testing.assert_allclose(own["curvature"], curvature(angles, frequency))
        first = counts[(counts["frequency"] == frequency) & (counts["run"] == 0) & (counts["estimator"] == "soft")]
        assert own["soft_density"].mean() == pytest.approx(first["count"].item())
        ranks = own[["soft_density", "curvature"]].rank().corr().iloc[0, 1]
        told = runs[(runs["frequency"] == frequency) & (runs["run"] == 0)]["curvature_correlation"].item()
        assert told == pytest.approx(ranks)


def test_shipped_gains_hold_together():
    """The factor is not below its floor, the promise is σ times it, and the truth is the error in units of σ."""
    noise = table("noise")
    np.testing.assert_allclose(noise["floor"], noise["samples"] ** -0.5)
    assert (noise["factor"] >= noise["floor"]).all()
    np.testing.assert_allclose(noise["predicted_mean_noise"], noise["noise"] * noise["factor"])
    np.testing.assert_allclose(noise["true_gain"], noise["error"] / noise["noise"])
    assert noise["leverage_gain"].between(0, 1).all()


@pytest.mark.parametrize(("part", "name"), [("counts", "runs"), ("noise", "noise")])
def test_shipped_tables_say_how_they_were_made(part, name):
    """The number of runs that is told is the number that is there, for every setting."""
    facts = json.loads((circle.TABLES / f"circle-{part}.json").read_text())
    runs = table(name).groupby(["samples", "frequency"])["run"].nunique()
    assert (runs == facts["runs"]).all()
    assert facts["epochs"] == facts["recipe"]["epochs"]


def test_the_page_draws_the_shipped_tables(folder):
    """Counts, circle and gains stand there, from as many epochs as the tables are; nothing depends on the study."""
    test = circle_tab(folder)
    text, alts = words(test), " ".join(alternatives(test))
    epochs = json.loads((circle.TABLES / "circle-counts.json").read_text())["epochs"]
    assert f"{epochs:,} epochs" in text and "5 of 5,000" in text
    for told in (
        "waves f",
        "place on the circle",
        "rank correlation of count and curvature",
        "share of the noise left",
    ):
        assert told in alts
    gains = [figure for figure, alt in zip(figures(test), alternatives(test), strict=True) if "noise left" in alt]
    own = table("noise").groupby(["samples", "frequency"], sort=False)
    for figure, (_, rows) in zip(gains, own, strict=True):
        np.testing.assert_allclose(figure.data[0].x, rows[["factor", "leverage_gain", "true_gain"]].median())


def test_the_chosen_frequency_is_drawn(folder):
    """The circle of f waves crosses zero 2 f times."""
    test = circle_tab(folder)
    for frequency in (1, 4):
        test.button_group(key="circle-frequency").set_value(frequency).run()
        around = next(one for one, alt in zip(figures(test), alternatives(test), strict=True) if "place on" in alt)
        assert (np.diff(np.sign(around.data[2].y)) != 0).sum() in (2 * frequency - 1, 2 * frequency)


def test_without_tables_the_page_says_how_to_make_them(folder, tmp_path, monkeypatch):
    """A wheel without assets shows a command, not an error."""
    monkeypatch.setattr(circle, "TABLES", tmp_path)
    test = circle_tab(folder)
    assert "benchmarks.circle" in test.info[0].value
    assert not figures(test)
