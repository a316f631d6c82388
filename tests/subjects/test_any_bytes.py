"""Files of any content and words of any kind: a subject, or a sentence with the name of what is wrong. No traceback."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from subjects.own_data import write_networks, write_pictures

from explorer.errors import SubjectError
from explorer.subjects import load_subject
from explorer.subjects.arrays import read_array, read_arrays
from explorer.subjects.exported import load_exported
from explorer.subjects.networks import multilayer_perceptron
from explorer.subjects.weights import load_state

WORDS = (
    "pets",
    "--model",
    "--model=a:b",
    "x.csv",
    "--size",
    "64",
    "--mean",
    "-1",
    "'",
    "--",
    "--=",
    "mnist",
    ":",
    ".py",
)


@pytest.fixture
def networks(tmp_path):
    return write_networks(tmp_path)


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pets")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))
def test_any_words_are_a_request_or_a_sentence(words):
    """Nothing that can be said as a subject gives a traceback, or reaches a file that was not named."""
    try:
        load_subject(words)
    except SubjectError as error:
        assert str(error).endswith((".", "?"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a"]))
def test_any_bytes_among_pictures_are_named(networks, pictures, content, start):
    """A folder with a file of any content gives a subject or a sentence with the file's name."""
    (pictures / "dogs" / "odd.png").write_bytes(start + content)
    try:
        load_subject(f"{pictures} --model {networks}:picture_network --size 8")
    except SubjectError as error:
        assert "dogs/odd.png" in str(error)


STARTS = (b"", b"PK\x03\x04", b"\x80\x02", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', ")


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), start=st.sampled_from(STARTS))
@example(content=b"\x00" * 64, start=b"")
def test_any_bytes_are_no_array_no_weights_and_no_program_or_a_sentence(tmp_path_factory, content, start):
    """Whatever a file is called, reading it ends in numbers or in a sentence with its name."""
    folder = tmp_path_factory.mktemp("fuzz")
    readers = {
        "a.npy": read_array,
        "a.npz": read_arrays,
        "a.pt2": load_exported,
        "a.pt": lambda path: load_state(multilayer_perceptron([2, 2]), path),
        "a.safetensors": lambda path: load_state(multilayer_perceptron([2, 2]), path),
    }
    for name, read in readers.items():
        (folder / name).write_bytes(start + content)
        try:
            assert isinstance(read(folder / name), np.ndarray | dict)
        except SubjectError as error:
            assert name in str(error) and str(error).endswith(".")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_a_saved_file_with_one_byte_changed_or_cut_off_is_read_or_told(tmp_path, place, value, cut):
    """Damage anywhere: other numbers, or a sentence."""
    for name, save, read in (
        ("b.npy", lambda path: np.save(path, np.arange(6.0)), read_array),
        ("b.npz", lambda path: np.savez(path, x=np.arange(6.0)), read_arrays),
    ):
        path = tmp_path / name
        save(path)
        content = bytearray(path.read_bytes())
        at = int(place * len(content))
        content[at] = value
        path.write_bytes(content[:at] if cut else content)
        try:
            read(path)
        except SubjectError as error:
            assert name in str(error)
