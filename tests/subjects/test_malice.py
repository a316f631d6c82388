"""Files that would run a stranger's code when they are unpickled: they are refused, and the code did not run."""

import io
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import torch
from subjects.own_data import write_networks, write_pictures

from explorer.errors import SubjectError
from explorer.subjects import load_subject
from explorer.subjects.arrays import read_array, read_arrays
from explorer.subjects.probing import read_inputs_of
from explorer.subjects.tables import read_table


class Payload:
    """Makes a folder when it is unpickled: the mark that a stranger's code has run."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "the-payload-ran"


@pytest.fixture
def words(tmp_path):
    """The words for a sound classifier, to which a file is added."""
    return f"{write_pictures(tmp_path / 'pets')} --model {write_networks(tmp_path)}:picture_network"


def test_the_payload_would_run(mark):
    """The files below are dangerous indeed: unpickling one leaves its mark."""
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


def torch_files(folder, mark):
    """The ways in which a pickle hides in a file of weights."""
    torch.save(Payload(mark), folder / "object.pt")
    torch.save({"state_dict": {"0.weight": torch.zeros(2)}, "hyper": Payload(mark)}, folder / "checkpoint.pth")
    torch.save(Payload(mark), folder / "old.pt", _use_new_zipfile_serialization=False)
    (folder / "renamed.pt").write_bytes(pickle.dumps(Payload(mark)))
    (folder / "renamed.safetensors").write_bytes(pickle.dumps(Payload(mark)))
    torch.save(torch.nn.Linear(2, 2), folder / "whole_network.pt")
    packed = zipfile.ZipFile(folder / "packed.pt", "w", zipfile.ZIP_DEFLATED)
    with packed, zipfile.ZipFile(folder / "object.pt") as plain:
        for member in plain.namelist():
            packed.writestr(member, plain.read(member))
    names = (
        "object.pt",
        "checkpoint.pth",
        "old.pt",
        "renamed.pt",
        "renamed.safetensors",
        "whole_network.pt",
        "packed.pt",
    )
    return [folder / name for name in names]


def test_weights_with_a_payload_are_refused(tmp_path, mark, words):
    """Wherever in the file it hides."""
    for file in torch_files(tmp_path, mark):
        with pytest.raises(SubjectError, match=f"{file.name}"):
            load_subject(f"{words} --weights {file}")
        assert not mark.exists(), file.name


def test_arrays_with_a_payload_are_refused(tmp_path, mark, words):
    """.npy and .npz with objects, and pickles that only have their names."""
    np.save(tmp_path / "object.npy", np.array([Payload(mark)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", x=np.array([Payload(mark)], dtype=object), y=np.zeros(1))
    for name in ("renamed.npy", "renamed.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Payload(mark)))
    subject = load_subject(words)
    for name in ("object.npy", "renamed.npy", "object.npz", "renamed.npz"):
        read = read_array if name.endswith("npy") else read_arrays
        with pytest.raises(SubjectError, match="Python objects|expected arrays saved by numpy"):
            read(tmp_path / name)
        with pytest.raises(SubjectError):
            read_inputs_of(subject, tmp_path / name)
        assert not mark.exists(), name
    with pytest.raises(SubjectError, match="Python objects"):
        load_subject(f"{tmp_path / 'object.npz'} --model {tmp_path / 'networks.py'}:row_network")
    assert not mark.exists()


def test_tables_with_a_payload_are_refused(tmp_path, mark):
    """Pickled values, pickles in what pandas and Arrow keep about columns, and renamed pickles."""
    pickled = pickle.dumps(Payload(mark))
    parquet.write_table(arrow.table({"a": [1, 2], "b": [pickled, pickled]}), tmp_path / "values.parquet")
    about = {"pandas": json.dumps({"columns": [{"name": "a", "metadata": {"pickle": pickled.hex()}}]}).encode()}
    named = {
        b"ARROW:extension:name": b"arrow.py_extension_type",  # was unpickled by Arrow before version 14
        b"ARROW:extension:metadata": pickled,
    }
    field = arrow.field("a", arrow.int64(), metadata=named)
    schema = arrow.schema([field], metadata=about)
    parquet.write_table(arrow.table({"a": [1, 2]}, schema=schema), tmp_path / "about.parquet")
    (tmp_path / "renamed.parquet").write_bytes(pickled)
    (tmp_path / "renamed.csv").write_bytes(pickled)
    with pytest.raises(SubjectError, match="column 'b' of .* must hold numbers or texts, found binary"):
        read_table(tmp_path / "values.parquet")
    for name in ("renamed.parquet", "renamed.csv"):
        with pytest.raises(SubjectError, match=name):
            read_table(tmp_path / name)
    assert read_table(tmp_path / "about.parquet")["a"].tolist() == [1, 2]  # what is said about columns is not read
    assert not mark.exists()


def test_pictures_that_are_pickles_are_refused(tmp_path, mark, words):
    """By name, like any broken picture."""
    (tmp_path / "pets" / "cats" / "renamed.png").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(SubjectError, match="cats/renamed.png"):
        load_subject(words)
    assert not mark.exists()


def test_a_saved_dataset_does_not_reach_out_of_its_folder(tmp_path, mark):
    """Its own list of files may name none that lies elsewhere."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../outside.arrow"}]}))
    (tmp_path / "outside.arrow").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(SubjectError, match="must lie inside"):
        load_subject(f"{folder} --model {write_networks(tmp_path)}:row_network")
    shutil.move(tmp_path / "outside.arrow", folder / "inside.arrow")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "inside.arrow"}]}))
    with pytest.raises(SubjectError, match="expected a data set saved by save_to_disk"):
        load_subject(f"{folder} --model {write_networks(tmp_path)}:row_network")
    assert not mark.exists()


def npy_of(shape, content=b"1234"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


@pytest.mark.parametrize("shape", [(2**40,), (2**33, 2**33), (3,), (0, -5), (-1, 8)])
def test_arrays_that_say_more_than_they_hold_are_refused(tmp_path, shape):
    """Before memory is taken for them."""
    (tmp_path / "bomb.npy").write_bytes(npy_of(shape))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x.npy", npy_of(shape))
    with pytest.raises(SubjectError, match="found only|expected arrays saved by numpy"):
        read_array(tmp_path / "bomb.npy")
    with pytest.raises(SubjectError, match="found only|expected arrays saved by numpy"):
        read_arrays(tmp_path / "bomb.npz")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    """By what its table of contents says, before anything is unpacked."""
    monkeypatch.setattr("explorer.subjects.arrays.MOST_BYTES", 10_000)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(10_000), y=np.zeros(1))
    with pytest.raises(SubjectError, match="may unpack to"):
        read_arrays(tmp_path / "bomb.npz")


def test_a_table_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    """By what its head says: a column of one value is kept in a few bytes."""
    parquet.write_table(arrow.table({"a": np.zeros(100_000)}), tmp_path / "bomb.parquet")
    monkeypatch.setattr("explorer.subjects.tables.MOST_BYTES", 100_000)
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    with pytest.raises(SubjectError, match="may unpack to"):
        read_table(tmp_path / "bomb.parquet")
