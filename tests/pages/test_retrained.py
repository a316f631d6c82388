"""Laws of the part about training again: it says what the records say, no more, and starts what it names."""

import shlex
import time
from dataclasses import replace

import pytest
import tiny
from pages.screen import as_regression, made_up_study, page, rewritten, words

from explorer.cli.options import command_parser
from explorer.pages import retraining
from explorer.pages.retrained import comparison_table, difference_in_words, records_table, seeds_in_words, verdict
from explorer.pages.retraining import Trainer, commands, decision_counts, obstacle
from explorer.study.decisions import Decisions
from explorer.study.retrained import FOLDER, Comparison, Retraining, record_paths, training_noted, write_record
from explorer.study.study import Study


def comparison(**changes):
    values = {"part": "untouched", "samples": 200, "own": 0.9, "control": 0.905, "retrained": 0.935}
    return Comparison(
        **{**values, "low": 0.01, "high": 0.05, "only_control": 1, "only_retrained": 7, "probability": 0.07, **changes}
    )


def retraining_of(study, **changes):
    counts = {"relabeled": 3, "dropped": 1, "held_out_relabeled": 0, "held_out_dropped": 1}
    values = {
        "made_at": "2026-11-23T16:36:40.441+00:00",
        "fingerprint": study.subject["fingerprint"],
        "measure": "accuracy",
        "seed": 0,
        "recipe": {"epochs": 3},
        "labels": {"file": "cleaned.csv", "sha256": "ab", **counts},
        "weights": "/somewhere/my_net_1.safetensors",
        "seconds": 12.0,
        "comparisons": (comparison(), comparison(part="held_out", samples=220, low=-0.01)),
    }
    return Retraining(**{**values, **changes})


@pytest.fixture
def study(tiny_folder):
    return Study.open(tiny_folder)


def decide(study):
    decisions = Decisions.open(study)
    decisions.decide([0, 3], "relabel", (decisions.given.label(0) + 1) % 3)
    decisions.decide([7], "drop")
    decisions.decide([9], "keep")


def test_the_page_says_what_the_record_says(study):
    """The three numbers, the difference with its interval, who was right alone, and what was changed."""
    write_record(study.path, retraining_of(study))
    test = page("retrained", study.path)
    text = words(test)
    assert [one.value for one in test.metric] == ["90.0 %", "90.5 %", "93.5 %"]
    assert "**Better, by more than chance**: accuracy +3.0 points (95 % interval +1.0 to +5.0) on 200 samples" in text
    assert "7 are right only with the decisions, 1 only without" in text
    assert "3 labels changed and 1 sample dropped, 1 of them held out; seed 0, 3 epochs" in text
    assert "`/somewhere/my_net_1.safetensors`" in text


@pytest.mark.parametrize(
    ("measure", "control", "retrained", "low", "high", "told"),
    [
        ("accuracy", 0.9, 0.95, 0.01, 0.09, "Better, by more than chance"),
        ("accuracy", 0.95, 0.9, -0.09, -0.01, "Worse, by more than chance"),
        ("accuracy", 0.9, 0.95, 0.0, 0.1, "No difference beyond chance"),
        ("rmse", 2.0, 1.5, -0.8, -0.2, "Better, by more than chance"),
        ("rmse", 1.5, 2.0, 0.2, 0.8, "Worse, by more than chance"),
        ("rmse", 1.5, 2.0, -0.2, 1.2, "No difference beyond chance"),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval(measure, control, retrained, low, high, told):
    """Higher accuracy and lower error are better; an interval that touches zero claims nothing."""
    one = comparison(control=control, retrained=retrained, low=low, high=high)
    assert verdict(one, measure) == told


def test_differences_carry_their_sign_and_interval():
    """Points of a hundred for accuracies, units of the target for errors, with a true minus."""
    one = comparison(control=0.905, retrained=0.9, low=-0.02, high=0.01)
    assert difference_in_words(one, "accuracy") == "−0.5 (−2.0 to +1.0)"
    assert difference_in_words(one, "rmse") == "−0.005 (−0.02 to +0.01)"


def test_equal_parts_stand_in_one_line(study):
    """Where nobody decided about a held-out sample, all of them is the same as those that nobody decided about."""
    alike = (comparison(), comparison(part="held_out"), comparison(part="held_out_true"), comparison(part="train_true"))
    table = comparison_table(retraining_of(study, comparisons=(*alike[:3], replace(alike[3], samples=900))))
    assert table["Samples"].tolist() == ["all held out, by given and true labels", "trained on, by true labels"]
    assert comparison_table(retraining_of(study))["Count"].tolist() == [200, 220]


def test_seeds_are_averaged_where_nothing_else_differs(study):
    """Of one seed the latest; other labels or another recipe are not mixed in; one seed alone says nothing."""
    found = [
        retraining_of(study, seed=seed, comparisons=(comparison(control=0.9, retrained=0.9 + gain),))
        for seed, gain in ((2, 0.03), (1, -0.01), (0, 0.01), (0, 0.5))
    ]
    other = retraining_of(study, seed=5, labels={**found[0].labels, "sha256": "cd"})
    text = seeds_in_words([*found, other])
    assert text.startswith("Over 3 seeds with these labels the mean difference is +1 points, from −1 to +3; 2 of 3")
    assert seeds_in_words([found[0], other]) == ""
    assert len(records_table(found)) == 4


def test_a_damaged_record_is_one_sentence_and_hides_no_other(study):
    """The whole ones are shown beside it."""
    write_record(study.path, retraining_of(study))
    write_record(study.path, retraining_of(study, made_at="2026-12-01T00:00:00.000+00:00")).write_text("{}")
    test = page("retrained", study.path)
    assert len(test.warning) == 1 and "Delete it" in test.warning[0].value
    assert "Better, by more than chance" in words(test)


def test_a_strangers_record_shows_its_text_as_text(study):
    """Names in a record become no picture and no link."""
    evil = "![x](http://evil/x.png) <img src=x>"
    write_record(study.path, retraining_of(study, weights=f"a`{evil}"))
    text = words(page("retrained", study.path))
    assert "![x]" not in text.replace("\\!\\[x\\]", "") and "<img" not in text.replace("\\<img", "")


def test_the_commands_can_be_said_as_they_stand(study):
    """Both are understood, and name this study, its subject and the file that the first one writes."""
    export, train = (shlex.split(line) for line in commands(study))
    assert export[:3] == train[:3] == ["python", "-m", "explorer"]
    first, second = command_parser().parse_args(export[3:]), command_parser().parse_args(train[3:])
    assert first.cleaned and first.study == second.study == study.path
    assert first.out == second.labels
    assert second.subject == study.subject["reference"]
    assert commands(study)[0] in page("retrained", study.path).code[0].value


def test_decisions_are_counted(study):
    """Those that change a label, those that drop a sample, and those that leave all as it is."""
    assert decision_counts(study) == (0, 0, 0)
    decide(study)
    changed = sum(Decisions.open(study).given.label(row) != one.new_label for row, one in _relabeled(study).items())
    assert decision_counts(study) == (4, changed, 1)


def test_a_sample_without_a_target_is_not_a_changed_one(tmp_path):
    """A missing target equals nothing, not even itself."""

    def with_a_gap(table):
        (target,) = [name for name in table if name.startswith("target")][:1]
        return table.assign(**{target: table[target].where(table.index != 5)})

    study = Study.open(rewritten(as_regression(made_up_study(tmp_path / "one")), with_a_gap))
    Decisions.open(study).decide([2], "relabel", 123.0)
    assert decision_counts(study) == (1, 1, 0)


def _relabeled(study):
    return {one.row: one for one in Decisions.open(study).current() if one.decision == "relabel"}


def test_without_a_changed_label_there_is_nothing_to_train_for(study):
    """No button, until somebody relabels or drops; a sample that was kept changes nothing."""
    Decisions.open(study).decide([9], "keep")
    test = page("retrained", study.path)
    assert "first: so far there is nothing to train again for" in test.info[0].value
    assert "retrain" not in [button.key for button in test.button]
    decide(study)
    assert "retrain" in [button.key for button in page("retrained", study.path).button]


def test_what_cannot_be_trained_in_the_app_is_said(study, small):
    """A subject that was passed in Python, and one whose file is gone; nothing stands in the way of the tiny one."""
    assert obstacle(study) == ""
    assert "made in Python" in obstacle(Study.open(small))
    gone = Study.open(study.path)
    gone.manifest.subject["reference"] = "/nowhere/mine.py:make"
    assert "found no such file" in obstacle(gone)
    gone.manifest.subject["reference"] = "photos --model net.py:network"
    assert obstacle(gone) == ""


def test_a_users_own_file_is_named_before_it_is_run(study):
    """Whoever presses the button knows what it runs."""
    decide(study)
    assert f"This runs your file `{tiny.__file__}`" in words(page("retrained", study.path))


@pytest.fixture
def quick(tiny_folder, tmp_path, monkeypatch):
    """A study of the tiny subject, and a trainer of its own."""
    found = Trainer()
    monkeypatch.setattr(retraining, "trainer", lambda: found)
    monkeypatch.setattr("explorer.pages.retrained.trainer", lambda: found)
    return Study.open(tiny_folder), found


def _wait(trainer, folder):
    until = time.monotonic() + 120
    while trainer.progress(folder).state == "running":
        assert time.monotonic() < until
        time.sleep(0.2)
    return trainer.progress(folder)


def test_the_button_trains_in_a_child_and_leaves_a_record(quick):
    """Pressed on the page: a process of its own trains twice; the record is there, and the page then shows it."""
    study, trainer = quick
    decide(study)
    test = page("retrained", study.path)
    test.number_input[0].set_value(3)
    test.button(key="retrain").click().run()
    assert not test.exception
    assert _wait(trainer, study.path).state == "done", (study.path / FOLDER / "training.log").read_text()
    (record,) = record_paths(study.path)
    text = words(page("retrained", study.path))
    assert "seed 3, 20 epochs" in text and "of them held out" in text
    assert record.exists()


def test_a_training_at_work_is_shown_and_not_started_twice(quick):
    """Also one that somebody else has begun: epochs of both, no button, and a second start does nothing."""
    study, trainer = quick
    decide(study)
    with training_noted(study.path) as tell:
        tell(5, 20)
        assert trainer.progress(study.path).share == 0.25
        trainer.start(study, 0)
        assert not trainer._children
        assert "retrain" not in [button.key for button in page("retrained", study.path).button]
    assert trainer.progress(study.path).state == "none"


def test_a_training_that_fails_says_why(quick, monkeypatch):
    """The sentence of the command line, and the button again."""
    study, trainer = quick
    decide(study)
    study.manifest.subject["reference"] = "mnist"
    trainer.start(study, 0)
    progress = _wait(trainer, study.path)
    assert progress.state == "failed" and "found 60" in progress.message


def test_a_training_that_was_stopped_is_said(quick):
    """Its note stays when the process is killed."""
    study, trainer = quick
    decide(study)
    (study.path / FOLDER).mkdir()
    (study.path / FOLDER / "progress.json").write_text('{"done": 3, "total": 8}')
    assert trainer.progress(study.path).state == "interrupted"
    assert "stopped before it was done" in page("retrained", study.path).warning[0].value


def test_a_folder_that_cannot_be_written_is_said(quick):
    """A file where the folder should be: one sentence on the page."""
    study, _ = quick
    decide(study)
    (study.path / FOLDER).write_text("a file")
    test = page("retrained", study.path)
    test.button(key="retrain").click().run()
    assert len(test.error) == 1 and not test.exception
