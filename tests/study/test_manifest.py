import hashlib
import json

import pytest

from explorer.errors import StudyMismatch, StudyNotFound
from explorer.study.manifest import Manifest, read_manifest


@pytest.fixture(scope="module")
def content(made_up):
    return (made_up / "manifest.json").read_bytes()


def sealed(values):
    """The text of a manifest with these values and a fitting checksum over itself."""
    text = json.dumps({**values, "checksum": "0" * 64}, indent=1, ensure_ascii=False) + "\n"
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def test_reading_and_writing_changes_nothing(content):
    assert Manifest.from_json(content).to_json() == content


def test_a_change_of_any_byte_is_noticed(content):
    for place in range(0, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 1
        with pytest.raises(StudyMismatch):
            Manifest.from_json(bytes(flipped))


def test_a_manifest_cut_anywhere_is_refused(content):
    for length in range(0, len(content), 211):
        with pytest.raises(StudyMismatch):
            Manifest.from_json(content[:length])


def test_a_newer_format_is_refused_with_both_numbers_and_a_way_out(content):
    newer = sealed({**json.loads(content), "format": 2, "a new field": True})
    with pytest.raises(StudyMismatch, match="has format 2, this version of the explorer reads up to 1.*Install"):
        Manifest.from_json(newer)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("name",), 7, "field name"),
        (("steps",), [], "field steps"),
        (("subject", "samples"), "1200", "field samples"),
        (("subject", "samples"), True, "field samples"),
        (("settings", "dim"), 0, "dim must be"),
        (("settings", "colour"), "red", "colour"),
        (("steps", "features", "seconds"), None, "field seconds"),
        (("arrays", "features/0000/units", "shape"), [120, -1], "shape"),
        (("arrays", "features/0000/units", "sha256"), 5, "field sha256"),
        (("format",), "1", "format number"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(content, path, value, words):
    values = json.loads(content)
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(StudyMismatch, match=words):
        Manifest.from_json(sealed(values))


@pytest.mark.parametrize("missing", ["subject", "arrays", "fidelity"])
def test_a_missing_field_is_refused(content, missing):
    values = {key: value for key, value in json.loads(content).items() if key != missing}
    with pytest.raises(StudyMismatch, match=f"must have the fields .*{missing}"):
        Manifest.from_json(sealed(values))


def test_numbers_that_json_does_not_have_are_refused(content):
    values = json.loads(content)
    values["fidelity"]["rmse"] = float("nan")
    with pytest.raises(StudyMismatch, match="NaN is not a number in JSON"):
        Manifest.from_json(sealed(values))


@pytest.mark.parametrize(("made", "words"), [(False, "no such folder"), (True, r"without manifest\.json")])
def test_a_place_without_a_study_is_named_with_what_to_do(tmp_path, made, words):
    folder = tmp_path / "studies"
    if made:
        folder.mkdir()
    with pytest.raises(StudyNotFound, match=f"{folder}.*{words}.*python -m explorer build"):
        read_manifest(folder)
