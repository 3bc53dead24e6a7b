"""Data as strangers have it: a table of reviews, folders of drawings, calls, chats, and others.

`python -m tests.own_data FOLDER` writes what the README's recipes read, so that they can be tried.
"""

import csv
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from tests.small_data import write_lines

GOOD = ["great", "lovely", "tasty", "fresh", "friendly", "quick", "perfect", "warm"]
BAD = ["cold", "slow", "rude", "stale", "bland", "dirty", "awful", "late"]
NOUNS = ["soup", "waiter", "table", "bread", "coffee", "service", "room", "pasta"]
TONES = {"low": 300, "mid": 700, "high": 1500}
CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo"}
RATE = 8000


def write_table(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """A csv with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


def write_own_data(folder: Path) -> Path:
    """What the README tells of: reviews.csv, photos/, clips.jsonl beside clips/ and chats.jsonl."""
    write_reviews(folder / "reviews.csv", ("id", "text", "label"))
    write_drawings(folder / "photos")
    write_manifest(folder / "clips.jsonl", write_calls(folder / "clips"))
    write_chats(folder / "chats.jsonl")
    return folder


def write_manifest(path: Path, calls: Path) -> Path:
    """NeMo's manifest of the calls of a folder, which lies beside it."""
    rows = []
    for line in (calls / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        clip = calls / row["file_name"]
        seconds = soundfile.info(clip).duration
        name = clip.relative_to(path.parent).as_posix()
        rows.append({"audio_filepath": name, "duration": seconds, "text": row["transcription"]})
    return lines(path, rows)


def write_reviews(
    path: Path, names: Sequence[str] = ("id", "review", "opinion"), count: int = 600
) -> Path:
    """A csv with a column of numbers, one of texts and one of classes."""
    draw = random.Random(0)
    rows = []
    for number in range(count):
        words = draw.choice((GOOD, BAD))
        said = (f"the {draw.choice(NOUNS)} was {draw.choice(words)}" for _ in range(3))
        rows.append((number, " ".join(said), "good" if words is GOOD else "bad"))
    return write_table(path, names, rows)


def drawing(kind: str, draw: np.random.Generator) -> Image.Image:
    """A bright circle, square or cross of any size on a dark ground, 72 x 64 pixels."""
    image = Image.new("RGB", (72, 64), tuple(draw.integers(0, 90, 3).tolist()))
    pen, colour = ImageDraw.Draw(image), tuple(draw.integers(140, 255, 3).tolist())
    x, y, r = (int(draw.integers(*ends)) for ends in ((16, 48), (16, 44), (8, 15)))
    left, top, right, bottom = x - r, y - r, x + r, y + r
    if kind == "circle":
        pen.ellipse((left, top, right, bottom), fill=colour)
    elif kind == "square":
        pen.rectangle((left, top, right, bottom), fill=colour)
    else:
        pen.line((left, top, right, bottom), fill=colour, width=4)
        pen.line((left, bottom, right, top), fill=colour, width=4)
    return image


def write_drawings(folder: Path, count: int = 80) -> Path:
    """A folder a class with so many images each."""
    draw = np.random.default_rng(0)
    for kind in ("circle", "square", "cross"):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            drawing(kind, draw).save(folder / kind / f"{number}.png")
    return folder


def write_calls(folder: Path, count: int = 240) -> Path:
    """Clips of one tone or two, and a metadata.jsonl that says which."""
    folder.mkdir(parents=True)
    draw, noise = random.Random(0), np.random.default_rng(0)
    time = np.arange(int(0.4 * RATE)) / RATE
    rows = []
    for number in range(count):
        words = [draw.choice(list(TONES)) for _ in range(draw.randint(1, 2))]
        tones = [np.sin(2 * np.pi * TONES[word] * time) * np.hanning(len(time)) for word in words]
        clip = 0.4 * np.concatenate(tones)
        soundfile.write(
            folder / f"{number}.wav", clip + 0.01 * noise.standard_normal(len(clip)), RATE
        )
        rows.append({"file_name": f"{number}.wav", "transcription": " ".join(words)})
    write_lines(folder / "metadata.jsonl", rows)
    return folder


def write_chats(path: Path, count: int = 400) -> Path:
    """A chat a line, about capitals."""
    draw = random.Random(0)
    rows = []
    for _ in range(count):
        land = draw.choice(list(CAPITALS))
        asked = draw.choice((f"What is the capital of {land}?", f"Capital of {land}?"))
        answer = f"It is {CAPITALS[land]}."
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        rows.append({"messages": turns})
    write_lines(path, rows)
    return path


def write_coco(folder: Path) -> Path:
    """COCO's way: images/train, images/val and a file of instances for each."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 3)):
        images, objects = [], []
        (folder / "images" / split).mkdir(parents=True)
        for number in range(count):
            drawing("circle", draw).save(folder / "images" / split / f"{number}.png")
            images.append({"id": number, "file_name": f"{number}.png", "width": 72, "height": 64})
            box = {"bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0}
            objects.append({"id": number, "image_id": number, "category_id": 3, **box})
        classes = [{"id": 3, "name": "circle"}]
        document = {"images": images, "annotations": objects, "categories": classes}
        place = folder / "annotations" / f"instances_{split}.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_masks(folder: Path, count: int = 12) -> Path:
    """images and masks of 0, 1 and 255."""
    draw = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        drawing("square", draw).save(folder / "images" / f"{number}.png")
        mask = np.zeros((64, 72), np.uint8)
        mask[10:30, 10:30], mask[:2] = 1, 255
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder


def write_kaldi(folder: Path, count: int = 12) -> Path:
    """train and dev with wav.scp and text, clips beside them."""
    clip = 0.1 * np.random.default_rng(0).standard_normal(RATE // 2)
    for split in ("train", "dev"):
        (folder / split).mkdir(parents=True)
        names = [f"u{number}" for number in range(count)]
        for name in names:
            soundfile.write(folder / split / f"{name}.wav", clip, RATE)
        places = "".join(f"{name} {name}.wav\n" for name in names)
        (folder / split / "wav.scp").write_text(places, encoding="utf-8")
        said = "".join(f"{name} one two\n" for name in names)
        (folder / split / "text").write_text(said, encoding="utf-8")
    return folder


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A jsonl."""
    write_lines(path, [dict(row) for row in rows])
    return path


if __name__ == "__main__":
    write_own_data(Path(sys.argv[1]))
