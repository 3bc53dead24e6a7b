"""What the exported model answers to rows of the validation set, kept so that a report needs no
model.
"""

import base64
import io
import time
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
from zoo.reporting.reading import EXAMPLES
from zoo.training.disk.writing import write_json

Part = dict[str, Any]
LONGEST = 60.0
"""Seconds after which no further row is asked."""
LARGEST = 8 << 30
"""Bytes of weights beyond which a CPU is not asked."""
SIDE, SMALL, LINE = 480, 256, 1200
"""Pixels of the longer side of a picture, at most and where it has few; characters of a text."""


def write_examples(root: Path, source: Source, count: int) -> None:
    """Asks the run's export about at most `count` rows and writes examples.json beside it."""
    if not count or not source.valid:
        return
    there = exported(root)
    size = sum(file.stat().st_size for file in there.folder.glob("*.safetensors"))
    if there.device.type == "cpu" and size > LARGEST:
        return
    name, rows = next(iter(source.valid.items()))
    predictor = predictor_of(there, Options())
    found, begun = [], time.monotonic()
    for index in spread(rows, count).tolist():
        if time.monotonic() - begun > LONGEST:
            break
        if one := example_of(predictor, rows, index):
            found.append(one)
    write_json(root / EXAMPLES, {"set": name, "examples": found})


def example_of(predictor: Predictor, rows: Rows, index: int) -> dict[str, Any] | None:
    """One row with its answer as parts of a page; None where the row cannot be asked."""
    try:
        row = rows[index]
        held = {role: as_bytes(row, role) for role in row if role in ROLES}
        asked, rest = predictor.parted(held, index)
        with torch.inference_mode():
            answer = predictor.answers([predictor.read(asked)])[0]
        right = predictor.right(asked, rest)
    except CorruptExample:
        return None
    parts = pictures_of(predictor, asked, {"answer": answer, "in the data": right})
    return {"row": index, "parts": parts + texts_of(predictor.told(asked, answer, right))}


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


def pictures_of(predictor: Predictor, asked: Row, answers: dict[str, Any]) -> list[Part]:
    """The image that was asked about, with what was answered and what is right drawn in it, by
    what they are called.
    """
    if "image" not in asked:
        return []
    image = decode_image(asked["image"])
    longest = max(image.size)
    scale = SIDE / longest if longest > SIDE else max(1, SMALL // longest)
    parts = []
    for head, answer in answers.items():
        picture = predictor.drawn(asked, answer, scale) if answer else None
        if picture is not None:
            alt = f"{head}: {predictor.said(answer)}"
            parts.append({"head": head, "picture": data_uri(picture), "alt": alt})
    plain = {"head": "image", "picture": data_uri(scaled(image, scale)), "alt": "what was asked"}
    return parts or [plain]


def texts_of(told: Told) -> list[Part]:
    """Texts with their marks, shortened."""
    return [{"head": head, "spans": [*map(span_of, shortened(spans))]} for head, spans in told]


def shortened(spans: list[Stretch]) -> list[Stretch]:
    """The first LINE characters of some stretches."""
    found: list[Stretch] = []
    left = LINE
    for one in spans:
        if left <= 0:
            return [*found, Stretch(" …")]
        found.append(Stretch(one.text[:left], one.how, one.note))
        left -= len(one.text)
    return found


def span_of(one: Stretch) -> Part:
    """A stretch for the page: its text, and its mark and note where it has them."""
    marks = {"text": one.text, "mark": one.how, "note": one.note}
    return {name: value for name, value in marks.items() if value or name == "text"}


def data_uri(picture: Image.Image) -> str:
    """A picture as a JPEG that stands in a page itself."""
    written = io.BytesIO()
    picture.convert("RGB").save(written, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()
