"""Trained networks on disk: complete, reproducible, and nothing left behind when it fails."""

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from explorer.errors import SettingsError, SubjectError
from explorer.subjects.bundled import untrained_subject
from explorer.subjects.weights import load_weights, weights_metadata
from explorer.training import save_log, save_weights, train_to_file

OWN = """
import torch
from explorer.subjects import Subject

def make():
    model = torch.nn.Linear(4, 2)
    torch.nn.init.zeros_(model.weight), torch.nn.init.zeros_(model.bias)
    return Subject(name="own", model=model, dataset=torch.eye(4), labels=LABELS)
"""


@pytest.fixture
def own(tmp_path):
    def write(labels):
        path = tmp_path / "own.py"
        path.write_text(OWN.replace("LABELS", labels))
        return f"{path}:make"

    return write


def test_weights_and_metadata_come_back_as_they_were(tmp_path):
    """Also shared weights and running statistics."""
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.BatchNorm1d(3), shared)
    path = tmp_path / "w.safetensors"
    save_weights(model, path, {"seed": 3, "é": [1, 2]})
    other = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    load_weights(other, path, "")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    assert weights_metadata(path) == {"seed": 3, "é": [1, 2]}


def test_the_same_training_gives_the_same_file(tmp_path):
    """Byte for byte for one seed; other weights for another."""
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        train_to_file("diabetes", path, epochs=2, seed=seed, device="cpu")
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert not torch.equal(*(load_file(path)["1.weight"] for path in (paths[0], paths[2])))


def test_the_file_says_how_it_was_made(tmp_path):
    """Subject, seed, recipe and the last line of the log, which lies beside it."""
    path = tmp_path / "new" / "d.safetensors"
    result = train_to_file("diabetes", path, epochs=3, seed=5, device="cpu")
    said = weights_metadata(path)
    log = pd.read_parquet(result["log"])
    assert (said["subject"], said["seed"], said["recipe"]["epochs"]) == ("diabetes", 5, 3)
    assert said["held_out_rmse"] == log.held_out_rmse.iloc[-1]
    assert {name: result[name] for name in said} == said
    assert sorted(file.name for file in path.parent.iterdir()) == ["d.log.parquet", "d.safetensors"]


def test_the_trained_weights_fit_the_subject(tmp_path):
    """They can be loaded into the bundled network that they were trained for."""
    path = tmp_path / "d.safetensors"
    result = train_to_file("diabetes", path, epochs=1, device="cpu")
    subject, _ = untrained_subject("diabetes", seed=9)
    load_weights(subject.model, path, "")
    errors = (
        subject.model(subject.inputs(subject.held_out_rows))[:, 0]
        - torch.from_numpy(subject.targets)[subject.held_out_rows]
    )
    assert errors.square().mean().sqrt().item() == pytest.approx(result["held_out_rmse"], rel=1e-5)


def test_own_networks_are_trained_from_the_weights_that_they_have(own, tmp_path):
    """A subject of one's own needs no recipe; its task chooses the loss."""
    classes = train_to_file(own("[0, 1, 1, 0]"), tmp_path / "a.safetensors", epochs=200, device="cpu")
    targets = train_to_file(own("[[0.5, 1.0]] * 4"), tmp_path / "b.safetensors", epochs=1, device="cpu")
    assert classes["train_accuracy"] == 1.0
    assert (classes["recipe"]["loss"], targets["recipe"]["loss"]) == ("cross-entropy", "l2")


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("weights.pt", "written as .safetensors, found 'weights.pt'"),
        ("taken/weights.safetensors", "cannot be made"),
        ("folder.safetensors", "expected a place to write"),
        (f"{'n' * 250}.safetensors", "expected a place to write"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_training(tmp_path, out, words):
    """Minutes of work are not lost to a wrong name."""
    (tmp_path / "taken").write_text("a file, not a folder")
    (tmp_path / "folder.safetensors").mkdir()
    told = []
    with pytest.raises(SettingsError) as caught:
        train_to_file("diabetes", tmp_path / out, epochs=1, device="cpu", progress=lambda *news: told.append(news))
    assert words in str(caught.value)
    assert not told


@pytest.mark.parametrize("epochs", [0, -3])
def test_a_training_has_at_least_one_epoch(tmp_path, epochs):
    """Zero epochs would write untrained weights under a trained name."""
    with pytest.raises(SettingsError, match=f"epochs must be at least 1, found {epochs}"):
        train_to_file("diabetes", tmp_path / "w.safetensors", epochs=epochs, device="cpu")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_no_generator_takes_is_refused(tmp_path, seed):
    """Before weights are drawn with it."""
    with pytest.raises(SettingsError, match=f"the seed must be from 0 to .*, found {seed}"):
        train_to_file("diabetes", tmp_path / "w.safetensors", epochs=1, seed=seed, device="cpu")
    assert not list(tmp_path.iterdir())


def test_a_subject_that_cannot_be_measured_is_not_trained(own, tmp_path):
    """The sentence of check() comes first, and nothing is written."""
    with pytest.raises(SubjectError, match="found label 2"):
        train_to_file(own("[0, 1, 2, 0]"), tmp_path / "w.safetensors", device="cpu")
    assert not list(tmp_path.glob("w.*"))


def test_a_failed_write_leaves_the_former_file(tmp_path, monkeypatch):
    """Weights and log are there whole, the old or the new, whatever happens while they are written."""
    path, log_path = tmp_path / "w.safetensors", tmp_path / "w.log.parquet"
    save_weights(nn.Linear(2, 2), path, {"seed": 1})
    save_log(pd.DataFrame({"epoch": [1]}), log_path)
    before = path.read_bytes(), log_path.read_bytes()

    def full_disk(part, final):
        raise OSError("No space left on device")

    monkeypatch.setattr("explorer.study.steps.publish", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_weights(nn.Linear(3, 3), path, {"seed": 2})
    with pytest.raises(OSError, match="No space left"):
        save_log(pd.DataFrame({"epoch": [1, 2]}), log_path)
    assert (path.read_bytes(), log_path.read_bytes()) == before
