"""The labels that a data set gives, and what another label for one of its samples may be. No torch, no pandas.

A label is written in one form wherever a decision about it is kept: a class as a whole number, a target as a number, a
target of several outputs as JSON, `[0.5, -1.0]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.errors import DecisionError, StudyError

if TYPE_CHECKING:
    from explorer.study.study import Study

Label = int | float | str
"""A class, a target, or the targets of several outputs as JSON."""

WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,18})(\.0*)?")
"""Also 3.0, which other programs make of a 3 in a column with gaps."""
LARGEST_TARGET = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """The labels of all samples as they were given. Row i is sample i."""

    values: np.ndarray
    """[n] whole numbers (classes), or [n] or [n, c] floats (targets)."""
    classes: int = 0
    """How many classes there are; 0 for targets."""
    class_names: Sequence[str] | None = None
    """One name a class."""

    @classmethod
    def of(cls, study: Study) -> GivenLabels:
        """The labels of a study's samples.

        Raises:
            StepMissing: the samples table is not made yet.
            StudyError: it has neither labels nor targets.
        """
        samples = study.samples
        if not study.columns_of("label" if study.task == "classification" else "target"):
            raise StudyError(f'study "{study.name}" has no labels or targets, expected some to decide about.')
        if study.task == "classification":
            classes = len(study.class_names or ()) or max(2, study.subject["outputs"])
            return cls(samples["label"].to_numpy(), classes, study.class_names)
        targets = samples[study.columns_of("target")].to_numpy(dtype=np.float32)
        return cls(targets[:, 0] if targets.shape[1] == 1 else targets)

    def __len__(self) -> int:
        return len(self.values)

    def label(self, row: int) -> Label:
        """The given label of one sample; a target with the fewest digits that single precision tells apart."""
        value = self.values[row]
        if self.classes:
            return int(value)
        return _short(value) if self.values.ndim == 1 else json.dumps([_short(one) for one in value])

    def checked_row(self, row: Any) -> int:
        """A row number; raises DecisionError when no sample has it."""
        if isinstance(row, bool) or not isinstance(row, Integral) or not 0 <= row < len(self):
            raise DecisionError(
                f"a row must be a whole number from 0 to {len(self) - 1}, found {row!r}. Name a sample of this study."
            )
        return int(row)

    def checked(self, value: Any) -> Label:
        """A label that a sample of this data set could have, in the form in which it is kept.

        Args:
            value: a class number; a finite target; or as many finite targets as there are outputs.

        Raises:
            DecisionError: it is none.
        """
        if self.classes:
            if _is_number(value, Integral) and 0 <= value < self.classes:
                return int(value)
            raise DecisionError(f"a class must be {self._classes_in_words}, found {value!r}. Choose one of these.")
        if self.values.ndim == 1:
            if _is_finite(value):
                return float(value)
            raise DecisionError(f"a target must be a finite number in single precision, found {value!r}. Pass one.")
        values = value.tolist() if isinstance(value, np.ndarray) else value
        if not isinstance(values, list | tuple) or len(values) != self.outputs or not all(map(_is_finite, values)):
            raise DecisionError(
                f"a target must be {self.outputs} finite numbers, found {value!r}. Pass a list of them."
            )
        return json.dumps([float(one) for one in values])

    def parsed(self, text: str) -> Label:
        """A label as it stands in a file: a class by number or by name, a target as a number or as JSON.

        What looks like a whole number is the number of a class, also when a class has that name.

        Raises:
            DecisionError: it is none that a sample of this data set could have.
        """
        if self.classes:
            whole = WHOLE_NUMBER.fullmatch(text)
            if whole:
                return self.checked(int(whole[1]))
            return self.checked(self._numbers.get(text, text))
        try:
            return self.checked(float(text) if self.values.ndim == 1 else json.loads(text))
        except DecisionError:
            raise
        except (ValueError, RecursionError):
            return self.checked(text)

    def is_given(self, row: int, label: Label) -> bool:
        """Whether a label is the one that a sample was given; targets to single precision."""
        if self.classes:
            return self.label(row) == label
        return bool(np.allclose(numbers_of(label), self.values[row], rtol=1e-6, atol=0))

    @property
    def outputs(self) -> int:
        """How many targets a sample has; 1 for classes."""
        return 1 if self.values.ndim == 1 else self.values.shape[1]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        names = list(self.class_names or ())
        return {name: number for number, name in enumerate(names) if names.count(name) == 1}

    @property
    def _classes_in_words(self) -> str:
        names = f" or the name of one ({', '.join(self.class_names[:5])}{', …' * (self.classes > 5)})"
        return f"a whole number from 0 to {self.classes - 1}{names if self.class_names else ''}"


def numbers_of(label: Label) -> Any:
    """A label as numbers: itself, or the list that its JSON says."""
    return json.loads(label) if isinstance(label, str) else label


def _short(value: np.floating) -> float:
    return float(str(np.float32(value)))


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return _is_number(value, Real) and abs(value) <= LARGEST_TARGET
