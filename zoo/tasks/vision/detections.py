"""What a detector says of the images of a micro-batch, beside what is in them."""

import numpy as np
import torch
from torch import Tensor

from zoo.tasks.task import Outputs
from zoo.tasks.vision.boxes import Framed, as_corners
from zoo.tasks.vision.coco_scores import MOST

Truth = dict[str, np.ndarray]


def detections(
    outputs: Outputs, kept: Tensor, sizes: Tensor, classes: int
) -> list[dict[str, np.ndarray]]:
    """The surest detections of every example: "boxes" (corners in pixels), "scores", "classes".

    logits (images, queries, classes) and pred_boxes (images, queries, 4), as shares, are of the
    examples `kept`; others have none. `sizes` (examples, 2) are their heights and widths. Sigmoid
    families rank all pairs of query and class; those with a last class for "no object" (softmax)
    name one class a query, as their own post-processing does.
    """
    logits = outputs["logits"].detach().float().cpu()
    shares = outputs["pred_boxes"].detach().float().cpu()
    if logits.shape[-1] > classes:
        scores, named = logits.softmax(-1)[..., :classes].max(-1)
        queries = torch.arange(logits.shape[1]).expand_as(named)
    else:
        scores = logits.sigmoid().flatten(1)
        pairs = torch.arange(scores.shape[1]).expand_as(scores)
        queries, named = pairs // classes, pairs % classes
    best = scores.topk(min(MOST, scores.shape[1])).indices
    empty = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "classes": np.zeros(0, np.int64)}
    found = [empty] * len(sizes)
    for image, place in enumerate(kept.tolist()):
        chosen = best[image]
        height, width = sizes[place].tolist()
        boxes = shares[image, queries[image, chosen]].numpy()
        found[place] = {
            "boxes": as_corners(boxes, width, height),
            "scores": scores[image, chosen].numpy(),
            "classes": named[image, chosen].numpy(),
        }
    return found


def truth_of(objects: Framed) -> dict[str, Tensor]:
    """What is in an image, as `coco_scores` takes it."""
    return {
        "boxes": torch.from_numpy(objects.corners),
        "classes": torch.from_numpy(objects.classes),
        "crowd": torch.from_numpy(objects.crowd),
        "areas": torch.from_numpy(objects.areas),
    }
