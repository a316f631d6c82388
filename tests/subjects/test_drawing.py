"""Thumbnails: of one size, small, and comparable between samples."""

import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import SubjectError
from explorer.subjects.drawing import drawing_for


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "shape",
    [(28, 28), (1, 8, 8), (3, 32, 48), (3, 200, 120), (1, 1, 500), (10,), (1,), (300,), (2,), (4, 5, 6), ()],
    ids=str,
)
def test_all_thumbnails_are_small_pictures_of_one_size(make_subject, shape):
    """uint8 [h, w, 3], at most 96 pixels a side, the same for every row."""
    size = int(np.prod(shape))
    subject = make_subject(dataset=random(12, *shape), model=nn.Sequential(nn.Flatten(), nn.Linear(size, 3)))
    pictures = [subject.thumbnail(row) for row in range(12)]
    assert len({picture.shape for picture in pictures}) == 1
    assert all(picture.dtype == np.uint8 for picture in pictures)
    height, width, colors = pictures[0].shape
    assert colors == 3
    assert 1 <= height <= 96 and 1 <= width <= 96


def test_a_faint_image_looks_faint():
    """The range is that of the data set: half the brightness is half the grey, and zero is black."""
    bright = random(1, 32, 32)
    bright /= bright.max()
    images = torch.stack([bright, bright / 2, torch.zeros(1, 32, 32)])
    draw = drawing_for("image", images.split(2))
    full, half, none = (draw(image).astype(int) for image in images)
    assert full.max() == 255
    assert np.abs(full - 2 * half).max() <= 1
    assert none.max() == 0


def test_an_image_is_drawn_pixel_by_pixel():
    """Up is up, left is left, and the three colors are red, green and blue."""
    image = torch.zeros(3, 32, 32)
    image[0, 0, 31] = image[1, 31, 0] = 1.0
    pixels = drawing_for("image", [image[None]])(image)
    assert pixels[0, 31].tolist() == [255, 0, 0]
    assert pixels[31, 0].tolist() == [0, 255, 0]
    assert pixels.sum() == 510


def test_bytes_and_their_share_of_255_look_the_same():
    """It does not matter in which units a data set keeps its images."""
    shares = random(6, 1, 28, 28)
    left, right = drawing_for("image", [shares]), drawing_for("image", [255 * shares])
    np.testing.assert_allclose(left(shares[3]).astype(int), right(255 * shares[3]).astype(int), atol=1)


def test_bars_point_up_for_more_than_usual_and_down_for_less():
    """Each feature is measured in its own deviations, so that its unit does not matter."""
    rows = random(50, 3) * torch.tensor([1.0, 1000.0, 1.0])
    rows[0] = rows.mean(0) + rows.std(0) * torch.tensor([2.0, 2.0, -2.0])
    pixels = drawing_for("row", rows.split(20))(rows[0])
    middle = len(pixels) // 2
    inked = (pixels != 255).any(2)
    first, second, third = (part.any(1) for part in np.split(inked, 3, axis=1))
    above = [part[:middle].sum() for part in (first, second, third)]
    below = [part[middle + 1 :].sum() for part in (first, second, third)]
    assert above[0] > 5 and above[2] == 0
    assert below[2] > 5 and below[0] == 0
    assert abs(above[0] - above[1]) <= 1


def test_a_dot_stands_where_the_point_is():
    """A point to the upper right is drawn in the upper right, before the same background for all."""
    corners = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    draw = drawing_for("point", corners.split(3))
    pictures = np.stack([draw(corner) for corner in corners]).astype(int)
    changes = np.abs(pictures - np.median(pictures, axis=0)).sum(3)  # [4, h, w]
    half = changes.shape[1] // 2
    quarters = [changes[0, :half, half:], changes[1, half:, :half], changes[2, half:, half:], changes[3, :half, :half]]
    assert all(quarter.sum() == change.sum() > 0 for quarter, change in zip(quarters, changes, strict=True))


@pytest.mark.parametrize(("kind", "shape"), [("image", (1, 8, 8)), ("row", (7,)), ("point", (2,))])
def test_values_that_are_not_finite_can_be_drawn(kind, shape):
    """A sample with a gap has a picture too, so that it can be looked at."""
    samples = random(5, *shape)
    samples[2] = torch.nan
    draw = drawing_for(kind, [samples])
    assert draw(samples[2]).shape == draw(samples[0]).shape


def test_data_without_any_difference_can_be_drawn():
    """Equal samples are no division by zero."""
    for kind, shape in (("image", (1, 8, 8)), ("row", (7,)), ("point", (2,))):
        same = torch.ones(4, *shape)
        assert drawing_for(kind, [same])(same[0]).dtype == np.uint8


def test_a_subject_may_draw_its_own_samples(make_subject):
    """`picture` takes the place of the default drawing and is made to fit."""
    picture = np.zeros((200, 100), dtype=np.uint8)
    picture[:100] = 255
    drawn = make_subject(picture=lambda sample: picture).thumbnail(0)
    assert drawn.shape == (96, 48, 3)
    assert (drawn[:40] == 255).all() and (drawn[60:] == 0).all()


def test_a_picture_that_is_none_is_refused(make_subject):
    """Floats would be drawn wrongly, so they are not drawn."""
    subject = make_subject(picture=lambda sample: np.zeros((4, 4)))
    with pytest.raises(SubjectError, match=r"picture must return uint8 \[h, w\]"):
        subject.thumbnail(0)


def test_pictures_of_several_sizes_are_refused(make_subject):
    """Thumbnails stand in a grid; a picture of another size is named, not cut."""
    subject = make_subject(picture=lambda sample: np.zeros((40, 30 + int(sample[0] > 0)), dtype=np.uint8))
    with pytest.raises(SubjectError, match="one size for all samples"):
        [subject.thumbnail(row) for row in range(12)]
