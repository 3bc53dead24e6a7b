"""Colours of images, changed with draws of their own."""

import numpy as np
import pytest
from PIL import Image

from zoo.tasks.vision.augment.photometric import photometric


@pytest.fixture
def image():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_colours_change_and_nothing_moves(mode, image):
    before = image.convert(mode)
    after = photometric(before, 1.0, np.random.default_rng(0), channels=True)
    assert (after.size, after.mode) == (before.size, mode)
    assert not np.array_equal(np.asarray(before), np.asarray(after))
    flat = Image.new(mode, (4, 4), (90, 90, 90) if mode == "RGB" else 90)
    colours = photometric(flat, 1.0, np.random.default_rng(1), channels=True).getcolors()
    assert len(colours) == 1


def test_without_a_chance_nothing_changes(image):
    after = photometric(image, 0.0, np.random.default_rng(0), channels=True)
    assert np.array_equal(np.asarray(image), np.asarray(after))


def test_channels_keep_their_places_unless_they_are_asked_to_move():
    red = Image.new("RGB", (2, 2), (200, 20, 20))
    places = {True: set(), False: set()}
    for channels, seen in places.items():
        for seed in range(20):
            found = photometric(red, 1.0, np.random.default_rng(seed), channels=channels)
            seen.add(int(np.asarray(found)[0, 0].argmax()))
    assert places == {True: {0, 1, 2}, False: {0}}
