"""What the functions of this room expect of their tensors; anything else is refused here, in words."""

import torch
from torch import Tensor

from explorer.errors import ShapeError


def check_jacobians(jacobians: Tensor, name: str = "jacobians") -> None:
    """Refuse anything but [n, c, p] floating point."""
    if jacobians.ndim == 3 and jacobians.is_floating_point() and jacobians.shape[1] > 0:
        return
    remedy = (
        f"Add the output axis with {name}[:, None, :]."
        if jacobians.ndim == 2
        else "Pass one c×p block of gradients a sample."
    )
    raise ShapeError(f"{name} must be [n, c, p] floating point with c > 0, found {_described(jacobians)}. {remedy}")


def check_alike(jacobians_a: Tensor, jacobians_b: Tensor) -> None:
    """Refuse two sets of gradient blocks that cannot be compared."""
    check_jacobians(jacobians_a, "jacobians_a")
    check_jacobians(jacobians_b, "jacobians_b")
    if jacobians_a.shape[1:] != jacobians_b.shape[1:] or jacobians_a.dtype != jacobians_b.dtype:
        raise ShapeError(
            f"jacobians_a and jacobians_b must agree in c, p and dtype, found {_described(jacobians_a)} and "
            f"{_described(jacobians_b)}. Take both from one network, one choice of outputs and one projection."
        )


def check_units(units: Tensor, name: str = "units") -> None:
    """Refuse anything but [n, d] finite floating point."""
    if units.ndim != 2 or not units.is_floating_point():
        raise ShapeError(
            f"{name} must be [n, d] floating point, found {_described(units)}. Make them with unit_features."
        )
    if not torch.isfinite(units).all():
        row = int((~torch.isfinite(units)).any(1).nonzero()[0])
        raise ShapeError(f"{name} must be finite, found a value in row {row} that is not. Set such rows to zero.")


def check_length(tensor: Tensor, length: int, name: str) -> None:
    """Refuse a tensor that does not have one entry a sample."""
    if tensor.ndim == 0 or len(tensor) != length:
        raise ShapeError(
            f"{name} must have one entry for each of {length} samples, found {_described(tensor)}. Pass all."
        )


def _described(tensor: Tensor) -> str:
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
