"""Decisions out of a study and into it, and a network trained with the labels that come out, from the command line."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from folders import bytes_of

from explorer.cli.main import main
from explorer.errors import DecisionError, SubjectError
from explorer.study.decisions import Decisions
from explorer.study.study import Study
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.subjects.weights import weights_metadata
from explorer.training import train, train_to_file
from explorer.training.relabeled import relabeled

REPOSITORY = Path(__file__).resolve().parents[1]
SUBJECT = f"{tiny.__file__}:subject"


@pytest.fixture
def decided(small):
    """Decisions of two people about a made-up study of 80 samples in three classes, of which they share one."""
    decisions = Decisions.open(Study.open(small))
    decisions.decide([3, 5], "drop", note="=blurred", who="anna")
    decisions.decide([7], "relabel", (decisions.given.label(7) + 1) % 3, who="bob")
    decisions.decide([5], "keep", who="bob")
    return decisions


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_decisions_go_out_and_come_back_as_they_were(said, small, decided, tmp_path, ending):
    """Into the same study after its log was lost; a second import finds all of it standing."""
    out, before = tmp_path / f"decisions.{ending}", decided.standing()
    code, told, _ = said("labels", "export", small, "--out", out)
    assert code == 0 and "wrote 4 decisions about 3 samples" in told and "about 1 sample people decided" in told
    decided.path.unlink()
    assert said("labels", "import", small, out, "--who", "carl")[:2] == (
        0,
        f"imported 4 decisions from {out} into {small}\n",
    )
    assert decided.standing().equals(before)
    assert "imported 0 decisions" in said("labels", "import", small, out)[1]
    assert decided.undo("carl") == [3, 5, 7]


def test_a_study_that_nobody_decided_about_has_an_empty_file(said, small, tmp_path):
    """Which can be imported, and writes no log."""
    out = tmp_path / "decisions.csv"
    assert said("labels", "export", small, "--out", out)[0] == 0
    assert out.read_text() == "row,label,decision,new_label,note,decided_at,who,conflict\n"
    assert said("labels", "import", small, out)[0] == 0
    assert not Decisions.open(Study.open(small)).path.exists()


def test_cleaned_labels_stand_in_the_order_of_the_samples(said, small, decided, tmp_path):
    """Where two people disagree the label stays, and this is said."""
    out = tmp_path / "cleaned.csv"
    code, told, _ = said("labels", "export", small, "--cleaned", "--out", out)
    assert code == 0 and "wrote 80 labels" in told and "1 changed, 1 dropped" in told and "1 sample as given" in told
    table, labels = pd.read_csv(out), Study.open(small).samples["label"].to_numpy()
    assert table["row"].tolist() == list(range(80))
    assert np.flatnonzero(table["label"] != labels).tolist() == [7]
    assert np.flatnonzero(~table["keep"]).tolist() == [3]


def test_decisions_do_not_make_a_study_damaged(said, small, decided):
    """Nothing that was measured is touched: status still verifies every file."""
    code, _, err = said("status", small)
    assert (code, err) == (0, "")


HEADING = "row,label,decision,new_label,note,decided_at"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "STUDY", "WRONG"), "wrong.csv line 3: a row must be a whole number from 0 to 79, found 80"),
        (("import", "STUDY", "FREE.csv"), "found no such file"),
        (("import", "STUDY", "COLUMNS"), "line 1: expected the columns row, label, decision"),
        (("import", "FREE", "WRONG"), "no such folder"),
        (("export", "STUDY", "--out", "FREE.xlsx"), ".csv or .parquet"),
        (("export", "STUDY", "--out", "FILE/a.csv"), "expected a place to write"),
        (("export", "STUDY", "--cleaned", "--all", "--out", "FREE.csv"), "not allowed with argument"),
        (("export", "STUDY"), "--out"),
        (("paint",), "invalid choice: 'paint'"),
        ((), "ACTION"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_everything_as_it_was(said, small, decided, tmp_path, words, told):
    label = decided.given.label(0)
    places = {name: tmp_path / name.lower() for name in ("FREE", "FILE")}
    places |= {"STUDY": small, "WRONG": tmp_path / "wrong.csv", "COLUMNS": tmp_path / "columns.csv"}
    (tmp_path / "file").touch()
    (tmp_path / "wrong.csv").write_text(f"{HEADING}\n0,{label},keep,,,\n80,0,keep,,,\n")
    (tmp_path / "columns.csv").write_text("row,choice\n0,keep\n")
    before = bytes_of(tmp_path)
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    code, out, err = said("labels", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and told in err
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("action", ["export", "import"])
def test_help_has_an_example_that_begins_with_the_verb(capsys, action):
    with pytest.raises(SystemExit) as left:
        main(["labels", action, "--help"])
    assert left.value.code == 0
    assert f"example: python -m explorer labels {action}" in capsys.readouterr().out


LIGHT = """
import contextlib, io, sys
from explorer.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["labels", "export", sys.argv[1], "--out", sys.argv[2]]) == 0
    assert main(["labels", "import", sys.argv[1], sys.argv[2]]) == 0
print([name for name in ("torch", "umap", "streamlit", "faiss") if name in sys.modules])
"""


def test_the_verb_loads_nothing_heavy(small, decided, tmp_path):
    words = [sys.executable, "-c", LIGHT, str(small), str(tmp_path / "out.csv")]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def cleaned_file(path, labels, keep=None):
    """A file of cleaned labels; all samples are kept when keep is left out."""
    table = pd.DataFrame({"row": range(len(labels)), "label": labels, "keep": True if keep is None else keep})
    table.to_csv(path, index=False)
    return path


def test_a_network_is_trained_with_the_labels_of_a_file(said, tmp_path):
    """As if these labels were the subject's own, and the dropped samples not there.

    The saved file says what was changed, and how good the network is on the labels as given.
    """
    own = tiny.subject()
    labels, keep = own.targets.copy(), np.ones(60, dtype=bool)
    labels[[0, 1, 59]] = (labels[[0, 1, 59]] + 1) % 3
    keep[[1, 2, 50, 51]] = False
    path, out = cleaned_file(tmp_path / "cleaned.csv", labels, keep), tmp_path / "new.safetensors"
    code, told, _ = said(
        "train", SUBJECT, "--labels", path, "--out", out, "--epochs", 3, "--seed", 4, "--device", "cpu"
    )
    assert code == 0 and "cleaned.csv: 2 relabeled, 4 dropped" in told
    rows = np.flatnonzero(keep)
    by_hand = Subject(
        name="tiny",
        model=tiny.subject().model,
        dataset=list(own.inputs(rows)),
        labels=labels[rows],
        split=own.split[rows],
    )
    log = train(by_hand, Recipe(epochs=3, loss="cross-entropy"), seed=4, device="cpu")
    saved = weights_metadata(out)
    assert saved["held_out_accuracy"] == log["held_out_accuracy"].iloc[-1]
    assert saved["loss"] == pytest.approx(log["loss"].iloc[-1])
    answers = by_hand.model(own.inputs(range(60))).argmax(1).numpy() == own.targets
    assert saved["labels"] == {
        "file": "cleaned.csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "relabeled": 2,
        "dropped": 4,
        "held_out_relabeled": 1,
        "held_out_dropped": 2,
        "as_given": {
            "train_accuracy": pytest.approx(answers[own.train_rows].mean()),
            "held_out_accuracy": pytest.approx(answers[own.held_out_rows].mean()),
        },
    }


def test_the_subjects_own_labels_from_a_file_change_nothing(tmp_path):
    """Byte for byte the same weights; only what the file says about them differs."""
    subject = tiny.subject()
    path = cleaned_file(tmp_path / "same.csv", subject.targets)
    plain = train_to_file(SUBJECT, tmp_path / "a.safetensors", epochs=2, device="cpu")
    same = train_to_file(SUBJECT, tmp_path / "b.safetensors", epochs=2, device="cpu", labels=path)
    assert plain["loss"] == same["loss"] and plain["held_out_accuracy"] == same["held_out_accuracy"]
    assert "labels" not in plain
    assert {same["labels"][name] for name in ("relabeled", "dropped", "held_out_relabeled", "held_out_dropped")} == {0}


def test_targets_come_from_a_file_too(tmp_path):
    """A regression keeps its single precision; a target that was dropped is not asked for."""
    inputs = torch.eye(6)
    subject = Subject(name="line", model=torch.nn.Linear(6, 1), dataset=list(inputs), labels=torch.linspace(0, 1, 6))
    path = cleaned_file(tmp_path / "a.csv", [0.1, 0.2, 0.4, 0.6, 0.8, -1.5], [True] * 4 + [False, True])
    after, facts = relabeled(subject, path)
    assert after.targets.tolist() == np.array([0.1, 0.2, 0.4, 0.6, -1.5], dtype=np.float32).tolist()
    assert torch.equal(after.inputs(range(5)), inputs[[0, 1, 2, 3, 5]])
    assert (facts["relabeled"], facts["dropped"]) == (2, 1)
    assert len(subject) == 6 and subject.targets[5] == 1.0


@pytest.mark.parametrize(
    ("labels", "keep", "error", "told"),
    [
        ([0] * 59, True, DecisionError, "a line for each of the 60 samples, found 59"),
        ([0] * 61, True, DecisionError, "a line for each of the 60 samples, found 61"),
        ([3] * 60, True, DecisionError, "line 2: a class must be a whole number from 0 to 2"),
        ([0] * 60, False, SubjectError, "at least 2 samples"),
        ([0] * 60, [False] * 48 + [True] * 12, SubjectError, "expected samples to train on, found none"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, labels, keep, error, told):
    path = cleaned_file(tmp_path / "cleaned.csv", labels, keep)
    with pytest.raises(error) as caught:
        train_to_file(SUBJECT, tmp_path / "w.safetensors", epochs=1, device="cpu", labels=path)
    assert told in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["cleaned.csv"]


def test_from_a_doubt_to_a_network_without_it(said, tiny_folder, tmp_path):
    """Decide, export, train: the file of decisions and the file of cleaned labels give the same network."""
    decisions = Decisions.open(Study.open(tiny_folder))
    decisions.decide([4, 8], "relabel", "blue", who="anna")
    decisions.decide([9], "drop", who="anna")
    facts = []
    for name, options in (("decisions.csv", ()), ("cleaned.csv", ("--cleaned",))):
        assert said("labels", "export", tiny_folder, "--out", tmp_path / name, *options)[0] == 0
        out = tmp_path / f"{name}.safetensors"
        code, _, err = said("train", SUBJECT, "--labels", tmp_path / name, "--out", out, "--epochs", 2)
        assert code == 0, err
        facts.append(weights_metadata(out))
    changed = 2 - sum(decisions.given.label(row) == 2 for row in (4, 8))
    assert (facts[0]["labels"]["relabeled"], facts[0]["labels"]["dropped"]) == (changed, 1)
    for one in facts:
        assert json.dumps(one["labels"].pop("sha256")) and one["labels"].pop("file")
    assert facts[0] == facts[1]
