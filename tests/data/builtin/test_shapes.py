"""Built-in shapes: images drawn from their index alone, boxes and masks of the same shapes."""

from pathlib import Path

import numpy as np
import pytest

from zoo.data.builtin.shapes import SHAPES, ShapeRows, open_shapes
from zoo.data.sources.opened import Wanted

EVERY = frozenset({"image", "objects", "mask"})
DETECTION = Wanted((("image", "objects"),), classes=True)
SEGMENTATION = Wanted((("image", "mask"),), classes=True)


def test_an_image_depends_on_its_split_and_index_alone() -> None:
    first, second = ShapeRows("train", EVERY), ShapeRows("train", EVERY)
    row = first[4321]
    first[5]
    again = second[4321]
    assert np.array_equal(np.asarray(row["image"]), np.asarray(again["image"]))
    assert np.array_equal(row["objects"].boxes, again["objects"].boxes)
    other = ShapeRows("test", EVERY)[321]
    assert not np.array_equal(np.asarray(other["image"]), np.asarray(first[321]["image"]))
    assert [len(ShapeRows(split, EVERY)) for split in ("train", "validation", "test")] == [
        *(8000, 200, 400)
    ]


def test_rows_hold_the_roles_that_a_task_reads() -> None:
    detection = open_shapes("train", Path(), DETECTION)
    segmentation = open_shapes("train", Path(), SEGMENTATION)
    assert set(detection.rows[0]) == detection.rows.roles == {"image", "objects"}
    assert set(segmentation.rows[0]) == segmentation.rows.roles == {"image", "mask"}
    assert detection.label_names == SHAPES
    assert segmentation.label_names == ("background", *SHAPES)
    assert detection.rows.fingerprint != segmentation.rows.fingerprint


def test_a_box_is_the_smallest_around_its_shape_and_no_two_overlap() -> None:
    counts: list[int] = []
    classes: list[int] = []
    for index in range(200):
        row = ShapeRows("train", EVERY)[index]
        mask = np.asarray(row["mask"])
        assert (row["image"].mode, row["image"].size, mask.shape) == ("RGB", (64, 64), (64, 64))
        covered = np.zeros((64, 64), dtype=int)
        objects = row["objects"]
        for box, number in zip(objects.boxes, objects.classes, strict=True):
            x, y, w, h = (int(value) for value in box)
            part = mask[y : y + h, x : x + w]
            assert set(np.unique(part)) <= {0, number + 1}
            rows, columns = np.nonzero(part)
            assert (np.ptp(columns) + 1, rows.max() + 1) == (w, h)
            assert rows.min() <= 1  # the tip of a triangle may be thinner than a pixel
            assert 12 <= w == h <= 26
            covered[y : y + h, x : x + w] += 1
        assert covered.max() == 1
        assert not mask[covered == 0].any()
        counts.append(len(objects.classes))
        classes += objects.classes
    assert set(counts) == {1, 2, 3}
    assert set(classes) == {0, 1, 2}


def test_a_shape_is_seen_whatever_the_colours() -> None:
    for index in range(50):
        row = ShapeRows("validation", EVERY)[index]
        pixels, mask = np.asarray(row["image"]) / 255, np.asarray(row["mask"])
        background = pixels[mask == 0].mean(0)
        for number in set(np.unique(mask)) - {0}:
            distance = np.linalg.norm(pixels[mask == number] - background, axis=-1)
            assert np.median(distance) > 0.3
        assert pixels[mask == 0].std(0).max() == pytest.approx(0.03, abs=0.02)
