"""Random gradient blocks, in float64 so that laws hold to rounding."""

import pytest
import torch


def draw_blocks(n, c, p, seed=0, common=1.0):
    """[n, c, p] float64 blocks around a common one, as the gradients of one network have it."""
    generator = torch.Generator().manual_seed(seed)
    shared = common * torch.randn(1, c, p, generator=generator, dtype=torch.float64)
    return shared + torch.randn(n, c, p, generator=generator, dtype=torch.float64)


@pytest.fixture
def draw():
    """The function that draws blocks."""
    return draw_blocks


@pytest.fixture(params=[1, 2, 10], ids=lambda c: f"c={c}")
def blocks(request):
    """[12, c, 31] for 1, 2 and 10 outputs."""
    return draw_blocks(12, request.param, 31, seed=request.param)
