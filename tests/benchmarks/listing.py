"""How long 200,000 files in class folders and 300,000 clips of a manifest take to open, and what a
rank and its workers hold.

    python -m tests.benchmarks.listing [FOLDER]

FOLDER is filled first, if it is empty: 1,000 classes of 200 small images, and a NeMo manifest of
stretches of 20 recordings. Prints seconds with nothing kept (cold) and with what is kept (warm),
each in a process of its own; for the images beside the way before: a sorted tuple of Path objects
and a digest of what each says. Memory is what a process holds for itself alone (Private_* of
/proc/self/smaps_rollup) beyond what it did before it opened, and what a worker that is forked then
has for itself after it has asked for each path and class (for 64 clips). Clips are opened with
their lengths and 16 rows.
"""

import gc
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from zoo.data.faults import Faults
from zoo.data.rows import digest
from zoo.data.sources.file_rows import ClassFolders
from zoo.data.sources.files import FilesReader
from zoo.data.sources.finding import found
from zoo.data.sources.opened import Wanted
from zoo.recipe.spec.data import FilesData
from zoo.recipe.vocabulary.kinds import KINDS

CLASSES, EACH, CLIPS = 1000, 200, 300_000


def fill(folder: Path) -> None:
    """Writes the images, where there are none."""
    written = io.BytesIO()
    Image.new("RGB", (8, 8), (3, 5, 7)).save(written, "JPEG")
    for number in range(CLASSES):
        inside = folder / "train" / f"n{number:08d}"
        if inside.is_dir():
            continue
        inside.mkdir(parents=True)
        for image in range(EACH):
            (inside / f"n{number:08d}_{image:05d}.JPEG").write_bytes(written.getvalue())


def before(folder: Path, cache: Path) -> tuple[Any, Any]:
    """The way before this was kept."""
    paths = tuple(sorted(path for path in (folder / "train").rglob("*") if path.is_file()))
    labels = tuple(path.relative_to(folder / "train").parts[0] for path in paths)
    stats = [(str(path), path.stat()) for path in paths]
    digest([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats], labels)
    return paths, labels


def now(folder: Path, cache: Path) -> tuple[Any, Any]:
    """As the source `files` does it."""
    here = found(folder, "train", None, cache)
    assert here is not None
    rows = ClassFolders(here.files, here.classes)
    return rows.paths, rows.labels


def fill_manifest(folder: Path) -> None:
    """Writes recordings and the manifest, where there is none."""
    if (folder / "clips.jsonl.gz").exists():
        return
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 60 * 16_000).astype(np.float32)
    for number in range(20):
        soundfile.write(folder / f"{number}.flac", noise, 16_000)
    with gzip.open(folder / "clips.jsonl.gz", "wt", encoding="ascii") as file:
        for number in range(CLIPS):
            clip = {"audio_filepath": f"{number % 20}.flac", "offset": number % 50}
            said = {"duration": 5 + number % 7 / 2, "text": f"clip {number} of words as said"}
            file.write(json.dumps(clip | said) + "\n")


def clips(folder: Path, cache: Path) -> tuple[Any, Any]:
    """As the source `files` does it, with lengths and 16 rows."""
    data = FilesData(source="files", folder=str(folder), train="clips")
    reader = FilesReader(data, cache, Faults(None))  # type: ignore[arg-type]  # there are none
    opened = reader.read("train", "clips", Wanted.of(KINDS["ctc"]))
    assert opened is not None and opened.rows.lengths() is not None
    rows = opened.rows
    for index in range(0, CLIPS, CLIPS // 16):
        rows[index]
    return [(rows, index) for index in range(0, CLIPS, CLIPS // 64)], range(CLIPS)


def own() -> float:
    """MB that this process alone holds."""
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in text.splitlines() if line[:8] == "Private_") / 1000


def measured(way: str, folder: Path, cache: Path) -> None:
    """Opens the folder that way and prints rows, seconds and MB."""
    gc.collect()
    start, held = time.perf_counter(), own()
    paths, labels = WAYS[way](folder, cache)
    seconds = time.perf_counter() - start
    gc.collect()
    gc.freeze()
    rank = own() - held
    inside, outside = os.pipe()
    if os.fork() == 0:
        held = own()
        for index, path in enumerate(paths):
            assert path[0][path[1]] if isinstance(path, tuple) else path and labels[index]
        os.write(outside, f"{own() - held}".encode())
        os._exit(0)
    print(len(labels), seconds, rank, float(os.read(inside, 100)))


WAYS = {"before": before, "now": now, "clips": clips}
ONLY = """
import sys
from pathlib import Path
from zoo.data.preparing.pool import warm
warm()
from tests.benchmarks.listing import measured
measured(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
"""
"""What a process runs: like `zoo prepare`, whose workers are called before it imports the rest, and
no module that they would have to import too.
"""


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    fill(folder)
    fill_manifest(folder)
    with tempfile.TemporaryDirectory() as cache:
        images = [("before", "before"), ("cold", "now"), ("warm", "now")]
        for name, way in [*images, ("cold", "clips"), ("warm", "clips")]:
            words = [sys.executable, "-c", ONLY, way, str(folder), cache]
            said = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.split()
            count, seconds, rank, worker = int(said[0]), *map(float, said[1:])
            told = f"{seconds:6.2f} s, rank {rank:6.1f} MB, worker {worker:5.1f} MB"
            print(f"{name:7}{count:8} {told}")


if __name__ == "__main__":
    main()
