"""A subject with other labels than its own: those that people decided on."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset

from explorer.study.given import GivenLabels
from explorer.study.label_files import read_labels
from explorer.subjects.subject import Subject, evaluating


def relabeled(subject: Subject, path: Path) -> tuple[Subject, dict[str, Any]]:
    """The subject with the labels of a file, without the samples that were dropped; the model is the same object.

    Args:
        subject: sound (see Subject.check). Not modified.
        path: cleaned labels, one for each of its samples, or decisions about them (see label_files).

    Returns:
        The subject to train, and facts to remember: file, sha256 (of its bytes), relabeled and dropped (counts of
        samples), and how many of them are held out.

    Raises:
        DecisionError: the file cannot be read, or is about other samples.
        SubjectError: fewer than two samples are left.
    """
    before = subject.targets
    cleaned = read_labels(path, GivenLabels(before, _classes(subject), subject.class_names))
    is_changed = cleaned.changed(before)
    is_held_out = np.isin(np.arange(len(before)), subject.held_out_rows)
    facts = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "relabeled": int(is_changed.sum()),
        "dropped": int((~cleaned.keep).sum()),
        "held_out_relabeled": int((is_changed & is_held_out).sum()),
        "held_out_dropped": int((~cleaned.keep & is_held_out).sum()),
    }
    rows = np.flatnonzero(cleaned.keep)
    after = replace(
        subject,
        dataset=Subset(subject.dataset, rows.tolist()),
        labels=cleaned.values[rows],
        split=None if subject.split is None else subject.split[rows],
        columns={name: values[rows] for name, values in subject.columns.items()},
    )
    return after, facts


def _classes(subject: Subject) -> int:
    if subject.task != "classification":
        return 0
    with evaluating(subject.model) as model, torch.no_grad():
        inputs = subject.inputs([0]).to(next(model.parameters()).device)
        return max(2, subject.output(model, inputs).shape[1])
