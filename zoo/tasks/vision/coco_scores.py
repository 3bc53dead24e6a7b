"""COCO's average precision of gathered detections, by faster-coco-eval (equal to pycocotools)."""

import contextlib
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

MOST = 100
"""Detections of an image that count, the surest ones."""
# The names of the first six of COCO's twelve numbers, in their order.
NAMES = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large")


def coco_scores(
    found: Sequence[dict[str, np.ndarray]], truth: Sequence[dict[str, np.ndarray]], classes: int
) -> dict[str, float]:
    """Average precision over classes, overlaps 0.50 to 0.95 and sizes; NaN where there is no truth.

    An image a place, in an order that must not hang on the layout: detections with equal scores
    count in it. `found` has "boxes" (corners in pixels of the original), "scores" and "classes",
    `truth` has "boxes", "classes", "crowd" and "areas".
    """
    from faster_coco_eval import COCO, COCOeval_faster  # numpy and a library of C++

    if not any(len(one["classes"]) for one in truth):
        return dict.fromkeys(NAMES, math.nan)
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO(_dataset(truth, classes))
        scored = COCOeval_faster(annotated, annotated.loadRes(_detections(found)), iouType="bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    values = [float(value) for value in scored.stats[: len(NAMES)]]
    return {
        name: math.nan if value < 0 else value for name, value in zip(NAMES, values, strict=True)
    }


def _dataset(truth: Sequence[dict[str, np.ndarray]], classes: int) -> dict[str, Any]:
    """COCO's object of images, annotations and categories."""
    annotations = [
        {
            "image_id": image,
            "category_id": int(one["classes"][place]),
            "bbox": _with_sides(one["boxes"][place]),
            "area": float(one["areas"][place]),
            "iscrowd": int(one["crowd"][place]),
        }
        for image, one in enumerate(truth)
        for place in range(len(one["classes"]))
    ]
    return {
        "info": {},
        "images": [{"id": image} for image in range(len(truth))],
        # An annotation of id 0 is taken for none.
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations, 1)],
        "categories": [{"id": number, "name": str(number)} for number in range(classes)],
    }


def _detections(found: Sequence[dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image,
            "category_id": int(one["classes"][place]),
            "bbox": _with_sides(one["boxes"][place]),
            "score": float(one["scores"][place]),
        }
        for image, one in enumerate(found)
        for place in range(len(one["classes"]))
    ]


def _with_sides(corners: np.ndarray) -> list[float]:
    left, top, right, bottom = corners.tolist()
    return [left, top, right - left, bottom - top]
