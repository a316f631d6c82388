"""What an enforced similarity adds to the loss of a step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import SettingsError, SubjectError
from explorer.subjects.subject import Subject
from explorer.training.batches import COMPANIONS, MOVES, PAIRS, drawn
from explorer.training.enforcement import Enforcement
from explorer.training.loss import mean_similarities
from explorer.training.measuring import answers
from explorer.training.moves import Move, check_pictures

BY_MODE = (
    nn.modules.batchnorm._NormBase,
    nn.modules.dropout._DropoutNd,
    nn.AlphaDropout,
    nn.RReLU,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
"""Modules of torch that answer otherwise, or may, while they are trained."""


@dataclass(frozen=True)
class Term:
    """The enforced part of one step."""

    value: Tensor | None
    """Scalar to add to the loss; None when there is nothing to add."""
    similarity: float
    """Mean k^C of the pairs of the step; nan without any."""
    outputs: Tensor | None
    """[b, C] the network's answers to the learned samples, where they came with the term."""


class EnforcedTerm:
    """Makes the term of each step.

    Args:
        subject: is trained.
        enforcement: what is enforced.
        inputs: [n, ...] all inputs on the model's device.
        targets: [n] or [n, c] the given labels, on the same device.
        seed: of what is drawn.
    """

    def __init__(self, subject: Subject, enforcement: Enforcement, inputs: Tensor, targets: Tensor, seed: int):
        self.subject, self.own, self.inputs, self.targets, self.seed = subject, enforcement, inputs, targets, seed
        self.rows = subject.train_rows
        self.move: Move | None = None
        is_classes = subject.task == "classification"
        if not isinstance(enforcement.pairs, str):
            _check_pairs(subject, enforcement.pairs, enforcement.mode)
            self.listed = _coded(np.concatenate([enforcement.pairs, enforcement.pairs[:, ::-1]]))
        elif enforcement.pairs == "class":
            if not is_classes:
                raise SubjectError(f"pairs of a class need classes, found {subject.task}. Enforce other pairs.")
            if enforcement.mode == "contrast" and len(np.unique(subject.targets[self.rows])) < 2:
                raise SubjectError("contrast needs two classes to train on, found one. Reward or penalise instead.")
        else:
            check_pictures(subject)
            self.move = Move(kind=enforcement.pairs, most=enforcement.most)
        has_several = is_classes and answers(subject, inputs[:1]).shape[1] > 1
        self.outputs = enforcement.outputs or ("mask" if has_several else "all")
        if self.outputs == "mask" and not has_several:
            raise SubjectError(
                f"a mask needs classes with an output each, found {subject.task}"
                f"{' with one output' * is_classes}. Compare all outputs."
            )
        self.is_blind = subject.outputs is None and is_mode_blind(subject.model)
        self.is_shared = enforcement.weight > 0 and self.is_blind

    def __call__(self, rows: Tensor, learned: Tensor, step: int) -> Term:
        """The term of one step.

        Args:
            rows: [b] the samples that are learned from.
            learned: [b, ...] their inputs, as the network sees them.
            step: its number, from 0.
        """
        inputs, labels, pairs, alike = self._compared(rows, learned, step)
        if self.own.mode == "contrast":
            # Samples of two classes are compared as well, so all by one number: the first one's class against the rest.
            labels = labels[:1].expand(len(labels))
        found = mean_similarities(
            self.subject.model,
            inputs,
            pairs,
            outputs=self.outputs,
            labels=labels if self.outputs == "mask" else None,
            output=self.subject.output,
            parameters=self.subject.parameters,
            alike=alike,
        )
        value = self.own.weight * found.loss(self.own.mode) if self.own.weight else None
        has_outputs = self.is_shared and found.outputs is not None and isinstance(self.own.pairs, str)
        return Term(
            value,
            found.same.item() if found.pairs else float("nan"),
            found.outputs[: len(rows)] if has_outputs else None,
        )

    def _compared(self, rows: Tensor, learned: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Inputs, their labels, pairs or groups among them, and which pairs were listed.

        Where a kind is named, the learned ones come first, and nothing is listed.
        """
        if not isinstance(self.own.pairs, str):
            return self._given(len(rows), step)
        if self.move is not None:
            moved = self.move.moved(learned, drawn(self.seed, MOVES, step))
            return torch.cat([learned, moved]), self.targets[rows].repeat(2), torch.arange(len(rows)).repeat(2), None
        labels = self.targets[rows]
        if self.own.mode == "contrast" and bool((labels == labels[0]).all()):
            others = self.rows[self.subject.targets[self.rows] != labels[0].item()]
            if len(others):
                # One of another class, to compare with and not to learn from: every mode learns from the same samples.
                companion = drawn(self.seed, COMPANIONS, step).choice(others, 1)
                learned = torch.cat([learned, self.inputs[companion]])
                labels = torch.cat([labels, self.targets[companion]])
        return learned, labels, labels, None

    def _given(self, batch: int, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        least = 2 if self.own.mode == "contrast" else 1  # one pair has no others
        chosen = drawn(self.seed, PAIRS, step).choice(self.own.pairs, max(least, batch // 2))
        rows, places = np.unique(chosen, return_inverse=True)
        all_pairs = np.stack(np.triu_indices(len(rows), 1), axis=1)
        is_listed = np.isin(_coded(rows[all_pairs]), self.listed)
        return (
            self.inputs[rows],
            self.targets[rows],
            torch.from_numpy(places.reshape(-1, 2)),
            torch.from_numpy(all_pairs[is_listed]),
        )


def is_mode_blind(model: nn.Module) -> bool:
    """Whether a network is made of torch's own modules only, and of none that knows training from evaluation.

    Hooks may know it: spectral normalization goes on with its estimate while a network is trained, by a hook.
    """
    return all(
        type(module).__module__.startswith("torch.nn.modules.")
        and not isinstance(module, BY_MODE)
        and not (module._forward_hooks or module._forward_pre_hooks)
        for module in model.modules()
    )


def _coded(pairs: np.ndarray) -> np.ndarray:
    """[P] one number a pair of rows."""
    return pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1].astype(np.int64)


def _check_pairs(subject: Subject, pairs: np.ndarray, mode: str) -> None:
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or not len(pairs):
        raise SettingsError(
            f"pairs must be row numbers [P, 2], found {pairs.dtype} {list(pairs.shape)}. Give two rows a pair."
        )
    odd = pairs[~np.isin(pairs, subject.train_rows)]
    if len(odd):
        why = "is held out" if 0 <= odd[0] < len(subject) else f"is none of {len(subject):,}"
        raise SettingsError(f"pairs must be of training samples, found row {odd[0]}, which {why}. Leave it out.")
    if (pairs[:, 0] == pairs[:, 1]).any():
        row = pairs[pairs[:, 0] == pairs[:, 1]][0, 0]
        raise SettingsError(f"a pair must be of two different samples, found {row} with itself. Leave it out.")
    if mode == "contrast" and len(np.unique(np.sort(pairs, axis=1), axis=0)) < 2:
        raise SettingsError("contrast needs two pairs or more, found one. Give more, or reward or penalise it.")
