"""Before and after: two trainings that differ in nothing but labels, and numbers that a plain calculation gives."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from folders import bytes_of
from safetensors.torch import load_file
from torch import nn

from explorer.errors import SettingsError, StudyMismatch, SubjectError
from explorer.pipeline.build import build
from explorer.records import Settings
from explorer.study.decisions import Decisions
from explorer.study.retrained import FOLDER, read_record, record_paths
from explorer.study.study import Study
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.training import train, train_to_file
from explorer.training.retraining import comparisons

SUBJECT = f"{tiny.__file__}:subject"
EPOCHS, SEED = 3, 4


def cleaned_file(path: Path, labels, keep) -> Path:
    pd.DataFrame({"row": range(len(labels)), "label": labels, "keep": keep}).to_csv(path, index=False)
    return path


@pytest.fixture
def changes():
    """Labels of the tiny subject after decisions: some of each part changed, some dropped."""
    subject = tiny.subject()
    labels, keep = subject.targets.copy(), np.ones(60, dtype=bool)
    labels[[0, 1, 5, 59]] = (labels[[0, 1, 5, 59]] + 1) % 3
    keep[[2, 50, 51]] = False
    return labels, keep


@pytest.fixture
def outcome(tiny_folder, tmp_path, changes):
    """A training with its record, in a study where somebody also decided to keep a held-out sample."""
    study = Study.open(tiny_folder)
    Decisions.open(study).decide([55], "keep")
    path = cleaned_file(tmp_path / "cleaned.csv", *changes)
    facts = train_to_file(
        SUBJECT,
        tmp_path / "w.safetensors",
        epochs=EPOCHS,
        seed=SEED,
        device="cpu",
        labels=path,
        study=study,
    )
    return study, facts, read_record(Path(facts["record"]), study.subject["fingerprint"])


def trained_by_hand(rows, labels):
    """The answers of the tiny network to all samples after a training on some of them."""
    subject = tiny.subject()
    part = Subject(
        name="tiny",
        model=subject.model,
        dataset=list(subject.inputs(rows)),
        labels=labels[rows],
        split=subject.split[rows],
    )
    train(part, Recipe(epochs=EPOCHS, loss="cross-entropy"), seed=SEED, device="cpu")
    with torch.no_grad():
        return subject.model(subject.inputs(range(60))).argmax(1).numpy()


def test_before_and_after_are_those_of_a_plain_calculation(outcome, changes):
    """Trained by hand twice, answers counted by hand: the record says the same, for each part and network."""
    study, _, made = outcome
    labels, keep = changes
    given, split = tiny.subject().targets, tiny.subject().split
    networks = {
        "own": study.samples["prediction"].to_numpy(),
        "control": trained_by_hand(np.arange(60), given),
        "retrained": trained_by_hand(np.flatnonzero(keep), labels),
    }
    held_out = np.flatnonzero(split == "held-out")
    parts = {"untouched": [row for row in held_out if row not in (50, 51, 55, 59)], "held_out": held_out}
    assert [one.part for one in made.comparisons] == list(parts)
    for one in made.comparisons:
        rows = parts[one.part]
        assert one.samples == len(rows)
        for name, told in networks.items():
            assert getattr(one, name) == pytest.approx(np.mean(told[rows] == given[rows]))


def test_the_record_says_how_it_was_made(outcome, tmp_path):
    """Recipe, seed, file of labels with its counts, and where the network lies."""
    _, facts, made = outcome
    assert (made.seed, made.recipe["epochs"], made.measure) == (SEED, EPOCHS, "accuracy")
    assert made.labels["sha256"] == hashlib.sha256((tmp_path / "cleaned.csv").read_bytes()).hexdigest()
    counts = {"relabeled": 4, "dropped": 3, "held_out_relabeled": 1, "held_out_dropped": 2}
    assert {name: made.labels[name] for name in counts} == counts
    assert Path(made.weights) == tmp_path / "w.safetensors"
    assert facts["held_out"] == made.comparisons[1].in_words()


def test_a_control_does_not_change_the_network(outcome, tmp_path):
    """Byte for byte the weights of the same training without a study."""
    alone = tmp_path / "alone.safetensors"
    train_to_file(SUBJECT, alone, epochs=EPOCHS, seed=SEED, device="cpu", labels=tmp_path / "cleaned.csv")
    assert alone.read_bytes() == (tmp_path / "w.safetensors").read_bytes()


def test_labels_that_change_nothing_make_no_difference(tiny_folder, tmp_path):
    """The control and the network are then the same: no sample tells them apart."""
    study, subject = Study.open(tiny_folder), tiny.subject()
    path = cleaned_file(tmp_path / "same.csv", subject.targets, True)
    facts = train_to_file(SUBJECT, tmp_path / "w.safetensors", epochs=2, device="cpu", labels=path, study=study)
    for one in read_record(Path(facts["record"]), study.subject["fingerprint"]).comparisons:
        assert (one.only_control, one.only_retrained, one.difference) == (0, 0, 0)
        assert not one.is_beyond_chance


def test_the_study_stays_what_it_was(outcome, tiny_study):
    """Its version, its manifest and its arrays; nothing but records and decisions is new."""
    study, _, _ = outcome
    before, after = bytes_of(tiny_study.path), bytes_of(study.path)
    new = {name for name in after if name not in before}
    assert all(str(name).startswith((FOLDER, "decisions.sqlite")) for name in new)
    assert {name: after[name] for name in before} == before
    assert Study.open(study.path).version == tiny_study.version


def test_progress_counts_the_epochs_of_both(tiny_folder, tmp_path, changes):
    """From the first of the control to the last of the other, in the note as in what is told."""
    from explorer.study.retrained import read_progress

    study, told = Study.open(tiny_folder), []
    train_to_file(
        SUBJECT,
        tmp_path / "w.safetensors",
        epochs=2,
        device="cpu",
        labels=cleaned_file(tmp_path / "cleaned.csv", *changes),
        study=study,
        progress=lambda done, total, _: told.append((done, total, read_progress(study.path))),
    )
    assert told == [(done, 4, (done, 4)) for done in (1, 2, 3, 4)]
    assert read_progress(study.path) is None


def test_true_labels_of_a_demo_are_compared_too(tiny_study):
    """Where the table knows them: on held-out and on training samples, counted by hand."""
    subject = tiny.subject()
    truth = (subject.targets + (np.arange(60) % 7 == 0)) % 3
    study = Study.open(tiny_study.path)
    study.__dict__["_samples"] = tiny_study.samples.assign(true_label=truth)
    answers = [np.roll(subject.targets, shift) for shift in (0, 3, 1)]
    found = {one.part: one for one in comparisons(study, subject, np.zeros(60, dtype=bool), tuple(answers))}
    held_out = subject.split == "held-out"
    for part, rows in (("held_out_true", held_out), ("train_true", ~held_out)):
        assert found[part].retrained == pytest.approx((answers[2] == truth)[rows].mean())
        assert found[part].samples == rows.sum()


def line(labels=None, split=True):
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    targets = inputs @ torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    return Subject(
        name="line",
        model=nn.Linear(3, 2),
        dataset=list(inputs),
        labels=targets if labels is None else labels,
        split=np.where(np.arange(40) < 30, "train", "held-out") if split else None,
    )


def test_a_regression_is_compared_by_its_errors(tmp_path):
    """Root mean squares over samples and both outputs, of the network of the study and of two others."""
    subject = line()
    study = build(subject, tmp_path / "line", settings=Settings(dim=8, neighbors=5, calibration=20, device="cpu"))
    own = study.samples[study.columns_of("prediction")].to_numpy(dtype=np.float32)
    answers = (own, own + 1, own - 2)
    touched = np.arange(40) >= 38
    for one, rows in zip(comparisons(study, subject, touched, answers), (slice(30, 38), slice(30, 40)), strict=True):
        errors = [float(np.sqrt(np.mean((told[rows] - subject.targets[rows]) ** 2))) for told in answers]
        assert [one.own, one.control, one.retrained] == pytest.approx(errors, rel=1e-5)
        assert one.probability is None


def test_a_study_needs_labels(tmp_path, tiny_study):
    """A record of a training on the labels as given would compare nothing."""
    with pytest.raises(SettingsError, match="expected a file of labels with a study"):
        train_to_file(SUBJECT, tmp_path / "w.safetensors", device="cpu", study=tiny_study)


def test_a_study_of_something_else_is_refused_before_the_training(small, tmp_path, changes):
    """Other samples or other labels: nothing is trained, nothing is written into the study."""
    path, before = cleaned_file(tmp_path / "cleaned.csv", *changes), bytes_of(small)
    with pytest.raises(StudyMismatch, match="expected a study of all 60 samples of tiny"):
        train_to_file(SUBJECT, tmp_path / "w.safetensors", device="cpu", labels=path, study=Study.open(small))
    assert bytes_of(small) == before and record_paths(small) == []
    assert not (tmp_path / "w.safetensors").exists()


def test_without_held_out_samples_there_is_nothing_to_compare(tmp_path):
    """Said before the training, with the way out."""
    from explorer.training.retraining import train_with_control

    subject = line(split=False)
    study = build(subject, tmp_path / "line", settings=Settings(dim=8, neighbors=5, calibration=20, device="cpu"))
    with pytest.raises(SubjectError, match="expected held-out samples"):
        train_with_control(study, subject, replace(subject), Recipe(epochs=1, loss="l2"), device="cpu")


def test_the_verb_keeps_the_record(said, tiny_folder, tmp_path, changes):
    """From the command line: the record is named, its words are printed, and the network is loaded again."""
    path, out = cleaned_file(tmp_path / "cleaned.csv", *changes), tmp_path / "w.safetensors"
    words = ("train", SUBJECT, "--labels", path, "--out", out, "--epochs", 2, "--study", tiny_folder)
    code, told, err = said(*words)
    (record,) = record_paths(tiny_folder)
    assert code == 0, err
    assert str(record) in told and "after decisions" in told
    assert len(load_file(out)) == 4
    assert said(*words[:2], *words[4:])[0] == 2
