"""Decoding and changing images."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.image import (
    color_jitter,
    decode_image,
    pixels,
    random_affine,
    random_flip,
    random_resized_crop,
    resize,
    resize_and_crop,
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


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_image_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert decode_image(encoded(gradient().convert(mode), kind)).mode == "RGB"


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


def test_random_crops_keep_to_their_area_and_shape() -> None:
    areas = []
    for seed in range(60):
        crop = random_resized_crop(gradient(), 16, (0.25, 0.5), (1, 1), "nearest", rng(seed))
        assert crop.size == (16, 16)
        red, green = np.ptp(array(crop)[..., 0]) / 255 * 40, np.ptp(array(crop)[..., 1]) / 255 * 20
        areas.append(red * green / 800)
    assert np.mean(areas) == pytest.approx(0.375, abs=0.08)
    assert len(set(areas)) > 5


def test_a_crop_that_never_fits_is_the_middle_of_the_image() -> None:
    crop = random_resized_crop(gradient(40, 10), 10, (1, 1), (1, 1), "nearest", rng())
    assert array(crop)[5, :, 0].mean() == pytest.approx(127, abs=5)
    assert np.ptp(array(crop)[..., 0]) == pytest.approx(255 / 4, abs=10)


def test_a_crop_of_the_whole_square_is_the_image_resized() -> None:
    square = gradient(20, 20)
    crop = random_resized_crop(square, 20, (1, 1), (1, 1), "bilinear", rng())
    assert np.array_equal(array(crop), array(square))


def test_resizing_forgets_the_shape() -> None:
    assert resize(gradient(), 8).size == (8, 8)


@pytest.mark.parametrize(("width", "height"), [(40, 20), (20, 40), (33, 33)])
def test_the_middle_is_cropped_after_the_shorter_side_is_resized(width: int, height: int) -> None:
    middle = resize_and_crop(gradient(width, height), 14, 0.875)
    assert middle.size == (14, 14)
    assert array(middle)[..., 0].mean() == pytest.approx(127.5, abs=3)
    assert array(middle)[..., 1].mean() == pytest.approx(127.5, abs=3)
    share = 0.875 * min(width, height) / width
    assert np.ptp(array(middle)[7, :, 0]) == pytest.approx(255 * share, abs=25)


def test_flips_are_certain_at_1_and_never_at_0() -> None:
    image = gradient()
    assert np.array_equal(array(random_flip(image, 1, 0, rng())), array(image)[:, ::-1])
    assert np.array_equal(array(random_flip(image, 0, 1, rng())), array(image)[::-1])
    assert np.array_equal(array(random_flip(image, 0, 0, rng())), array(image))


def test_flips_come_as_often_as_asked() -> None:
    image = gradient()
    left = [array(random_flip(image, 0.25, 0, rng(seed)))[0, 0, 0] == 0 for seed in range(400)]
    assert np.mean(left) == pytest.approx(0.75, abs=0.06)


def test_color_jitter_changes_colours_and_not_places() -> None:
    image = gradient()
    assert np.array_equal(array(color_jitter(image, 0, rng())), array(image))
    changed = color_jitter(image, 0.3, rng(1))
    assert not np.array_equal(array(changed), array(image))
    red = array(changed)[10, :, 0]
    assert (np.diff(red) >= 0).all()


def test_an_affine_map_of_nothing_is_the_image() -> None:
    same = random_affine(gradient(), 0, 0, (1, 1), rng())
    assert np.abs(array(same) - array(gradient())).max() <= 1


def test_scaling_is_about_the_middle() -> None:
    smaller = array(random_affine(gradient(40, 40), 0, 0, (0.5, 0.5), rng()))
    assert (smaller[:9] == 0).all()
    assert (smaller[31:] == 0).all()
    assert (smaller[11:29, 11:29, 2] == 100).all()
    assert smaller[20, 20, 0] == pytest.approx(127, abs=6)


def test_a_quarter_turn_turns_the_image_clockwise_or_back() -> None:
    class Quarter(np.random.Generator):
        def uniform(self, low: float, high: float, size: int | None = None) -> float | np.ndarray:
            return np.full(size, high) if size else high

    turned = random_affine(gradient(41, 41), 90, 0, (1, 1), Quarter(np.random.PCG64(0)))
    assert array(turned)[20, 20].tolist() == pytest.approx(array(gradient(41, 41))[20, 20], abs=8)
    assert (
        np.abs(array(turned)[1:-1, 1:-1] - np.rot90(array(gradient(41, 41)), -1)[1:-1, 1:-1]).max()
        < 8
    )


def test_a_shift_moves_by_no_more_than_its_share() -> None:
    black = 0
    for seed in range(30):
        moved = array(random_affine(gradient(40, 40), 0, 0.25, (1, 1), rng(seed)))[..., 2]
        assert (moved[11:29, 11:29] == 100).all()
        black += (moved == 0).any()
    assert black > 25


def test_pixels_are_normalised_channel_by_channel() -> None:
    found = pixels(gradient(), (0.5, 0.0, 0.0), (0.5, 1.0, 2.0))
    assert found.shape == (3, 20, 40)
    assert found.dtype == np.float32
    assert found[0, 0, [0, -1]].tolist() == [-1, 1]
    assert found[1, -1, 0] == 1
    assert found[2] == pytest.approx(100 / 255 / 2)
