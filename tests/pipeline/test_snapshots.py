"""Snapshots of a training, measured: each as the ordinary build measures it, compared with the last."""

import hashlib
import json
import shutil
from copy import deepcopy
from dataclasses import asdict, replace

import numpy as np
import oracles
import pandas as pd
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as some
from safetensors.torch import save_file

from explorer.errors import SettingsError, StudyMismatch, SubjectError
from explorer.pipeline.build import build
from explorer.pipeline.snapshots import average_precision, measure_snapshots, shared_suspects, snapshot_files
from explorer.study.snapshots import COLUMNS, read_snapshots, snapshots_path, write_snapshots


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory, tiny_subject):
    """Three snapshots of tiny's network: new weights, half-way to its own, and its own."""
    folder = tmp_path_factory.mktemp("weights")
    own = {name: value.clone() for name, value in tiny_subject.model.state_dict().items()}
    generator = torch.Generator().manual_seed(5)
    new = {name: 0.5 * torch.randn(value.shape, generator=generator) for name, value in own.items()}
    for epoch, share in ((0, 0.0), (2, 0.5), (10, 1.0)):
        save_file(
            {name: (1 - share) * new[name] + share * own[name] for name in own}, folder / f"w-{epoch}.safetensors"
        )
    return folder


@pytest.fixture(scope="module")
def wrong_subject(tiny_subject):
    """The tiny subject with some labels that are known to be wrong."""
    given_labels = np.array(tiny_subject.labels)
    given_labels[[1, 8, 20]] = (given_labels[[1, 8, 20]] + 1) % tiny.CLASSES
    return replace(tiny_subject, labels=given_labels, columns={"true_label": np.array(tiny_subject.labels)})


@pytest.fixture(scope="module")
def measured(wrong_subject, snapshots):
    return measure_snapshots(wrong_subject, snapshot_files(snapshots), settings=tiny.SETTINGS)


def test_each_snapshot_is_measured_as_a_build_of_its_weights_would(measured, wrong_subject, snapshots, tmp_path):
    """All numbers of the middle line follow from a study that is built by hand, those of overlap from two."""
    studies = {}
    for epoch in (2, 10):
        model = deepcopy(wrong_subject.model)
        model.load_state_dict({**oracle_weights(snapshots / f"w-{epoch}.safetensors")})
        studies[epoch] = build(replace(wrong_subject, model=model), tmp_path / str(epoch), settings=tiny.SETTINGS)
    study, line = studies[2], measured.table.set_index("epoch").loc[2]
    counts = study.samples["soft_density"].to_numpy(dtype=float)
    assert line["soft_50"] == pytest.approx(np.median(counts))
    assert line["soft_05"] == pytest.approx(np.quantile(counts, 0.05)) and line["negative"] == (counts < 0).mean()
    shared = [
        len(set(study.neighbors(row, 10).indices) & set(studies[10].neighbors(row, 10).indices)) / 10
        for row in range(study.n)
    ]
    assert line["overlap"] == pytest.approx(np.mean(shared))
    samples = study.samples[study.samples["split"] == "train"]
    is_wrong = (samples["label"] != samples["true_label"]).to_numpy()
    suspicion = torch.from_numpy(samples["suspicion"].to_numpy(dtype=float))
    assert line["precision"] == pytest.approx(oracles.average_precision(suspicion, is_wrong))
    assert line["train"] == pytest.approx((samples["label"] == samples["prediction"]).mean())
    assert measured.facts.wrong_share == pytest.approx(is_wrong.mean())


def test_the_last_snapshot_has_its_own_neighbors(measured):
    """It is what the others are compared with."""
    assert measured.table["overlap"].iloc[-1] == 1
    assert measured.table["epoch"].tolist() == [0, 2, 10]
    assert (measured.table["overlap"][:-1] < 1).all()


def test_measuring_changes_nothing_in_the_subject(wrong_subject, snapshots):
    """Neither its weights nor its fingerprint."""
    before = wrong_subject.fingerprint()
    measure_snapshots(wrong_subject, snapshot_files(snapshots)[-1:], settings=tiny.SETTINGS)
    assert wrong_subject.fingerprint() == before


def test_at_most_so_many_samples_are_measured(wrong_subject, snapshots):
    """An even selection, and the table says how many of how many."""
    found = measure_snapshots(wrong_subject, snapshot_files(snapshots)[1:], most=30, settings=tiny.SETTINGS)
    assert (found.facts.samples, found.facts.all_samples) == (30, tiny.SAMPLES)
    with pytest.raises(SettingsError, match="at least 12 samples"):
        measure_snapshots(wrong_subject, snapshot_files(snapshots), most=5)


def test_a_regression_has_errors_and_no_precision(snapshots, tmp_path):
    """RMSE by the given targets; nothing is known to be wrong."""
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    model = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(2)))
    from explorer.subjects import Subject

    targets = points[:, :1].numpy() * 2
    subject = Subject(name="line", model=model, dataset=list(points), labels=targets)
    save_file(model.state_dict(), tmp_path / "w3.safetensors")
    found = measure_snapshots(subject, [(3, tmp_path / "w3.safetensors")], settings=tiny.SETTINGS)
    answers = model(points).detach().numpy()
    assert found.facts.measure == "rmse" and found.facts.wrong_share is None
    assert found.table["train"].iloc[0] == pytest.approx(np.sqrt(np.mean((answers - targets) ** 2)), rel=1e-4)
    assert found.table[["precision", "held_out"]].isna().all(axis=None)


def test_epochs_come_from_the_file_before_its_name(tmp_path):
    """What was written into a snapshot counts; a finished training is its last; two of one epoch are refused."""
    weights = {"a": torch.zeros(1)}
    save_file(weights, tmp_path / "x-9.safetensors", {"explorer": json.dumps({"epoch": 4})})
    save_file(weights, tmp_path / "net-12.safetensors")
    save_file(weights, tmp_path / "final.safetensors")
    assert [(epoch, path.name) for epoch, path in snapshot_files(tmp_path)] == [
        (4, "x-9.safetensors"),
        (12, "net-12.safetensors"),
    ]
    for name, epochs in (("whole", 20), ("twice", 12)):
        save_file(weights, tmp_path / f"{name}.safetensors", {"explorer": json.dumps({"recipe": {"epochs": epochs}})})
    assert [(epoch, path.name) for epoch, path in snapshot_files(tmp_path)][1:] == [
        (12, "net-12.safetensors"),
        (20, "whole.safetensors"),
    ]
    shutil.copy(tmp_path / "net-12.safetensors", tmp_path / "again12.safetensors")
    with pytest.raises(SettingsError, match="one snapshot an epoch"):
        snapshot_files(tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"recipe": {"epochs": 5}}, {"recipe": {"epochs": 5}}, "found a.safetensors and b.safetensors for epoch 5"),
        ({"epoch": 0, "seed": 0}, {"epoch": 5, "seed": 1}, "a.safetensors with seed 0 and b.safetensors with seed 1"),
        ({"epoch": 0, "subject": "x"}, {"epoch": 5, "subject": "y"}, "with subject x and b.safetensors with subject y"),
        (
            {"epoch": 0, "recipe": {"epochs": 9}},
            {"epoch": 5, "recipe": {"epochs": 5}},
            "with epochs 9 and b.safetensors with epo",
        ),
    ],
)
def test_two_trainings_in_one_folder_are_refused(tmp_path, first, second, words):
    """Else snapshots of one would be compared with the end of the other."""
    for name, facts in (("a", first), ("b", second), ("c", {"epoch": 7})):
        save_file({"a": torch.zeros(1)}, tmp_path / f"{name}.safetensors", {"explorer": json.dumps(facts)})
    with pytest.raises(SettingsError, match=words):
        snapshot_files(tmp_path)


def test_suspects_are_those_of_the_last_snapshot(measured, snapshots, wrong_subject, tmp_path):
    """Counted by hand from two studies; the last has all of its own, and the table says how many there are."""
    table, orders = measured.table.set_index("epoch"), {}
    for epoch in (2, 10):
        model = deepcopy(wrong_subject.model)
        model.load_state_dict(oracle_weights(snapshots / f"w-{epoch}.safetensors"))
        study = build(replace(wrong_subject, model=model), tmp_path / str(epoch), settings=tiny.SETTINGS)
        ranked = study.samples["suspicion"].sort_values(ascending=False, kind="stable")
        orders[epoch] = set(ranked.index[: measured.facts.suspects])
    assert measured.facts.suspects == 10
    assert table.loc[2, "suspects"] == pytest.approx(len(orders[2] & orders[10]) / 10)
    assert table.loc[10, "suspects"] == 1


@given(some.lists(some.tuples(some.floats(0, 1), some.floats(0, 1)), min_size=3, max_size=30), some.integers(1, 3))
def test_shared_suspects_do_not_depend_on_how_doubt_is_scaled(pairs, count):
    """Only the two orders matter, either way round, and nobody is doubted where nothing is known."""
    one, other = (np.array(values) for values in zip(*pairs, strict=True))
    found = shared_suspects(one, other, count)
    assert found == shared_suspects(4 * one, other, count) == shared_suspects(other, one, count)
    assert shared_suspects(one, one, count) == 1
    assert shared_suspects(np.full(len(one), np.nan), other, count) == 0


def test_a_table_of_the_former_format_still_opens(measured, tmp_path):
    """Without the share of suspects, which is nan then; everything else is as it was."""
    from pyarrow import Table, parquet

    columns = [name for name in COLUMNS if name != "suspects"]
    facts = {name: value for name, value in asdict(measured.facts).items() if name != "suspects"}
    table = measured.table[columns]
    lines = [[None if one != one else one for one in line] for line in table.to_numpy(object).tolist()]
    checksum = hashlib.sha256(json.dumps([facts, lines], sort_keys=True).encode()).hexdigest()
    sealed = json.dumps({"format": 1, "checksum": checksum, "facts": facts})
    arrow = Table.from_pandas(table, preserve_index=False).replace_schema_metadata({b"explorer": sealed})
    parquet.write_table(arrow, tmp_path / "old.parquet")
    found = read_snapshots(tmp_path / "old.parquet")
    pd.testing.assert_frame_equal(found.table[columns], table)
    assert found.table["suspects"].isna().all() and found.facts.suspects is None


def test_a_folder_without_snapshots_says_how_to_make_them(tmp_path):
    """Neither an empty one nor none at all."""
    with pytest.raises(SettingsError, match="at least two snapshots"):
        snapshot_files(tmp_path)
    with pytest.raises(SettingsError, match="a folder of snapshots"):
        snapshot_files(tmp_path / "nowhere")


def test_weights_of_another_network_are_refused(wrong_subject, tmp_path):
    """Before anything is kept."""
    save_file({"other": torch.zeros(3)}, tmp_path / "w1.safetensors")
    with pytest.raises(SubjectError, match="do not fit the network"):
        measure_snapshots(wrong_subject, [(1, tmp_path / "w1.safetensors")], settings=tiny.SETTINGS)


def test_a_table_comes_back_as_it_was(measured, tmp_path):
    """Through the file, nan included."""
    table = measured.table.assign(held_out=np.nan)
    path = snapshots_path(tmp_path)
    write_snapshots(path, replace(measured, table=table))
    found = read_snapshots(path, measured.facts.fingerprint)
    assert found.facts == measured.facts
    pd.testing.assert_frame_equal(found.table, table[list(COLUMNS)])
    assert read_snapshots(tmp_path / "none.parquet") is None


def test_another_subjects_table_is_refused(measured, tmp_path):
    """A study never shows snapshots of other weights, labels or inputs."""
    write_snapshots(snapshots_path(tmp_path), measured)
    with pytest.raises(StudyMismatch, match="snapshots of the subject of this study"):
        read_snapshots(snapshots_path(tmp_path), "0" * 64)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(overlap=2.0),
        lambda table: table.assign(suspects=1.5),
        lambda table: table.assign(soft_50=table["soft_50"] + 1),
        lambda table: table[::-1],
        lambda table: table.assign(epoch=table["epoch"].astype(float)),
        lambda table: table.drop(columns="precision"),
        lambda table: table.assign(weights=1),
        lambda table: table.assign(soft_95=np.inf),
        lambda table: table[:0],
    ],
)
def test_an_edited_table_is_refused(measured, tmp_path, change):
    """A number that was changed, a column of another kind, lines in another order, none at all."""
    from pyarrow import Table, parquet

    path = snapshots_path(tmp_path)
    write_snapshots(path, measured)
    before = parquet.read_table(path)
    edited = Table.from_pandas(change(before.to_pandas()), preserve_index=False)
    parquet.write_table(edited.replace_schema_metadata(before.schema.metadata), path)
    with pytest.raises(StudyMismatch, match="found what cannot be used"):
        read_snapshots(path)


@given(some.binary(max_size=200))
def test_no_bytes_make_anything_but_a_refusal(tmp_path_factory, content):
    """A stranger's file."""
    path = tmp_path_factory.mktemp("odd") / "measured.parquet"
    path.write_bytes(content)
    with pytest.raises(StudyMismatch):
        read_snapshots(path)


@given(some.lists(some.tuples(some.integers(0, 6), some.booleans()), min_size=1, max_size=30))
def test_average_precision_is_the_mean_precision_at_the_wrong_ones(pairs):
    """Against the definition, one wrong sample after the other; equal doubts share a place."""
    doubt, is_wrong = (np.array(one) for one in zip(*pairs, strict=True))
    if not is_wrong.any():
        return
    slow = [sum(1 for d, w in pairs if d >= own and w) / sum(1 for d, _ in pairs if d >= own) for own, w in pairs if w]
    assert average_precision(doubt.astype(float), is_wrong) == pytest.approx(np.mean(slow))
    from sklearn.metrics import average_precision_score

    assert average_precision(doubt.astype(float), is_wrong) == pytest.approx(average_precision_score(is_wrong, doubt))


def oracle_weights(path):
    from safetensors.torch import load_file

    return load_file(path)
