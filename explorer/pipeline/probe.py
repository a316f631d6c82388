"""Inputs that are not in a study, seen by its network: what is near, how many, and whether they are like the data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.errors import EngineError, ExplorerError, ShapeError
from explorer.features import Measurer, Projection
from explorer.features.calibration import BATCH_BYTES, fitting_batch, measured_network
from explorer.features.exact import exact_similarity
from explorer.pipeline.answers import NO_CLASS
from explorer.pipeline.blocks import row_blocks
from explorer.pipeline.exact import KEPT, checked_subject, measured_subject
from explorer.pipeline.features import stored_projection
from explorer.pipeline.nearest import Usual, nearest
from explorer.records import Neighbors
from explorer.study.exact import CANDIDATES
from explorer.study.study import Study
from explorer.subjects import Subject
from explorer.subjects.drawing import Drawing, drawing_for
from explorer.subjects.reading import input_batches, survey_rows

PROBED = 256
"""Inputs that are compared with all samples at once."""
DRAWN = 1000
"""Samples that tell the range of grey, the axes or the heights of bars that an input is drawn with."""
LABELED = ("contrast", "adversary")
"""Modes whose measured output depends on the label."""
CLOSE = 1e-4
"""Largest difference of two answers to one input, from arithmetic in batches of different sizes."""
LIKELY = 64
"""Samples of a block with the same answer whose inputs are compared."""


@dataclass(frozen=True)
class Probe:
    """One input, seen by the network of a study."""

    prediction: int | float | tuple[float, ...]
    """The class number (-1 where the answer is not finite), the value, or a value an output."""
    confidence: float | None
    """Softmax probability of the predicted class; None for a regression."""
    neighbors: Neighbors
    """The samples most alike to the network, [k]; index -1 and similarity nan where it has no usable gradient."""
    is_exact: bool
    """Whether similarities come from full gradients, not from features."""
    soft_density: float
    """Sum of its similarities to all samples, and one for itself: its soft count if it stood among them."""
    soft_density_percentile: float
    """Percent of the samples with a smaller soft count."""
    captured_energy: float
    """Share of its squared gradient along the directions that the study keeps, 0 to 1."""
    captured_energy_percentile: float
    """Percent of the samples with a smaller share, among those that the directions were not fitted to."""
    familiarity: str
    """familiar; unusual or unlike, when at most 5 or 1 % of such samples have so small a share (1 % takes 99 of them to
    tell); untold, when none of them misses anything, as with small networks."""
    same_as: int | None
    """The sample that has this very input; None for a new one."""
    picture: np.ndarray
    """[h, w, 3] uint8, drawn as the samples are."""


def probe(
    study: Study,
    inputs: Tensor | np.ndarray | Sequence[Any],
    k: int = 10,
    *,
    labels: Sequence[int] | None = None,
    exact: bool = False,
    subject: Subject | None = None,
) -> list[Probe]:
    """How the network of a study sees some inputs: prediction, neighbors, soft count, share of the gradient seen.

    Features are those of the study: an input is measured through its stored projection, and similarities are completed
    like those of its samples. An input that a sample has is measured as that sample, stands first among its own
    neighbors with similarity 1, and is not counted twice.

    Args:
        study: a finished study.
        inputs: [m, ...] in the form that the network receives: shape and scale of the subject's own inputs.
        k: how many neighbors; at most n come back.
        labels: [m] classes, for studies that measure an output that depends on the label; the prediction stands for
            them when left out.
        exact: rank the nearest again by full gradients, and give exact similarities.
        subject: what the study was made of; loaded by its reference when left out, which runs the user's own file.

    Returns:
        One Probe an input, in their order.

    Raises:
        ShapeError: the inputs are not like the subject's own, or k is less than 1.
        StudyError: the subject cannot be loaded again.
        StepMissing: the study is not finished.
        EngineError: the network cannot be run on these inputs.

    Cost: loads the network; one forward and c backward passes an input, and O(n d) for each; with exact, gradients of
    100 samples an input. Memory: a block of features, and its similarities to 256 inputs.
    """
    if k < 1:
        raise ShapeError(f"k must be at least 1, found {k}. Ask for one neighbor or more.")
    study.samples  # noqa: B018 (an unfinished study is refused before its network is loaded)
    subject = measured_subject(study) if subject is None else checked_subject(study, subject)
    wanted = _checked(subject, inputs)
    if labels is not None and len(labels) != len(wanted):
        raise ShapeError(f"labels must be one an input, {len(wanted)}, found {len(labels)}. Pass one for each.")
    prober = _Prober(study, subject, stored_projection(study), min(k, study.n), exact)
    try:
        return [
            one
            for start in range(0, len(wanted), PROBED)
            for one in prober.probe(wanted[start : start + PROBED], None if labels is None else labels[start:])
        ]
    except (RuntimeError, LookupError, ValueError, TypeError, AssertionError, ArithmeticError) as error:
        if isinstance(error, ExplorerError):
            raise
        raise EngineError(
            f"the network could not be run on these inputs ({type(error).__name__}: {error}). "
            "Give them the form and the range of the study's own."
        ) from error


def own_inputs(study: Study, rows: Sequence[int]) -> np.ndarray:
    """The inputs of some samples as the network receives them, [m, ...] float32 or int64. Loads the subject."""
    return measured_subject(study).inputs(rows).numpy()


def inputs_of_file(study: Study, path: Path) -> np.ndarray:
    """What stands in a user's file, in the form that the network receives: [m, ...]. Loads the subject.

    Raises:
        SubjectError: the file cannot be read, or holds nothing like the subject's inputs.
    """
    from explorer.subjects.probing import read_inputs_of

    return read_inputs_of(measured_subject(study), path).numpy()


class _Prober:
    """What stays the same from one batch of inputs to the next."""

    def __init__(self, study: Study, subject: Subject, projection: Projection, k: int, exact: bool) -> None:
        self.study, self.subject, self.projection = study, subject, projection
        self.k, self.exact = k, exact
        self.settings = replace(study.settings, storage="float32")
        self.network = measured_network(subject, self.settings, projection)
        self.usual = Usual.of(study, projection)
        self.drawing = _drawing(subject)

    def probe(self, inputs: Tensor, labels: Sequence[int] | None) -> list[Probe]:
        outputs = torch.cat([self.network.output(part) for part in self._placed(inputs)]).detach().float().cpu()
        same = self._same_rows(inputs, outputs.numpy())
        together = self._together(inputs, outputs, labels)
        rows = np.where(same >= 0, same, len(self.subject) + np.arange(len(inputs)))
        units = Measurer(together, self.projection, self.settings).measure(rows).units
        found = nearest(self.study, units, same, max(self.k, CANDIDATES) if self.exact else self.k)
        return [
            Probe(
                **_answer(self.subject.task, outputs[place]),
                neighbors=self._neighbors(found.neighbors.of(place), together, row, same[place]),
                is_exact=self.exact,
                **self.usual.places(found.counts[place], found.energies[place]),
                same_as=int(same[place]) if same[place] >= 0 else None,
                picture=self.drawing(inputs[place]),
            )
            for place, row in enumerate(rows.tolist())
        ]

    def _placed(self, inputs: Tensor) -> Iterator[Tensor]:
        size = self.settings.batch_size or fitting_batch(self.network, self.projection.mode, BATCH_BYTES)
        return (part.to(self.network.device) for part in inputs.split(size))

    def _neighbors(self, near: Neighbors, together: Subject, row: int, same: int) -> Neighbors:
        candidates = near.indices[near.indices >= 0]
        if not self.exact or not len(candidates):
            return Neighbors(near.indices[: self.k], near.similarities[: self.k])
        again = exact_similarity(together, self.projection, [row], candidates, self.settings)[0]
        order = np.argsort(np.where(candidates == same, -np.inf, -again), kind="stable")[: self.k]
        return Neighbors(candidates[order], again[order])

    def _same_rows(self, inputs: Tensor, outputs: np.ndarray) -> np.ndarray:
        """[m] the first sample with exactly this input, or -1: first by answers, which are stored, then by inputs."""
        same = np.full(len(inputs), -1)
        for rows in row_blocks(self.study.n):
            stored = self.study.rows("outputs", rows)
            for place in np.flatnonzero(same < 0):
                answer, bound = outputs[place], CLOSE * (1 + np.abs(outputs[place]).max())
                likely = np.flatnonzero(np.abs(stored[:, 0] - answer[0]) <= bound)
                likely = likely[(np.abs(stored[likely] - answer) <= bound).all(1)][:LIKELY]
                if not len(likely):
                    continue
                equal = (self.subject.inputs(rows[likely]) == inputs[place]).flatten(1).all(1).numpy()
                same[place] = rows[likely[equal]][0] if equal.any() else -1
        return same

    def _together(self, inputs: Tensor, outputs: Tensor, labels: Sequence[int] | None) -> Subject:
        """The subject with the new inputs behind its own samples, so that whatever is asked of rows answers for them.

        Labels are read only where the measured output depends on them.
        """
        count = len(self.subject) + len(inputs)
        if self.projection.mode in LABELED:
            new = outputs.argmax(1).numpy() if labels is None else np.asarray(labels[: len(inputs)], dtype=np.int64)
            everyone = np.concatenate([self.subject.targets, new])
        else:
            everyone = np.zeros(count, dtype=np.int64 if self.subject.task == "classification" else np.float32)
        dataset = _Together(self.subject.dataset, inputs)
        return replace(self.subject, dataset=dataset, labels=everyone, split=None, columns={}, broken=None)


@dataclass(frozen=True)
class _Together:
    """A data set with further inputs behind its own items."""

    first: Any
    then: Tensor

    def __len__(self) -> int:
        return len(self.first) + len(self.then)

    def __getitem__(self, row: int) -> Any:
        return self.first[row] if row < len(self.first) else self.then[row - len(self.first)]


def _checked(subject: Subject, inputs: Tensor | np.ndarray | Sequence[Any]) -> Tensor:
    own = subject.inputs([0])
    try:
        found = torch.as_tensor(np.asarray(inputs) if not isinstance(inputs, Tensor) else inputs).detach().cpu()
    except (TypeError, ValueError) as error:
        raise ShapeError(f"inputs must be an array of numbers, found {error}. Pass one of one shape.") from error
    expected = f"[m, {', '.join(map(str, subject.input_shape))}]"
    if not len(found.shape) or not len(found) or found.shape[1:] != own.shape[1:] or found.is_complex():
        raise ShapeError(
            f"inputs must be {expected} like those of {subject.name}, found {list(found.shape)} {found.dtype}. "
            "Give them this shape; one input alone needs an axis in front, inputs[None]."
        )
    whole = found.to(own.dtype)
    if own.dtype == torch.int64 and not torch.equal(whole.to(found.dtype), found):
        raise ShapeError(f"inputs of {subject.name} are whole numbers, found fractions. Pass token numbers.")
    return whole


def _answer(task: str, outputs: Tensor) -> dict[str, Any]:
    """The fields prediction and confidence from all outputs [C]."""
    if task != "classification":
        values = tuple(outputs.tolist())
        return {"prediction": values[0] if len(values) == 1 else values, "confidence": None}
    # One output alone speaks for class 1 against class 0.
    logits = outputs if len(outputs) > 1 else torch.cat([torch.zeros_like(outputs), outputs])
    if not logits.isfinite().all():
        return {"prediction": NO_CLASS, "confidence": float("nan")}
    confidence, prediction = logits.softmax(0).max(0)
    return {"prediction": int(prediction), "confidence": float(confidence)}


@lru_cache(maxsize=KEPT)
def _drawing(subject: Subject) -> Drawing:
    rows = survey_rows(len(subject), DRAWN)
    batches = (inputs for _, inputs in input_batches(subject.dataset, rows))
    return drawing_for(subject.kind, batches, subject.picture, subject.words)
