"""Records of trainings after decisions: they come back as they were, or are refused with a sentence."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from folders import bytes_of
from hypothesis import given
from hypothesis import strategies as some

from explorer.errors import StudyError, StudyMismatch
from explorer.study.retrained import (
    FOLDER,
    PARTS,
    Comparison,
    Retraining,
    is_training,
    read_progress,
    read_record,
    record_paths,
    training_noted,
    write_record,
)
from explorer.study.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]

SHARES = some.floats(0, 1)
COUNTS = some.integers(0, 10**9)


def record(**changes):
    labels = {"file": "cleaned.csv", "sha256": "ab" * 32, "relabeled": 3, "dropped": 1}
    return Retraining(
        **{
            "made_at": "2026-11-23T16:36:40.441+00:00",
            "fingerprint": "f" * 64,
            "measure": "accuracy",
            "seed": 4,
            "recipe": {"epochs": 3, "loss": "cross-entropy"},
            "labels": {**labels, "held_out_relabeled": 0, "held_out_dropped": 0},
            "weights": "/somewhere/w.safetensors",
            "seconds": 1.5,
            "comparisons": (Comparison("untouched", 12, 0.5, 0.5, 0.75, 0.1, 0.4, 1, 4, 0.375),),
            **changes,
        }
    )


@given(
    comparisons=some.lists(
        some.builds(
            Comparison,
            some.sampled_from(PARTS),
            some.integers(1, 10**9),
            SHARES,
            SHARES,
            SHARES,
            SHARES,
            SHARES,
            COUNTS,
        ),
        min_size=1,
        unique_by=lambda one: one.part,
    ),
    seed=some.integers(0, 2**40),
    weights=some.text(some.characters(codec="utf-8")),
)
def test_a_record_comes_back_as_it_was(comparisons, seed, weights):
    """Every number to the last bit, every text."""
    made = record(comparisons=tuple(comparisons), seed=seed, weights=weights)
    assert Retraining.from_json(made.to_json()) == made


def test_a_record_is_no_part_of_the_study(small):
    """Written beside the arrays: manifest, version and every other file stay what they are."""
    study, before = Study.open(small), bytes_of(small)
    path = write_record(small, record(fingerprint=study.subject["fingerprint"]))
    assert record_paths(small) == [path] and path.parent == small / FOLDER
    after = bytes_of(small)
    assert {name: content for name, content in after.items() if not str(name).startswith(FOLDER)} == before
    assert Study.open(small).version == study.version
    Study.open(small).verify()


def test_the_latest_record_comes_first(tmp_path):
    """By the time at which it was made; what else lies in the folder is no record."""
    for day in (3, 1, 2):
        write_record(tmp_path, record(made_at=f"2026-11-0{day}T10:00:00.000+00:00"))
    (tmp_path / FOLDER / "progress.json").write_text("{}")
    assert [path.name[:8] for path in record_paths(tmp_path)] == ["20261103", "20261102", "20261101"]


def test_any_changed_value_is_refused(tmp_path):
    """Every digit and letter of the values is under the checksum: none can be exchanged unseen."""
    path = write_record(tmp_path, record())
    content = path.read_bytes()
    start = content.index(b'"retraining"')
    for place in range(start, len(content)):
        if chr(content[place]).isalnum():
            changed = bytearray(content)
            changed[place] = ord("7") if content[place] != ord("7") else ord("8")
            path.write_bytes(bytes(changed))
            with pytest.raises(StudyMismatch, match="Delete it, and train again"):
                read_record(path, "f" * 64)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"null"])
def test_what_is_no_record_is_refused(tmp_path, content):
    """Half a file, another file, or none of JSON at all."""
    path = write_record(tmp_path, record())
    path.write_bytes(content)
    with pytest.raises(StudyMismatch, match="expected the record of a training"):
        read_record(path, "f" * 64)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("measure", "f1"),
        ("seed", "0"),
        ("seconds", None),
        ("weights", 3),
        ("recipe", {}),
        ("labels", {"file": "a", "sha256": "b"}),
        ("comparisons", ()),
        ("comparisons", ({},)),
        ("comparisons", (asdict(record().comparisons[0]), asdict(record().comparisons[0]))),
        ("comparisons", ({**asdict(record().comparisons[0]), "samples": 0},)),
        ("comparisons", ({**asdict(record().comparisons[0]), "own": True},)),
        ("comparisons", ({**asdict(record().comparisons[0]), "probability": 1.5},)),
    ],
)
def test_a_sealed_record_with_an_impossible_value_is_refused(name, value):
    """A checksum proves who wrote it, not that it makes sense."""
    from explorer.study import retrained

    values = {**json.loads(record().to_json())["retraining"], name: value}
    sealed = {"format": 1, "checksum": retrained._checksum(values), "retraining": values}
    with pytest.raises(ValueError):
        Retraining.from_json(json.dumps(sealed).encode())


def test_a_record_of_another_subject_is_refused(tmp_path):
    """Weights, labels or samples were changed since: its numbers are about something else."""
    path = write_record(tmp_path, record())
    assert read_record(path, "f" * 64) == record()
    with pytest.raises(StudyMismatch, match="found one on another"):
        read_record(path, "e" * 64)


def test_beyond_chance_means_that_the_interval_leaves_zero_out():
    """On either side; an end at zero does not."""
    one = record().comparisons[0]
    spans = [(0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (0.0, 0.1)]
    found = [replace(one, low=low, high=high).is_beyond_chance for low, high in spans]
    assert found == [True, True, False, False]


def test_one_training_at_a_time(tmp_path):
    """A second one is refused; how far the first is can be read, and the note goes with it, also when it fails."""
    assert not is_training(tmp_path) and read_progress(tmp_path) is None
    with pytest.raises(KeyError), training_noted(tmp_path) as tell:
        tell(3, 8)
        assert is_training(tmp_path) and read_progress(tmp_path) == (3, 8)
        with pytest.raises(StudyError, match="one training at a time"), training_noted(tmp_path):
            raise AssertionError
        assert read_progress(tmp_path) == (3, 8)
        raise KeyError
    assert not is_training(tmp_path) and read_progress(tmp_path) is None


KILLED = """
import os, sys
from pathlib import Path
from explorer.study.retrained import training_noted

with training_noted(Path(sys.argv[1])) as tell:
    tell(1, 4)
    os._exit(9)
"""


def test_a_killed_training_leaves_word_and_no_lock(tmp_path):
    """The next one can begin, and a page can say that it was stopped."""
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(words, cwd=REPOSITORY, timeout=60).returncode == 9
    assert read_progress(tmp_path) == (1, 4) and not is_training(tmp_path)
    with training_noted(tmp_path):
        assert is_training(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"done": "x", "total": 1}', "null"])
def test_a_progress_that_cannot_be_read_is_none(tmp_path, content):
    """It is a note, not a result."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "progress.json").write_text(content)
    assert read_progress(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """A file where the folder should be: one sentence, before any training."""
    (tmp_path / FOLDER).write_text("a file")
    with pytest.raises(StudyError, match="expected a place to write"), training_noted(tmp_path):
        raise AssertionError
    with pytest.raises(StudyError, match="expected a place to write"):
        write_record(tmp_path, record())
