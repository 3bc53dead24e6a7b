"""Images: decoding, to PIL RGB of 8 bits, upright.

What a file may hold and what becomes of it:

- an EXIF orientation is carried out, as `datasets` and transformers' `load_image` do;
- 16 bits of gray are scaled to 8 (0..65535 to 0..255), and so are 32-bit integers within that
  range;
- floating point is 0 (black) to 1 (white);
- what is transparent, in whatever mode, lies on white;
- every other mode is converted as Pillow does, and of an animation the first frame is taken.

Numbers beyond these ranges have no meaning that could be known here: a corrupt row.

Plain JPEGs are decoded by simplejpeg: the same libjpeg-turbo, the same pixels, and an array at once
(a third faster with all that Pillow copies). Whatever else a file is, Pillow says.

Where a part of a large JPEG is to become small anyway, it is decoded in a half, a quarter or an
eighth of its size (`cut`): libjpeg-turbo then computes fewer values of each block of 8x8.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from zoo.data.rows import CorruptExample

_WHITE = (255, 255, 255)
_TRANSPARENT = ("RGBA", "RGBa", "LA", "La", "PA")
_SIXTEEN_BITS = 65535
_JPEG, _APP1 = b"\xff\xd8\xff", b"\xff\xe1"  # first bytes; what holds EXIF, and XMP
_PLAIN = ("YCbCr", "Gray")
_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF orientations
WHOLE = sys.maxsize
"""As many pixels as there are (see `cut`)."""
_FACTORS = (8, 4, 2)  # of which libjpeg-turbo has fast code


class ArrayImage(Image.Image):
    """An RGB image over uint8 (height, width, 3), which `np.asarray` gives without a copy; Pillow's
    own memory is filled when something of Pillow asks for it, as it is of files that it opens.
    """

    def __init__(self, array: np.ndarray) -> None:
        super().__init__()
        self.array: np.ndarray | None = array
        self._mode, self._size = "RGB", (array.shape[1], array.shape[0])

    def load(self) -> Any:
        """See Pillow; from here on the image may change, and the array is none of it."""
        if self.array is not None:
            self.im, self.array = Image.fromarray(self.array).im, None
        return super().load()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self.array is not None:
            return self.array.__array_interface__
        return super().__array_interface__


class JpegImage(ArrayImage):
    """A plain JPEG, decoded when its pixels are asked for; CorruptExample is raised only then where
    they cannot be had. Until then it may be had `reduced`.
    """

    content: bytes | None

    def __init__(self, content: bytes, size: tuple[int, int], source: bytes | Path) -> None:
        Image.Image.__init__(self)
        self._mode, self._size = "RGB", size
        self.array, self.content, self.source = None, content, source

    def load(self) -> Any:
        """See Pillow."""
        self._decode()
        return super().load()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        self._decode()
        return super().__array_interface__

    def reduced(self, factor: int) -> np.ndarray | None:
        """The image in one `factor`th (2, 4, 8) of its size, rounded up, uint8 (height, width, 3);
        None once its pixels were asked for, and where it cannot be had like this.
        """
        height, width = -(-self.height // factor), -(-self.width // factor)
        try:
            found: np.ndarray = simplejpeg.decode_jpeg(
                self.content, min_height=height, min_width=width, min_factor=factor
            )
        except Exception:  # damaged, or decoded already: the whole image says it
            return None
        return found if found.shape[:2] == (height, width) else None

    def _decode(self) -> None:
        """Makes the array of what is in the file; for good."""
        if self.content is None:
            return
        try:
            self.array = simplejpeg.decode_jpeg(self.content)
        except Exception:  # damaged, or of a kind that it does not know: Pillow says which
            self.array = np.array(_decoded(self.source, as_rgb))
        self.content = None


def open_image(source: bytes | Path) -> Image.Image:
    """The image as RGB; raises CorruptExample for one that is missing, truncated or no image. Of a
    plain JPEG only the header is read yet: it raises when its pixels are asked for.
    """
    return _decoded(source, as_rgb, _plain_jpeg)


def decode_image(source: bytes | Path) -> Image.Image:
    """The image as RGB, decoded; raises CorruptExample as `open_image`."""
    image = open_image(source)
    np.asarray(image)
    return image


def size_of(source: bytes | Path) -> tuple[int, int]:
    """(width, height) of an image as it is seen, by its header; raises CorruptExample."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _ON_THEIR_SIDE
            return (image.height, image.width) if turned else (image.width, image.height)
    except Exception as error:  # damaged bytes make Pillow's readers raise nearly anything
        raise CorruptExample(_said(source, error)) from error


def cut(image: Image.Image, box: tuple[int, int, int, int], least: int) -> np.ndarray:
    """What lies in a box (left, top, right, bottom), uint8 (height, width[, channels]).

    Of a JPEG that is not decoded yet it is as many times smaller as leaves `least` pixels each way,
    with the box's edges moved to the next pixels of that. Resized to `least`, photographs are then
    0.7 to 1.4 of 255 off what the whole image gives on average, and 1 value in 100 by 5 to 10.
    """
    left, top, right, bottom = box
    if isinstance(image, JpegImage):
        side = min(right - left, bottom - top)
        for factor in (one for one in _FACTORS if side >= one * (least + 1)):
            if (small := image.reduced(factor)) is not None:
                left, top, right, bottom = (round(edge / factor) for edge in box)
                return small[top:bottom, left:right]
    return np.asarray(image)[top:bottom, left:right]


def decode_mask(source: bytes | Path) -> Image.Image:
    """A mask with the values that its file holds: a palette's indices stay, nothing is scaled.

    Raises CorruptExample for one that is missing, truncated or no image.
    """
    return _decoded(source, Image.Image.copy)


def _decoded(
    source: bytes | Path,
    change: Callable[[Image.Image], Image.Image],
    at_once: Callable[[bytes, bytes | Path], Image.Image | None] = lambda content, source: None,
) -> Image.Image:
    """The image, upright and changed, or what `at_once` makes of the file's bytes."""
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        if (found := at_once(content, source)) is not None:
            return found
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return change(_upright(image))
    except Exception as error:  # damaged bytes make Pillow's readers raise nearly anything
        raise CorruptExample(_said(source, error)) from error


def _said(source: bytes | Path, error: Exception) -> str:
    """Which file it is and what is wrong with it, alike in every process."""
    named = f"{len(source)} bytes" if isinstance(source, bytes) else source
    unknown = isinstance(error, UnidentifiedImageError)  # which says where in memory it is
    why = "cannot identify image file" if unknown else error or type(error).__name__
    return f"{named} ({why})"


def as_rgb(image: Image.Image) -> Image.Image:
    """A loaded image of any mode as RGB; raises ValueError for numbers without a known meaning."""
    if image.mode == "F":
        return _gray(np.asarray(image), 1.0)
    if image.mode.startswith("I"):  # I;16, I;16B, I;16L, I;16N, and I of 32 bits
        return _gray(np.asarray(image), _SIXTEEN_BITS)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _plain_jpeg(content: bytes, source: bytes | Path) -> Image.Image | None:
    """The image of a JPEG that lies as it is seen, in colours or in gray; else None, and for one so
    large that Pillow warns of it.
    """
    if not content.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if colours not in _PLAIN or height * width > (Image.MAX_IMAGE_PIXELS or np.inf):
            return None
        if _APP1 in content and _is_turned(Image.open(io.BytesIO(content))):
            return None
        return JpegImage(content, (width, height), source)
    except Exception:  # damaged, or of a kind that it does not know: Pillow says which
        return None


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(ExifTags.Base.Orientation, 1) != 1)


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says; as it lies in the file where that is unreadable."""
    try:
        return ImageOps.exif_transpose(image) if _is_turned(image) else image
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
