"""An earlier way in which workers made batches, for `tests.benchmarks.input`."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image
from torch import Tensor

from zoo.data.image import as_rgb
from zoo.data.rows import Batch, Row, Rows, Wrapped
from zoo.tasks.speech.augment import drawn_masks, resampled
from zoo.tasks.speech.features import features_of, stacked
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


def clips(folder: Path, kind: str, count: int) -> None:
    """Clips of 8 to 12 s at 16 kHz that sound like speech to a codec, with a manifest."""
    rng, lines = np.random.default_rng(0), []
    for number in range(count):
        length = int(rng.uniform(8, 12) * 16000)
        time = np.arange(length) / 16000
        tones = sum(np.sin(2 * np.pi * rng.uniform(90, 3000) * time) for _ in range(12))
        loud = np.abs(np.sin(2 * np.pi * 2.2 * time)) ** 3
        values = (tones * loud * 0.03 + rng.standard_normal(length) * 0.002).clip(-1, 1)
        soundfile.write(folder / f"{number}.{kind}", values, 16000, subtype="PCM_16")
        lines.append(json.dumps({"audio": f"{number}.{kind}", "transcript": "some words here"}))
    (folder / "clips.jsonl").write_text("\n".join(lines), encoding="utf-8")


class BeforeSpeech:
    """CTC: features by the extractor, masked in the worker."""

    def __init__(self, task: Any) -> None:
        self.task = task

    def features(self, audio: np.ndarray, rng: np.random.Generator) -> Tensor:
        """(frames, bins) or (samples,)."""
        found, plan = features_of(self.task.extractor, audio), self.task.spec.augment.spec_augment
        if plan:
            times, bands = drawn_masks(len(found), found.shape[1], plan, rng)
            found[times], found[:, bands] = 0, 0
        return found

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """What the task adds to a clip, and its features."""
        audio = resampled(row["audio"], row["sampling_rate"], self.task.extractor.sampling_rate)
        targets = self.task.spelling.targets(self.task.normal(row["transcript"]))
        return {"features": self.features(audio, rng), "targets": targets}

    def collate(self, examples: list[Any], rng: np.random.Generator, training: bool) -> Batch:
        """Features, padded."""
        features, lengths = stacked([one["features"] for one in examples])
        mask = torch.arange(features.shape[1]) < lengths[:, None]
        inputs = {"input_features": features, "attention_mask": mask}
        return {"inputs": inputs, "labels": {}, "count": torch.tensor(1.0).double()}
