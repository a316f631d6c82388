import numpy as np
import pytest
import tiny
from PIL import Image

from explorer.pipeline.previews import STORED_VALUES, reduced, told_reduction
from explorer.pipeline.sheets import SHEET_PIXELS, write_sheets


@pytest.mark.parametrize(
    "shape", [(2,), (4096,), (4097,), (8, 8), (1, 28, 28), (3, 224, 224), (64, 65), (5000, 2, 2), (2, 3, 100, 30)]
)
def test_stored_inputs_are_small_enough_and_no_smaller_than_needed(shape):
    reduction = told_reduction(shape)
    inputs = np.random.default_rng(0).random((2, *shape))
    stored = reduced(inputs, reduction)
    assert stored.shape[1] <= STORED_VALUES
    if np.prod(shape) <= STORED_VALUES:
        assert np.array_equal(stored, inputs.reshape(2, -1).astype(np.float32))
    else:
        assert stored.shape[1] > STORED_VALUES / 9


def test_a_picture_is_reduced_to_the_means_of_its_blocks_also_at_the_rim():
    picture = np.arange(15.0).reshape(1, 1, 3, 5)
    found = reduced(picture, {"mean_over": 2})
    blocks = [[0, 1, 5, 6], [2, 3, 7, 8], [4, 9], [10, 11], [12, 13], [14]]
    assert found.tolist() == [[np.mean(block) for block in blocks]]


def test_every_picture_stands_where_the_notes_say_over_several_sheets(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (45, 1, 1, 3), dtype=np.uint8).repeat(400, 1).repeat(350, 2)
    sheets = write_sheets(tmp_path, pictures, len(pictures))
    assert sheets["count"] == len(list(tmp_path.glob("sheet-*.png"))) > 1
    for row, picture in enumerate(pictures):
        number, place = divmod(row, sheets["per_sheet"])
        with Image.open(tmp_path / f"sheet-{number:03d}.png") as sheet:
            assert max(sheet.size) <= SHEET_PIXELS
            top, left = place // sheets["columns"] * 400, place % sheets["columns"] * 350
            assert np.array_equal(np.asarray(sheet)[top : top + 400, left : left + 350], picture)


def test_the_study_shows_what_the_subject_draws(tiny_study):
    subject = tiny.subject()
    for row in (0, 59):
        assert np.array_equal(tiny_study.thumbnail(row), subject.thumbnail(row))
    assert np.array_equal(tiny_study.rows("inputs"), subject.inputs(range(60)).numpy())


def test_pictures_of_samples_read_together_are_those_of_each_alone():
    subject = tiny.subject()
    together = list(subject.thumbnails([3, 0, 59]))
    assert len(together) == 3
    for row, picture in zip([3, 0, 59], together, strict=True):
        assert np.array_equal(picture, subject.thumbnail(row))
