"""What the exported model answers to rows of the validation set, kept so that a report needs no
model.
"""

import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image

from zoo.data.image import decode_image
from zoo.data.rows import CorruptExample, Row, Rows, spread
from zoo.data.source import Source
from zoo.predicting.against import Stretch, Told
from zoo.predicting.drawing import scaled
from zoo.predicting.exported import Options, exported
from zoo.predicting.predict import predictor_of
from zoo.predicting.predictor import Predictor
from zoo.recipe.vocabulary.roles import ROLES
from zoo.reporting.media import picture_uri, sound_uri
from zoo.reporting.reading import EXAMPLES
from zoo.training.disk.writing import write_json
from zoo.training.feeding.reference import REFERENCE

Part = dict[str, Any]
LONGEST = 60.0
"""Seconds after which no further row is asked."""
LARGEST = 8 << 30
"""Bytes of weights beyond which a CPU is not asked."""
MEDIA = 400_000
"""Characters of all pictures and sounds of a run."""
SIDE, SMALL = 480, 256
"""Pixels of the longer side of a picture, at most and where it has few."""
LINE, LINES = 1200, 20
"""Characters of a text, and lines."""


def write_examples(root: Path, source: Source, count: int) -> None:
    """Asks the run's export about at most `count` rows and writes examples.json beside it."""
    if not count or not source.valid:
        return
    there = exported(root)
    size = sum(file.stat().st_size for file in there.folder.glob("*.safetensors"))
    if there.device.type == "cpu" and size > LARGEST:
        return
    predictor = predictor_of(there, Options())
    found, begun = [], time.monotonic()
    for name, rows, index in asked_of(source.valid, count):
        if time.monotonic() - begun > LONGEST:
            break
        if one := example_of(predictor, rows, index, MEDIA // count):
            found.append(one | ({"set": name} if len(source.valid) > 1 else {}))
    sets = dict.fromkeys(one.get("set", name) for one in found)
    write_json(root / EXAMPLES, {"set": " and ".join(sets), "examples": found})


def asked_of(sets: Mapping[str, Rows], count: int) -> Iterator[tuple[str, Rows, int]]:
    """So many rows, evenly spread, of each set alike, as far as the smaller ones have as many: the
    set's name, its rows, an index.
    """
    shares: dict[str, int] = {}
    for done, name in enumerate(sorted(sets, key=lambda name: len(sets[name]))):
        left = count - sum(shares.values())
        shares[name] = min(len(sets[name]), -(-left // (len(sets) - done)))
    for name, rows in sets.items():
        for index in spread(rows, shares[name]).tolist() if shares[name] else ():
            yield name, rows, index


def example_of(predictor: Predictor, rows: Rows, index: int, most: int) -> dict[str, Any] | None:
    """One row with its answer as parts of a page, with pictures and sounds of at most about `most`
    characters; None where the row cannot be asked.
    """
    try:
        row = rows[index]
        held = {role: as_bytes(row, role) for role in row if role in (*ROLES, REFERENCE)}
        asked, rest = predictor.parted(held, index)
        with torch.inference_mode():
            answer = predictor.answers([predictor.read(asked)])[0]
        right = predictor.right(asked, rest)
        sounds = sounds_of(asked, most)
    except CorruptExample:
        return None
    pictures = pictures_of(predictor, asked, {"answer": answer, "in the data": right}, most)
    texts = texts_of(predictor.told(asked, answer, right))
    return {"row": index, "parts": [*pictures, *sounds, *texts]}


def as_bytes(row: Row, role: str) -> Any:
    """A value as a file would hold it: built-in data hands on images and clips already decoded."""
    value, written = row[role], io.BytesIO()
    if isinstance(value, Image.Image):
        value.save(written, "PNG")
    elif role == "audio" and isinstance(value, np.ndarray):
        soundfile.write(written, value, int(row["sampling_rate"]), format="WAV", subtype="FLOAT")
    else:
        return value
    return written.getvalue()


def sounds_of(asked: Row, most: int) -> list[Part]:
    """The clip that was asked about."""
    if "audio" not in asked:
        return []
    text, seconds, whole = sound_uri(asked["audio"], most)
    cut = f"the first {seconds:.1f} s of " if seconds < whole else ""
    return [{"head": f"clip, {cut}{whole:.1f} s", "sound": text}] if text else []


def pictures_of(predictor: Predictor, asked: Row, answers: dict[str, Any], most: int) -> list[Part]:
    """The image that was asked about, with what was answered and what is right drawn in it, by
    what they are called.
    """
    if "image" not in asked:
        return []
    image = decode_image(asked["image"])
    longest = max(image.size)
    scale = SIDE / longest if longest > SIDE else max(1, SMALL // longest)
    drawn = {
        head: (predictor.drawn(asked, answer, scale), f"{head}: {predictor.said(answer)}")
        for head, answer in answers.items()
        if answer
    }
    there = [(head, one, alt) for head, (one, alt) in drawn.items() if one is not None]
    shown = there or [("image", scaled(image, scale), "what was asked")]
    return [
        {"head": head, "picture": picture_uri(one, most // len(shown)), "alt": alt}
        for head, one, alt in shown
    ]


def texts_of(told: Told) -> list[Part]:
    """Texts with their marks, shortened."""
    return [{"head": head, "spans": [*map(span_of, shortened(spans))]} for head, spans in told]


def shortened(spans: list[Stretch]) -> list[Stretch]:
    """The first LINE characters of some stretches, in no more than LINES lines."""
    found: list[Stretch] = []
    left, lines = LINE, LINES
    for one in spans:
        shown = "\n".join(one.text[:left].split("\n")[:lines])
        found.append(Stretch(shown, one.how, one.note))
        if shown != one.text:
            return [*found, Stretch(" …")]
        left, lines = left - len(shown), lines - shown.count("\n")
    return found


def span_of(one: Stretch) -> Part:
    """A stretch for the page: its text, and its mark and note where it has them."""
    marks = {"text": one.text, "mark": one.how, "note": one.note}
    return {name: value for name, value in marks.items() if value or name == "text"}
