"""What the exported model answers to rows of the validation set, kept so that a report needs no
model.
"""

import base64
import difflib
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image

from zoo.data.image import decode_image, decode_mask
from zoo.data.rows import CorruptExample, Row, Rows, spread
from zoo.data.source import Source
from zoo.inspecting.pictures import enlarged
from zoo.predicting.drawing import with_boxes, with_masks
from zoo.predicting.exported import Options, exported
from zoo.predicting.predict import predictor_of
from zoo.predicting.predictor import Answer, Predictor
from zoo.recipe.vocabulary.roles import MEDIA, ROLES
from zoo.reporting.reading import EXAMPLES
from zoo.tasks.vision.boxes import framed
from zoo.training.disk.writing import write_json

Part = dict[str, Any]
LONGEST = 60.0
"""Seconds after which no further row is asked."""
LARGEST = 8 << 30
"""Bytes of weights beyond which a CPU is not asked."""
CORNERS = ("xmin", "ymin", "xmax", "ymax")
SIDE, LINE, PROMPT = 480, 600, 12
"""Pixels of a picture, characters of a text, words of a text that is written on."""


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
    names = dict(enumerate(source.labels or ()))
    found, begun = [], time.monotonic()
    for index in spread(rows, count).tolist():
        if time.monotonic() - begun > LONGEST:
            break
        if one := example_of(predictor, rows, index, names):
            found.append(one)
    write_json(root / EXAMPLES, {"set": name, "examples": found})


def example_of(
    predictor: Predictor, rows: Rows, index: int, names: dict[int, str]
) -> dict[str, Any] | None:
    """One row with its answer as parts of a page; None where the row cannot be asked."""
    try:
        row = rows[index]
        roles = next(one for one in predictor.choices if set(one) <= row.keys())
        asked, hidden = question(predictor, {role: as_bytes(row, role) for role in roles})
        with torch.inference_mode():
            answer = predictor.answers([predictor.read(asked)])[0]
    except (CorruptExample, StopIteration):
        return None
    others = {role: one for role, one in row.items() if role in ROLES and role not in roles}
    return {"row": index, "parts": parts_of(predictor, asked, answer, others | hidden, names)}


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


def question(predictor: Predictor, row: Row) -> tuple[Row, Row]:
    """What is asked of a row, and what is kept back: the further words of a text."""
    if not predictor.streams or "text" not in row:
        return row, {}
    words = str(row["text"])[:LINE].split()
    return {"text": " ".join(words[:PROMPT])}, {"text": " ".join(words[PROMPT:])}


def parts_of(
    predictor: Predictor, asked: Row, answer: Answer, others: Row, names: dict[int, str]
) -> list[Part]:
    """What was asked, what was answered, and what would have been right."""
    parts = [plain(role, value) for role, value in asked.items() if ROLES[role].how not in MEDIA]
    picture = predictor.drawn(asked, answer)
    if picture is None and "image" in asked:
        read = predictor.read(asked)
        picture = read if isinstance(read, Image.Image) else None
    said = predictor.said(answer)
    if picture is not None:
        parts.append({"head": "image", "picture": data_uri(picture), "alt": said})
    wanted = right_picture(predictor, asked, others, names)
    if wanted is not None:
        head = "as it is marked in the data"
        parts.append({"head": head, "picture": data_uri(wanted), "alt": head})
    if "transcript" in others:
        head = "heard, and what was said: wrong words struck out, missed ones underlined"
        return [*parts, {"head": head, "spans": compared(said, str(others["transcript"]))}]
    parts.append(plain("answer", said))
    for role, value in others.items():
        if ROLES[role].how not in (*MEDIA, "objects"):
            parts.append(plain(f"right: {role}", named(value, names if ROLES[role].names else {})))
    return parts


def right_picture(
    predictor: Predictor, asked: Row, others: Row, names: dict[int, str]
) -> Image.Image | None:
    """The image with the boxes or the mask that its row has; None where it has none."""
    if "image" not in asked:
        return None
    image, numbers = decode_image(asked["image"]), {name: n for n, name in names.items()}
    if "objects" in others:
        found, _ = framed(others["objects"], predictor.exported.key("box_format"), *image.size)
        boxes = [
            {"label": names[one], "box": dict(zip(CORNERS, corners, strict=True))}
            for one, corners in zip(found.classes.tolist(), found.corners.tolist(), strict=True)
        ]
        return with_boxes(image, boxes, numbers)
    if "mask" in others:
        mask = as_bytes(others, "mask")
        ids = np.asarray(decode_mask(mask))
        layers = [(name, ids == number) for number, name in names.items() if (ids == number).any()]
        return with_masks(image, layers, numbers)
    return None


def plain(head: str, value: Any) -> Part:
    """A text without marks, shortened."""
    text = value if isinstance(value, str) else named(value, {})
    return {"head": head, "spans": [{"text": text[:LINE]}]}


def named(value: Any, names: dict[int, str]) -> str:
    """A value as a line, classes by their names."""
    if isinstance(value, list | tuple) and not any(isinstance(one, dict) for one in value):
        return " ".join(named(one, names) for one in value)
    return names.get(value, str(value)) if isinstance(value, int) else str(value)


def compared(found: str, wanted: str) -> list[Part]:
    """A transcript against what was said, word by word: right, wrong (said by nobody) or missed."""
    ours, theirs = found.split(), wanted.split()
    spans: list[Part] = []
    for what, a, b, c, d in difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes():
        if what == "equal":
            spans.append({"text": " ".join(ours[a:b]) + " ", "mark": "right"})
            continue
        if b > a:
            spans.append({"text": " ".join(ours[a:b]), "mark": "wrong"})
        if d > c:
            spans.append({"text": " ".join(theirs[c:d]), "mark": "missed"})
        spans.append({"text": " "})
    return spans


def data_uri(picture: Image.Image) -> str:
    """A picture, made small, as a JPEG that stands in a page itself."""
    small, written = enlarged(picture.convert("RGB")), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.save(written, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()
