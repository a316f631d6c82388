"""Laws of the similarities, against dense matrix square roots."""

import math

import oracles
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from explorer.errors import ShapeError
from explorer.similarity import (
    influence,
    inverse_square_root,
    rotation_similarity,
    similarity,
    similarity_matrix,
    unit_features,
)

EXACT = {"rtol": 1e-8, "atol": 1e-10}
shapes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(10, 24), st.integers(0, 10_000))


def sample_blocks(shape):
    n, c, p, seed = shape
    return torch.randn(n, c, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_rotation(size, seed=0):
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed)).double())[0]


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_inner_products_of_unit_features_are_the_mean_trace_of_the_normalized_kernel(shape):
    """Σ u_a u_b = Tr(K_aa^-½ K_ab K_bb^-½) / c, for any shape."""
    blocks = sample_blocks(shape)
    expected = torch.from_numpy(oracles.similarity(blocks.numpy(), blocks.numpy()))
    assert_close(unit_features(blocks) @ unit_features(blocks).mT, expected, **EXACT)


def test_similarity_has_the_samples_of_the_first_as_rows_and_of_the_second_as_columns(blocks):
    """Entry (i, j) compares sample i of the first with sample j of the second."""
    expected = torch.from_numpy(oracles.similarity(blocks[:3].numpy(), blocks[3:8].numpy()))
    assert_close(similarity(blocks[:3], blocks[3:8]), expected, **EXACT)


def test_every_sample_has_similarity_one_with_itself(blocks):
    """k^C(x, x) = 1."""
    assert_close(similarity(blocks, blocks).diagonal(), torch.ones(len(blocks), dtype=torch.float64), **EXACT)


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_similarity_is_symmetric_and_bounded_by_one(shape):
    """k^C(x, x') = k^C(x', x), and |k^C| ≤ 1."""
    table = similarity(sample_blocks(shape), sample_blocks(shape))
    assert_close(table, table.mT, **EXACT)
    assert table.abs().max() <= 1 + 1e-12


def test_one_output_gives_the_cosine_of_the_gradients(draw):
    """With c = 1, k^C = g·g' / (‖g‖ ‖g'‖)."""
    a, b = draw(4, 1, 9, seed=1), draw(5, 1, 9, seed=2)
    expected = torch.cosine_similarity(a, b.transpose(0, 1), dim=2)
    assert_close(similarity(a, b), expected, **EXACT)


def test_similarity_matrix_equals_dense_square_roots(blocks):
    """K^C = K_aa^-½ K_ab K_bb^-½."""
    expected = torch.from_numpy(oracles.normalized_kernel(blocks[0].numpy(), blocks[1].numpy()))
    assert_close(similarity_matrix(blocks[0], blocks[1]), expected, **EXACT)


def test_similarity_matrix_of_a_sample_with_itself_is_the_identity(blocks):
    """K^C(x, x) = I."""
    expected = torch.eye(blocks.shape[1], dtype=torch.float64)
    assert_close(similarity_matrix(blocks[0], blocks[0]), expected, **EXACT)


def test_exchanging_the_samples_transposes_the_similarity_matrix(blocks):
    """K^C(x', x) = K^C(x, x')ᵀ."""
    assert_close(similarity_matrix(blocks[1], blocks[0]), similarity_matrix(blocks[0], blocks[1]).mT, **EXACT)


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_similarity_matrix_is_bounded(shape):
    """Entries lie in [-1, 1], the Frobenius norm is at most √c, and ‖K^C − I‖² ≤ 2c (1 − k^C)."""
    n, c, p, seed = shape
    one, other = sample_blocks((2, c, p, seed))
    matrix = similarity_matrix(one, other)
    assert matrix.abs().max() <= 1 + 1e-12
    assert torch.linalg.matrix_norm(matrix) <= math.sqrt(c) + 1e-12
    distance = (matrix - torch.eye(c, dtype=torch.float64)).square().sum()
    assert distance <= 2 * c * (1 - matrix.trace() / c) + 1e-12


def test_a_factor_on_the_outputs_of_any_sample_changes_no_similarity(blocks):
    """k^C does not see how large gradients are."""
    factors = torch.logspace(-8, 8, len(blocks), dtype=torch.float64)[:, None, None]
    assert_close(similarity(factors * blocks, blocks), similarity(blocks, blocks), **EXACT)


def test_a_common_rotation_of_the_outputs_changes_no_similarity(blocks):
    """k^C does not depend on the orthonormal basis of the output space."""
    rotation = random_rotation(blocks.shape[1])
    assert_close(similarity(rotation @ blocks, rotation @ blocks), similarity(blocks, blocks), **EXACT)


def test_a_common_stretch_of_one_output_changes_similarities(blocks):
    """k^C does depend on how outputs are measured against each other: it is no invariant of the output space."""
    if blocks.shape[1] == 1:
        return
    stretch = torch.eye(blocks.shape[1]).double()
    stretch[0, 0] = 10
    assert (similarity(stretch @ blocks, stretch @ blocks) - similarity(blocks, blocks)).abs().max() > 1e-3


def test_gradients_too_large_or_small_for_float32_squares_still_have_unit_rows():
    """Scaling by 1e±30 in float32 neither overflows nor underflows."""
    block = torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]])
    rows = unit_features(torch.cat([1e30 * block, 1e-30 * block]))
    assert_close(rows, unit_features(block).expand(2, -1), rtol=1e-6, atol=1e-7)


def test_zero_and_non_finite_blocks_become_zero_rows_and_change_no_other(blocks):
    """A bad sample costs its own row and nothing else."""
    spoiled = blocks.clone()
    spoiled[1], spoiled[4, 0, 0], spoiled[7, 0, 1] = 0, math.nan, math.inf
    rows, good = unit_features(spoiled), [i for i in range(len(blocks)) if i not in (1, 4, 7)]
    assert rows[[1, 4, 7]].abs().max() == 0
    assert torch.equal(rows[good], unit_features(blocks)[good])


def test_results_keep_the_dtype_of_the_gradients(blocks):
    """float64 in, float64 out; float32 in, float32 out, and the two agree to float32 rounding."""
    assert unit_features(blocks).dtype == torch.float64
    single = unit_features(blocks.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), unit_features(blocks), rtol=0, atol=1e-5)


def test_exact_grams_make_inner_products_those_of_the_full_gradients(draw):
    """With the Gram matrices of the full gradients, rows are exact wherever the lost parts do not meet."""
    full = torch.zeros(6, 3, 10 + 6 * 4, dtype=torch.float64)
    full[:, :, :10] = draw(6, 3, 10)
    for i in range(6):  # a part that the projection drops, seen by no other sample
        full[i, :, 10 + 4 * i : 14 + 4 * i] = draw(1, 3, 4, seed=i)[0]
    rows = unit_features(full[:, :, :10], full @ full.mT)
    expected = torch.from_numpy(oracles.similarity(full.numpy(), full.numpy()))
    off_diagonal = ~torch.eye(6, dtype=torch.bool)
    assert_close((rows @ rows.mT)[off_diagonal], expected[off_diagonal], **EXACT)
    assert (rows.square().sum(1) < 1).all()


def test_influence_equals_the_dense_formula_with_movers_as_rows(blocks):
    """Entry (i, j) = Tr(K(b_j, a_i) K(a_i, a_i)^-1) / c."""
    expected = torch.from_numpy(oracles.influence(blocks[:4].numpy(), blocks[4:].numpy()))
    assert_close(influence(blocks[:4], blocks[4:]), expected, **EXACT)


def test_every_sample_has_influence_one_on_itself(blocks):
    """k^N(x, x) = 1."""
    assert_close(influence(blocks, blocks).diagonal(), torch.ones(len(blocks), dtype=torch.float64), **EXACT)


def test_bad_blocks_have_no_influence_and_suffer_none(blocks):
    """Rows and columns of zero or non-finite blocks are zero, all others unchanged."""
    spoiled = blocks.clone()
    spoiled[0], spoiled[2, 0, 0] = 0, math.nan
    table = influence(spoiled, spoiled)
    assert table[[0, 2]].abs().max() == 0 and table[:, [0, 2]].abs().max() == 0
    good = [1, *range(3, len(blocks))]
    assert_close(table[good][:, good], influence(blocks, blocks)[good][:, good], **EXACT)


def test_rotation_similarity_is_the_best_over_all_rotations(draw):
    """½ √(‖K‖² + 2 det K) = max over R in SO(2) of ½ Tr(K R)."""
    a, b = draw(3, 2, 8, seed=5, common=0.3), draw(4, 2, 8, seed=6, common=0.3)
    expected = torch.from_numpy(oracles.rotated_similarity(a.numpy(), b.numpy()))
    assert_close(rotation_similarity(a, b), expected, rtol=1e-8, atol=1e-8)


def test_rotation_similarity_ignores_a_rotation_of_one_sample(draw):
    """Turning the outputs of one sample alone changes k^C but not k^{C,rot}."""
    a, b = draw(3, 2, 8, seed=7), draw(3, 2, 8, seed=8)
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    assert_close(rotation_similarity(turn @ a, b), rotation_similarity(a, b), **EXACT)
    assert (similarity(turn @ a, b) - similarity(a, b)).abs().max() > 0.1


def test_rotation_similarity_is_at_least_the_size_of_the_plain_one(draw):
    """|k^C| ≤ k^{C,rot} ≤ 1."""
    a = draw(8, 2, 5, common=0.0)
    plain, rotated = similarity(a, a).abs(), rotation_similarity(a, a)
    assert (plain <= rotated + 1e-12).all() and rotated.max() <= 1 + 1e-12


def test_raw_outputs_are_not_touched_by_the_floor(blocks):
    """The floor leaves well conditioned samples alone."""
    assert not inverse_square_root(blocks @ blocks.mT)[1].any()


def test_the_inverse_square_root_undoes_its_gram_matrix(blocks):
    """R K R = I."""
    grams = blocks @ blocks.mT
    roots, _ = inverse_square_root(grams)
    assert_close(roots @ grams @ roots, torch.eye(blocks.shape[1]).double().expand_as(grams), **EXACT)


@pytest.mark.parametrize("c", [1, 2, 4])
def test_unit_features_have_the_derivative_that_finite_differences_show(c, draw):
    """The hand-written derivative of the inverse square root is right."""
    blocks = draw(3, c, 7).requires_grad_()
    assert torch.autograd.gradcheck(unit_features, (blocks,))


def test_the_derivative_is_finite_where_eigenvalues_coincide():
    """A last linear layer has K = (‖h‖² + 1) I, where the derivative of an eigendecomposition does not exist."""
    block = torch.eye(3, 5, dtype=torch.float64)[None].requires_grad_()
    weights = torch.randn(15, generator=torch.Generator().manual_seed(0)).double()
    assert torch.autograd.gradcheck(lambda x: unit_features(x) @ weights, (block,))


def test_the_derivative_ignores_bad_samples_and_stays_finite():
    """A zero block takes no part in the gradient, and does not turn that of the others into nan."""
    blocks = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(0)).double()
    blocks[1] = 0
    blocks.requires_grad_()
    rotation_similarity(blocks, blocks).sum().backward()
    assert blocks.grad.isfinite().all() and blocks.grad[1].abs().max() == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: unit_features(torch.ones(60, 10)), "Add the output axis with jacobians\\[:, None, :\\]"),
        (lambda: unit_features(torch.ones(2, 1, 3, dtype=torch.int64)), "int64"),
        (lambda: unit_features(torch.ones(2, 2, 3), torch.ones(2, 3, 3)), "Gram matrices of the full gradients"),
        (lambda: similarity(torch.ones(2, 1, 3), torch.ones(2, 1, 4)), "must agree"),
        (lambda: rotation_similarity(torch.ones(2, 3, 4), torch.ones(2, 3, 4)), "exactly two outputs, found 3"),
        (lambda: inverse_square_root(torch.ones(2, 2, 3)), "jacobians @ jacobians.mT"),
        (lambda: inverse_square_root(torch.ones(2, 2, 2), floor=0.0), "between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    """The message says what to do."""
    with pytest.raises(ShapeError, match=words):
        call()
