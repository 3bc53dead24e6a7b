"""Boxes: every format, every change together with the pixels, and COCO's scores of them."""

import contextlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo.data.objects import Objects
from zoo.recipe.spec.tasks.detection import BoxAugment
from zoo.recipe.spec.tasks.vision import Affine
from zoo.tasks.vision.box_augment import (
    augmented,
    flipped,
    iou_cropped,
    moved,
    turned_over,
    zoomed_out,
)
from zoo.tasks.vision.boxes import Framed, as_corners, as_shares, framed
from zoo.tasks.vision.coco_scores import NAMES, coco_scores

WIDTH, HEIGHT = 90, 60
BLACK = (0, 0, 0)


def scene(rng: np.random.Generator, count: int = 3) -> tuple[Image.Image, Framed]:
    """Boxes painted in colours of their own on black, none over another."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    corners = []
    for number in range(count):
        left = 30 * number + int(rng.integers(0, 8))
        top, wide, high = (int(rng.integers(*bounds)) for bounds in ((0, 25), (12, 22), (12, 30)))
        pixels[top : top + high, left : left + wide, number] = 255
        corners.append([left, top, left + wide, top + high])
    objects = Objects.of(corners, range(count))
    return Image.fromarray(pixels), framed(objects, "pascal_voc", WIDTH, HEIGHT)[0]


def seen(image: Image.Image, number: int) -> np.ndarray:
    """The smallest box around what is painted in a colour."""
    rows, columns = np.nonzero(np.asarray(image)[..., number] > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def assert_tight(image: Image.Image, found: Framed, within: float) -> None:
    """Every box is around its colour."""
    assert len(found.classes)
    for corners, number in zip(found.corners, found.classes, strict=True):
        assert np.abs(seen(image, int(number)) - corners).max() <= within


@pytest.mark.parametrize(
    ("style", "box"),
    [
        ("coco", [9, 12, 27, 30]),
        ("pascal_voc", [9, 12, 36, 42]),
        ("yolo", [22.5 / 90, 27 / 60, 0.3, 0.5]),
        ("albumentations", [0.1, 0.2, 0.4, 0.7]),
    ],
)
def test_every_format_names_the_same_box(style: str, box: list[float]) -> None:
    found, lost = framed(Objects.of([box], [0]), style, WIDTH, HEIGHT)
    assert found.corners[0] == pytest.approx([9, 12, 36, 42])
    assert found.areas[0] == pytest.approx(27 * 30)
    assert lost == {"broken": False, "clipped": False}
    shares = as_shares(found.corners, WIDTH, HEIGHT)
    assert shares[0] == pytest.approx([0.25, 0.45, 0.3, 0.5])
    assert as_corners(shares, WIDTH, HEIGHT)[0] == pytest.approx([9, 12, 36, 42], abs=1e-4)


CHANGES: dict[str, Callable[..., tuple[Image.Image, Framed]]] = {
    "flip": lambda image, found, rng: flipped(image, found),
    "upside down": lambda image, found, rng: turned_over(image, found),
    "zoom-out": lambda image, found, rng: zoomed_out(image, found, BLACK, rng),
    "crop": iou_cropped,
    "shift and scale": lambda image, found, rng: moved(
        image, found, Affine(translate=0.1, scale=(0.8, 1.0)), BLACK, rng
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_boxes_move_with_their_pixels(name: str) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        image, found = CHANGES[name](*scene(rng), rng)
        assert_tight(image, found, 1.5 if name == "shift and scale" else 0)


def test_a_rotated_box_is_around_what_it_held() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, found = moved(*scene(rng), Affine(degrees=30.0), BLACK, rng)
        for corners, number in zip(found.corners, found.classes, strict=True):
            inner = seen(image, int(number))
            assert (inner[:2] >= corners[:2] - 1).all() and (inner[2:] <= corners[2:] + 1).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 3))
def test_no_change_loses_the_last_box_or_leaves_one_without_an_area(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    augment = BoxAugment(
        photometric=0.5,
        zoom_out=0.5,
        iou_crop=0.8,
        affine=Affine(degrees=180.0, translate=0.9, scale=(0.3, 3.0)),
        hflip=0.5,
        vflip=0.5,
    )
    image, found = augmented(*scene(rng, count), augment, (9, 9, 9), rng)
    assert bool(len(found.classes)) == bool(count)
    assert (found.corners[:, :2] >= 0).all()
    assert (found.corners[:, 2:] <= image.size).all()
    assert (found.corners[:, 2:] > found.corners[:, :2]).all()


def test_photometric_changes_leave_shapes_where_they_are_and_are_drawn_anew() -> None:
    image, found = scene(np.random.default_rng(0))
    augment = BoxAugment(photometric=1.0)
    changed = [
        augmented(image, found, augment, BLACK, np.random.default_rng(seed)) for seed in range(4)
    ]
    assert len({one.tobytes() for one, _ in changed}) == 4
    assert all(np.array_equal(one.corners, found.corners) for _, one in changed)


Sets = tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]


def random_sets(seed: int, images: int, classes: int) -> Sets:
    """Detections near what is there, beside it, and with tied scores; crowds among the truth."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(images):
        count = int(rng.integers(0, 6))
        corner = rng.uniform(0, 300, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(5, 150, (count, 2))], axis=1)
        sides = boxes[:, 2:] - boxes[:, :2]
        numbers = rng.integers(0, classes, count)
        crowd, areas = rng.random(count) < 0.15, sides.prod(1) * rng.uniform(0.5, 1, count)
        truth.append({"boxes": boxes, "classes": numbers, "crowd": crowd, "areas": areas})
        near = np.concatenate([boxes + rng.normal(0, 6, boxes.shape), boxes[:1] + 40])
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        named = np.concatenate([numbers, numbers[:1]])
        scores = rng.integers(0, 8, len(near)) / 8
        found.append({"boxes": near, "classes": named, "scores": scores})
    return found, truth


def with_sides(box: np.ndarray) -> list[float]:
    """Left, top, width, height."""
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def by_pycocotools(found: list[dict[str, np.ndarray]], truth: list[dict[str, np.ndarray]]) -> list:
    """The first six numbers of the reference."""
    boxes = [
        (image, one, place) for image, one in enumerate(truth) for place in range(len(one["boxes"]))
    ]
    content = {
        "images": [{"id": image} for image in range(len(truth))],
        "categories": [{"id": number} for number in range(5)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": int(one["classes"][place]),
                "bbox": [
                    *one["boxes"][place][:2],
                    *np.diff(one["boxes"][place].reshape(2, 2).T)[:, 0],
                ],
                "area": one["areas"][place],
                "iscrowd": int(one["crowd"][place]),
            }
            for number, (image, one, place) in enumerate(boxes, 1)
        ],
    }
    rows = [
        [image, *with_sides(box), score, number]
        for image, one in enumerate(found)
        for box, score, number in zip(one["boxes"], one["scores"], one["classes"], strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = content
        reference.createIndex()
        scored = COCOeval(reference, reference.loadRes(np.array(rows)), "bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    return list(scored.stats[:6])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_are_those_of_pycocotools(seed: int) -> None:
    found, truth = random_sets(seed, 40, 5)
    ours = coco_scores(found, truth, 5)
    assert [ours[name] for name in NAMES] == pytest.approx(by_pycocotools(found, truth), abs=1e-6)
    assert 0.05 < ours["map"] < ours["map_50"] < 1


def test_without_a_detection_all_is_missed_and_without_truth_there_is_no_score() -> None:
    found, truth = random_sets(0, 3, 2)
    none = [{name: values[:0] for name, values in one.items()} for one in found]
    assert coco_scores(none, truth, 2)["map"] == 0
    nothing = [{name: values[:0] for name, values in one.items()} for one in truth]
    assert all(np.isnan(value) for value in coco_scores(found, nothing, 2).values())
