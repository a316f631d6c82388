"""What a training begins with: a subject with its first weights, and how it is trained."""

import torch
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects import load_subject
from explorer.subjects.bundled import is_bundled, untrained_subject
from explorer.subjects.recipes import Recipe
from explorer.subjects.subject import Subject

OWN_EPOCHS = 20
RESETS = ("reset_parameters", "_reset_parameters")
"""How modules call the function that draws new weights; the second name is that of torch's attention."""


def beginning(name: str, seed: int, *, is_fresh: bool) -> tuple[Subject, Recipe]:
    """A subject to be trained, and how.

    Args:
        name: a bundled subject, which always begins with new weights; or one of your own.
        seed: chooses new weights.
        is_fresh: give one of your own new weights as well, in place of those that its function or file gives it.

    Raises:
        SubjectError: there is no such subject, or it cannot be given new weights.
    """
    if is_bundled(name):
        return untrained_subject(name, seed)
    subject = load_subject(name)
    if is_fresh:
        draw_weights(subject.model, seed)
    return subject, Recipe(epochs=OWN_EPOCHS, loss="cross-entropy" if subject.task == "classification" else "l2")


def draw_weights(model: nn.Module, seed: int) -> None:
    """Give a network new weights by the reset_parameters of its modules, inner ones first.

    Nothing is left of the former weights; buffers change where a module resets them, as batch normalization does.

    Args:
        model: modified in place; spoiled when it is refused.
        seed: chooses the weights; torch's own random state is left as it was.

    Raises:
        SubjectError: a module does not draw its own weights anew.
    """
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(torch.nan)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in reversed(list(model.modules())):
            reset = next((getattr(module, name) for name in RESETS if hasattr(module, name)), None)
            if reset is not None:
                reset()
    kept = next((name for name, value in model.named_parameters() if value.isnan().any()), None)
    if kept is not None:
        place, _, own = kept.rpartition(".")
        kind = type(model.get_submodule(place)).__name__
        raise SubjectError(
            f"new weights need modules with reset_parameters, found {kind}{f' {place}' if place else ''} that draws no "
            f"{own}. Give it that function, or leave out --fresh and return a network with new weights."
        )
