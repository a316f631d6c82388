"""What was measured, with which settings and versions, and what every file must be. Strict to read and to write.

The manifest is the one authority: an array that it does not name does not exist, and a file that differs from what it
says is an error. A checksum over its own text closes the circle.
"""

import re
from dataclasses import asdict, dataclass, field, fields, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import SettingsError, StudyError, StudyMismatch, StudyNotFound
from explorer.records import LIMIT, Settings
from explorer.study.checksums import Entry, is_scarce, scarcity_of
from explorer.study.expected import check_arrays, check_notes
from explorer.study.sealed import BLANK_CHECKSUM, check_seal, parsed, require, sealed
from explorer.study.steps import STEP_NAMES, step_of

FORMAT = 1
NAME = "manifest.json"
MOST_BYTES = 2**28
"""A study of a hundred million samples has a manifest smaller than this."""
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}")
"""Letters and digits in at most four parts, none of which is hidden or leads elsewhere."""
CHECKSUM = re.compile(r"[0-9a-f]{64}")
TASKS = ("classification", "regression")

OPTIONAL_TEXT, OPTIONAL_LIST = (str, type(None)), (list, type(None))
SUBJECT_FIELDS: dict[str, Any] = {
    "name": str,
    "reference": OPTIONAL_TEXT,
    "fingerprint": str,
    "samples": int,
    "task": str,
    "kind": str,
    "class_names": OPTIONAL_LIST,
    "feature_names": OPTIONAL_LIST,
    "description": str,
    "outputs": int,
}
MANIFEST_FIELDS: dict[str, Any] = {
    "checksum": str,
    "format": int,
    "name": str,
    "created_at": str,
    "subject": dict,
    "settings": dict,
    "versions": dict,
    "steps": dict,
    "arrays": dict,
    "files": dict,
    "fidelity": (dict, type(None)),
    "coverage": (dict, type(None)),
}
STEP_FIELDS: dict[str, Any] = {
    "key": str,
    "seconds": (int, float),
    "peak_memory_bytes": int,
    "notes": dict,
    "warnings": list,
}
FILE_FIELDS: dict[str, Any] = {"bytes": int, "sha256": str}
ARRAY_FIELDS: dict[str, Any] = {**FILE_FIELDS, "shape": list, "dtype": str}


@dataclass(frozen=True)
class StepRecord:
    """What is known about a step that is complete."""

    key: str
    """Hash of the settings that the step uses, the steps that it needs and the subject."""
    seconds: float
    """Wall time that the step took, in the run that finished it."""
    peak_memory_bytes: int
    """The largest memory of the process up to the end of the step."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Facts of the step that are not an array, as JSON values."""
    warnings: list[str] = field(default_factory=list)
    """Sentences that a reader of the study should see."""


@dataclass(frozen=True)
class Manifest:
    """All that a study says about itself."""

    name: str
    created_at: str
    subject: dict[str, Any]
    settings: Settings
    versions: dict[str, str]
    steps: dict[str, StepRecord] = field(default_factory=dict)
    arrays: dict[str, Entry] = field(default_factory=dict)
    files: dict[str, Entry] = field(default_factory=dict)
    fidelity: dict[str, Any] | None = None
    coverage: dict[str, str] | None = None

    @property
    def warnings(self) -> list[str]:
        """The warnings of all complete steps, in the order of the steps."""
        return [line for name in STEP_NAMES if name in self.steps for line in self.steps[name].warnings]

    def entries(self, step: str) -> dict[str, Entry]:
        """The arrays and files of one step, by name."""
        return {name: entry for name, entry in (self.arrays | self.files).items() if step_of(name) == step}

    def without_step(self, step: str) -> "Manifest":
        """The manifest before a step was done."""
        return replace(
            self,
            steps={name: record for name, record in self.steps.items() if name != step},
            arrays={name: entry for name, entry in self.arrays.items() if step_of(name) != step},
            files={name: entry for name, entry in self.files.items() if step_of(name) != step},
        )

    def with_step(self, step: str, record: StepRecord, entries: dict[str, Entry]) -> "Manifest":
        """The manifest after a step: its record, its arrays and its files in place of what was there."""
        before = self.without_step(step)
        arrays = {name: entry for name, entry in entries.items() if entry.shape is not None}
        files = {name: entry for name, entry in entries.items() if entry.shape is None}
        steps = {**before.steps, step: record}
        ordered = {name: steps[name] for name in STEP_NAMES if name in steps}
        return replace(before, steps=ordered, arrays=before.arrays | arrays, files=before.files | files)

    def to_json(self) -> bytes:
        """The text of manifest.json, with a checksum over itself."""
        values = {
            "checksum": BLANK_CHECKSUM,
            "format": FORMAT,
            **{one.name: getattr(self, one.name) for one in fields(self)},
            "settings": self.settings.as_dict(),
            "steps": {name: asdict(record) for name, record in self.steps.items()},
            "arrays": {name: entry.as_dict() for name, entry in sorted(self.arrays.items())},
            "files": {name: entry.as_dict() for name, entry in sorted(self.files.items())},
        }
        return sealed(values)

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Read a manifest, strictly.

        Raises:
            StudyMismatch: not JSON, of a newer format, changed since it was written, or a field is not what it must be.
        """
        values = parsed(content)
        if values["format"] > FORMAT:
            raise StudyMismatch(
                f"the study has format {values['format']}, this version of the explorer reads up to {FORMAT}. "
                "Install a newer explorer, or build the study again into another folder."
            )
        require(values, MANIFEST_FIELDS, NAME)
        check_seal(content, values["checksum"])
        _check_subject(values["subject"])
        _check_facts(values)
        read = cls(
            **{key: values[key] for key in ("name", "created_at", "subject", "versions", "fidelity", "coverage")},
            settings=_settings(values["settings"]),
            steps={name: _step(name, one) for name, one in values["steps"].items()},
            arrays={name: _array(name, one) for name, one in values["arrays"].items()},
            files={name: _file(name, one) for name, one in values["files"].items()},
        )
        check_arrays(read.arrays, read.subject["samples"])
        for name, step in read.steps.items():
            check_notes(name, step.notes, read.subject["samples"])
        return read


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a study folder.

    Raises:
        StudyNotFound: there is no folder, or it holds no manifest.
        StudyMismatch: the manifest is damaged or of a newer format.
        StudyError: the system has no memory, or no more open files, to give.
    """
    if not folder.is_dir():
        raise StudyNotFound(
            f"expected a study at {folder}, found no such folder. "
            f"Make one with `python -m explorer build mnist-noisy --study {folder}`."
        )
    path = folder / NAME
    if not path.is_file():
        raise StudyNotFound(
            f"expected a study in {folder}, found a folder without {NAME}. "
            "Name the folder that `python -m explorer build` wrote."
        )
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StudyMismatch(f"expected at most {MOST_BYTES} bytes, found more: it is no manifest of a study.")
        return Manifest.from_json(path.read_bytes())
    except StudyMismatch as error:
        raise StudyMismatch(f"{path}: {error}") from error
    except OSError as error:
        if is_scarce(error):
            raise StudyError(scarcity_of(path, error)) from error
        raise StudyNotFound(
            f"expected a study in {folder}, found a {NAME} that cannot be read ({error.strerror or error}). "
            "Ask for the right to read it, or restore it from a copy."
        ) from error


def _settings(values: dict[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except (TypeError, SettingsError) as error:
        raise StudyMismatch(f"its settings cannot be read ({error}). Build the study again.") from error


def _check_subject(subject: Any) -> None:
    require(subject, SUBJECT_FIELDS, "subject")
    for name, least in (("samples", 1), ("outputs", 1)):
        if not least <= subject[name] < LIMIT:
            raise StudyMismatch(f"subject: field {name} has the unexpected value {subject[name]}. Build it again.")
    for name in ("class_names", "feature_names"):
        if not all(isinstance(one, str) for one in subject[name] or ()):
            raise StudyMismatch(f"subject: field {name} must hold texts, found others. Build it again.")
    if subject["task"] not in TASKS:
        raise StudyMismatch(f"subject: the task must be one of {', '.join(TASKS)}, found another. Build it again.")


def _check_facts(values: dict[str, Any]) -> None:
    texts = {"versions": values["versions"], "coverage": values["coverage"] or {}}
    wrong = [name for name, facts in texts.items() if not all(isinstance(one, str) for one in facts.values())]
    numbers = (values["fidelity"] or {}).values()
    if not all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in numbers):
        wrong.append("fidelity")
    if wrong:
        raise StudyMismatch(f"its {wrong[0]} has an unexpected value. Build the study again.")


def _step(name: str, values: Any) -> StepRecord:
    record = StepRecord(**require(values, STEP_FIELDS, name))
    is_told = all(isinstance(line, str) for line in record.warnings)
    if name not in STEP_NAMES or not is_told or record.seconds < 0 or record.peak_memory_bytes < 0:
        raise StudyMismatch(f"expected steps with texts as warnings, found another in {name[:80]!r}. Build it again.")
    return record


def _file(name: str, values: Any, expected: dict[str, Any] = FILE_FIELDS) -> Entry:
    values = require(values, expected, name[:80])
    if not (FILE_NAME.fullmatch(name) and len(name) < 200 and step_of(name) in STEP_NAMES):
        raise StudyMismatch(f"expected names of files inside the study, found {name[:80]!r}. Build it again.")
    if values["bytes"] < 0 or not CHECKSUM.fullmatch(values["sha256"]):
        raise StudyMismatch(f"{name}: its size or checksum is none. Build it again.")
    return Entry(**values)


def _array(name: str, values: Any) -> Entry:
    entry = _file(name, values, ARRAY_FIELDS)
    if not all(type(length) is int and length >= 0 for length in entry.shape):
        raise StudyMismatch(f"{name}: shape {entry.shape} is not a list of lengths. Build it again.")
    try:
        kind = np.dtype(entry.dtype)
    except (TypeError, ValueError) as error:
        raise StudyMismatch(f"{name}: {entry.dtype[:80]!r} is no dtype. Build it again.") from error
    if kind.hasobject or kind.names or prod(entry.shape) * kind.itemsize > entry.bytes:
        raise StudyMismatch(
            f"{name}: expected numbers that fill its {entry.bytes} bytes, found shape {entry.shape} of {kind}. "
            "Build it again."
        )
    return replace(entry, shape=tuple(entry.shape))
