"""Data sets saved by Hugging Face: pictures, lists and columns come out as they went in, without that library."""

import io
import json

import numpy as np
import pyarrow as arrow
import pytest
from PIL import Image
from subjects.own_data import write_networks

from explorer.errors import SubjectError
from explorer.subjects import load_subject

CLASSES = {"label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}


@pytest.fixture
def networks(tmp_path):
    return write_networks(tmp_path)


def save(folder, table, features, parts=2, compression=None):
    """What save_to_disk writes: Arrow streams, their names, and what the columns mean."""
    folder.mkdir(parents=True)
    step = -(-len(table) // parts)
    options = arrow.ipc.IpcWriteOptions(compression=compression)
    names = [f"data-{number:05d}-of-{parts:05d}.arrow" for number in range(parts)]
    for number, name in enumerate(names):
        with (
            arrow.OSFile(str(folder / name), "wb") as file,
            arrow.ipc.new_stream(file, table.schema, options=options) as stream,
        ):
            stream.write_table(table.slice(number * step, step))
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def picture_column(count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 9, 3), dtype=np.uint8)
    contents = []
    for one in pixels:
        buffer = io.BytesIO()
        Image.fromarray(one).save(buffer, "PNG")
        contents.append({"bytes": buffer.getvalue(), "path": None})
    return pixels, arrow.array(contents, arrow.struct({"bytes": arrow.binary(), "path": arrow.string()}))


def test_pictures_with_class_labels(networks, tmp_path):
    """Pixels from 0 to 1, channels first; classes by the names that the data set has for them."""
    pixels, column = picture_column(6)
    table = arrow.table({"image": column, "label": [0, 1, 1, 0, 1, 0]})
    folder = save(tmp_path / "insects", table, {"image": {"_type": "Image"}, **CLASSES})
    subject = load_subject(f"{folder} --model {networks}:picture_network")
    subject.check()
    assert subject.class_names == ["ant", "bee"] and subject.targets.tolist() == [0, 1, 1, 0, 1, 0]
    np.testing.assert_allclose(subject.inputs(range(6)).permute(0, 2, 3, 1), pixels / 255, atol=1e-6)
    assert load_subject(subject.reference).fingerprint() == subject.fingerprint()


def test_broken_pictures_are_told_by_row(networks, tmp_path):
    """And kept as rows with --skip-broken, as in a folder."""
    _, column = picture_column(4)
    contents = [*column.to_pylist()[:3], {"bytes": b"no picture", "path": None}]
    table = arrow.table({"image": arrow.array(contents, column.type), "label": [0, 1, 1, 0]})
    folder = save(tmp_path / "insects", table, {"image": {"_type": "Image"}, **CLASSES})
    with pytest.raises(SubjectError, match=r"1 of 4 pictures cannot be read: row 3\."):
        load_subject(f"{folder} --model {networks}:picture_network")
    subject = load_subject(f"{folder} --model {networks}:picture_network --skip-broken")
    subject.check()
    assert subject.broken.tolist() == [False, False, False, True]


def test_splits_are_held_out_but_for_train(networks, tmp_path):
    """All rows stand in one subject, in the order of the splits."""
    folder = tmp_path / "both"
    for number, name in enumerate(("train", "test")):
        save(folder / name, arrow.table({"a": [1.0, 2, 3], "label": [number] * 3}), CLASSES, parts=1)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    subject = load_subject(f"{folder} --model {networks}:row_network")
    assert subject.train_rows.tolist() == [0, 1, 2] and subject.targets.tolist() == [0, 0, 0, 1, 1, 1]


def test_lists_of_numbers_are_inputs(networks, tmp_path):
    """Whole numbers stay whole (tokens); other columns are ignored when asked."""
    tokens = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]]
    table = arrow.table({"tokens": tokens, "text": list("abcd"), "y": [0.5, 1.5, 2.5, 3.0]})
    folder = save(tmp_path / "texts", table, {})
    subject = load_subject(f"{folder} --model {networks}:row_network --ignore text")
    assert subject.task == "regression" and subject.inputs(range(4)).tolist() == tokens
    ragged = save(tmp_path / "ragged", arrow.table({"x": [[1], [1, 2]], "y": [0, 1]}), {})
    with pytest.raises(SubjectError, match="all rows of column 'x' .* must have one shape"):
        load_subject(f"{ragged} --model {networks}:row_network")


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_files_are_refused(networks, tmp_path, compression):
    """A file of a few kilobytes could unpack to gigabytes; save_to_disk does not compress. Also in dictionaries."""
    words = arrow.array(["x" * 1000, "y" * 1000] * 500)
    for name, column in {"plain": words, "coded": words.dictionary_encode()}.items():
        table = arrow.table({"a": column, "label": [0, 1] * 500})
        folder = save(tmp_path / name, table, {}, compression=compression)
        with pytest.raises(SubjectError, match="must not be compressed"):
            load_subject(f"{folder} --model {networks}:row_network")
    plain = save(tmp_path / "not", table, {})
    assert len(load_subject(f"{plain} --model {networks}:row_network")) == 1000


def test_columns_are_a_table(networks, tmp_path):
    """Numbers and words, coded as those of a CSV."""
    table = arrow.table({"a": [1.0, 2, 3, 4], "b": ["x", "y", "x", "y"], "label": [0, 1, 1, 0]})
    subject = load_subject(f"{save(tmp_path / 'rows', table, CLASSES)} --model {networks}:row_network")
    subject.check()
    assert subject.feature_names == ["a", "b=x", "b=y"] and subject.class_names == ["ant", "bee"]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"a": [1.0, 2.0]}, "", "must have a column of labels, found a. Name one with --target"),
        ({"a": [1.0, 2.0], "label": [0, 1]}, "--target c", "found none called 'c'"),
        ({"a": [[1], [2]], "b": [[1], [2]], "label": [0, 1]}, "", "must have one column of inputs, found a, b"),
        ({"a": [["x"], ["y"]], "label": [0, 1]}, "", "column 'a' .* must hold lists of numbers, found others"),
        ({"a": [1.0, 2.0], "label": [0, 1]}, "--split a", "--split is not for a saved data set"),
        ({"a": [b"x", b"y"], "label": [0, 1]}, "", "column 'a' .* must hold numbers or texts, found binary"),
    ],
)
def test_what_is_no_data_set_for_a_network_is_told(networks, tmp_path, columns, options, words):
    """What there is and what to say."""
    folder = save(tmp_path / "other", arrow.table(columns), {})
    with pytest.raises(SubjectError, match=words):
        load_subject(f"{folder} --model {networks}:row_network {options}")
