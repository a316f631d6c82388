"""A subject: the network, the samples and the labels that are measured together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from explorer.errors import SubjectError
from explorer.subjects.drawing import Drawing, drawing_for, told_kind
from explorer.subjects.fingerprints import fingerprint_of
from explorer.subjects.reading import (
    array_of,
    count_samples,
    input_batches,
    item_label,
    read_inputs,
    read_labels,
    survey_rows,
)
from explorer.subjects.splits import TRAIN
from explorer.subjects.targets import told_targets, told_task


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A trained network with the samples that it is to be explored on. Row i is sample i.

    The model is used where it lies and in evaluation mode; its own mode is put back afterwards. Making a subject
    reads at most one sample. Call check() before anything long.
    """

    name: str
    """Shown as the title of the study."""
    model: nn.Module
    """The trained network."""
    dataset: Any
    """Map-style: `len(dataset)` and `dataset[i]`. Items are inputs or (input, label) pairs; labels given apart win."""
    labels: Any = None
    """[n] whole numbers (classes) or [n] / [n, c] floats (targets)."""
    class_names: Sequence[str] | None = None
    """One name a class."""
    outputs: Callable[[nn.Module, Tensor], Tensor] | None = None
    """(model, inputs [m, ...]) -> [m, C], for a network whose plain call gives something else."""
    task: str | None = None
    """classification or regression; told from the labels when left out."""
    split: Any = None
    """[n] str, train or held-out; None when there is no such difference."""
    kind: str | None = None
    """How samples are drawn: image, row, point, signal, displacement or text; told from the inputs when left out."""
    picture: Callable[[Tensor], Any] | None = None
    """input -> uint8 [h, w] or [h, w, 3], of one size, in place of the default drawing."""
    feature_names: Sequence[str] | None = None
    """One name a feature, for inputs that are rows of a table."""
    words: Callable[[Tensor], str] | None = None
    """input -> the text that it stands for, for inputs that are tokens; drawn in place of their numbers."""
    read: Callable[[Path], Tensor] | None = None
    """file -> inputs [m, ...] or one input, as the data set makes them: how a stranger's file becomes a probe."""
    broken: Any = None
    """[n] bool: samples that could not be read. Their inputs are nan; they keep their rows, the network's answer to
    them is taken as zero without a gradient, and so they are left out of every number."""
    description: str = ""
    """What it is and where it comes from, in a sentence or two."""
    reference: str | None = None
    """What load_subject needs to make it again: a bundled name, file.py:function, or data with --model and more."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further columns of the samples table, [n] each."""
    parameters: Callable[[str], bool] | None = None
    """Which parameters are differentiated, by name; all when left out, also those that were frozen in training."""

    def __post_init__(self) -> None:
        if not isinstance(self.model, nn.Module):
            raise SubjectError(
                f"the model must be a torch.nn.Module, found a {type(self.model).__name__}. Pass the network itself."
            )
        count_samples(self.dataset)
        fixed = {
            "class_names": None if self.class_names is None else [str(name) for name in self.class_names],
            "feature_names": None if self.feature_names is None else [str(name) for name in self.feature_names],
            "labels": None if self.labels is None else array_of(self.labels, "labels"),
            "split": None if self.split is None else np.asarray(self.split).astype(str),
            "columns": {str(name): np.array(values) for name, values in self.columns.items()},
            "broken": None if self.broken is None else np.asarray(self.broken).astype(bool),
        }
        if fixed["broken"] is not None:
            fixed["columns"]["broken"] = fixed["broken"]
        for name, value in fixed.items():
            object.__setattr__(self, name, value)
        sample_labels = item_label(self.dataset, 0) if self.labels is None else self.labels
        object.__setattr__(self, "task", told_task(sample_labels, self.task))
        object.__setattr__(self, "kind", self._told_kind())

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the sample axis."""
        return tuple(self.inputs([0]).shape[1:])

    @cached_property
    def targets(self) -> np.ndarray:
        """The labels: int64 [n] for classification, float32 [n] or [n, c] for regression.

        Raises:
            SubjectError: they are not numbers, not one a sample, or do not suit the task.

        Cost: reads the whole data set, once, when the labels come in its items.
        """
        labels = read_labels(self.dataset) if self.labels is None else self.labels
        return told_targets(labels, self.task, len(self))

    @cached_property
    def train_rows(self) -> np.ndarray:
        """int64 rows that the network was trained on; all of them when there is no split."""
        return np.arange(len(self)) if self.split is None else np.flatnonzero(self.split == TRAIN)

    @cached_property
    def held_out_rows(self) -> np.ndarray:
        """int64 rows that the network was not trained on."""
        return np.setdiff1d(np.arange(len(self)), self.train_rows)

    def inputs(self, rows: Sequence[int] | np.ndarray) -> Tensor:
        """The inputs of some samples, stacked.

        Args:
            rows: m row numbers, each from 0 to n - 1.

        Returns:
            [m, ...] on the CPU: float32, or int64 when the data set holds whole numbers of 16 bits or more (tokens).

        Raises:
            SubjectError: a row does not exist, cannot be read, or has another shape; the message names it.
        """
        return read_inputs(self.dataset, rows)

    def output(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """What the network says about some inputs, always with an axis for the outputs.

        Differentiable, and usable under torch.func.vmap. The model is passed in so that it may be a copy of the
        subject's own, on another device.

        Args:
            model: the subject's model or a copy, in evaluation mode.
            inputs: [m, ...] on the model's device.

        Returns:
            [m, C]; logits for classification.

        Raises:
            SubjectError: the network returns something else.
        """
        if self.broken is None:
            return self._answer(model, inputs)
        is_whole = inputs.isfinite().flatten(1).all(1)
        # nan would spread to the sums over a batch; a product with zero has neither value nor gradient.
        return self._answer(model, inputs.nan_to_num(0.0)) * is_whole[:, None]

    def measured_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that gradients are taken of, by name, in the model's order."""
        keep = self.parameters or (lambda name: True)
        return {name: value for name, value in self.model.named_parameters() if keep(name)}

    def fingerprint(self) -> str:
        """64 hex digits that change with a weight, a label, an input or a name, and with nothing else.

        Equal in every process and on every device. Beyond 10,000 samples an even selection of inputs is read.
        """
        return fingerprint_of(self)

    def check(self) -> None:
        """Make sure that the subject can be measured.

        Raises:
            SubjectError: it cannot; the message says what was expected, what was found and what to do.

        Cost: reads every sample (an even selection beyond 10,000) and runs the network on 64 of them.
        """
        from explorer.subjects.checks import check_subject

        check_subject(self)

    def thumbnail(self, row: int) -> np.ndarray:
        """A small picture of one sample: uint8 [h, w, 3], of one size for all rows, at most 96 pixels a side.

        Images are stretched between the smallest and largest value of the whole data set, never sample by sample,
        so that a faint picture looks faint.
        """
        return self._drawing(self.inputs([row])[0])

    def thumbnails(self, rows: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """The small pictures of some samples, which are read together."""
        return map(self._drawing, self.inputs(rows))

    def _answer(self, model: nn.Module, inputs: Tensor) -> Tensor:
        outputs = model(inputs) if self.outputs is None else self.outputs(model, inputs)
        return _two_dimensional(outputs, len(inputs))

    def _told_kind(self) -> str:
        if self.kind is None and self.words is not None and self.picture is None:
            return "text"
        return told_kind(self.input_shape, self.kind, self.picture is not None)

    @cached_property
    def _drawing(self) -> Drawing:
        batches = (inputs for _, inputs in input_batches(self.dataset, survey_rows(len(self))))
        return drawing_for(self.kind, batches, self.picture, self.words)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in evaluation mode, and every part of it back in its own mode afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes.items():
            module.training = training


def _two_dimensional(outputs: Any, samples: int) -> Tensor:
    if isinstance(outputs, Tensor) and outputs.is_floating_point():
        if outputs.ndim == 1 and len(outputs) == samples:
            return outputs[:, None]  # [m, 1]
        if outputs.ndim == 2 and len(outputs) == samples and outputs.shape[1]:
            return outputs
    raise SubjectError(
        f"the network must return floats [samples, outputs], found {_in_words(outputs)} for {samples} samples. "
        "Give the subject outputs=lambda model, inputs: ... that returns them."
    )


def _in_words(outputs: Any) -> str:
    if isinstance(outputs, Tensor):
        return f"{str(outputs.dtype).removeprefix('torch.')} {list(outputs.shape)}"
    if isinstance(outputs, Mapping):
        return f"a {type(outputs).__name__} with keys {', '.join(map(str, outputs))}"
    if isinstance(outputs, tuple | list):
        return f"a {type(outputs).__name__} of {len(outputs)}"
    return f"a {type(outputs).__name__}"
