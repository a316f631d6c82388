"""The bundled subjects: real data that needs no download, with networks that were trained on it. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import SubjectError

if TYPE_CHECKING:
    from explorer.subjects.recipes import Recipe, Source
    from explorer.subjects.subject import Subject

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights"


@dataclass(frozen=True)
class BundledSubject:
    """One line of the list of bundled subjects."""

    name: str
    """What load_subject and the command line take."""
    samples: int
    """How many samples it has."""
    shows: str
    """What there is to see in it, in a sentence."""


_BUNDLED = (
    BundledSubject("mnist-noisy", 5000, "Handwritten digits, one training label in ten is wrong: find them."),
    BundledSubject(
        "mnist", 5000, "Handwritten digits with the labels as published, and a small convolutional network."
    ),
    BundledSubject(
        "digits", 1797, "Small handwritten digits of 8 × 8 pixels with a perceptron; the quickest to build."
    ),
    BundledSubject("circle", 2048, "The paper's toy problem: fewer neighbors where the target bends."),
    BundledSubject(
        "registration", 2500, "Photographs and displaced maps with careless labels: how much noise is averaged away."
    ),
    BundledSubject("diabetes", 442, "A table of patients and a noisy target: regression."),
)


def bundled_subjects() -> list[BundledSubject]:
    """All bundled subjects; the first is the one to begin with."""
    return list(_BUNDLED)


def is_bundled(name: str) -> bool:
    """Whether a bundled subject has this name."""
    return any(name == one.name for one in _BUNDLED)


def load_bundled(name: str) -> Subject:
    """A bundled subject with its trained network.

    Raises:
        SubjectError: no subject has this name, or its weights are missing or damaged.
    """
    from explorer.subjects.weights import load_weights

    source = _source(name)
    model = source.network()
    path = weights_path(name)
    load_weights(model, path, f"Make them again with `python -m explorer train {name} --out {path}`.")
    return source.subject(model.eval())


def untrained_subject(name: str, seed: int) -> tuple[Subject, Recipe]:
    """A bundled subject with a new network, and how to train it.

    Args:
        name: a bundled subject.
        seed: chooses the first weights; torch's own random state is left as it was.
    """
    import torch

    source = _source(name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = source.network()
    return source.subject(model), source.recipe


def weights_path(name: str) -> Path:
    """Where the shipped weights of a bundled subject lie."""
    return WEIGHTS / f"{name}.safetensors"


def _source(name: str) -> Source:
    # One branch a subject, so that each loads no more than its own data needs.
    match name:
        case "mnist":
            from explorer.subjects.mnist import MNIST as source
        case "mnist-noisy":
            from explorer.subjects.mnist import MNIST_NOISY as source
        case "digits":
            from explorer.subjects.digits import DIGITS as source
        case "circle":
            from explorer.subjects.circle import CIRCLE as source
        case "registration":
            from explorer.subjects.registration import REGISTRATION as source
        case "diabetes":
            from explorer.subjects.diabetes import DIABETES as source
        case _:
            names = ", ".join(one.name for one in _BUNDLED)
            raise SubjectError(f"a bundled subject must be one of {names}, found {name!r}. Choose one of these.")
    return source
