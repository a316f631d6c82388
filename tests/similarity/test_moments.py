"""Laws of the sums that averaging needs."""

import math

import pytest
import torch
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import Moments

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def draw_values(blocks, kinds=2):
    n, c, _ = blocks.shape
    return torch.randn(n, kinds, c, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def assert_same(one, other):
    assert one.count == other.count
    for name in ("total", "second", "weighted", "squares"):
        assert_close(getattr(one, name), getattr(other, name), **EXACT)


def test_moments_are_the_sums_that_they_name(blocks):
    """Each is written out sample by sample."""
    values = draw_values(blocks)
    moments = Moments.of(blocks, values)
    assert moments.count == len(blocks)
    assert_close(moments.total, sum(blocks), **EXACT)
    assert_close(moments.second, sum(block.mT @ block for block in blocks), **EXACT)
    assert_close(moments.weighted, sum(value @ block for value, block in zip(values, blocks, strict=True)), **EXACT)
    assert_close(moments.squares, sum(value.square().sum(1) for value in values), **EXACT)


@pytest.mark.parametrize("cuts", [(1, 2, 3), (6,), (0, 12), (4, 4, 9)])
def test_moments_of_shards_add_up_in_any_grouping(blocks, cuts):
    """Shards of any size, even empty, from the left or from the right."""
    values = draw_values(blocks)
    edges = [0, *cuts, len(blocks)]
    shards = [Moments.of(blocks[start:stop], values[start:stop]) for start, stop in zip(edges, edges[1:], strict=False)]
    from_left, from_right = shards[0], shards[-1]
    for shard in shards[1:]:
        from_left = from_left + shard
    for shard in shards[-2::-1]:
        from_right = shard + from_right
    assert_same(from_left, Moments.of(blocks, values))
    assert_same(from_right, Moments.of(blocks, values))


def test_float32_gradients_are_summed_in_float64():
    """Small samples beside a large one are not lost, as they would be in float32."""
    blocks = torch.cat([torch.full((1, 1, 1), 1e8), torch.ones(1000, 1, 1)])
    assert Moments.of(blocks).total.item() == 1e8 + 1000


def test_samples_without_a_gradient_are_left_out_with_their_values(blocks):
    """Zero and non-finite blocks add nothing, whatever their values are."""
    bad = torch.zeros(2, *blocks.shape[1:], dtype=torch.float64)
    bad[1, 0, 0] = math.inf
    values = draw_values(blocks)
    unknown = torch.full((2, *values.shape[1:]), math.nan, dtype=torch.float64)
    assert_same(Moments.of(torch.cat([bad, blocks]), torch.cat([unknown, values])), Moments.of(blocks, values))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Moments.of(torch.ones(2, 3)), "output axis"),
        (lambda: Moments.of(torch.ones(2, 1, 3), torch.ones(2, 1)), "kind axis"),
        (lambda: Moments.of(torch.ones(2, 1, 3), torch.ones(3, 1, 1)), "values"),
        (lambda: Moments.of(torch.ones(2, 1, 3), torch.tensor([1.0, math.nan]).reshape(2, 1, 1)), "sample 1"),
        (lambda: Moments.of(torch.ones(2, 1, 3)) + Moments.of(torch.ones(2, 1, 4)), "one projection"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what to do."""
    with pytest.raises(ShapeError, match=words):
        call()
