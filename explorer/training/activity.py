"""Which units of a network fire: the share of samples that each one answers to."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.subjects.subject import Subject, evaluating
from explorer.training.measuring import MEASURED_AT_ONCE

ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Softplus,
)  # fmt: skip
"""Rectifiers and their smooth relatives, which let pass what is positive."""
LINEAR = (nn.Linear,)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def unit_activity(subject: Subject, inputs: Tensor) -> pd.DataFrame:
    """How often each unit fires.

    A unit is one channel of what enters a rectifier (ReLU, PReLU and the like, as modules); it fires where that is
    positive. A network whose rectifiers are no modules is heard at its linear layers and convolutions instead, the last
    one called excepted, which gives the answer. A unit that never fires is dead: a ReLU behind it passes nothing on,
    and no sample changes the weights before it. (A PReLU or GELU passes something on even then.)

    Args:
        subject: its model is used where it lies, in evaluation mode.
        inputs: [m, ...] on the model's device.

    Returns:
        A row a unit, in the order in which the network calls its layers: layer (name of the module; a second call of
        the same one is name#2), unit (channel, from 0) and activity (share of samples; where a unit has many positions
        in a sample, mean over these). Empty for a network without such layers.

    Cost: one forward pass.
    """
    totals: dict[str, Tensor] = {}
    for part in inputs.split(MEASURED_AT_ONCE):
        for name, shares in _fired(subject, part).items():
            totals[name] = totals.get(name, 0) + shares
    tables = [
        pd.DataFrame({"layer": name, "unit": range(len(total)), "activity": (total / len(inputs)).cpu().numpy()})
        for name, total in totals.items()
    ]
    empty = pd.DataFrame(
        {"layer": pd.Series(dtype=str), "unit": pd.Series(dtype=int), "activity": pd.Series(dtype=float)}
    )
    return pd.concat(tables, ignore_index=True) if tables else empty


def activity_row(units: pd.DataFrame) -> dict[str, float]:
    """What a log says of a table of units: activity (mean over all units), dead (how many never fire), and the mean
    activity of each layer as activity_<layer>.
    """
    row = {"activity": float(units["activity"].mean()), "dead": int((units["activity"] == 0).sum())}
    layers = units.groupby("layer", sort=False)["activity"].mean()
    return {**row, **{f"activity_{name}": float(share) for name, share in layers.items()}}


def dead_units(units: pd.DataFrame) -> pd.DataFrame:
    """The rows of the units that never fire."""
    return units[units["activity"] == 0].reset_index(drop=True)


def _fired(subject: Subject, inputs: Tensor) -> dict[str, Tensor]:
    """For each layer [units], how many samples each unit fires for; parts of a sample where it has many positions."""
    entering: dict[str, Tensor] = {}
    leaving: dict[str, Tensor] = {}
    last: list[nn.Module] = []

    def listen(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Tensor, ...], result: Tensor) -> None:
            if isinstance(module, ACTIVATIONS):
                _note(entering, name, _shares(fired[id(module)], _is_last_axis(last, fired[id(module)])))
            else:
                last[:] = [module]
                _note(leaving, name, _shares(result > 0, isinstance(module, LINEAR)))

        return hook

    fired: dict[int, Tensor] = {}

    def before(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        # Noted before, since a rectifier in place leaves nothing of it.
        fired[id(module)] = args[0] > 0

    handles = []
    for name, module in subject.model.named_modules():
        if isinstance(module, ACTIVATIONS):
            handles.append(module.register_forward_pre_hook(before))
        if isinstance(module, (*ACTIVATIONS, *LINEAR, *CONVOLUTIONS)):
            handles.append(module.register_forward_hook(listen(name)))
    try:
        with evaluating(subject.model), torch.no_grad():
            subject.output(subject.model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return entering or dict(list(leaving.items())[:-1])


def _note(found: dict[str, Tensor], name: str, shares: Tensor) -> None:
    calls = sum(one == name or one.startswith(f"{name}#") for one in found)
    found[f"{name}#{calls + 1}" if calls else name] = shares


def _is_last_axis(last: list[nn.Module], values: Tensor) -> bool:
    """Whether units stand on the last axis: behind a linear layer, as in a transformer."""
    return values.dim() > 2 and bool(last) and isinstance(last[0], LINEAR)


def _shares(fires: Tensor, is_last_axis: bool) -> Tensor:
    """[m, ...] bools to [units] float64 sums over samples, means over positions."""
    fires = fires.movedim(-1, 1) if is_last_axis and fires.dim() > 2 else fires
    return fires.flatten(2).double().mean(2).sum(0) if fires.dim() > 2 else fires.double().sum(0)
