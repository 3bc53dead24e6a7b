"""Decoding and changing images."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.image import (
    decode_image,
)
from zoo.data.rows import CorruptExample


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def gradient(width: int = 40, height: int = 20) -> Image.Image:
    """Red grows to the right, green downwards."""
    values = np.zeros((height, width, 3), dtype=np.uint8)
    values[..., 0] = np.linspace(0, 255, width)
    values[..., 1] = np.linspace(0, 255, height)[:, None]
    values[..., 2] = 100
    return Image.fromarray(values)


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


# Mode: the values of three pixels, and their colours.
MODES: dict[str, tuple[list[int | tuple[int, ...]], list[tuple[int, int, int]]]] = {
    "L": ([0, 77, 255], [(0,) * 3, (77,) * 3, (255,) * 3]),
    "LA": ([(0, 255), (77, 255), (254, 255)], [(0,) * 3, (77,) * 3, (254,) * 3]),
    "P": ([2, 0, 1], [(7, 8, 9), (1, 2, 3), (4, 5, 6)]),
    "RGBA": (
        [(1, 2, 3, 255), (255, 0, 9, 255), (0, 0, 0, 255)],
        [(1, 2, 3), (255, 0, 9), (0,) * 3],
    ),
    "CMYK": (
        [(0, 0, 0, 0), (0, 255, 255, 0), (9, 9, 9, 255)],
        [(255, 255, 255), (255, 0, 0), (0, 0, 0)],
    ),
    "1": ([1, 0, 1], [(255,) * 3, (0,) * 3, (255,) * 3]),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_image_becomes_rgb(mode: str) -> None:
    values, colours = MODES[mode]
    image = Image.new(mode, (3, 1))
    if mode == "P":
        image.putpalette(range(1, 10))
    image.putdata(values)
    found = decode_image(encoded(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert found.mode == "RGB"
    assert array(found)[0].tolist() == [list(colour) for colour in colours]


def test_a_decoded_image_has_the_pixels_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(gradient(), "PNG"))
    assert np.array_equal(array(decode_image(tmp_path / "a.png")), array(gradient()))


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_a_truncated_image_is_corrupt(kept: int, tmp_path: Path) -> None:
    noise = Image.fromarray(rng().integers(0, 255, (64, 64, 3), dtype=np.uint8))
    (tmp_path / "a.jpg").write_bytes(encoded(noise, "JPEG")[:kept])
    with pytest.raises(CorruptExample, match=r"a\.jpg"):
        decode_image(tmp_path / "a.jpg")


def test_a_missing_image_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptExample, match=r"none\.jpg"):
        decode_image(tmp_path / "none.jpg")
