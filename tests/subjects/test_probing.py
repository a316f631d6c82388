"""New inputs out of files: what a subject's own sample was made of becomes that sample again."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from subjects.own_data import write_networks, write_pictures
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects import Subject, load_subject
from explorer.subjects.probing import read_inputs_of


@pytest.fixture
def grey():
    """A subject of grey pictures from 0 to 1, made in Python."""
    images = torch.rand(6, 1, 8, 10, generator=torch.Generator().manual_seed(0))
    return Subject(name="grey", model=nn.Sequential(nn.Flatten(), nn.Linear(80, 2)), dataset=images, labels=[0, 1] * 3)


@pytest.fixture
def rows():
    """A subject of rows with names."""
    return Subject(
        name="rows", model=nn.Linear(3, 2), dataset=torch.arange(12.0).reshape(4, 3), labels=[0, 1] * 2,
        feature_names=["a", "b", "c"],
    )  # fmt: skip


def test_the_files_of_a_folder_become_its_samples(tmp_path):
    """Also with a size and a normalization: the very same numbers."""
    folder = write_pictures(tmp_path / "pets")
    words = f"{folder} --model {write_networks(tmp_path)}:picture_network --size 8 --mean 0.1 0.2 0.3 --std 0.5"
    subject = load_subject(words)
    for row in (0, 7):
        found = read_inputs_of(subject, folder / subject.columns["file"][row])
        assert torch.equal(found, subject.inputs([row]))


def test_the_rows_of_a_table_become_its_samples(tmp_path):
    """Words and standardized numbers are coded as those of the table were; the target may be left out."""
    table = pd.DataFrame(
        {"area": [50.0, 70, 90, 120], "city": ["Rome", "Bonn", "Rome", "Oslo"], "price": [1.5, 2, 3, 4]}
    )
    table.to_csv(tmp_path / "houses.csv", index=False)
    words = f"{tmp_path}/houses.csv --model {write_networks(tmp_path)}:row_network --target price --standardize"
    subject = load_subject(words)
    table.drop(columns="price").iloc[[2, 0]].to_parquet(tmp_path / "new.parquet")
    assert torch.equal(read_inputs_of(subject, tmp_path / "new.parquet"), subject.inputs([2, 0]))


def test_a_picture_is_scaled_to_the_inputs_of_a_subject_of_pictures(grey, tmp_path):
    """Upright, grey, of the right size, from 0 to 1, or to 255 where the subject's own are."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 10), dtype=np.uint8)
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "new.png")
    np.testing.assert_allclose(read_inputs_of(grey, tmp_path / "new.png")[0, 0], pixels / 255, atol=1e-6)
    bytes_ = Subject(name="b", model=grey.model, dataset=(255 * grey.dataset).byte(), labels=[0, 1] * 3)
    np.testing.assert_allclose(read_inputs_of(bytes_, tmp_path / "new.png")[0, 0], pixels, atol=1e-4)
    Image.new("L", (300, 200), 255).save(tmp_path / "large.jpg")
    assert read_inputs_of(grey, tmp_path / "large.jpg").shape == (1, 1, 8, 10)


def test_a_picture_for_inputs_of_an_unknown_range_is_refused(grey, tmp_path):
    """Nobody said how pictures became these numbers, so they are not guessed."""
    Image.new("L", (10, 8)).save(tmp_path / "new.png")
    normalized = Subject(name="n", model=grey.model, dataset=grey.dataset * 4 - 2, labels=[0, 1] * 3)
    with pytest.raises(SubjectError, match="expected 0 to 1 or 0 to 255: how is not known. Give the subject read="):
        read_inputs_of(normalized, tmp_path / "new.png")


def test_arrays_are_one_input_or_several(grey, rows, tmp_path):
    """With or without the first axis, as .npy or .npz, in the subject's own dtype."""
    several = np.random.default_rng(0).normal(size=(3, 1, 8, 10))
    np.save(tmp_path / "several.npy", several)
    np.save(tmp_path / "one.npy", several[0])
    np.savez(tmp_path / "named.npz", x=several, y=np.zeros(3))
    for name, count in (("several.npy", 3), ("one.npy", 1), ("named.npz", 3)):
        found = read_inputs_of(grey, tmp_path / name)
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found, several[:count], rtol=1e-6)


def test_rows_are_found_by_name_or_by_place(rows, tmp_path):
    """Columns may come in any order and with others beside them, where the features have names."""
    (tmp_path / "new.csv").write_text("c,label,a,b\n3,x,1,2\n6,y,4,5\n")
    assert read_inputs_of(rows, tmp_path / "new.csv").tolist() == [[1, 2, 3], [4, 5, 6]]
    nameless = Subject(name="r", model=rows.model, dataset=rows.dataset, labels=[0, 1] * 2)
    (tmp_path / "new.csv").write_text("c,a,b\n3,1,2\n")
    assert read_inputs_of(nameless, tmp_path / "new.csv").tolist() == [[3, 1, 2]]


def test_a_subject_may_read_files_itself(tmp_path):
    """Tokens out of a text, for instance; what goes wrong there is not hidden."""
    tokens = torch.tensor([[1, 2, 3], [4, 5, 6]])
    subject = Subject(
        name="text",
        model=nn.Sequential(nn.Embedding(10, 2), nn.Flatten(), nn.Linear(6, 2)),
        dataset=tokens,
        labels=[0, 1],
        read=lambda path: torch.tensor([[int(letter) for letter in line] for line in path.read_text().split()]),
    )
    (tmp_path / "new.txt").write_text("123\n987")
    found = read_inputs_of(subject, tmp_path / "new.txt")
    assert found.tolist() == [[1, 2, 3], [9, 8, 7]] and found.dtype == torch.int64
    np.save(tmp_path / "halves.npy", np.array([[0.5, 1.0, 2.0]]))
    with pytest.raises(SubjectError, match="whole numbers, found others"):
        read_inputs_of(subject, tmp_path / "halves.npy")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("new.csv", "a,b\n1,2\n", "found none called 'c'"),
        ("new.csv", "a,b,c\n1,2,x\n", "column 'c' of .* must hold numbers"),
        ("new.csv", "a,b,c\n1,2,\n", "found nan or infinity in input 0"),
        ("new.csv", "a,b,c\n", "found \\[0, 3\\]|must hold numbers"),
        ("new.txt", "1 2 3", "inputs are read from pictures, .npy"),
        ("new.npy", "text", "expected arrays saved by numpy"),
        ("new.png", "text", "takes inputs of shape \\[3\\], found a picture"),
    ],
)
def test_what_does_not_suit_the_subject_is_told(rows, tmp_path, name, content, words):
    """The file, what was expected of it and what was found."""
    (tmp_path / name).write_text(content)
    with pytest.raises(SubjectError, match=words):
        read_inputs_of(rows, tmp_path / name)


def test_axes_in_another_order_are_not_taken_for_the_own(tmp_path):
    """As many numbers, but each in another place; flat ones are in the own order."""
    subject = Subject(name="s", model=nn.Flatten(), dataset=torch.zeros(4, 3, 5), labels=[0, 1] * 2)
    values = np.arange(30.0).reshape(2, 3, 5)
    np.save(tmp_path / "flat.npy", values.reshape(2, 15))
    np.save(tmp_path / "turned.npy", values.transpose(0, 2, 1))
    assert read_inputs_of(subject, tmp_path / "flat.npy").tolist() == values.tolist()
    with pytest.raises(SubjectError, match=r"have shape \[3, 5\], found \[2, 5, 3\]"):
        read_inputs_of(subject, tmp_path / "turned.npy")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((0, 7)), r"found \[0, 7\]"),
        (np.zeros((2, 3), dtype=np.longdouble), "must hold numbers, found float128"),
    ],
)
def test_arrays_that_torch_cannot_take_are_told(rows, tmp_path, values, words):
    """Without inputs, or with numbers of more than 64 bits."""
    np.save(tmp_path / "new.npy", values)
    with pytest.raises(SubjectError, match=words):
        read_inputs_of(rows, tmp_path / "new.npy")


def test_inputs_of_another_shape_are_told(grey, tmp_path):
    """Neither cut nor padded."""
    np.save(tmp_path / "new.npy", np.zeros((2, 1, 9, 10)))
    with pytest.raises(SubjectError, match=r"have shape \[1, 8, 10\], found \[2, 1, 9, 10\]"):
        read_inputs_of(grey, tmp_path / "new.npy")
    with pytest.raises(SubjectError, match="found none at"):
        read_inputs_of(grey, tmp_path / "nowhere.png")
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(SubjectError, match="must hold an array called x, found a, b"):
        read_inputs_of(grey, tmp_path / "two.npz")
