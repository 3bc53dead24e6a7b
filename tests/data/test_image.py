"""Decoding and changing images."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from transformers.image_utils import load_image

from zoo.data.image import ArrayImage, decode_image
from zoo.data.rows import CorruptExample
from zoo.data.sources.file_rows import ClassFolders


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_upright_as_transformers_and_datasets_decode_it(
    orientation: int, tmp_path: Path
) -> None:
    path = tmp_path / "day" / "a.png"
    path.parent.mkdir()
    turned = Image.Exif()
    turned[0x0112] = orientation
    gradient().save(path, exif=turned)
    found = ClassFolders([path])[0]["image"]
    assert found.size == ((40, 20) if orientation < 5 else (20, 40))
    assert np.array_equal(array(found), array(load_image(str(path))))
    theirs = datasets.Image().decode_example({"path": str(path), "bytes": None})
    assert np.array_equal(array(found), array(theirs))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_no_exif_leaves_the_image_as_it_lies(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert decode_image(tmp_path / "a.png").size == (40, 20)


RAMP = np.linspace(0, 65535, 256).reshape(16, 16)  # sixteen bits of each of the 256 grays


@pytest.mark.parametrize(
    ("mode", "kind", "numbers"),
    [
        ("I;16", "PNG", "<u2"),
        ("I;16", "TIFF", "<u2"),
        ("I;16B", "TIFF", ">u2"),
        ("I", "TIFF", "i4"),
    ],
)
def test_sixteen_bits_of_gray_are_scaled_to_eight(mode: str, kind: str, numbers: str) -> None:
    content = encoded(Image.fromarray(RAMP.astype(numbers)), kind)
    assert Image.open(io.BytesIO(content)).mode == mode
    found = array(decode_image(content))
    assert np.array_equal(found[..., 0].ravel(), np.arange(256))
    assert np.array_equal(found[..., 1], found[..., 2])


def test_a_dark_image_of_sixteen_bits_stays_dark() -> None:
    dark = Image.fromarray((RAMP / 4).astype(np.uint16))
    assert array(decode_image(encoded(dark, "PNG"))).max() == 64


def test_floating_point_is_black_at_0_and_white_at_1() -> None:
    values = Image.fromarray(np.array([[0.0, 0.25, 0.5, 1.0]], np.float32))
    assert array(decode_image(encoded(values, "TIFF")))[0, :, 0].tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.0, 255.0]], np.float32),
        np.array([[-0.1, 0.5]], np.float32),
        np.array([[0.5, np.nan]], np.float32),
        np.array([[0, 65536]], np.int32),
        np.array([[-1, 5]], np.int32),
    ],
    ids=["float beyond 1", "float below 0", "NaN", "int beyond 16 bits", "int below 0"],
)
def test_numbers_without_a_known_range_are_corrupt(values: np.ndarray) -> None:
    with pytest.raises(CorruptExample, match=r"values from .* to .*; 0 to (1|65535) is gray"):
        decode_image(encoded(Image.fromarray(values), "TIFF"))


def palette(**words: object) -> bytes:
    """Three pixels: transparent red, red that is there, blue."""
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 255, 0, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    file = io.BytesIO()
    image.save(file, "PNG", **words)
    return file.getvalue()


def test_what_is_transparent_lies_on_white() -> None:
    colours = Image.new("RGBA", (4, 1))
    colours.putdata([(9, 9, 9, 0), (0, 0, 0, 51), (200, 100, 0, 128), (1, 2, 3, 255)])
    wanted = [[255] * 3, [204] * 3, [227, 177, 127], [1, 2, 3]]
    assert np.abs(array(decode_image(encoded(colours, "PNG")))[0] - wanted).max() <= 1
    grays = Image.new("LA", (3, 1))
    grays.putdata([(0, 0), (0, 51), (7, 255)])
    assert array(decode_image(encoded(grays, "PNG")))[0, :, 0].tolist() == [255, 204, 7]
    found = array(decode_image(palette(transparency=0)))[0].tolist()
    assert found == [[255, 255, 255], [255, 0, 0], [0, 0, 255]]
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (1, 2, 3)).save(file, "PNG", transparency=(1, 2, 3))
    assert array(decode_image(file.getvalue()))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about what it finds
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
def test_damaged_and_random_bytes_are_an_image_or_corrupt(kind: str) -> None:
    whole = encoded(gradient(), kind)
    for seed in range(30):
        noise = rng(seed)
        damaged = bytearray(whole)
        for place in noise.integers(0, min(len(whole), 300), 4):
            damaged[place] = noise.integers(256)
        for content in (bytes(damaged), whole[:8] + noise.bytes(50), noise.bytes(100)):
            try:
                assert decode_image(content).mode == "RGB"
            except CorruptExample as error:
                assert f"{len(content)} bytes (" in str(error)


def test_a_decoded_image_has_the_pixels_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(gradient(), "PNG"))
    assert np.array_equal(array(decode_image(tmp_path / "a.png")), array(gradient()))


def photograph() -> Image.Image:
    """Smooth colours with some noise, of an odd size."""
    smooth = np.kron(rng(1).integers(0, 255, (9, 7, 3)), np.ones((11, 11, 1)))
    noisy = smooth[3:, 4:] + rng(2).integers(-9, 9, (96, 73, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


XMP = b'<x:xmpmeta tiff:Orientation="6"/>'
JPEGS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "plain": ("RGB", {}, True),
    "progressive": ("RGB", {"progressive": True}, True),
    "every colour": ("RGB", {"subsampling": 0, "quality": 97}, True),
    "gray": ("L", {}, True),
    "upright by EXIF": ("RGB", {"exif": exif(1)}, True),
    "turned by EXIF": ("RGB", {"exif": exif(6)}, False),
    "turned by XMP": ("RGB", {"xmp": XMP}, False),
    "CMYK": ("CMYK", {}, False),
    "RGB": ("RGB", {"keep_rgb": True}, False),
}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_has_pillows_pixels_whoever_decodes_it(name: str) -> None:
    mode, words, at_once = JPEGS[name]
    file = io.BytesIO()
    photograph().convert(mode).save(file, "JPEG", **words)
    found = decode_image(file.getvalue())
    assert isinstance(found, ArrayImage) == at_once
    assert np.array_equal(array(found), array(load_image(Image.open(file))))


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_a_jpeg_so_large_that_pillow_warns_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 73 * 96 - 1)
    with pytest.raises(CorruptExample, match="decompression bomb"):
        decode_image(encoded(photograph(), "JPEG"))


def test_an_image_over_an_array_is_one_of_pillows() -> None:
    values = np.array(photograph())
    image = ArrayImage(values)
    assert np.shares_memory(np.asarray(image), values)
    for change in (
        lambda one: one.resize((20, 30)),
        lambda one: one.crop((3, 4, 30, 40)),
        lambda one: one.convert("L"),
        lambda one: one.transpose(Image.Transpose.ROTATE_90),
        lambda one: Image.blend(one, one, 0.5),
        lambda one: one.copy(),
    ):
        assert change(ArrayImage(values)) == change(photograph())
    image.paste((1, 2, 3), (0, 0, 5, 5))
    assert np.asarray(image)[0, 0].tolist() == [1, 2, 3] != values[0, 0].tolist()


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_a_truncated_image_is_corrupt(kept: int, tmp_path: Path) -> None:
    noise = Image.fromarray(rng().integers(0, 255, (64, 64, 3), dtype=np.uint8))
    (tmp_path / "a.jpg").write_bytes(encoded(noise, "JPEG")[:kept])
    with pytest.raises(CorruptExample, match=r"a\.jpg"):
        decode_image(tmp_path / "a.jpg")


def test_a_missing_image_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptExample, match=r"none\.jpg"):
        decode_image(tmp_path / "none.jpg")
