"""Laws of pictures: pixels stay pixels, rows keep their numbers, and strangers' text stays text."""

import base64
import io
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from synthetic import synthetic_study

from explorer.errors import ShapeError
from explorer.study.study import Study
from explorer.views.gallery import LEAST_SIDE, Tile, gallery, large_picture, picture_address, pictures

RANDOM = np.random.default_rng(2)


class Reader(HTMLParser):
    """What a browser would see: the tags, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def decoded(address: str) -> np.ndarray:
    kind, content = address.split(",", 1)
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


@pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 3), (5, 9, 3), (96, 96, 3), (28, 28)])
def test_a_small_picture_grows_by_whole_pixels(shape):
    """Each pixel becomes a square of its own color: nothing is smoothed, nothing is lost."""
    pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    shown = decoded(picture_address(pixels))
    factor = shown.shape[0] // shape[0]
    assert max(shown.shape[:2]) >= min(LEAST_SIDE, max(shape[:2]) * factor)
    assert max(shown.shape[:2]) >= LEAST_SIDE
    np.testing.assert_array_equal(shown, np.kron(pixels, np.ones((factor, factor, 1)[: len(shape)], dtype=np.uint8)))


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_picture_is_refused(pixels):
    """Floats, alpha channels and flat rows are named, not guessed at."""
    with pytest.raises(ShapeError, match="uint8"):
        picture_address(pixels)


@given(st.text(max_size=40), st.text(max_size=40))
def test_text_from_outside_never_becomes_markup(name, words):
    """Whatever a class is called, the row has the same tags, and a browser shows the name unchanged."""
    html = gallery([Tile(3, "data:,", ("0.5", name), "≠", words)], label=name)
    plain = gallery([Tile(3, "data:,", ("0.5", "cat"), "≠", "words")], label="cat")
    assert [tag for tag, _ in Reader(html).tags] == [tag for tag, _ in Reader(plain).tags]
    shown = Reader(html)
    if name.strip() and "\r" not in name and "\0" not in name:
        assert name in shown.text
    if words and "\r" not in words and "\0" not in words:
        assert dict(shown.tags[1][1])["aria-label"] == words


def test_tiles_keep_their_order_and_rows():
    """A click must lead to the sample under the pointer."""
    html = gallery([Tile(row, "data:,", (str(row),)) for row in (9, 2, 5)], label="neighbors", chosen=2)
    buttons = [attributes for tag, attributes in Reader(html).tags if tag == "button"]
    assert [button["data-row"] for button in buttons] == ["9", "2", "5"]
    assert [button.get("aria-current") for button in buttons] == [None, "true", None]


def test_a_large_picture_describes_itself():
    """Its description is an attribute and cannot break out of it."""
    tags = Reader(large_picture("data:,", 'a "cat" <b>')).tags
    assert [tag for tag, _ in tags] == ["img"]
    assert tags[0][1]["alt"] == 'a "cat" <b>'


def test_pictures_are_those_of_the_samples(tmp_path):
    """Each row gets its own picture, and row −1 none."""
    study = Study.open(synthetic_study(tmp_path / "study", n=60, classes=3))
    found = pictures(study, [5, -1, 0])
    assert found[1] is None
    for address, row in ((found[0], 5), (found[2], 0)):
        factor = decoded(address).shape[0] // study.thumbnail(row).shape[0]
        np.testing.assert_array_equal(decoded(address)[::factor, ::factor], study.thumbnail(row))


def cut_out(study, row):
    """The picture of a sample, cut from its sheet by Pillow."""
    sheets = study.sheets
    number, place = divmod(row, sheets["per_sheet"])
    left, top = place % sheets["columns"] * sheets["width"], place // sheets["columns"] * sheets["height"]
    with Image.open(study.sheet(number)) as sheet:
        return np.asarray(sheet.convert("RGB").crop((left, top, left + sheets["width"], top + sheets["height"])))


def test_a_thumbnail_is_cut_from_its_sheet(tmp_path):
    """The first, the last, and some between."""
    study = Study.open(synthetic_study(tmp_path / "study", n=60, classes=3))
    for row in (0, 1, 37, 59):
        np.testing.assert_array_equal(study.thumbnail(row), cut_out(study, row))


def test_a_study_built_anew_shows_its_new_pictures(tmp_path):
    """Pictures that are kept in memory belong to one version of a study, not to its folder."""
    folder = tmp_path / "study"
    before = Study.open(synthetic_study(folder, n=60, classes=3, seed=1)).thumbnail(5).copy()
    shutil.rmtree(folder)
    study = Study.open(synthetic_study(folder, n=60, classes=3, seed=2))
    np.testing.assert_array_equal(study.thumbnail(5), cut_out(study, 5))
    assert not np.array_equal(before, study.thumbnail(5))
