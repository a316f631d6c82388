"""The page of the registration experiment, on the tables that ship and without any."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from explorer.pages import registration
from explorer.pages.circle import leverage_in_words

WORDS = ("header", "caption", "markdown", "info")


def page():
    from explorer.pages import registration

    registration.show()


@pytest.fixture(scope="module")
def shown():
    return AppTest.from_function(page, default_timeout=60).run()


def words(test):
    return "\n".join(str(one.value) for kind in WORDS for one in getattr(test, kind))


def test_the_error_falls_far_below_the_label_noise():
    """For three seeds the median error after the last round is at most 0.35 deviations of the noise of the labels."""
    medians = registration.last_medians(registration.table("rounds"))
    assert len(medians) == 3
    assert medians.max() <= registration.FLOOR


def test_curves_rise_to_their_medians():
    """A curve of shares never falls, and passes one half where the table says that the median is."""
    curves, rounds = registration.table("curves"), registration.table("rounds")
    keys = ["seed", "start", "method", "round", "part"]
    medians = rounds.set_index(keys)["median"]
    for key, own in curves.groupby(keys):
        shares, taus = own["share"].to_numpy(), own["tau"].to_numpy()
        assert (np.diff(shares) >= 0).all() and shares[0] >= 0 and shares[-1] <= 1
        assert taus[shares < 0.5].max() <= medians[key] <= taus[shares >= 0.5].min() + 1e-9


def test_corrections_start_from_the_same_labels():
    """Each seed has its start, all methods agree in round 1, and the noisier start begins with a larger error."""
    rounds = registration.table("rounds")
    train = rounds[rounds["part"] == "train"]
    first = train[(train["round"] == 1) & train["method"].isin(["protocol", "AS1", "AS2"])]
    spread = first.groupby(["seed", "start"])["median"].agg(["min", "max"])
    assert (spread["min"] == spread["max"]).all()
    begun = train[train["method"] == "labels"].pivot_table(index="seed", columns="start", values="median")
    assert (begun["noisier"] > begun["plain"]).all()


def test_the_rotation_invariant_form_is_never_smaller():
    """The best turn is at least as good as none, for the neighbors and for random pairs."""
    for name in ("neighbors", "pairs"):
        found = registration.table(name)
        assert (found["rotation"] >= found["kC"] - 1e-5).all()
        assert found["kC"].abs().max() <= 1 + 1e-5


def test_the_page_tells_its_numbers(shown):
    """Figures for curves, gains, counts and similarities; the words name the medians of the tables."""
    assert not shown.exception
    said, medians = words(shown), registration.last_medians(registration.table("rounds"))
    assert f"{medians.median():.2f} σ" in said
    assert f"{medians.min():.2f} to {medians.max():.2f} over 3 seeds" in said
    assert len(shown.get("plotly_chart")) >= 6


def test_whether_the_leverage_gain_holds_is_counted():
    """Within a factor of two means between half and twice the truth."""
    gains = pd.DataFrame({"leverage_gain": [0.1, 0.2, 0.3], "true_gain": [0.3, 0.3, 0.3]})
    assert "0.33 to 1.00 times the truth, within a factor of two in 2 of 3 networks" in leverage_in_words(gains)


@pytest.mark.parametrize("choice", ["held-out", "train"])
def test_both_parts_can_be_drawn(choice):
    """The curves of either part, with both ablations."""
    test = AppTest.from_function(page, default_timeout=60).run()
    test.session_state["registration-part"] = choice
    test.session_state["registration-compare"] = ["AS1 and AS2", "noisier start"]
    test.run()
    assert not test.exception


def test_without_tables_the_page_says_how_to_make_them(tmp_path, monkeypatch):
    """One sentence with the command, and no figure."""
    monkeypatch.setattr(registration, "TABLES", tmp_path)
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception and not test.get("plotly_chart")
    assert "python -m benchmarks.registration" in words(test)
