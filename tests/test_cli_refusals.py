"""Bad input and damaged studies on the command line: one sentence, exit code 2, nothing changed."""

import pytest
import tiny
from folders import bytes_of

SUBJECT = f"{tiny.__file__}:subject"


def truncated(folder):
    path = folder / "features" / "0000" / "units.npy"
    path.write_bytes(path.read_bytes()[:-8])
    return path


def flipped(folder):
    path = folder / "samples.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))
    return path


def cut_manifest(folder):
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:500])
    return path


@pytest.mark.parametrize("damage", [truncated, flipped, cut_manifest])
def test_a_damaged_study_is_one_sentence_that_names_the_file(said, small, damage):
    path = damage(small)
    code, out, err = said("status", small)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and str(path) in err


def test_a_study_of_a_newer_format_is_one_sentence(said, small):
    manifest = small / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 9', 1))
    code, out, err = said("neighbors", small, 0)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "format 9" in err and "Install a newer explorer" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("build", "mnits", "--study", "FREE"), "Did you mean mnist?"),
        (("build", "nowhere.py:subject", "--study", "FREE"), "nowhere.py"),
        (("build", SUBJECT, "--study", "FREE", "--dim", "0"), "dim must be a whole number of at least 1, found 0"),
        (("build", SUBJECT, "--study", "FREE", "--seed", "5000000000"), "seed must be below 4294967296"),
        (("build", SUBJECT, "--study", "FREE", "--dim", "wide"), "invalid int value: 'wide'"),
        (("build", SUBJECT, "--study", "FREE", "--address", "auto"), "with the engine serial"),
        (("build", SUBJECT, "--study", "FREE", "--redo", "colors"), "invalid choice: 'colors'"),
        (("build", SUBJECT, "--study", "FILE/study", "--dim", "24"), "expected a folder that can be written"),
        (("build", SUBJECT, "--study", "STUDY", "--dim", "16"), "dim: 24 here, 16 asked for"),
        (("build", SUBJECT), "--study"),
        (("status", "FREE"), "no such folder"),
        (("neighbors", "STUDY", "60"), "run from 0 to 59, found 60"),
        (("neighbors", "STUDY", "-1"), "run from 0 to 59, found -1"),
        (("neighbors", "STUDY", "first"), "invalid int value: 'first'"),
        (("neighbors", "STUDY", "0", "-k", "0"), "k must be at least 1, found 0"),
        (("neighbors", "STUDY", "0", "--by", "color"), "invalid choice: 'color'"),
        (("neighbors", "STUDY", "0", "--by", "input", "--exact"), "Leave one of them out"),
        (("neighbors", "STUDY", "0", "-k", "-5", "--exact"), "at least 1"),
        (("fidelity", "STUDY", "--rows", "2"), "--rows must be at least 3"),
        (("suspects", "STUDY", "-n", "0"), "-n must be at least 1"),
        (("samples", "STUDY", "--out", "FREE.xlsx"), ".csv or .parquet"),
        (("samples", "STUDY", "--out", "FILE/samples.csv"), "expected a place to write"),
        (("train", SUBJECT, "--out", "FREE.pt"), ".safetensors"),
        (("paint",), "invalid choice: 'paint'"),
        ((), "VERB"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_everything_as_it_was(said, tiny_folder, tmp_path, words, told):
    (tmp_path / "FILE").touch()
    places = {"STUDY": str(tiny_folder), "FREE": str(tmp_path / "free"), "FILE": str(tmp_path / "FILE")}
    before = bytes_of(tmp_path)
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert told in err
    assert bytes_of(tmp_path) == before
