"""Sketches: a signal's line goes where its values go, arrows where displacements point, texts read as they are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explorer.subjects import Subject
from explorer.subjects.drawing import drawing_for, told_kind
from explorer.subjects.sketches import COLORS, wrapped


def inked(pixels, color):
    """Where a color stands on the white paper, however thinly: its complement, scaled."""
    ink, full = 255.0 - pixels, 255.0 - np.array(color)
    strength = np.linalg.norm(ink, axis=2)
    alike = (ink @ full) / (np.maximum(strength, 1) * np.linalg.norm(full))
    return ((alike > 0.98) & (strength > 40)).nonzero()


def test_a_signal_goes_up_where_its_values_rise():
    """From the lower left to the upper right, whatever its unit."""
    rising = torch.linspace(0, 1, 200)
    for scale in (1.0, 1e4):
        draw = drawing_for("signal", [torch.stack([rising, -rising]) * scale])
        down, right = inked(draw(rising * scale), COLORS[0])
        assert np.corrcoef(down, right)[0, 1] < -0.99


def test_each_channel_has_its_color():
    """A low channel is drawn below a high one."""
    signal = torch.stack([torch.ones(50), torch.zeros(50)])
    pixels = drawing_for("signal", [signal[None]])(signal)
    assert inked(pixels, COLORS[0])[0].max() < inked(pixels, COLORS[1])[0].min()


def test_arrows_point_where_the_displacement_goes():
    """Heads lie on the side that the displacement leads to."""
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        field = torch.zeros(2, 8, 8)
        field[axis] = sign
        pixels = drawing_for("displacement", [field[None]])(field)
        heads, tails = (np.mean(inked(pixels, color)[axis]) for color in (COLORS[1], COLORS[0]))
        assert (heads - tails) * sign > 1


def test_a_short_displacement_looks_short():
    """The longest of all data just fits; half of it is half as long."""
    field = torch.zeros(2, 4, 4)
    field[1] = 1.0
    draw = drawing_for("displacement", [torch.stack([field, field / 2])])
    full, half = (len(inked(draw(one), COLORS[0])[0]) for one in (field, field / 2))
    assert half < 0.75 * full


@given(st.text(max_size=300), st.integers(1, 20), st.integers(1, 5))
def test_wrapped_lines_fit_and_lose_nothing_before_the_end(text, width, lines):
    """Each line is short enough; together they are the text, or its beginning and an ellipsis."""
    found = wrapped(text, lambda line: len(line) <= width, lines)
    assert len(found) <= lines and all(len(line) <= width for line in found)
    together, plain = "".join("".join(found).split()), "".join(text.split())
    assert together == plain or (together.endswith("…") and plain.startswith(together[:-1]))


def test_a_text_is_drawn_from_its_tokens_or_its_words():
    """Other words make another picture; without words the numbers of the tokens are shown."""
    tokens = torch.tensor([[1, 2], [2, 1]])
    said = {1: "yes", 2: "no"}
    with_words = drawing_for("text", [tokens], None, lambda one: " ".join(said[int(number)] for number in one))
    plain = drawing_for("text", [tokens])
    pictures = [with_words(tokens[0]), with_words(tokens[1]), plain(tokens[0])]
    assert len({picture.tobytes() for picture in pictures}) == 3
    assert all(picture.shape == pictures[0].shape and picture.dtype == np.uint8 for picture in pictures)


def test_control_characters_do_not_break_a_text():
    """Nothing that a text holds keeps it from being drawn."""
    draw = drawing_for("text", [torch.zeros(1, 3)], None, lambda one: "a\x00\u202eb\n\ud83d<script>\U0001f600" * 40)
    assert draw(torch.zeros(3)).shape == (48, 96, 3)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("signal", (300,)),
        ("signal", (1,)),
        ("signal", (7, 40)),
        ("displacement", (2, 1, 3)),
        ("displacement", (2, 90, 5)),
        ("text", (12,)),
    ],
)
def test_sketches_are_small_and_of_one_size_and_bear_gaps(kind, shape):
    """At most 96 pixels a side, for every sample; also for values that are not finite."""
    samples = torch.randn(6, *shape, generator=torch.Generator().manual_seed(0))
    if kind != "text":
        samples[2] = torch.nan
    draw = drawing_for(kind, [samples])
    shapes = {draw(sample).shape for sample in samples}
    assert len(shapes) == 1 and max(shapes.pop()) <= 96
    assert told_kind(shape, kind) == kind


def test_tokens_with_words_are_told_to_be_text():
    """Giving words is enough; the thumbnail shows them."""
    subject = Subject(
        name="text",
        model=nn.Sequential(nn.Embedding(10, 2), nn.Flatten(), nn.Linear(6, 2)),
        dataset=torch.tensor([[1, 2, 3], [4, 5, 6]]),
        labels=[0, 1],
        words=lambda tokens: f"starts with {int(tokens[0])}",
    )
    assert subject.kind == "text"
    assert (subject.thumbnail(0) != subject.thumbnail(1)).any()
