"""Data that a person might bring, made up: a table of texts, photographs in folders, clips with a
manifest, chats. `python -m tests.own_data [FOLDER]` writes them, so that the README's recipes can
be tried.
"""

import csv
import json
import random
import sys
from pathlib import Path

import numpy as np

GOOD = ("great", "lovely", "tasty", "perfect", "friendly", "fast")
BAD = ("awful", "cold", "broken", "rude", "slow", "stale")
THINGS = ("soup", "room", "phone", "waiter", "ride", "cake", "screen", "bed")
COLOURS = ("red", "green", "blue")
TONES = {letter: 350.0 + 250.0 * place for place, letter in enumerate("abcdefgh")}  # Hz
RATE = 8000


def write_own_data(folder: Path) -> Path:
    """Writes reviews.csv, photos/, clips.jsonl with clips/ and chats.jsonl; returns `folder`."""
    write_reviews(folder / "reviews.csv")
    write_photos(folder / "photos")
    write_clips(folder)
    write_chats(folder / "chats.jsonl")
    return folder


def write_reviews(path: Path, count: int = 400) -> None:
    """Sentences with a label: what they say of a thing, among words that say nothing."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for row in range(count):
            words = GOOD if row % 2 else BAD
            thing, other = draw.sample(THINGS, 2)
            text = f"The {thing} was {draw.choice(words)}, the {other} {draw.choice(words)}."
            table.writerow([text, "positive" if row % 2 else "negative"])


def write_photos(folder: Path, count: int = 60) -> None:
    """A folder a class; a patch of one colour at some place on grey noise, 48 x 48 pixels."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for channel, colour in enumerate(COLOURS):
        (folder / colour).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(90, 160, (48, 48, 3)).astype(np.uint8)
            top, left = draw.integers(4, 28, 2)
            pixels[top : top + 16, left : left + 16, channel] = 240
            Image.fromarray(pixels).save(folder / colour / f"{number:03}.jpg")


def write_clips(folder: Path, count: int = 240) -> None:
    """NeMo's manifest and wav files: letters that are tones of 0.12 s, two to four in a clip."""
    import soundfile

    draw = np.random.default_rng(0)
    (folder / "clips").mkdir(parents=True)
    time = np.arange(int(0.12 * RATE)) / RATE
    gap = np.zeros(int(0.06 * RATE))
    with (folder / "clips.jsonl").open("w", encoding="utf-8") as manifest:
        for number in range(count):
            text = "".join(draw.choice(list(TONES), draw.integers(2, 5)))
            parts = [part for one in text for part in (np.sin(6.2832 * TONES[one] * time), gap)]
            clip = 0.3 * np.concatenate([gap, *parts])
            clip += 0.003 * draw.standard_normal(len(clip))
            name = f"clips/{number:03}.wav"
            soundfile.write(folder / name, clip, RATE)
            row = {"audio_filepath": name, "duration": len(clip) / RATE, "text": text}
            manifest.write(json.dumps(row) + "\n")


def write_chats(path: Path, count: int = 300) -> None:
    """A question about a colour or a thing and its answer, as chats."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            thing, colour = draw.choice(THINGS), draw.choice(COLOURS)
            question, answer = f"Is the {thing} {colour}?", f"Yes, the {thing} is {colour}."
            turns = [{"role": "user", "content": question}]
            turns.append({"role": "assistant", "content": answer})
            file.write(json.dumps({"messages": turns}) + "\n")


if __name__ == "__main__":
    write_own_data(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
