"""The commands that the Training page prints are run as they stand, for every kind of subject."""

import shlex

import pandas as pd
import pytest
import tiny
import torch
from subjects.own_data import write_networks, write_pictures

from explorer.pages import over_epochs
from explorer.pipeline.build import build
from explorer.study.snapshots import read_snapshots, snapshots_path
from explorer.subjects import load_subject
from explorer.subjects.weights import load_state, weights_metadata


def run_commands(said, study, folder, monkeypatch):
    """Both commands, word by word, from a folder of their own; the weights after epoch 0."""
    monkeypatch.chdir(folder)
    for line in over_epochs.commands(study).splitlines():
        program, *words = shlex.split(line.replace("python -m explorer", "explorer"))
        code, _, err = said(*words)
        assert code == 0, f"{line}: {err}"
    assert read_snapshots(snapshots_path(study.path), study.subject["fingerprint"]) is not None
    (first,) = folder.glob("weights/*/*.epoch-0000.safetensors")
    return first


@pytest.mark.parametrize("has_weights", [True, False])
def test_pictures_with_a_list_of_labels(said, tmp_path, monkeypatch, has_weights):
    """The list is called otherwise in `train`; finished weights are not where a training begins."""
    pictures, networks = write_pictures(tmp_path / "my pets", 24), write_networks(tmp_path)
    files = sorted(one.relative_to(pictures).as_posix() for one in pictures.glob("*/*"))
    table = pd.DataFrame({"file": files, "label": [name.split("/")[0] for name in files]})
    table.to_csv(tmp_path / "list.csv", index=False)
    words = [str(pictures), "--labels", str(tmp_path / "list.csv"), "--model", f"{networks}:picture_network"]
    if has_weights:
        torch.save(load_subject(shlex.join(words)).model.state_dict(), tmp_path / "net.pt")
        words += ["--weights", str(tmp_path / "net.pt")]
    study = build(load_subject(shlex.join(words)), tmp_path / "a study", settings=tiny.SETTINGS)
    first = run_commands(said, study, tmp_path, monkeypatch)
    if has_weights:
        model = load_subject(shlex.join(words)).model
        before = model.state_dict()["0.weight"].clone()
        load_state(model, first)
        assert "--weights" not in over_epochs.commands(study).splitlines()[0]
        assert weights_metadata(first)["fresh"] and model.state_dict()["0.weight"].shape == before.shape


def test_a_function_that_brings_finished_weights(said, tiny_study, tiny_folder, tmp_path, monkeypatch):
    """Epoch 0 is a network that was not trained."""
    study = type(tiny_study).open(tiny_folder)
    model = tiny.subject().model
    own = model.state_dict()["0.weight"].clone()
    load_state(model, run_commands(said, study, tmp_path, monkeypatch))
    assert (model.state_dict()["0.weight"] != own).all()


def test_a_bundled_network_needs_no_word_more(tiny_study):
    """It always begins with new weights; one of timm cannot be made without weights and keeps them."""
    study = type(tiny_study).open(tiny_study.path)
    study.subject["reference"] = "digits"
    assert "--fresh" not in over_epochs.commands(study)
    study.subject["reference"] = "pets --model timm:resnet18 --weights net.pt --size 32 32"
    first = over_epochs.commands(study).splitlines()[0]
    assert "--weights net.pt --size 32 32 --fresh" in first
