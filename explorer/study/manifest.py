"""What was measured, with which settings and versions, and what every file must be. Strict to read and to write.

The manifest is the one authority: an array that it does not name does not exist, and a file that differs from what it
says is an error. A checksum over its own text closes the circle.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from explorer.errors import SettingsError, StudyMismatch, StudyNotFound
from explorer.records import Settings
from explorer.study.checksums import Entry
from explorer.study.steps import STEP_NAMES, step_of

FORMAT = 1
NAME = "manifest.json"
BLANK_CHECKSUM = "0" * 64

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
        text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        return text.replace(BLANK_CHECKSUM, hashlib.sha256(text.encode()).hexdigest(), 1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Read a manifest, strictly.

        Raises:
            StudyMismatch: not JSON, of a newer format, changed since it was written, or a field is not what it must be.
        """
        values = _parse(content)
        if values["format"] > FORMAT:
            raise StudyMismatch(
                f"the study has format {values['format']}, this version of the explorer reads up to {FORMAT}. "
                "Install a newer explorer, or build the study again into another folder."
            )
        _require(values, MANIFEST_FIELDS, NAME)
        _check_seal(content, values["checksum"])
        _require(values["subject"], SUBJECT_FIELDS, "subject")
        return cls(
            **{key: values[key] for key in ("name", "created_at", "subject", "versions", "fidelity", "coverage")},
            settings=_settings(values["settings"]),
            steps={name: StepRecord(**_require(one, STEP_FIELDS, name)) for name, one in values["steps"].items()},
            arrays={name: _array(name, one) for name, one in values["arrays"].items()},
            files={name: Entry(**_require(one, FILE_FIELDS, name)) for name, one in values["files"].items()},
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a study folder.

    Raises:
        StudyNotFound: there is no folder, or it holds no manifest.
        StudyMismatch: the manifest is damaged or of a newer format.
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
        return Manifest.from_json(path.read_bytes())
    except StudyMismatch as error:
        raise StudyMismatch(f"{path}: {error}") from error


def _parse(content: bytes) -> dict[str, Any]:
    try:
        values = json.loads(content.decode(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise StudyMismatch(
            f"expected JSON, found text that cannot be read ({error}): it is damaged. Build the study again."
        ) from error
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise StudyMismatch("expected a manifest with a format number, found none: it is no study of the explorer.")
    return values


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")


def _check_seal(content: bytes, checksum: str) -> None:
    blank = content.replace(checksum.encode(), BLANK_CHECKSUM.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != checksum:
        raise StudyMismatch(
            "its text is not what was written: the checksum differs, so it was edited or damaged. "
            "Restore it from a copy, or build the study again."
        )


def _require(values: Any, expected: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(values, dict) or set(values) != set(expected):
        found = sorted(values) if isinstance(values, dict) else values
        raise StudyMismatch(f"{where} must have the fields {', '.join(expected)}, found {found}. Build it again.")
    for key, types in expected.items():
        if not isinstance(values[key], types) or isinstance(values[key], bool):
            raise StudyMismatch(f"{where}: field {key} has the unexpected value {values[key]!r}. Build it again.")
    return values


def _settings(values: dict[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except (TypeError, SettingsError) as error:
        raise StudyMismatch(f"its settings cannot be read ({error}). Build the study again.") from error


def _array(name: str, values: Any) -> Entry:
    values = _require(values, ARRAY_FIELDS, name)
    if not all(type(length) is int and length >= 0 for length in values["shape"]):
        raise StudyMismatch(f"{name}: shape {values['shape']} is not a list of lengths. Build it again.")
    return Entry(**{**values, "shape": tuple(values["shape"])})
