"""Shards for tests: tars as WebDataset writes them, parquet, Arrow."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import soundfile
from PIL import Image

Sample = Mapping[str, bytes]


def tar(path: Path, samples: Mapping[str, Sample], kind: int = tarfile.USTAR_FORMAT) -> Path:
    """A tar of each sample's members by key."""
    with tarfile.open(path, "w", format=kind) as file:
        for key, members in samples.items():
            for column, content in members.items():
                info = tarfile.TarInfo(f"{key}.{column}")
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def parquet(path: Path, rows: Sequence[Mapping[str, Any]], group: int = 3) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path, row_group_size=group)
    return path


def arrow(path: Path, rows: Sequence[Mapping[str, Any]], stream: bool = False) -> Path:
    table = pyarrow.Table.from_pylist(list(rows))
    new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with pyarrow.OSFile(str(path), "wb") as sink, new(sink, table.schema) as out:
        out.write_table(table, max_chunksize=4)
    return path


def photograph(number: int, size: int = 8, kind: str = "PNG") -> bytes:
    """An image that its number tells from all others."""
    pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()


def clip(number: int, seconds: float = 0.1, rate: int = 8000) -> bytes:
    samples = np.random.default_rng(number).uniform(-0.5, 0.5, int(seconds * rate))
    with io.BytesIO() as file:
        soundfile.write(file, samples, rate, format="FLAC")
        return file.getvalue()


def images(folder: Path, shards: int, rows: int, classes: int = 3, size: int = 8) -> None:
    """`shards` tars of `rows` images each; the classes go round."""
    for shard in range(shards):
        numbers = range(shard * rows, (shard + 1) * rows)
        samples = {
            f"{n:06}": {"png": photograph(n, size), "cls": str(n % classes).encode()}
            for n in numbers
        }
        tar(folder / f"train-{shard:05}.tar", samples)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
