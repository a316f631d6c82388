"""Data of one's own without code: what the words ask for is what is read, and the reference asks for the same again."""

import argparse
import shutil
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from subjects.own_data import write_networks, write_pictures

import explorer
from explorer.cli.own import NAMES, add_own_options, subject_words
from explorer.errors import SettingsError, SubjectError
from explorer.subjects import load_subject
from explorer.subjects.own import Asked, asked_subject


@pytest.fixture
def networks(tmp_path):
    return write_networks(tmp_path)


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pets")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "houses.csv"
    rows = [f"{40 + 3 * row},{'north' if row % 3 else 'south'},{row % 2},{row / 7:.3f}" for row in range(20)]
    path.write_text("area,district,sold,price\n" + "\n".join(rows) + "\n")
    return path


def test_a_folder_of_pictures_is_a_classifier_by_subfolder(networks, pictures):
    """Classes are the subfolders in sorted order, rows the files in sorted order, values what the file holds."""
    subject = load_subject(f"{pictures} --model {networks}:picture_network")
    subject.check()
    assert subject.class_names == ["cats", "dogs", "eels"]
    assert subject.targets.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert subject.columns["file"].tolist() == sorted(f"{one.parent.name}/{one.name}" for one in pictures.glob("*/*"))
    for row, name in enumerate(subject.columns["file"]):
        pixels = np.asarray(Image.open(pictures / name))
        np.testing.assert_allclose(subject.inputs([row])[0].permute(1, 2, 0), pixels / 255, atol=1e-6)
    np.testing.assert_array_equal(subject.thumbnail(3).shape[2], 3)


def test_the_order_of_files_does_not_depend_on_the_disk(networks, pictures, tmp_path):
    """A copy whose files were written in another order is the same subject but for its name."""
    (tmp_path / "copy").mkdir()
    for one in sorted(pictures.glob("*/*"), reverse=True):
        (tmp_path / "copy" / "pets" / one.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(one, tmp_path / "copy" / "pets" / one.parent.name / one.name)
    (tmp_path / "copy" / "pets" / "cats" / "notes.txt").write_text("not a picture")
    (tmp_path / "copy" / "pets" / "cats" / ".hidden.png").write_bytes(b"not a picture either")
    (tmp_path / "copy" / "pets" / "cats" / ".ipynb_checkpoints").mkdir()
    shutil.copy(pictures / "dogs" / "001.png", tmp_path / "copy" / "pets" / "cats" / ".ipynb_checkpoints")
    first = load_subject(f"{pictures} --model {networks}:picture_network")
    second = load_subject(f"{tmp_path / 'copy' / 'pets'} --model {networks}:picture_network")
    assert first.fingerprint() == second.fingerprint()


def test_a_csv_may_tell_the_labels(networks, pictures):
    """Rows are those of the CSV in its order; whole numbers are classes as they stand, a split is taken over."""
    names = [one.relative_to(pictures).as_posix() for one in pictures.glob("*/*.png")][:6]
    lines = [f"{name},{row % 2},{'train' if row < 4 else 'test'}" for row, name in enumerate(names)]
    (pictures / "list.csv").write_text("file,label,part\n" + "\n".join(lines))
    subject = load_subject(f"{pictures} --model {networks}:picture_network --labels {pictures}/list.csv --split part")
    subject.check()
    assert subject.columns["file"].tolist() == names
    assert subject.targets.tolist() == [0, 1, 0, 1, 0, 1] and subject.class_names is None
    assert subject.train_rows.tolist() == [0, 1, 2, 3]


def test_a_csv_may_tell_targets(networks, pictures):
    """Numbers that are not whole make a regression; several columns several outputs."""
    names = [one.relative_to(pictures).as_posix() for one in pictures.glob("*/*.png")]
    lines = [f"{name},{row / 4},{row}" for row, name in enumerate(names)]
    (pictures / "list.csv").write_text("file,x,y\n" + "\n".join(lines))
    subject = load_subject(f"{pictures} --model {networks}:picture_network --labels {pictures}/list.csv --target x y")
    subject.check()
    assert subject.task == "regression"
    np.testing.assert_allclose(subject.targets, [[row / 4, row] for row in range(12)])


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "link.png"])
def test_a_picture_outside_the_folder_is_refused(networks, pictures, name):
    """Neither by going up, nor by an absolute path, nor by a link."""
    Image.new("RGB", (12, 10)).save(pictures.parent / "secret.png")
    (pictures / "link.png").symlink_to(pictures.parent / "secret.png")
    (pictures / "list.csv").write_text(f"file,label\n{name},a\n")
    with pytest.raises(SubjectError, match="pictures must lie inside"):
        load_subject(f"{pictures} --model {networks}:picture_network --labels {pictures}/list.csv")
    (pictures / "cats" / "link.png").symlink_to(pictures.parent / "secret.png")
    with pytest.raises(SubjectError, match="pictures must lie inside"):
        load_subject(f"{pictures} --model {networks}:picture_network")


def test_broken_pictures_are_named_and_kept_as_rows_when_asked(networks, pictures, tmp_path):
    """Refused by name; with --skip-broken every other number is what it is, and theirs are none."""
    whole = load_subject(f"{pictures} --model {networks}:picture_network")
    (pictures / "dogs" / "001.png").write_bytes(b"no picture")
    words = f"{pictures} --model {networks}:picture_network"
    with pytest.raises(
        SubjectError, match=r"1 of 12 pictures cannot be read: dogs/001.png\. expected a picture .*--skip-broken"
    ):
        load_subject(words)
    subject = load_subject(f"{words} --skip-broken")
    subject.check()
    (row,) = np.flatnonzero(subject.columns["broken"])
    assert subject.columns["file"][row] == "dogs/001.png" and len(subject) == 12
    others = np.delete(np.arange(12), row)
    assert torch.equal(subject.inputs(others), whole.inputs(others))
    study = explorer.build(subject, tmp_path / "study", settings=explorer.Settings(dim=32, neighbors=5))
    assert np.flatnonzero(~study.rows("valid")).tolist() == [row]
    assert row not in study.neighbors(others[0], k=5).indices
    assert study.samples.loc[row, "prediction"] == -1 and np.isnan(study.samples.loc[row, "soft_density"])
    assert study.samples.loc[others, "soft_density"].notna().all()
    assert explorer.open_study(study.path).exact_similarity([0], [1]).shape == (1, 1)


def test_pictures_of_several_sizes_need_a_size(networks, pictures):
    """Two of them are named; with --size all are scaled and cut."""
    Image.new("RGB", (30, 20)).save(pictures / "eels" / "large.png")
    words = f"{pictures} --model {networks}:picture_network"
    with pytest.raises(SubjectError, match="found 10 × 12 for cats/000.png and 20 × 30 for eels/large.png"):
        load_subject(words)
    assert load_subject(f"{words} --size 8").input_shape == (3, 8, 8)
    assert load_subject(f"{words} --size 6 9 --channels 1").input_shape == (1, 6, 9)


def test_grey_pictures_have_one_channel(networks, tmp_path):
    """Unless one of them is colored, or three are asked for."""
    folder = write_pictures(tmp_path / "grey", channels=1)
    words = f"{folder} --model {networks}:picture_network"
    assert load_subject(words).input_shape == (1, 10, 12)
    assert load_subject(f"{words} --channels 3").input_shape == (3, 10, 12)
    Image.new("RGB", (12, 10)).save(folder / "cats" / "color.png")
    assert load_subject(words).input_shape == (3, 10, 12)


def test_an_archive_is_taken_as_it_is(networks, tmp_path):
    """X and y by name; texts are classes."""
    inputs = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    path = tmp_path / "rows.npz"
    np.savez(path, x=inputs, y=np.array(["no", "yes", "no"] * 3), split=np.array(["train"] * 6 + ["test"] * 3))
    subject = load_subject(f"{path} --model {networks}:row_network")
    subject.check()
    assert subject.class_names == ["no", "yes"] and subject.targets.tolist() == [0, 1, 0] * 3
    np.testing.assert_array_equal(subject.inputs(range(9)), inputs)
    assert subject.held_out_rows.tolist() == [6, 7, 8]
    np.savez(path, inputs=inputs, y=np.zeros(9))
    with pytest.raises(SubjectError, match="must hold arrays x and y, found inputs, y"):
        load_subject(f"{path} --model {networks}:row_network")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_a_table_is_the_same_in_every_format(networks, table, suffix):
    """Numbers as they stand, words a column each; the target is left out of the features."""
    other = table.with_suffix(suffix)
    frame = pd.read_csv(table)
    if suffix == ".parquet":
        frame.to_parquet(other)
    else:
        frame.to_csv(other, index=False, sep="\t" if suffix == ".tsv" else ",")
    subject = load_subject(f"{other} --model {networks}:row_network --target price --ignore sold")
    subject.check()
    assert subject.task == "regression"
    assert subject.feature_names == ["area", "district=north", "district=south"]
    expected = [[40 + 3 * row, row % 3 > 0, row % 3 == 0] for row in range(20)]
    np.testing.assert_array_equal(subject.inputs(range(20)), np.array(expected, dtype=np.float32))
    np.testing.assert_allclose(subject.targets, frame["price"], rtol=1e-6)


def test_whole_numbers_in_a_table_are_classes_unless_asked_otherwise(networks, table):
    """As told_task says of labels in Python."""
    words = f"{table} --model {networks}:row_network --target sold --ignore district"
    assert load_subject(words).task == "classification"
    subject = load_subject(f"{words} --task regression")
    assert subject.task == "regression" and subject.targets.dtype == np.float32


def test_the_reference_makes_the_same_subject_from_any_folder(networks, table, monkeypatch, tmp_path):
    """Also when paths were given from here, and for values that begin with a dash."""
    monkeypatch.chdir(tmp_path)
    words = "houses.csv --model networks.py:row_network --target price --standardize --categories ordinal"
    folder = write_pictures(tmp_path / "a folder")
    others = f"'{folder.name}' --model networks.py:picture_network --mean=-0.5 --mean=0.1 --mean=0.2 --size 8 9"
    (tmp_path / "elsewhere").mkdir()
    for one in (words, others):
        subject = load_subject(one)
        monkeypatch.chdir(tmp_path / "elsewhere")
        again = load_subject(subject.reference)
        assert again.fingerprint() == subject.fingerprint() and again.reference == subject.reference
        monkeypatch.chdir(tmp_path)


def test_the_command_line_says_the_same_words():
    """Every option of Asked can be said, and arrives as it was said."""
    assert {name.removeprefix("data_") for name in NAMES} == {one.name for one in fields(Asked)} - {"data"}
    parser = argparse.ArgumentParser()
    parser.add_argument("subject")
    add_own_options(parser, "--labels")
    said = (
        "my data --model net.py:f --weights w.pt --name mine --task regression --target a b --split part "
        "--labels l.csv --size 8 9 --channels 3 --mean -0.5 0 1 --std 1 2 3 --skip-broken --ignore c --ignore d "
        "--categories ordinal --missing mean --standardize"
    )
    options = parser.parse_args(["my data", *said.split()[2:]])
    asked = asked_subject(subject_words(options))
    assert asked.data.name == "my data" and asked.labels.name == "l.csv" and asked.mean == (-0.5, 0.0, 1.0)
    assert asked.target == ("a", "b") and asked.ignore == ("c", "d") and asked.size == (8, 9) and asked.skip_broken
    assert asked_subject(asked.reference()) == asked
    assert all(getattr(asked, one.name) != one.default for one in fields(Asked) if one.name != "data")


def test_options_for_data_need_a_model():
    """A bundled name takes none of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("subject")
    add_own_options(parser, "--labels")
    assert subject_words(parser.parse_args(["mnist"])) == "mnist"
    with pytest.raises(SettingsError, match="--size is for data of your own, expected their network"):
        subject_words(parser.parse_args(["mnist", "--size", "8"]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{pictures}", "data need a network, found .* alone. Add --model"),
        ("{pictures} --model", "--model needs a value, found none"),
        ("{pictures} --model a:b c:d", "--model takes one value"),
        ("{pictures} --model {networks}:picture_network --sizes 8", "found --sizes. Use these"),
        ("{pictures} --model {networks}:picture_network --size eight", "--size must be a number"),
        ("{pictures} --model {networks}:picture_network --size 1 2 3", "a size is height and width, found 3"),
        ("{pictures} --model {networks}:picture_network --skip-broken yes", "--skip-broken takes nothing"),
        ("{pictures}/nowhere --model {networks}:picture_network", "expected a folder or a file at .*nowhere"),
        ("{networks} --model {networks}:row_network", "data must be a folder of pictures.* found 'networks.py'"),
        ("{pictures}/cats --model {networks}:picture_network", "one subfolder a class, found none"),
        ("{pictures} --model {networks}:picture_network --labels nowhere.csv", "found FileNotFoundError"),
        ("{table} --model {networks}:row_network", "found no target named. Add --target"),
        ("{table} --model {networks}:row_network --target cost", "found none called 'cost'"),
        ("{table} --model {networks}:row_network --target district --task regression", "targets must be numbers"),
        ("{table} --model {networks}:row_network --target price --missing guess", "missing must be one of refuse"),
        ("{table} --model {networks}:row_network --target price --size 8", "--size is not for a table, found it"),
        ("{pictures} --model {networks}:picture_network --split part", "--split is not for .* without --labels"),
    ],
)
def test_what_cannot_be_read_as_asked_has_a_sentence(networks, pictures, table, words, said):
    """What was expected, what was found, what to do."""
    with pytest.raises(SubjectError, match=said) as caught:
        load_subject(words.format(networks=networks, pictures=pictures, table=table))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", ["nowhere.png", "x" * 5000 + ".png", "a\0b.png", ""])
def test_a_picture_that_is_not_there_is_named(networks, pictures, name):
    """Also by what no disk would take for a name."""
    (pictures / "list.csv").write_text(f'file,label\n"{name}",a\n')
    with pytest.raises(SubjectError, match="list.csv names .*, found no such file"):
        load_subject(f"{pictures} --model {networks}:picture_network --labels {pictures}/list.csv")


@pytest.mark.parametrize(
    ("inputs", "labels", "options", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, dtype=int), "", "at least 2 samples to compare, found 0"),
        (np.zeros((4, 3)), np.float64(3), "", "expected 4 labels, one a sample, found a single number"),
        (np.zeros((4, 3)), np.full(4, np.nan), "--task classification", "labels must be finite, found nan"),
        (np.zeros((4, 3)), np.arange(4) * 10**9, "", "may number 100,000 classes, found 3,000,000,001"),
        (np.zeros((4, 3), dtype=np.longdouble), np.arange(4), "", "must hold numbers, found float128"),
        (np.zeros((4, 3)), np.arange(4), "--target y", "--target is not for arrays in a .npz"),
    ],
)
def test_arrays_that_make_no_data_set_are_told_before_the_network_is_made(
    networks, tmp_path, inputs, labels, options, words
):
    """The network is made for what the labels say, so they are looked at first."""
    np.savez(tmp_path / "rows.npz", x=inputs, y=labels)
    with pytest.raises(SubjectError, match=words):
        load_subject(f"{tmp_path / 'rows.npz'} --model {networks}:row_network {options}")


def test_a_table_of_names_alone_is_told(networks, tmp_path):
    """A table without rows has nothing to compare."""
    (tmp_path / "rows.csv").write_text("a,b,label\n")
    with pytest.raises(SubjectError, match="at least 2 samples to compare, found 0"):
        load_subject(f"{tmp_path / 'rows.csv'} --model {networks}:row_network --target label")


def test_a_wrong_word_is_told_before_pictures_are_looked_through(networks, pictures):
    """Looking through a large folder takes minutes; the network is made first."""
    told = []
    with pytest.raises(SubjectError, match="expected a function 'nothing'"):
        load_subject(f"{pictures} --model {networks}:nothing", lambda *numbers: told.append(numbers))
    assert told == []


def test_progress_is_told_of_every_picture(networks, pictures):
    """From the first to the last."""
    told = []
    load_subject(f"{pictures} --model {networks}:picture_network", lambda *numbers: told.append(numbers))
    assert told == [(number, 12) for number in range(1, 13)]
