"""A training that is killed goes on where it was, and ends to the last bit as if it had never been killed."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from explorer.errors import SettingsError
from explorer.subjects import load_subject
from explorer.subjects.recipes import Recipe
from explorer.subjects.weights import weights_metadata
from explorer.training import Enforcement, Pace, resuming, train, train_to_file

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("killed_trainings.py")
OPTIONS = runpy.run_path(str(SCRIPT))["OPTIONS"]
OWN = """
import torch
from torch import nn
from explorer.subjects import Subject

def make():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
        inputs = torch.randn(60, 4)
    return Subject(name="own", model=model, dataset=inputs, labels=(torch.arange(60) % 3).numpy(),
                   split=["held-out"] * 12 + ["train"] * 48)
"""
EPOCHS = 4
KILLED = (1, 2, 4, 5, 6)
"""At the first point, at later ones, and at the last; then between units, weights and log."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def subject(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return f"{path}:make"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork and be killed")
def test_a_killed_training_ends_bit_identical_to_an_unbroken_one(subject, tmp_path):
    """Dropout, running statistics, random labels and an enforced similarity included; nothing is left behind."""
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(SCRIPT), str(tmp_path), subject, str(EPOCHS), *map(str, KILLED)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [f"{number} killed" for number in KILLED], done.stderr
    whole = tmp_path / "whole.safetensors"
    train_to_file(subject, whole, epochs=EPOCHS, **OPTIONS)
    log = pd.read_parquet(whole.with_suffix(".log.parquet")).drop(columns="seconds")
    for number in KILLED:
        out, told = tmp_path / f"{number}.safetensors", []
        train_to_file(
            subject,
            out,
            epochs=EPOCHS,
            **OPTIONS,
            progress=lambda *one, into=told: into.append(one[0]),
        )
        assert out.read_bytes() == whole.read_bytes()
        pd.testing.assert_frame_equal(pd.read_parquet(out.with_suffix(".log.parquet")).drop(columns="seconds"), log)
        assert told == list(range(min(number, EPOCHS + 1), EPOCHS + 1)), "what was done is not done again"
        beside = {path.name.removeprefix(f"{number}.") for path in tmp_path.glob(f"{number}.*")}
        assert beside == {"safetensors", "log.parquet", "units.parquet"}


def interrupted(subject, tmp_path, **options):
    """A training that somebody stopped after its second epoch."""

    def stop(done, total, row):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu", progress=stop, **options)
    assert not (tmp_path / "w.safetensors").exists()


@pytest.fixture
def always(monkeypatch):
    """Every epoch is written down, however short."""
    monkeypatch.setattr(resuming, "SECONDS", 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 1}, "with seed 0, found 1"),
        ({"enforce": Enforcement(weight=2.0)}, "with enforce null, found"),
        ({"misclassify": 0.5}, "with misclassify null, found 0.5"),
    ],
)
def test_an_interrupted_training_is_not_gone_on_with_under_other_settings(subject, tmp_path, always, options, words):
    """It is said what differs, and nothing is changed."""
    interrupted(subject, tmp_path)
    path = tmp_path / "w.resume.safetensors"
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=words):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu", **options)
    assert path.read_bytes() == before


def test_a_snapshot_that_lies_before_is_not_passed_over_in_silence(subject, tmp_path, always):
    """One that was taken is fine, one that was not asked for then is missing, and is said to be."""
    interrupted(subject, tmp_path, snapshots=(1,))
    with pytest.raises(SettingsError, match="a snapshot after epoch 2 was asked for, found an interrupted training"):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu", snapshots=(1, 2))
    train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu", snapshots=(1, 3))
    assert {path.name for path in tmp_path.glob("w.epoch*")} == {f"w.epoch-000{one}.safetensors" for one in (1, 3)}


@pytest.mark.parametrize("log", [[], 5, [{"epoch": 1.0}], [{"seconds": "long"}], [["seconds"]]])
def test_a_log_that_is_none_is_refused(subject, tmp_path, always, log):
    """The file is read before anything in it is used."""
    interrupted(subject, tmp_path)
    path = tmp_path / "w.resume.safetensors"
    told = {"settings": weights_metadata(path)["settings"], "log": log}
    save_file(load_file(path), path, {"explorer": json.dumps(told)})
    with pytest.raises(SettingsError, match="cannot be read from .* Delete this file to begin anew"):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")


def test_an_interrupted_training_is_not_gone_on_with_on_other_data(subject, tmp_path, always):
    """One label that changed is enough."""
    interrupted(subject, tmp_path)
    (tmp_path / "own.py").write_text(OWN.replace("torch.arange(60) % 3", "(torch.arange(60) + 1) % 3"))
    with pytest.raises(SettingsError, match="an interrupted training with data"):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("nn.ReLU()", "nn.Tanh()", r'with module 2 "ReLU\(\)", found "Tanh\(\)"'),
        ("Dropout(0.2)", "Dropout(0.4)", r'with module 3 "Dropout\(p=0.2, inplace=False\)", found "Dropout\(p=0.4'),
        ("(60, 4)", "(60, 4); nn.init.normal_(model[0].weight)", "with weights at the start"),
        ("(60, 4)", "(60, 4); model[1].running_var.fill_(2)", "with weights at the start"),
        ("BatchNorm1d(8)", "LayerNorm(8)", "with module 1"),
    ],
)
def test_an_interrupted_training_is_not_gone_on_with_in_another_network(
    subject, tmp_path, always, before, after, words
):
    """Not even in one whose weights have the same names and shapes, or in the same one from other first weights."""
    interrupted(subject, tmp_path)
    path = tmp_path / "w.resume.safetensors"
    kept = path.read_bytes()
    assert before in OWN
    (tmp_path / "own.py").write_text(OWN.replace(before, after))
    with pytest.raises(SettingsError, match=words):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")
    assert path.read_bytes() == kept


def test_a_network_is_known_again_in_another_process(tmp_path, always):
    """A module that shows an address in memory, and weights of half the width, hinder nobody from going on."""
    own = """
import torch
from torch import nn
from explorer.subjects import Subject

class Named(nn.Linear):
    def extra_repr(self):
        return f"by {object()}"

def make():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(Named(4, 3))
    model.register_buffer("scale", torch.ones(2, dtype=torch.bfloat16))
    return Subject(name="own", model=model, dataset=torch.eye(4), labels=[0, 1, 2, 1])
"""
    (tmp_path / "own.py").write_text(own)
    interrupted(f"{tmp_path / 'own.py'}:make", tmp_path)
    train_to_file(f"{tmp_path / 'own.py'}:make", tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")
    train_to_file(f"{tmp_path / 'own.py'}:make", tmp_path / "whole.safetensors", epochs=EPOCHS, device="cpu")
    assert (tmp_path / "w.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_a_fresh_training_goes_on_bit_for_bit(subject, tmp_path, always):
    """And not without --fresh, which begins from other weights."""
    interrupted(subject, tmp_path, fresh=True)
    with pytest.raises(SettingsError, match="with weights at the start"):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")
    for name in ("w", "whole"):
        train_to_file(subject, tmp_path / f"{name}.safetensors", epochs=EPOCHS, device="cpu", fresh=True)
    assert (tmp_path / "w.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_file_is_refused_in_a_sentence(subject, tmp_path, content):
    """With what to do about it."""
    (tmp_path / "w.resume.safetensors").write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read from .* Delete this file to begin anew"):
        train_to_file(subject, tmp_path / "w.safetensors", epochs=EPOCHS, device="cpu")


def test_a_training_counted_in_steps_goes_on_alike(subject, tmp_path, always):
    """Batches are drawn by the number of the step, so nothing is drawn twice or left out."""
    recipe = Recipe(epochs=1, loss="cross-entropy", batch_size=4)
    options = {"pace": Pace(steps=12, every=3), "enforce": Enforcement(mode="contrast"), "device": "cpu"}
    expected = train(load_subject(subject), recipe, **options)

    def stop(done, total, row):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(load_subject(subject), recipe, **options, resume=tmp_path / "r.safetensors", progress=stop)
    found = train(load_subject(subject), recipe, **options, resume=tmp_path / "r.safetensors")
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))
    assert found["seconds"].is_monotonic_increasing
