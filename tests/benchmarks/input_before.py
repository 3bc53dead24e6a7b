"""How workers made batches before issue 16, for `tests.benchmarks.input`."""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.data.image import as_rgb
from zoo.data.rows import Batch, Row, Rows, Wrapped
from zoo.tasks.vision.augment.images import box_of


class PillowRows(Wrapped):
    """Class folders decoded by Pillow."""

    def __getitem__(self, index: int) -> Row:
        with Image.open(self.rows.paths[index]) as image:
            image.load()
            turned = image.getexif().get(0x0112, 1) != 1
            assert not turned
            return {"image": as_rgb(image), "label": index % 2}


class Before:
    """Images: Pillow's resize, then everything in float32."""

    def __init__(self, task: Any) -> None:
        self.task, self.augment = task, task.spec.augment

    def rows(self, rows: Rows) -> Rows:
        """The same files."""
        while isinstance(rows, Wrapped):
            rows = rows.rows
        return PillowRows(rows)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """uint8 (height, width, 3)."""
        image, size = row["image"].convert("RGB"), self.task.spec.image_size
        box = box_of(image.width, image.height, self.augment.crop, rng)
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
        if rng.random() < self.augment.hflip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return {"image": np.asarray(image), "label": self.task.problem.label(row["label"])}

    def collate(self, examples: list[Any], rng: np.random.Generator, training: bool) -> Batch:
        """pixel_values float32 (batch, 3, height, width)."""
        scaling, shape = self.task.pixels, (1, -1, 1, 1)
        values = torch.from_numpy(np.stack([one["image"] for one in examples]))
        values = values.permute(0, 3, 1, 2).float() * scaling.factor
        mean, std = (torch.tensor(one).view(shape) for one in (scaling.mean, scaling.std))
        pixels = ((values - mean) / std).contiguous()
        labels, count = self.task.targets(examples)
        if self.augment.mixup:
            pixels, partner, share = mixed(pixels, self.augment, rng)
            labels["partner"] = labels["labels"][partner]
            labels["share"] = torch.full_like(labels["weight"], share)
            count = self.task.count(labels)
        return {"inputs": {"pixel_values": pixels}, "labels": labels, "count": count}


def mixed(pixels: Tensor, augment: Any, rng: np.random.Generator) -> tuple[Tensor, Tensor, float]:
    """Mixup and cutmix in a worker."""
    partner = torch.arange(len(pixels)).roll(1)
    cut = rng.random() < augment.switch_probability
    alpha = augment.cutmix if cut else augment.mixup
    share = float(rng.beta(alpha, alpha))
    if not cut:
        return share * pixels + (1 - share) * pixels[partner], partner, share
    height, width = pixels.shape[-2:]
    rows, columns = (side_of_box(n, math.sqrt(1 - share), rng) for n in (height, width))
    result = pixels.clone()
    result[..., rows, columns] = pixels[partner][..., rows, columns]
    pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
    return result, partner, 1 - pasted / (height * width)


def side_of_box(length: int, share: float, rng: np.random.Generator) -> slice:
    """A stretch around a random point."""
    half, centre = length * share / 2, rng.uniform(0, length)
    return slice(max(0, round(centre - half)), min(length, round(centre + half)))
