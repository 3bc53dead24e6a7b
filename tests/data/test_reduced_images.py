"""Large JPEGs of which a small piece is wanted: decoded smaller, and nearly the same."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_images

from zoo.data.image import WHOLE, JpegImage, cut, decode_image, open_image
from zoo.data.rows import CorruptExample

SIZE = 96
WIDTH, HEIGHT = 1999, 1501  # no multiples of 8


@cache
def photograph(mode: str = "RGB") -> bytes:
    """A real photograph, enlarged."""
    file = io.BytesIO()
    image = Image.fromarray(load_sample_images().images[0]).convert(mode)
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(file, "JPEG", quality=90)
    return file.getvalue()


def resized(values: np.ndarray) -> np.ndarray:
    """What a random crop makes of a box, int (3, SIZE, SIZE)."""
    planes = torch.from_numpy(values.copy()).permute(2, 0, 1)[None]
    found = F.interpolate(planes, size=(SIZE, SIZE), mode="bilinear", antialias=True)
    return found[0].numpy().astype(int)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("box", "factor"),
    [
        ((0, 0, WIDTH, HEIGHT), 8),
        ((1117, 33, WIDTH, 800), 4),
        ((600, 401, 951, 640), 2),
        ((600, 401, 951, 594), 1),  # 193 pixels high: halves would not leave 97
    ],
)
def test_a_box_of_a_large_jpeg_is_decoded_as_small_as_its_resize_allows(
    mode: str, box: tuple[int, int, int, int], factor: int
) -> None:
    content = photograph(mode)
    small = cut(open_image(content), box, SIZE)
    assert min(small.shape[:2]) >= SIZE
    left, top, right, bottom = (round(edge / factor) * factor for edge in box)
    assert small.shape == ((bottom - top) // factor, (right - left) // factor, 3)
    whole = np.asarray(decode_image(content))[top:bottom, left:right]
    off = np.abs(resized(small) - resized(whole))
    assert off.mean() < (1.5 if factor > 1 else 1e-9)
    assert np.percentile(off, 99) <= 10
    assert np.array_equal(cut(open_image(content), box, SIZE), small)


def test_the_whole_box_comes_of_an_image_that_is_decoded_and_where_that_is_asked_for() -> None:
    content, box = photograph(), (10, 20, 1900, 1400)
    whole = np.asarray(decode_image(content))[20:1400, 10:1900]
    seen = open_image(content)
    seen.paste((1, 2, 3), (0, 0, 30, 30))
    for image, least in ((decode_image(content), SIZE), (open_image(content), WHOLE)):
        assert np.array_equal(cut(image, box, least), whole)
    assert cut(seen, box, SIZE)[0, 0].tolist() == [1, 2, 3]


def test_an_opened_image_is_one_of_pillows() -> None:
    content = photograph()
    for change in (
        lambda one: one.resize((20, 30)),
        lambda one: one.convert("L"),
        lambda one: one.copy(),
        lambda one: one.crop((3, 4, 30, 40)),
    ):
        found, wanted = change(open_image(content)), change(Image.open(io.BytesIO(content)))
        assert (found.size, found.mode) == (wanted.size, wanted.mode)
        assert np.array_equal(np.asarray(found), np.asarray(wanted))


def test_a_truncated_image_is_corrupt_when_its_pixels_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photograph()[:90_000])
    for ask in (np.asarray, JpegImage.load, lambda image: cut(image, (0, 0, 900, 900), SIZE)):
        image = open_image(path)
        for _ in range(2):
            with pytest.raises(CorruptExample, match=r"a\.jpg"):
                ask(image)
    with pytest.raises(CorruptExample, match=r"a\.jpg"):
        decode_image(path)


def test_a_jpeg_that_only_pillow_reads_comes_whole_from_it() -> None:
    content = bytearray(photograph())
    content[501_295:501_335] = bytes(40)  # libjpeg warns of bytes that it skips
    damaged, box = bytes(content), (0, 0, 900, 900)
    wanted = np.asarray(Image.open(io.BytesIO(damaged)))
    assert np.array_equal(cut(open_image(damaged), box, SIZE), wanted[:900, :900])
