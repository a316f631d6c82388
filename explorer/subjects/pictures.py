"""Picture files as inputs of a network: decoded safely, turned upright, made of one size and one set of channels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from explorer.errors import SubjectError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What is decoded. Others are refused: some of them (EPS) start other programs."""
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"}
)
MOST_PIXELS = 64_000_000
"""A picture with more is refused before it is decoded: a file of a few kilobytes can unpack to gigabytes."""
BACKGROUND = (255, 255, 255, 255)
"""What shows through transparent pixels: white."""
Source = Path | bytes
"""A file, or what stands in one."""
GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F"})


@dataclass(frozen=True, kw_only=True)
class PictureRule:
    """How a picture becomes numbers.

    It is turned upright (EXIF), transparent parts show white, values are divided by their largest possible one (255, or
    65,535 of 16 bits of grey; colors of 16 bits are read as 8) and so run from 0 to 1. With a size it is scaled by
    antialiased bilinear interpolation until it just covers the size, and what is too long is cut off equally on both
    sides. Of several frames the first is taken.
    """

    channels: int
    """1, the luma of colors (ITU-R 601-2); or 3, a grey picture being the same in all three."""
    size: tuple[int, int] | None = None
    """Height and width in pixels; None leaves each picture as large as it is."""
    mean: Sequence[float] | None = None
    """Subtracted from the values of each channel; one number, or one a channel."""
    std: Sequence[float] | None = None
    """Then divides them."""

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise SubjectError(f"pictures have 1 or 3 channels, found {self.channels}. Choose one of these.")
        if self.size is not None and (min(self.size) < 1 or int(np.prod(self.size)) > MOST_PIXELS):
            raise SubjectError(
                f"a size must be height and width of at least 1 and at most {MOST_PIXELS:,} pixels in all, found "
                f"{list(self.size)}. Choose a smaller one."
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and (len(values) not in (1, self.channels) or not np.isfinite(values).all()):
                raise SubjectError(
                    f"{name} must be one number or one for each of {self.channels} channels, found "
                    f"{len(values)}. Pass as many as there are channels."
                )
        if self.std is not None and min(self.std) <= 0:
            raise SubjectError(f"std must be positive, found {min(self.std)}. Pass what the network was trained with.")

    def read(self, source: Source) -> Tensor:
        """One picture: [channels, h, w] float32.

        Raises:
            SubjectError: the file is no picture, is damaged, or is larger than MOST_PIXELS; the message names it.
        """
        return self.normalized(self.shares(source))

    def shares(self, source: Source) -> Tensor:
        """The picture from 0 to 1, before mean and std: [channels, h, w] float32."""
        values = _decoded(source, self.channels, self.size)
        values = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(values)).expand(self.channels, -1, -1).clone()

    def normalized(self, shares: Tensor) -> Tensor:
        """[channels, h, w] from 0 to 1, less the mean and divided by the deviation."""
        if self.mean is not None:
            shares = shares - torch.tensor(self.mean, dtype=torch.float32)[:, None, None]
        if self.std is not None:
            shares = shares / torch.tensor(self.std, dtype=torch.float32)[:, None, None]
        return shares

    def drawn(self, sample: Tensor) -> np.ndarray:
        """An input as the picture that it was made of: uint8 [h, w, 3]; what is not finite is middle grey."""
        shares = sample
        if self.std is not None:
            shares = shares * torch.tensor(self.std, dtype=torch.float32)[:, None, None]
        if self.mean is not None:
            shares = shares + torch.tensor(self.mean, dtype=torch.float32)[:, None, None]
        pixels = (255 * shares.nan_to_num(0.5)).round().clamp(0, 255).to(torch.uint8)
        return pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()

    def in_words(self) -> str:
        """The rule in a sentence, for the description of a study."""
        how = {1: "grey", 3: "color"}[self.channels]
        size = "" if self.size is None else f", scaled and cut to {self.size[0]} × {self.size[1]} pixels"
        normal = "" if self.mean is None and self.std is None else ", then normalized"
        return f"Pictures are {how}, values from 0 to 1{size}{normal}."


def is_picture(path: Path) -> bool:
    """Whether a file is named like a picture."""
    return path.suffix.lower() in SUFFIXES


def picture_facts(source: Source) -> tuple[tuple[int, int], bool]:
    """Height and width once turned upright, and whether the picture is grey; only the head of the file is read.

    Raises:
        SubjectError: as `PictureRule.read`, as far as the head tells.
    """
    with _opened(source) as image:
        width, height = image.size
        # On its side; of TIFF Pillow tells the upright size at once.
        turned = image.format != "TIFF" and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return ((width, height) if turned else (height, width)), image.mode in GREY_MODES


class _opened:  # noqa: N801  (used like a function)
    """A picture whose head has been read; what goes wrong until it is closed becomes one sentence."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._name = "its data" if isinstance(source, bytes) else str(source)

    def __enter__(self) -> Image.Image:
        try:
            with warnings.catch_warnings():
                # Pillow warns of bombs and odd metadata; the limit below is ours, and stricter.
                warnings.simplefilter("ignore")
                self._image = Image.open(
                    BytesIO(self._source) if isinstance(self._source, bytes) else self._source, formats=FORMATS
                )
        except Exception as error:
            raise _unreadable(self._name, error) from error
        width, height = self._image.size
        if width * height > MOST_PIXELS:
            self._image.close()
            raise SubjectError(_too_large(self._name, f"{width:,} × {height:,}"))
        return self._image

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._image.close()
        if isinstance(error, Exception) and not isinstance(error, SubjectError):
            raise _unreadable(self._name, error) from error


def _unreadable(name: str, error: Exception) -> SubjectError:
    if isinstance(error, Image.DecompressionBombError):
        return SubjectError(_too_large(name, "many more"))
    if isinstance(error, FileNotFoundError):
        found = "no such file"
    elif isinstance(error, UnidentifiedImageError):
        found = "something else"
    else:
        found = f"{type(error).__name__}: {error}"
    return SubjectError(
        f"expected a picture ({', '.join(FORMATS)}) in {name}, found {found}. Mend the file or leave it out."
    )


def _too_large(name: str, found: str) -> str:
    return f"pictures may have {MOST_PIXELS:,} pixels, found {found} in {name}. Make it smaller, or leave it out."


def _decoded(source: Source, channels: int, size: tuple[int, int] | None) -> np.ndarray:
    """[h, w] or [h, w, 3] float32 from 0 to 1."""
    with _opened(source) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        largest = 255.0
        image.load()
        image = ImageOps.exif_transpose(image)  # noqa: PLW2901
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            image, largest = _deep(image), 1.0  # noqa: PLW2901
        elif image.has_transparency_data:
            ground = Image.new("RGBA", image.size, BACKGROUND)
            image = Image.alpha_composite(ground, image.convert("RGBA"))  # noqa: PLW2901
        if image.mode != "F":
            image = image.convert("L" if channels == 1 or image.mode in GREY_MODES else "RGB")  # noqa: PLW2901
        return np.asarray(image if size is None else _fitted(image, size), dtype=np.float32) / np.float32(largest)


def _deep(image: Image.Image) -> Image.Image:
    """A grey picture of more than 8 bits as floats from 0 to 1."""
    values = np.asarray(image).astype(np.float32)
    whole = image.mode != "F"
    largest = 65535.0 if whole else 1.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > largest:
        raise SubjectError(
            f"values must run from 0 to {largest:g} in a picture of mode {image.mode}, found others. "
            "Save it with 8 or 16 bits."
        )
    return Image.fromarray(values / largest)


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scaled until it covers the size, then cut around the middle; sides are truncated as torchvision's Resize does."""
    (width, height), (rows, columns) = image.size, size
    if (height, width) == (rows, columns):
        return image
    if height * columns <= width * rows:
        scaled = (max(columns, rows * width // height), rows)
    else:
        scaled = (columns, max(rows, columns * height // width))
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = (round((have - want) / 2) for have, want in zip(scaled, (columns, rows), strict=True))
    return image.crop((left, top, left + columns, top + rows))
