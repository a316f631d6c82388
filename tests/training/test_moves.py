"""Pictures moved: held against turns and shifts that need no interpolation."""

import numpy as np
import torch

from explorer.training import Move, rotated, shifted


def test_moves_do_what_they_are_called():
    """A quarter turn and back, and a shift by hand; a full turn and no shift change nothing."""
    inputs = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rotated(inputs, torch.full((3,), 90.0)), inputs.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotated(inputs, torch.tensor([0.0, 360.0, -360.0])), inputs, atol=1e-4, rtol=0)
    moved = shifted(inputs, torch.tensor([[0, 0], [2, -1], [0, 9]]))
    assert torch.equal(moved[0], inputs[0])
    assert torch.equal(moved[1, :, 2:, :-1], inputs[1, :, :-2, 1:])
    assert torch.equal(moved[2], inputs[2, :, :, :1].expand(2, 5, 5))


def test_moves_stay_within_the_farthest():
    """Uniform both ways, another one for every picture."""
    inputs = torch.zeros(200, 1, 21, 21)
    inputs[:, :, 10, 10] = 1
    moved = Move(kind="shift", most=2).moved(inputs, np.random.default_rng(0))
    places = moved.flatten(1).argmax(1)
    down, across = places // 21 - 10, places % 21 - 10
    assert sorted(set(down.tolist())) == sorted(set(across.tolist())) == [-2, -1, 0, 1, 2]
