"""Pictures of answers: what is found is marked where it is, and nothing else is touched."""

import numpy as np
from PIL import Image

from zoo.predicting.drawing import colour, with_boxes, with_masks

GRAY = Image.new("RGB", (80, 60), (100, 100, 100))


def test_a_box_is_drawn_on_its_edges() -> None:
    box = {"xmin": 20, "ymin": 30, "xmax": 60, "ymax": 50}
    found = with_boxes(GRAY, [{"label": "cat", "score": 0.9, "box": box}], {"dog": 0, "cat": 1})
    pixels = np.asarray(found)
    for x, y in ((20, 50), (60, 30), (60, 50), (40, 50)):
        assert tuple(pixels[y, x]) == colour(1)
    assert tuple(pixels[48, 40]) == tuple(pixels[55, 70]) == (100, 100, 100)
    assert GRAY.getcolors() == [(80 * 60, (100, 100, 100))]


def test_a_mask_tints_its_pixels_alone() -> None:
    mask = np.zeros((60, 80), bool)
    mask[40:, 60:] = True
    pixels = np.asarray(with_masks(GRAY, [("sky", mask)], {"sea": 0, "sky": 1}))
    tint = np.round(0.5 * 100 + 0.5 * np.array(colour(1), np.float32))
    assert (pixels[40:, 60:] == tint).all()
    assert (pixels[40:, :60] == 100).all()


def test_neighbouring_classes_have_colours_that_differ() -> None:
    for number in range(30):
        assert max(abs(a - b) for a, b in zip(colour(number), colour(number + 1), strict=True)) > 60
