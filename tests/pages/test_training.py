"""The Training page says what its tables hold, whichever way they fall, and how to make what is not there."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pages.screen import alternatives, as_regression, copied, damage, figures, made_up_study, page, words

from benchmarks.paired import paired_tests
from explorer.pages import enforcing, invariance, misclassification, over_epochs
from explorer.pages.training import EXPERIMENTS
from explorer.study.snapshots import QUANTILES, SnapshotFacts, Snapshots, snapshots_path, write_snapshots
from explorer.study.study import Study

STEPS = (20, 40, 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("training") / "study")


def tab(folder, name):
    """The Training page with one of its parts open."""
    test = page("training", folder)
    test.button_group(key="part").set_value(name).run()
    assert not test.exception
    return test


def runs_of(shifts, seeds=8, data="mnist", batch=2):
    """Runs whose arms differ from the baseline by a number at all steps, but for a little noise of each run."""
    random = np.random.default_rng(1)
    common = random.normal(0, 0.05, seeds)
    lines = [
        {"data": data, "batch": batch, "arm": arm, "seed": seed, "step": step, "loss": 1.0, "similarity": np.nan}
        | {"value": 0.3 + step / 200 + common[seed] + shift + random.normal(0, 0.005)}
        for arm, shift in {"baseline": 0.0, **shifts}.items()
        for seed in range(seeds)
        for step in STEPS
    ]
    return pd.DataFrame(lines)


def with_tables(place, monkeypatch, runs):
    """Tables of enforcing in a folder of their own."""
    tests = [
        paired_tests(own, STEPS).assign(data=data, batch=batch)
        for (data, batch), own in runs.groupby(["data", "batch"])
    ]
    runs.to_parquet(place / "enforcing-runs.parquet")
    pd.concat(tests).to_parquet(place / "enforcing-tests.parquet")
    monkeypatch.setattr(enforcing, "TABLES", place)


def lines_of(differences, chances):
    return pd.DataFrame(
        {"step": STEPS, "difference": differences, "low": -1.0, "high": 1.0, "p_holm": chances, "arm": "reward"}
    )


@settings(deadline=None)
@given(
    some.lists(some.floats(-0.5, 0.5).filter(bool), min_size=3, max_size=3),
    some.lists(some.floats(0, 1), min_size=3, max_size=3),
)
def test_an_effect_is_what_the_sure_steps_agree_on(differences, chances):
    """Only differences beyond chance count; for an error the same differences mean the opposite."""
    tests = lines_of(differences, chances)
    kind, opposite = enforcing.effect(tests, False), enforcing.effect(tests, True)
    signs = {np.sign(one) for one, p in zip(differences, chances, strict=True) if p < enforcing.SURE}
    wanted = {frozenset(): "none", frozenset({1.0}): "faster", frozenset({-1.0}): "slower"}
    assert kind == wanted.get(frozenset(signs), "mixed")
    assert {kind, opposite} in ({"faster", "slower"}, {"none"}, {"mixed"})
    told = enforcing.effect_in_words(tests, False)
    sure = [str(step) for step, p in zip(STEPS, chances, strict=True) if p < enforcing.SURE]
    assert (", ".join(sure) in told) if sure else "no difference beyond chance" in told


def test_the_sentence_on_the_sign_turns_round_with_the_tables():
    """What holds for text and code is exchanged when the arms are; nothing is claimed when neither gains."""
    up, down, nothing = ([0.1] * 3, [0.0] * 3), ([-0.1] * 3, [0.0] * 3), ([0.1] * 3, [1.0] * 3)

    def said(reward, penalise):
        return enforcing.sign_in_words(
            pd.concat([lines_of(*reward), lines_of(*penalise).assign(arm="penalise")], ignore_index=True)
        )

    code, text = said(down, up), said(up, down)
    assert "sign of the **code**; the sign of the **text** does the opposite" in code
    assert "sign of the **text**; the sign of the **code** does the opposite" in text
    assert "neither sign" in said(nothing, nothing) and "neither sign" in said(down, down)
    assert "both signs" in said(up, up)
    assert "that of the text does not have it" in said(nothing, up)
    assert "that of the code does not have it" in said(up, nothing)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_page_follows_its_tables(folder, tmp_path, monkeypatch, sign):
    """The same page over tables that fall the other way says the other thing."""
    with_tables(tmp_path, monkeypatch, runs_of({"penalise": 0.1 * sign, "reward": -0.1 * sign}))
    text = words(tab(folder, "Enforcing"))
    winner = "code" if sign > 0 else "text"
    assert f"comes with the sign of the **{winner}**" in text
    assert ("**Penalise**" in text) and text.count("**better** beyond chance") == 1


def test_every_arm_is_a_line_with_its_mean_and_spread(folder, tmp_path, monkeypatch):
    """Mean over seeds, band one standard deviation wide; the second figure is the mean difference within seeds."""
    runs = runs_of({"penalise": 0.1, "reward": -0.1})
    with_tables(tmp_path, monkeypatch, runs)
    test = tab(folder, "Enforcing")
    curves, differences = figures(test)[:2]
    own = runs[runs["arm"] == "penalise"].groupby("step")["value"]
    lines = [one for one in curves.data if one.fill is None]
    bands = [one for one in curves.data if one.fill == "toself"]
    assert len(lines) == len(bands) == 3
    np.testing.assert_allclose(lines[2].y, own.mean())
    np.testing.assert_allclose(bands[2].y[:3], own.mean() + own.std())
    wide = runs.pivot_table("value", ["step", "seed"], "arm")
    shifted = (wide["penalise"] - wide["baseline"]).groupby("step").mean()
    np.testing.assert_allclose([one for one in differences.data if one.fill is None][1].y, 100 * shifted)
    assert "penalise" in alternatives(test)[0]


def test_on_the_circle_less_is_better(folder, tmp_path, monkeypatch):
    """An error that falls is called better."""
    runs = runs_of({"penalise": 0.1, "reward": -0.1}, data="circle")
    with_tables(tmp_path, monkeypatch, runs)
    text = words(tab(folder, "Enforcing"))
    assert "**Reward**" in text and "seeds: **better** beyond chance" in text.split("**Reward**")[1].split("*  **")[0]
    assert "**worse** beyond chance" in text.split("**Penalise**")[1]
    assert "Above zero is worse" in text


def test_each_group_of_arms_can_be_drawn(folder, tmp_path, monkeypatch):
    """Arms that were run are one click away, and no other is offered."""
    with_tables(tmp_path, monkeypatch, runs_of({"reward": 0.1, "reward .1": 0.01, "reward, all": 0.0}))
    test = tab(folder, "Enforcing")
    for group in enforcing.GROUPS:
        test.button_group(key="enforcing-arms-mnist-2").set_value(group).run()
        assert not test.exception
        assert [one for one in enforcing.GROUPS[group] if one in alternatives(test)[0]]


@pytest.mark.parametrize("name", ["This study", *EXPERIMENTS])
def test_every_part_can_be_chosen(folder, name):
    """Each is one click away and draws, or says what it lacks."""
    test = tab(folder, name)
    assert figures(test) or test.info or test.get("code")


@pytest.mark.parametrize(
    ("name", "command"),
    [("Enforcing", "benchmarks.enforcing"), ("Misclassification", "benchmarks.misclassification")],
)
def test_without_tables_the_page_says_how_to_make_them(folder, tmp_path, monkeypatch, name, command):
    """A wheel without assets shows commands, not errors."""
    for part in (enforcing, invariance, misclassification):
        monkeypatch.setattr(part, "TABLES", tmp_path)
    test = tab(folder, name)
    assert command in " ".join(one.value for one in test.info)
    assert not figures(test)


def test_the_verdict_on_turned_images_is_the_tests():
    """Better, worse, or nothing beyond chance, in points."""
    line = {"arm": "enforced", "images": "turned", "difference": 0.04, "low": 0.01, "high": 0.07, "p_holm": 0.01}
    assert "brings more than augmentation" in invariance.verdict(pd.DataFrame([line]))
    assert "brings less" in invariance.verdict(pd.DataFrame([line | {"difference": -0.04}]))
    assert "do not differ beyond chance" in invariance.verdict(pd.DataFrame([line | {"p_holm": 0.2}]))
    assert invariance.verdict(pd.DataFrame([line | {"arm": "both"}])) == ""


def test_equal_steps_are_told_beside_equal_time():
    """What the term does is not what it costs: the arms of as many steps, in their words."""
    lines = [
        {"arm": arm, "images": images, "value": value + (images == "upright"), "steps": steps}
        for arm, value, steps in (("plain", 0.9, 600), ("plain, few steps", 0.2, 50), ("enforced", 0.3, 50))
        for images in ("upright", "turned")
    ]
    runs = pd.DataFrame(lines)
    assert invariance.few_in_words(runs) == ""
    more = pd.DataFrame([lines[1] | {"arm": "augmented, few steps", "value": 0.4, "steps": 50}])
    told = invariance.few_in_words(pd.concat([runs, more]))
    assert told.endswith(
        "steps, 50, whatever they cost: upright images alone 20.0 %, the term 30.0 %, turned images 40.0 %."
    )


def activity_tests(differences, chances):
    return pd.DataFrame(
        {
            "measure": "activity",
            "probability": [0.1, 0.3, 0.5],
            "baseline": 0.3,
            "mean": 0.3 + np.array(differences),
            "difference": differences,
            "p_holm": chances,
        }
    )


def test_whether_fewer_units_fire_is_counted():
    """At every p, at some, at none, or more instead of fewer: the words say which."""
    said = misclassification.activity_in_words
    assert "Fewer units fire at every p" in said(activity_tests([-0.1, -0.1, -0.2], [0.01] * 3))
    assert "More units fire at every p" in said(activity_tests([0.1, 0.1, 0.2], [0.01] * 3))
    assert "does not change beyond chance" in said(activity_tests([-0.1, -0.1, -0.2], [0.5] * 3))
    mixed = said(activity_tests([-0.1, 0.1, -0.2], [0.01, 0.01, 0.5]))
    assert "fewer at p = 0.1, more at p = 0.3" in mixed and "0.5" not in mixed.split("**")[1]


def snapshots_of(study, **changes):
    """A table of three snapshots for a study."""
    table = pd.DataFrame(
        {
            "epoch": [0, 2, 9],
            "weights": ["a", "b", "c"],
            **{
                name: [100.0 * (1 + share), 60.0 * (1 + share), 30.0 * (1 + share)] for name, share in QUANTILES.items()
            },
            "negative": [0.0, 0.0, 0.1],
            "overlap": [0.2, 0.6, 1.0],
            "suspects": [0.25, 0.75, 1.0],
            "precision": [0.1, 0.8, 0.7],
            "train": [0.1, 0.8, 0.9],
            "held_out": [0.1, 0.7, 0.8],
        }
    ).assign(**changes)
    facts = SnapshotFacts(
        made_at="2026-11-23T12:00:00+00:00",
        fingerprint=study.subject["fingerprint"],
        name=study.subject["name"],
        measure="accuracy" if study.task == "classification" else "rmse",
        samples=240,
        all_samples=240,
        k=10,
        wrong_share=0.1,
        suspects=12,
    )
    return Snapshots(facts, table)


def test_snapshots_of_the_study_are_drawn_and_told(folder, tmp_path):
    """Counts as a median with two bands, shares as lines, and the sentence names what the table holds."""
    study = Study.open(copied(folder, tmp_path / "study"))
    write_snapshots(snapshots_path(study.path), snapshots_of(study))
    test = tab(study.path, "This study")
    text = words(test)
    assert "from 150 to 45 soft neighbors" in text and "from epoch 2 on" in text
    assert "best at epoch 2 (average precision 0.80, at the end 0.70)" in text
    assert "12 most doubtful labels 25 % are already the most doubtful at epoch 0, 75 % at epoch 2" in text
    assert any("neighbors from 20.0 % to 100.0 %; suspects from 25.0 % to" in alt for alt in alternatives(test))


def test_a_study_without_snapshots_says_how_to_make_them(folder):
    """Both commands, with this study's folder, and the shipped example below where there is one."""
    test = tab(folder, "This study")
    told = test.get("code")[0].value
    assert "python -m explorer train" in told and f"--study {folder}" in told
    assert ("An example" in words(test)) == (over_epochs.shipped_example() is not None)


def test_a_damaged_or_foreign_table_is_one_sentence(folder, tmp_path):
    """Neither a traceback nor numbers of another network."""
    study = Study.open(copied(folder, tmp_path / "study"))
    path = snapshots_path(study.path)
    write_snapshots(path, snapshots_of(study))
    damage(path)
    assert "Delete it" in tab(study.path, "This study").warning[0].value
    found = snapshots_of(study)
    object.__setattr__(found.facts, "fingerprint", "0" * 64)
    write_snapshots(path, found)
    assert "those of another" in tab(study.path, "This study").warning[0].value


def test_a_regression_shows_no_share_that_it_does_not_have(folder, tmp_path):
    """RMSE is no share, and no label is known to be wrong."""
    study = Study.open(as_regression(copied(folder, tmp_path / "study")))
    found = snapshots_of(study, precision=np.nan, held_out=[3.0, 2.0, 1.0])
    write_snapshots(snapshots_path(study.path), found)
    test = tab(study.path, "This study")
    assert "average precision" not in words(test)
    assert not any("held out from" in alt for alt in alternatives(test) if alt.startswith("share"))
    assert any(alt.startswith("RMSE") and "held out from 3 to 1" in alt for alt in alternatives(test))


def test_the_log_is_that_of_the_shipped_weights_only(folder, tmp_path):
    """A bundled reference has one; a path, a dotted name and a name that is not bundled have none."""
    study = Study.open(copied(folder, tmp_path / "study"))

    def log_of(reference):
        study.subject["reference"] = reference
        return over_epochs.training_log(study)

    assert {"epoch", "loss"} <= set(log_of("digits"))
    for reference in (None, "../digits", "unknown", "mine.py:subject", "data --model net.py:net"):
        assert log_of(reference) is None
