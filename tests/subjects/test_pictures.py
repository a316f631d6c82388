"""Pictures as numbers: upright, of the right channels and size, from 0 to 1, and nothing that could do harm."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.errors import SubjectError
from explorer.subjects.pictures import MOST_PIXELS, PictureRule, picture_facts

GREY, COLOR = PictureRule(channels=1), PictureRule(channels=3)


@pytest.fixture
def save(tmp_path):
    """Writes pixels as a file and gives its path."""

    def write(pixels, name="picture.png", mode=None, **options):
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        (image if mode is None else image.convert(mode)).save(tmp_path / name, **options)
        return tmp_path / name

    return write


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_pixels_become_shares_of_255(save):
    """Channels first, nothing lost."""
    pixels = random_pixels(5, 7, 3)
    found = COLOR.read(save(pixels))
    np.testing.assert_array_equal((255 * found).round().byte().permute(1, 2, 0), pixels)
    assert found.dtype == torch.float32 and found.shape == (3, 5, 7)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(save, orientation, suffix):
    """Whatever way the camera was held (EXIF), the same picture comes out."""
    upright = random_pixels(4, 6, 3)
    # How a camera stores an upright picture, so that the viewer has to undo it.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(np.ascontiguousarray(stored), f"picture{suffix}", exif=exif)
    np.testing.assert_array_equal((255 * COLOR.read(path)).round().byte().permute(1, 2, 0), upright)
    assert picture_facts(path) == ((4, 6), False)


def test_what_is_transparent_shows_white(save):
    """Half transparent black is middle grey, whole is white; also where a palette has the transparency."""
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = 0, 128, 255
    np.testing.assert_allclose(COLOR.read(save(pixels))[:, 0], [[1.0, 127 / 255, 0.0]] * 3, atol=1 / 255)
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putdata([0, 1])
    path = save(palette, "palette.png", transparency=0)
    np.testing.assert_allclose(255 * COLOR.read(path)[:, 0], [[255, 10], [255, 20], [255, 30]], atol=1e-4)


def test_sixteen_bits_are_kept(save):
    """A grey picture of 16 bits has 65,536 levels, also as a share."""
    values = np.array([[0, 1, 256, 65535]], dtype=np.uint16)
    for name in ("deep.png", "deep.tiff"):
        np.testing.assert_allclose(GREY.read(save(values, name))[0], values / 65535, atol=1e-7)
    assert COLOR.read(save(values)).shape == (3, 1, 4)


def test_floats_from_0_to_1_are_taken_and_others_refused(save):
    """A TIFF of floats does not say what its largest value could be."""
    values = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)
    np.testing.assert_array_equal(GREY.read(save(values, "floats.tiff"))[0], values)
    with pytest.raises(SubjectError, match="values must run from 0 to 1 in a picture of mode F"):
        GREY.read(save(3 * values, "floats.tiff"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_grey_and_color(save, mode):
    """Grey pictures have three equal channels in color; colored ones one channel in grey, from 0 to 1."""
    pixels = random_pixels(6, 5, 3)
    image = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    path = save(image, "picture.jpg" if mode in ("CMYK", "YCbCr") else "picture.png")
    grey, color = GREY.read(path), COLOR.read(path)
    assert grey.shape == (1, 6, 5) and color.shape == (3, 6, 5)
    assert 0 <= color.min() < color.max() <= 1
    if mode in ("1", "L", "LA", "I;16"):
        assert torch.equal(color, grey.expand(3, -1, -1))


@pytest.mark.parametrize(("shape", "size"), [((40, 60), (20, 20)), ((60, 40), (20, 20)), ((30, 30), (10, 20))])
def test_a_picture_is_scaled_to_cover_and_cut_around_the_middle(save, shape, size):
    """A brightness that rises from one corner to the other keeps its middle value and its slope in the middle."""
    down, right = np.mgrid[: shape[0], : shape[1]]
    pixels = (2 * down + right).astype(np.uint8)
    found = 255 * PictureRule(channels=1, size=size).read(save(pixels))[0]
    assert found.shape == size
    zoom = max(size[0] / shape[0], size[1] / shape[1])
    rows, columns = (np.arange(side) + 0.5 - side / 2 for side in size)
    expected = pixels.mean() + (2 * rows[:, None] + columns) / zoom
    np.testing.assert_allclose(found[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1.5)


def test_small_details_are_averaged_and_not_skipped(save):
    """Antialiasing: a fine checkerboard made four times smaller is even grey."""
    board = (255 * (np.indices((64, 64)).sum(0) % 2)).astype(np.uint8)
    found = PictureRule(channels=1, size=(16, 16)).read(save(board))
    np.testing.assert_allclose(found, 0.5, atol=0.02)


def test_mean_and_deviation_are_those_that_were_asked_for(save):
    """(value - mean) / std in each channel, and drawn as it was."""
    pixels = random_pixels(30, 30, 3)
    rule = PictureRule(channels=3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    path = save(pixels)
    plain, found = COLOR.read(path), rule.read(path)
    for channel, (mean, std) in enumerate(zip(rule.mean, rule.std, strict=True)):
        np.testing.assert_allclose(found[channel], (plain[channel] - mean) / std, atol=1e-6)
    np.testing.assert_array_equal(rule.drawn(found), pixels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": 2}, "1 or 3 channels, found 2"),
        ({"channels": 3, "mean": (0.1, 0.2)}, "mean must be one number or one for each of 3 channels, found 2"),
        ({"channels": 1, "std": (0.0,)}, "std must be positive, found 0.0"),
        ({"channels": 1, "mean": (float("nan"),)}, "mean must be one number"),
        ({"channels": 1, "size": (0, 5)}, "height and width of at least 1"),
        ({"channels": 1, "size": (10**6, 10**6)}, "64,000,000 pixels in all"),
    ],
)
def test_rules_that_make_no_sense_are_refused(options, words):
    """Before any picture is read."""
    with pytest.raises(SubjectError, match=words):
        PictureRule(**options)


def png_of(width, height):
    """The head of a PNG that says it is of this size, and almost nothing after it."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content) & 0xFFFFFFFF)
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8001, 12_000, 100_000])
def test_a_picture_that_would_fill_the_memory_is_refused_by_its_head(tmp_path, side):
    """A file of a kilobyte that says it has more pixels than the limit is never decoded."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(side, side))
    with pytest.raises(SubjectError, match=f"may have {MOST_PIXELS:,} pixels, found .* in .*bomb.png"):
        COLOR.read(path)
    with pytest.raises(SubjectError, match=f"may have {MOST_PIXELS:,} pixels"):
        COLOR.read(path.read_bytes())


def broken_files():
    buffer = io.BytesIO()
    Image.fromarray(random_pixels(40, 40, 3)).save(buffer, "PNG")
    whole = buffer.getvalue()
    return {
        "empty": b"",
        "no picture": b"MZ not a picture at all",
        "cut short": whole[: len(whole) // 2],
        "head alone": whole[:40],
        "says more than it has": png_of(200, 200),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    }


@pytest.mark.parametrize("name", broken_files())
def test_what_is_no_picture_is_named(tmp_path, name):
    """One sentence, with the file in it; formats whose decoders start other programs are not tried."""
    path = tmp_path / "picture.png"
    path.write_bytes(broken_files()[name])
    with pytest.raises(SubjectError, match=r"expected a picture .* in .*picture.png, found .*\.$"):
        COLOR.read(path)
