"""Images: decoding, to PIL RGB of 8 bits, upright.

What a file may hold and what becomes of it:

- an EXIF orientation is carried out, as `datasets` and transformers' `load_image` do;
- 16 bits of gray are scaled to 8 (0..65535 to 0..255), and so are 32-bit integers within that
  range;
- floating point is 0 (black) to 1 (white);
- what is transparent, in whatever mode, lies on white;
- every other mode is converted as Pillow does, and of an animation the first frame is taken.

Numbers beyond these ranges have no meaning that could be known here: a corrupt row.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from zoo.data.rows import CorruptExample

_WHITE = (255, 255, 255)
_TRANSPARENT = ("RGBA", "RGBa", "LA", "La", "PA")
_SIXTEEN_BITS = 65535


def decode_image(source: bytes | Path) -> Image.Image:
    """The image as RGB; raises CorruptExample for one that is missing, truncated or no image."""
    return _decoded(source, as_rgb)


def decode_mask(source: bytes | Path) -> Image.Image:
    """A mask with the values that its file holds: a palette's indices stay, nothing is scaled.

    Raises CorruptExample for one that is missing, truncated or no image.
    """
    return _decoded(source, Image.Image.copy)


def _decoded(source: bytes | Path, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The image, upright and changed."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            image.load()
            return change(_upright(image))
    except Exception as error:  # damaged bytes make Pillow's readers raise nearly anything
        named = f"{len(source)} bytes" if isinstance(source, bytes) else source
        raise CorruptExample(f"{named} ({error or type(error).__name__})") from error


def as_rgb(image: Image.Image) -> Image.Image:
    """A loaded image of any mode as RGB; raises ValueError for numbers without a known meaning."""
    if image.mode == "F":
        return _gray(np.asarray(image), 1.0)
    if image.mode.startswith("I"):  # I;16, I;16B, I;16L, I;16N, and I of 32 bits
        return _gray(np.asarray(image), _SIXTEEN_BITS)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says; as it lies in the file where that is unreadable."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # a broken EXIF block says nothing of the pixels
        return image


def _gray(values: np.ndarray, white: float) -> Image.Image:
    """Values from 0 to `white`, (height, width), as 8 bits of gray in RGB."""
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= white:  # NaN too
        raise ValueError(f"values from {low:g} to {high:g}; {0:g} to {white:g} is gray")
    scaled = np.rint(values.astype(np.float64) * (255 / white)).astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """An RGBA image over white paper."""
    paper = Image.new("RGBA", image.size, (*_WHITE, 255))
    return Image.alpha_composite(paper, image).convert("RGB")
