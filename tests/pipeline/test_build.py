import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import tiny
import torch
from folders import bytes_of, content_of
from torch import nn

from explorer.errors import SettingsError, StudyError, StudyMismatch, SubjectError
from explorer.pipeline.build import STEPS, build, followers_of, step_keys
from explorer.pipeline.folder import settings_for
from explorer.records import Settings
from explorer.study.lock import locked
from explorer.study.steps import STEP_NAMES
from explorer.study.study import Study
from explorer.subjects import Subject


def records(folder):
    return Study.open(folder).manifest.steps


def test_every_step_is_in_the_table_after_what_it_needs():
    assert tuple(step.name for step in STEPS) == STEP_NAMES
    for number, step in enumerate(STEPS):
        assert set(step.needs) <= set(STEP_NAMES[:number])


def test_every_setting_that_changes_results_changes_some_step():
    """And then all that follow from it; the others (device, batch size, engine) change none."""
    before = step_keys(Settings(), "fingerprint")
    other = {"dim": 7, "outputs": "all", "neighbors": 7, "limit": 7, "seed": 7, "calibration": 7, "coordinates": 7}
    other |= {"shard_size": 7, "storage": "float16", "exact_density": True}
    other |= {"batch_size": 7, "device": "cpu", "engine": "ray"}
    for one in fields(Settings):
        after = step_keys(replace(Settings(), **{one.name: other[one.name]}), "fingerprint")
        changed = {step for step in STEP_NAMES if before[step] != after[step]}
        assert bool(changed) == one.metadata.get("changes_result", True), one.name
        assert changed >= {follower for step in changed for follower in followers_of(step)}


def test_another_subject_changes_every_step():
    one, other = (step_keys(Settings(), fingerprint) for fingerprint in ("one", "other"))
    assert not set(one.values()) & set(other.values())


def test_what_follows_from_a_step_is_what_needs_it_by_way_of_others_too():
    assert followers_of("neighbors") == ["statistics", "layout", "samples"]
    assert followers_of("samples") == []


def test_building_a_finished_study_again_changes_nothing(tiny_folder):
    before = bytes_of(tiny_folder)
    build(tiny.subject(), tiny_folder, settings=tiny.SETTINGS)
    build(tiny.subject(), tiny_folder)
    assert bytes_of(tiny_folder) == before


def test_building_a_damaged_study_names_the_file_and_changes_nothing(tiny_folder):
    """A finished study that is no longer what was written is not called complete."""
    file = tiny_folder / "features" / "0000" / "units.npy"
    file.write_bytes(file.read_bytes()[:100])
    before = bytes_of(tiny_folder)
    with pytest.raises(StudyMismatch, match="units"):
        build(tiny.subject(), tiny_folder, settings=tiny.SETTINGS)
    assert bytes_of(tiny_folder) == before


def test_another_k_makes_neighbors_anew_and_not_features(tiny_folder):
    before = records(tiny_folder)
    study = build(tiny.subject(), tiny_folder, settings=replace(tiny.SETTINGS, neighbors=7), redo="neighbors")
    after = records(tiny_folder)
    redone = {step for step in STEP_NAMES if after[step] != before[step]}
    assert redone == {"neighbors", "statistics", "layout", "samples"}
    assert study.array("neighbors/network/indices").shape == (60, 7)
    assert study.settings.neighbors == 7
    study.verify()


def test_a_damaged_step_is_made_anew_as_it_was_and_what_follows_is_left_alone(tiny_folder, tiny_study):
    damaged = tiny_folder / "features" / "0002" / "units.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    before = records(tiny_folder)
    build(tiny.subject(), tiny_folder, redo="features")
    assert content_of(tiny_folder) == content_of(tiny_study.path)
    assert {step for step in STEP_NAMES if records(tiny_folder)[step] != before[step]} == {"features"}


@pytest.mark.parametrize(
    ("settings", "redo", "words"),
    [
        ({"dim": 16}, None, "dim: 24 here, 16 asked for"),
        ({"seed": 3, "neighbors": 7}, None, r"(?s)neighbors: 10 here, 7 asked for;\n  seed: 0 here, 3 asked for"),
        ({"dim": 16}, "neighbors", "dim: 24 here, 16 asked for"),
    ],
)
def test_other_settings_are_refused_line_by_line_and_the_study_stays_as_it_was(tiny_folder, settings, redo, words):
    before = bytes_of(tiny_folder)
    with pytest.raises(StudyMismatch, match=words):
        build(tiny.subject(), tiny_folder, settings=replace(tiny.SETTINGS, **settings), redo=redo)
    assert bytes_of(tiny_folder) == before


def test_another_subject_is_refused_and_the_study_stays_as_it_was(tiny_folder):
    before = bytes_of(tiny_folder)
    other = tiny.subject()
    with torch.no_grad():
        next(other.model.parameters())[0, 0] += 1
    with pytest.raises(StudyMismatch, match="was made of tiny with other weights, labels or inputs"):
        build(other, tiny_folder)
    assert bytes_of(tiny_folder) == before


def test_a_folder_that_holds_something_else_is_not_written_into(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to mother.txt").write_text("Dear mother")
    before = bytes_of(tmp_path)
    for place in (tmp_path / "letters", tmp_path / "letters" / "to mother.txt"):
        with pytest.raises(StudyError, match=r"to mother\.txt"):
            build(tiny.subject(), place, settings=tiny.SETTINGS)
    with pytest.raises(StudyError, match="expected a folder that can be written"):
        build(tiny.subject(), tmp_path / "letters" / "to mother.txt" / "study", settings=tiny.SETTINGS)
    assert bytes_of(tmp_path) == before


def not_finite():
    """A subject with nan in the inputs of one sample."""
    subject = tiny.subject()
    subject.dataset[7] = torch.tensor([float("nan"), 0.0])
    return subject


@pytest.mark.parametrize(
    ("subject", "settings", "redo", "kind", "words"),
    [
        (tiny.subject, {}, "colors", SettingsError, "redo must name a step .*found 'colors'"),
        (not_finite, {}, None, SubjectError, "found nan or infinity in sample 7"),
    ],
)
def test_input_that_cannot_be_used_leaves_no_trace(tmp_path, subject, settings, redo, kind, words):
    with pytest.raises(kind, match=words):
        build(subject(), tmp_path / "deep" / "study", settings=replace(tiny.SETTINGS, **settings), redo=redo)
    assert list(tmp_path.iterdir()) == []


def test_two_builds_at_once_on_one_study_are_refused(tiny_folder):
    before = bytes_of(tiny_folder)
    held = "import sys; from pathlib import Path; from explorer.study.lock import locked\n"
    held += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held, str(tiny_folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match="another build at work"):
            build(tiny.subject(), tiny_folder, redo="samples")
        other.communicate()
    assert bytes_of(tiny_folder) == before
    with locked(tiny_folder):
        assert os.listdir(tiny_folder)


def test_settings_that_are_not_given_are_those_of_the_study(tiny_folder, tmp_path):
    assert settings_for(tmp_path / "new", seed=3, dim=None) == Settings(seed=3)
    assert settings_for(tiny_folder, neighbors=7) == replace(tiny.SETTINGS, neighbors=7, device="auto")


def test_samples_without_a_gradient_are_named_and_change_no_number_of_the_others(tmp_path):
    """A network without biases has no gradient at the origin; without such samples the others have the same numbers.

    With one output and all 18 parameters kept nothing depends on which samples the projection was fitted to.
    """
    points = 1.5 + torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    dead, alive = [3, 17], [row for row in range(42) if row not in (3, 17)]
    with_dead = torch.zeros(42, 2).index_copy(0, torch.tensor(alive), points)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 6, bias=False), nn.Tanh(), nn.Linear(6, 1, bias=False))
    study, without = (
        build(
            Subject(name="dead", model=model, dataset=list(inputs), labels=inputs.sum(1)),
            tmp_path / str(len(inputs)),
            settings=replace(tiny.SETTINGS, dim=18),
        )
        for inputs in (with_dead, points)
    )
    assert any("2 of 42 samples" in line and "3, 17" in line for line in study.warnings)
    assert without.warnings == []
    assert np.flatnonzero(~study.rows("valid")).tolist() == dead
    assert (study.neighbors(3).indices == -1).all()
    assert np.isnan(study.similarity([3], [0, 3])).all()
    assert not set(dead) & set(study.array("neighbors/network/indices")[alive].ravel())
    columns = ["soft_density", "hard_density", "denoising_factor", "uncertainty", "shift", "gradient_norm"]
    assert (
        study.samples.loc[dead, [*columns, "leverage_gain", "suspicion", "captured_energy", "x"]].isna().all(axis=None)
    )
    assert study.samples.loc[alive].notna().all(axis=None)
    for column in columns:
        expected = without.samples[column].to_numpy()
        assert study.samples.loc[alive, column].to_numpy() == pytest.approx(expected, rel=1e-3), column


def test_the_stored_progress_is_gone_after_a_build_and_says_why_one_failed(tmp_path):
    def stop(advance):
        if advance.step == "features":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS, progress=stop)
    told = (tmp_path / "study" / "progress.json").read_text()
    assert '"state": "interrupted"' in told and '"step": "features"' in told
    seen = []
    build(tiny.subject(), tmp_path / "study", settings=tiny.SETTINGS, progress=seen.append)
    assert not (tmp_path / "study" / "progress.json").exists()
    assert [one.step for one in seen if one.is_finished] == list(STEP_NAMES[2:])
    assert all(0 <= one.done <= one.total == 60 for one in seen)


def test_broken_samples_are_nobodys_neighbors(tmp_path):
    """Marked broken, two samples are in no list of neighbors of any kind, have none, and count for nobody."""
    subject = tiny.subject()
    dataset = [point.clone() for point in subject.dataset]
    broken = np.isin(np.arange(len(dataset)), [7, 30])
    for row in np.flatnonzero(broken):
        dataset[row][:] = torch.nan
    study = build(replace(subject, dataset=dataset, broken=broken), tmp_path / "study", settings=tiny.SETTINGS)
    for kind in ("network", "embedding", "input"):
        indices = study.array(f"neighbors/{kind}/indices")
        assert (indices[broken] == -1).all()
        assert not np.isin(indices, np.flatnonzero(broken)).any()
    assert study.samples["soft_density"].isna().to_numpy().tolist() == broken.tolist()
