"""What came of training a network again after decisions about labels: a record a training, in a study's `retrained/`.

Records stand beside the measured arrays and are no part of them: the manifest does not name them, and the version of
the study stays what it is. No torch, no pandas.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from explorer.errors import StudyError, StudyMismatch
from explorer.study.lock import is_locked, locked
from explorer.study.steps import PART, with_ending, write_file

FOLDER = "retrained"
PROGRESS = "progress.json"
FORMAT = 1
MEASURES = ("accuracy", "rmse")
PARTS = ("untouched", "held_out", "held_out_true", "train_true")
COUNTS = ("relabeled", "dropped", "held_out_relabeled", "held_out_dropped")


@dataclass(frozen=True)
class Comparison:
    """Three networks on the same samples: the study's own, and two that differ in nothing but their training labels."""

    part: str
    """untouched (held-out samples that nobody decided about, by their given labels), held_out (all held-out samples,
    by their given labels), held_out_true or train_true (by the true labels, which only a demo knows)."""
    samples: int
    """How many they are."""
    own: float
    """Of the network that was measured: share of right answers, or root mean square error in units of the target."""
    control: float
    """The same of a network trained with the labels as given."""
    retrained: float
    """The same of a network trained like the control, with the labels after decisions."""
    low: float
    """Lower end of the 95 % interval of retrained minus control, over which samples were held out."""
    high: float
    """Upper end of it."""
    only_control: int | None = None
    """Samples that the control alone answers rightly; None for a regression."""
    only_retrained: int | None = None
    """Samples that the retrained network alone answers rightly; None for a regression."""
    probability: float | None = None
    """Of a split of these as uneven as this or more, were both networks equally good (exact McNemar test)."""

    @property
    def difference(self) -> float:
        """Retrained minus control: above 0 is better for an accuracy, below 0 for an error."""
        return self.retrained - self.control

    def in_words(self) -> str:
        """Before, after and the difference in one line."""
        return (
            f"{self.control:.4g} as given, {self.retrained:.4g} after decisions: {self.difference:+.3g} "
            f"(95 % interval {self.low:+.3g} to {self.high:+.3g}) on {self.samples:,} samples"
        )

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Retraining:
    """One training after decisions, with its control."""

    made_at: str
    """When, in UTC, ISO 8601."""
    fingerprint: str
    """Of the subject that the study measured."""
    measure: str
    """accuracy or rmse."""
    seed: int
    """Of first weights and order, the same for both networks."""
    recipe: dict[str, Any]
    """How both were trained, see subjects.recipes.Recipe."""
    labels: dict[str, Any]
    """file and sha256 of the labels, and COUNTS of samples."""
    weights: str
    """Where the retrained network lies."""
    seconds: float
    """Both trainings together."""
    comparisons: tuple[Comparison, ...]
    """The untouched part first; a part without samples is absent."""

    def to_json(self) -> bytes:
        """The text of a record, with a checksum over its values."""
        values = asdict(self)
        sealed = {"format": FORMAT, "checksum": _checksum(values), "retraining": values}
        return (json.dumps(sealed, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Retraining":
        """Read a record, strictly; raises ValueError with what is wrong."""
        sealed = json.loads(content.decode())
        if not isinstance(sealed, dict) or set(sealed) != {"format", "checksum", "retraining"}:
            raise ValueError("it is no record of a training")
        if sealed["format"] != FORMAT:
            raise ValueError(f"it has format {sealed['format']}, and this version reads {FORMAT}")
        values = sealed["retraining"]
        if sealed["checksum"] != _checksum(values):
            raise ValueError("its checksum differs from its values: it was edited or damaged")
        return _checked(values)


def write_record(folder: Path, made: Retraining) -> Path:
    """Write a record into a study's folder, whole or not at all, and return its path.

    Raises:
        StudyError: it cannot be written.
    """
    stamp = "".join(letter for letter in made.made_at if letter.isdigit())[:17]
    path = folder / FOLDER / f"{stamp}.json"
    with _explained(path):
        path.parent.mkdir(exist_ok=True)
        write_file(path, made.to_json())
    return path


def record_paths(folder: Path) -> list[Path]:
    """The records of a study's folder, the latest first."""
    return sorted((folder / FOLDER).glob("[0-9]*.json"), reverse=True)


def read_record(path: Path, fingerprint: str) -> Retraining:
    """One record.

    Args:
        path: one of record_paths.
        fingerprint: of the subject that the study measured.

    Raises:
        StudyMismatch: it is damaged, or about another subject.
    """
    try:
        made = Retraining.from_json(path.read_bytes())
    except (ValueError, TypeError, KeyError, OSError, RecursionError) as error:
        raise StudyMismatch(
            f"expected the record of a training in {path}, found what cannot be used: {error}. Delete it, and train "
            "again if you need it."
        ) from error
    if made.fingerprint != fingerprint:
        raise StudyMismatch(
            f"expected a training on the subject of this study in {path}, found one on another: weights, labels or "
            "samples were changed since. Delete it, or train again."
        )
    return made


@contextmanager
def training_noted(folder: Path) -> Iterator[Callable[[int, int], None]]:
    """Hold a study's `retrained/` for one training at a time, and keep there how far it is, for a page to read.

    Yields:
        What is to be told (epochs done, epochs of both trainings). The note is gone when the block ends, and stays
        when the process is killed.

    Raises:
        StudyError: another training holds it, or it cannot be written.
    """
    place = folder / FOLDER
    note = place / PROGRESS

    def tell(done: int, total: int) -> None:
        part = with_ending(note, PART)
        part.write_text(json.dumps({"done": done, "total": total}))
        part.replace(note)

    with ExitStack() as held:
        with _explained(place):
            place.mkdir(exist_ok=True)
            try:
                held.enter_context(locked(place))
            except StudyError as error:
                raise StudyError(
                    f"expected one training at a time in {place}, found another at work. Wait for it, or stop it."
                ) from error
            tell(0, 0)
        try:
            yield tell
        finally:
            note.unlink(missing_ok=True)


def is_training(folder: Path) -> bool:
    """Whether a training for this study is at work right now."""
    return is_locked(folder / FOLDER)


def read_progress(folder: Path) -> tuple[int, int] | None:
    """Epochs done and epochs in all of the training that is at work, or was killed; None when there is none."""
    try:
        written = json.loads((folder / FOLDER / PROGRESS).read_text("utf-8"))
        return int(written["done"]), int(written["total"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checksum(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _checked(values: Any) -> Retraining:
    _require_fields(values, Retraining)
    comparisons = tuple(_comparison(one) for one in values["comparisons"])
    for name in ("made_at", "fingerprint", "weights"):
        _require(isinstance(values[name], str), name, values[name])
    _require(values["measure"] in MEASURES, "measure", values["measure"])
    _require(type(values["seed"]) is int, "seed", values["seed"])
    _require(_is_number(values["seconds"]), "seconds", values["seconds"])
    recipe, labels = values["recipe"], values["labels"]
    _require(isinstance(recipe, dict) and _is_count(recipe.get("epochs")), "recipe", recipe)
    _require(isinstance(labels, dict) and all(_is_count(labels.get(name)) for name in COUNTS), "labels", labels)
    _require(all(isinstance(labels.get(name), str) for name in ("file", "sha256")), "labels", labels)
    _require(len({one.part for one in comparisons}) == len(comparisons) > 0, "comparisons", values["comparisons"])
    return Retraining(**{**values, "comparisons": comparisons})


def _comparison(values: Any) -> Comparison:
    _require_fields(values, Comparison)
    _require(values["part"] in PARTS, "part", values["part"])
    _require(_is_count(values["samples"]) and values["samples"] > 0, "samples", values["samples"])
    for name in ("own", "control", "retrained", "low", "high"):
        _require(_is_number(values[name]), name, values[name])
    for name in ("only_control", "only_retrained"):
        _require(values[name] is None or _is_count(values[name]), name, values[name])
    chance = values["probability"]
    _require(chance is None or (_is_number(chance) and 0 <= chance <= 1), "probability", chance)
    return Comparison(**values)


def _require_fields(values: Any, kind: type) -> None:
    names = {one.name for one in fields(kind)}
    _require(isinstance(values, dict) and set(values) == names, kind.__name__.lower(), values)


def _require(holds: bool, name: str, found: Any) -> None:
    if not holds:
        raise ValueError(f"its {name} is {str(found)[:80]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudyError(
            f"expected a place to write {place}, found: {error.strerror or error}. Make room, or copy the study."
        ) from error
