"""A study, opened: arrays, the samples table and the questions that can be asked of them. Read-only."""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explorer.errors import ShapeError, StudyMismatch
from explorer.records import Neighbors, Settings, Unseen
from explorer.study.exact import ExactQuestions, ExactSimilarity, LayerShares, Rows, SimilarityGradient
from explorer.study.manifest import Manifest, read_manifest
from explorer.study.pictures import place_on_sheet, unpacked
from explorer.study.samples_table import read_samples
from explorer.study.selections import Kept, read_selections
from explorer.study.shelf import Shelf
from explorer.study.steps import STEP_NAMES

KINDS = ("network", "embedding", "input")
"""Whose similarity: the network's own, of its last layer's inputs, or of the plain inputs (both cosines)."""

SOURCES = {"network": "units", "embedding": "embedding", "input": "inputs"}
CHUNK_ROWS = 8192


class Study(ExactQuestions):
    """One network on one data set, measured. Row i is sample i everywhere."""

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        exact: ExactSimilarity | None = None,
        shares: LayerShares | None = None,
        slopes: SimilarityGradient | None = None,
    ) -> None:
        super().__init__(exact, shares, slopes)
        self.path = path
        self.manifest = manifest
        self._shelf = Shelf(path, manifest)

    def __reduce__(self) -> tuple[Any, ...]:
        # Not what was opened travels to another process, which may work in another folder.
        return type(self), (self.path.absolute(), self.manifest, self._exact, self._shares, self._slopes)

    @classmethod
    def open(
        cls,
        path: str | Path,
        exact: ExactSimilarity | None = None,
        shares: LayerShares | None = None,
        slopes: SimilarityGradient | None = None,
    ) -> "Study":
        """Open a study folder; also one whose build has not finished yet (see steps_missing).

        Args:
            path: the folder that `build` wrote.
            exact: answers exact_similarity; `explorer.open_study` passes one that loads the network when it is asked.
            shares: answers layer_shares, likewise.
            slopes: answers similarity_gradient, likewise.

        Raises:
            StudyNotFound: there is no study at path.
            StudyMismatch: its manifest is damaged or of a newer format.

        Cost: reads the manifest only; arrays are mapped and verified when they are first used.
        """
        folder = Path(path)
        return cls(folder, read_manifest(folder), exact, shares, slopes)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.manifest.name

    @property
    def subject(self) -> dict[str, Any]:
        """What was measured, in words and numbers (see manifest.SUBJECT_FIELDS)."""
        return self.manifest.subject

    @property
    def n(self) -> int:
        """How many samples were measured."""
        return self.subject["samples"]

    @property
    def settings(self) -> Settings:
        """What was asked of the build."""
        return self.manifest.settings

    @property
    def task(self) -> str:
        """What the network was trained for: classification or regression."""
        return self.subject["task"]

    @property
    def class_names(self) -> list[str] | None:
        """A name for each class number, or None for a regression."""
        return self.subject["class_names"]

    @property
    def warnings(self) -> list[str]:
        """Sentences that a reader of the study should see."""
        return [*self.manifest.warnings, *filter(None, [self._selections.trouble])]

    @property
    def fidelity(self) -> dict[str, Any] | None:
        """How well the stored features stand for exact gradients; None until it is measured."""
        return self.manifest.fidelity

    @property
    def unseen(self) -> Unseen:
        """Completes inner products of the stored features to estimates of k^C."""
        return Unseen(**self.notes("projection").get("unseen", {}))

    @property
    def steps_missing(self) -> list[str]:
        """The steps that are not done yet, in order; empty for a finished study."""
        return [step for step in STEP_NAMES if step not in self.manifest.steps]

    def notes(self, step: str) -> dict[str, Any]:
        """What a step wrote down beside its arrays; empty when it is not done."""
        record = self.manifest.steps.get(step)
        return {} if record is None else record.notes

    @cached_property
    def version(self) -> str:
        """12 hexadecimal digits that change when anything in the study does."""
        entries = self.manifest.arrays | self.manifest.files
        content = "".join(f"{name}{entries[name].sha256}" for name in sorted(entries))
        measured = (self.subject["fingerprint"] + content).encode()
        return hashlib.sha256(measured + self._selections.content).hexdigest()[:12]

    @property
    def samples(self) -> pd.DataFrame:
        """The samples table, n rows: see explorer.columns.COLUMNS for what each column means.

        Its last columns are the named selections, as flags, of the moment when they were first asked for.
        """
        return self._samples.copy(deep=False)  # pandas copies on write: a caller cannot change the study's table

    @cached_property
    def _selections(self) -> Kept:
        return read_selections(self.path, self.n)

    @cached_property
    def _samples(self) -> pd.DataFrame:
        measured = [name.removeprefix("statistics/") for name in self.manifest.arrays if name.startswith("statistics/")]
        measured = [name for name in measured if len(self.manifest.arrays[f"statistics/{name}"].shape) == 1]
        classes = max(2, self.subject["outputs"], len(self.class_names or ())) if self.task == "classification" else 0
        table = self._shelf.read("samples.parquet", lambda path: read_samples(path, self.n, classes, measured))
        return table.join(self._selections.beside(table))

    def columns_of(self, quantity: str) -> list[str]:
        """The columns of one quantity: itself, or one for each output of a regression, target_0, target_1 and so on."""
        form = re.compile(rf"{re.escape(quantity)}(_\d+)?")
        return [name for name in self.samples if form.fullmatch(name)]

    def neighbors(self, row: int, k: int = 10, by: str = "network") -> Neighbors:
        """The k samples most similar to one sample, best first, itself left out.

        Args:
            row: the sample.
            k: how many; at most n - 1 come back. Up to the stored number they are looked up, beyond it searched.
            by: network, embedding or input.

        Returns:
            indices [k] int64 and similarities [k] float32; index -1 and similarity nan where there is none.

        Raises:
            ShapeError: row is out of range or k is less than 1.
            StepMissing: the neighbors have not been computed yet.
        """
        row, folder = int(self._checked_rows([row])[0]), f"neighbors/{_checked_kind(by)}"
        if k < 1:
            raise ShapeError(f"k must be at least 1, found {k}. Ask for one neighbor or more.")
        indices = self.array(f"{folder}/indices")
        if k > indices.shape[1]:
            return self._search(row, min(k, self.n - 1), by)
        return Neighbors(
            np.array(indices[row, :k], dtype=np.int64), np.array(self.array(f"{folder}/similarities")[row, :k])
        )

    def similarity(self, rows_a: Rows, rows_b: Rows, by: str = "network") -> np.ndarray:
        """Similarity of every sample of one list with every sample of another.

        Args:
            rows_a: a row numbers.
            rows_b: b row numbers.
            by: network (k^C from the stored features, see records.Unseen), embedding or input (cosines).

        Returns:
            [a, b] float32 in [-1, 1]; nan where a sample has no direction (a zero or non-finite vector). A sample is
            as similar to itself as can be, 1, also where its stored features see only part of its gradient.
        """
        rows_a, rows_b = self._checked_rows(rows_a), self._checked_rows(rows_b)
        left, right = self._directions(rows_a, by), self._directions(rows_b, by)
        similarities = left @ right.T
        if by == "network":
            energies, others = (np.square(each).sum(1) for each in (left, right))
            similarities = self.unseen.completed(similarities, energies[:, None], others)
        similarities = np.clip(similarities, -1.0, 1.0)
        similarities[(rows_a[:, None] == rows_b) & ~np.isnan(similarities)] = 1.0
        return similarities

    def verify(self) -> None:
        """Hold every file against its checksum; raises StudyMismatch at the first that differs.

        Cost: reads the whole study once.
        """
        self._shelf.verify()

    def rows(self, name: str, rows: Rows | None = None) -> np.ndarray:
        """What is stored for some samples, gathered over the shards.

        Args:
            name: units, grams, outputs, embedding, valid or inputs.
            rows: row numbers in any order; None takes all.

        Returns:
            [len(rows), ...] a copy in memory; units are float32, however they are stored.
        """
        names = ["previews/inputs"] if name == "inputs" else self._shelf.shards(name)
        wanted = np.arange(self.n) if rows is None else self._checked_rows(rows)
        found = self._shelf.gather(names, wanted)
        return found.astype(np.float32, copy=False) if name == "units" else found

    def array(self, name: str) -> np.ndarray:
        """A stored array, memory-mapped and read-only; verified against its checksum when it is first used.

        Args:
            name: as in the manifest, e.g. `neighbors/network/indices`.

        Raises:
            StepMissing: the step that makes it is not done.
            StudyMismatch: the file is not the one that was written.
        """
        return self._shelf.array(name)

    def file(self, name: str) -> Path:
        """Path of a stored file that is not an array, verified against its checksum when it is first used."""
        return self._shelf.file(name)

    @property
    def sheets(self) -> dict[str, int]:
        """The sheets of small pictures: width and height of a picture in pixels, columns, per_sheet, count."""
        self._shelf.require_step("previews")
        return self.manifest.steps["previews"].notes["sheets"]

    def sheet(self, number: int) -> Path:
        """Path of one sheet, a PNG; sample i stands on sheet i // per_sheet, row by row."""
        if not 0 <= number < (count := self.sheets["count"]):
            raise ShapeError(f"sheet must be between 0 and {count - 1}, found {number}. Name one of these.")
        return self.file(f"previews/sheet-{number:03d}.png")

    def thumbnail(self, row: int) -> np.ndarray:
        """The small picture of one sample, [height, width, 3] uint8."""
        number, top, left = place_on_sheet(int(self._checked_rows([row])[0]), self.sheets)
        height, width = self.sheets["height"], self.sheets["width"]
        picture = unpacked(self.sheet(number), self.version, self.sheets)[top : top + height, left : left + width]
        if picture.shape[:2] != (height, width):
            raise StudyMismatch(f'study "{self.name}" has no picture of sample {row} on its sheet. Build it again.')
        return picture

    def _search(self, row: int, k: int, by: str) -> Neighbors:
        blocks = [np.arange(start, min(start + CHUNK_ROWS, self.n)) for start in range(0, self.n, CHUNK_ROWS)]
        similarities = np.concatenate([self.similarity([row], block, by)[0] for block in blocks])
        similarities[row] = np.nan
        order = np.argsort(-similarities, kind="stable")[:k]  # nan sorts last
        found = similarities[order]
        return Neighbors(np.where(np.isnan(found), -1, order), found)

    def _directions(self, rows: np.ndarray, by: str) -> np.ndarray:
        source = SOURCES[_checked_kind(by)]
        vectors = self.rows(source, rows).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        known = np.isfinite(lengths) & (lengths > 0)
        if source == "units":  # their length is the share of the gradient that they see
            return np.where(known, vectors, np.float32(np.nan))
        return np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=known)

    def _checked_rows(self, rows: Rows) -> np.ndarray:
        wanted = np.asarray(rows)
        if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
            raise ShapeError(f"rows must be a list of whole numbers, found {rows!r}. Pass row numbers.")
        outside = (wanted < 0) | (wanted >= self.n)
        if outside.any():
            raise ShapeError(
                f'rows of study "{self.name}" run from 0 to {self.n - 1}, found {wanted[outside][0]}. Name one.'
            )
        return wanted.astype(np.int64)


def _checked_kind(by: str) -> str:
    if by not in KINDS:
        raise ShapeError(f"by must be one of {', '.join(KINDS)}, found {by!r}. Name one of these.")
    return by
