"""What a study says about itself before anything is measured."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from explorer.records import Settings
from explorer.study.manifest import Manifest
from explorer.subjects import Subject, evaluating

LIBRARIES = ("torch", "numpy", "pandas", "faiss-cpu", "umap-learn", "safetensors")


def first_manifest(subject: Subject, folder: Path, settings: Settings) -> Manifest:
    """The manifest of a study that has no step yet.

    Raises:
        SubjectError: the subject cannot be measured.
    """
    subject.check()
    return Manifest(
        name=folder.resolve().name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=_described(subject, settings.limit),
        settings=settings,
        versions={
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
    )


def _described(subject: Subject, limit: int | None) -> dict[str, Any]:
    return {
        "name": subject.name,
        "reference": subject.reference,
        "fingerprint": subject.fingerprint(),
        "samples": min(len(subject), limit or len(subject)),
        "task": subject.task,
        "kind": subject.kind,
        "class_names": subject.class_names,
        "feature_names": subject.feature_names,
        "description": subject.description,
        "outputs": _output_count(subject),
    }


def _output_count(subject: Subject) -> int:
    with evaluating(subject.model) as model, torch.no_grad():
        return subject.output(model, subject.inputs([0]).to(next(model.parameters()).device)).shape[1]
