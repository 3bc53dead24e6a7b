"""Bytes of any kind under the name of any format: a fault or a corrupt row, never a traceback."""

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pytest
import soundfile
from PIL import Image

from zoo.data.image import cut
from zoo.data.rows import CorruptExample
from zoo.data.source import open_source
from zoo.errors import ConfigError

ROWS = [{"text": f'said "{n}", aé', "label": str(n % 3), "audio": "x"} for n in range(6)]
TEXT, CLASSIFY, LOOK, HEAR = "causal-lm", "sequence-classification", "image-classification", "ctc"


def table(separator: str) -> bytes:
    quoted = ['"' + row["text"].replace('"', '""') + '"' for row in ROWS]
    lines = [separator.join((text, row["label"])) for text, row in zip(quoted, ROWS, strict=True)]
    return "\n".join([f"text{separator}label", *lines]).encode()


def parquet() -> bytes:
    file = io.BytesIO()
    datasets.Dataset.from_list(ROWS).to_parquet(file)
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def image(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(file, form)
    return file.getvalue()


def clip(form: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(900.0)), 8000, format=form)
    return file.getvalue()


FORMATS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "txt": (TEXT, lambda: "a text\nof é lines\n".encode() * 9),
    "csv": (CLASSIFY, lambda: table(",")),
    "tsv": (CLASSIFY, lambda: table("\t")),
    "json": (CLASSIFY, lambda: json.dumps(ROWS).encode()),
    "jsonl": (CLASSIFY, lambda: "\n".join(map(json.dumps, ROWS)).encode()),
    "jsonl.gz": (CLASSIFY, lambda: gzip.compress("\n".join(map(json.dumps, ROWS)).encode())),
    "jsonl.zst": (CLASSIFY, lambda: zstd("\n".join(map(json.dumps, ROWS)).encode())),
    "parquet": (CLASSIFY, parquet),
    "png": (LOOK, lambda: image("PNG")),
    "jpg": (LOOK, lambda: image("JPEG")),
    "wav": (HEAR, lambda: clip("WAV")),
    "flac": (HEAR, lambda: clip("FLAC")),
}


def damaged(good: bytes, rng: random.Random) -> bytes:
    """Random bytes, or a good file with some of it overwritten, cut off, doubled or left out."""
    way = rng.randrange(4)
    if way == 0:
        return rng.randbytes(rng.randrange(400))
    start, end = sorted(rng.randrange(len(good) + 1) for _ in range(2))
    if way == 1:
        return good[:start] + rng.randbytes(rng.randrange(1, 5)) + good[start + 4 :]
    return good[:start] + (good[end:] if way == 2 else good[start:end] * 2)


def read_all(kind: str, name: str, content: bytes, folder: Path, make_recipe: Any) -> str:
    """What came of a file of these bytes: `fault`, `corrupt` or `read`."""
    place = folder / ("some class" if kind == LOOK else "") / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    if kind == HEAR:
        (folder / "train.jsonl").write_text(json.dumps({"audio": name, "transcript": "a"}))
    train = {TEXT: name, CLASSIFY: name, LOOK: ".", HEAR: "train.jsonl"}[kind]
    files = {"source": "files", "folder": str(folder), "train": train, "max_corrupt": 0.999}
    try:
        rows = open_source(make_recipe(kind, **files, workers=0)).train
    except ConfigError as error:
        assert str(error)
        return "fault"
    rows.lengths()
    came = "read"
    for index in range(len(rows)):
        try:
            image = rows[index].get("image")
            if image is not None:  # whose pixels are decoded when they are asked for
                cut(image, (0, 0, *image.size), 3)
                np.asarray(image)
        except CorruptExample as error:
            assert str(error)
            came = "corrupt"
    return came


def fuzz(suffix: str, count: int, folder: Path, make_recipe: Any) -> set[str]:
    """What came of `count` damaged files."""
    kind, make = FORMATS[suffix]
    good, rng = make(), random.Random(suffix)
    assert read_all(kind, f"0.{suffix}", good, folder / "good", make_recipe) == "read"
    return {
        read_all(kind, f"0.{suffix}", damaged(good, rng), folder / str(number), make_recipe)
        for number in range(count)
    }


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_damaged_file_is_a_fault_or_a_corrupt_row(
    suffix: str, tmp_path: Path, make_recipe: Any
) -> None:
    assert fuzz(suffix, 20, tmp_path, make_recipe) - {"read"}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_none_of_200_damaged_files_is_a_traceback(
    suffix: str, tmp_path: Path, make_recipe: Any
) -> None:
    assert fuzz(suffix, 200, tmp_path, make_recipe) - {"read"}
