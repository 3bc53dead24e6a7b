"""Examples that cannot be read: they keep their places, are counted, and are named."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.data.batches import collate
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading import loader
from zoo.data.loading.loader import eval_batches, train_batches
from zoo.data.ordering.epochs import Epochs
from zoo.data.rows import CorruptExample, Row
from zoo.data.source import open_source
from zoo.data.sources.file_rows import ClassFolders
from zoo.errors import ConfigError


@pytest.fixture
def images(tmp_path: Path) -> ClassFolders:
    """Ten JPEGs, two of them really truncated."""
    paths = []
    noise = np.random.default_rng(0)
    for number in range(10):
        path = tmp_path / "class" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        pixels = noise.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        if number in (3, 4):
            path.write_bytes(path.read_bytes()[:400])
        paths.append(path)
    return ClassFolders(paths)


def pixel(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
    return {"number": row["image"].getpixel((0, 0))[0], "draw": 0.0}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_truncated_image_keeps_its_place_with_weight_0_and_is_counted(
    images: ClassFolders, workers: int
) -> None:
    limit = CorruptLimit(2)
    order = Epochs(10, 10, 0, "sequential", micro_batch=5)
    made = train_batches(images, order, pixel, collate, 2, 0, 0, workers, 0, limit)
    for _ in range(2):  # a second epoch finds the same files and no more
        first, second = next(made)
        assert first["ids"] == [0, 1, 2, 3, 4]
        assert first["labels"]["weights"].tolist() == [1, 1, 1, 0, 0]
        assert (first["corrupt"], second["corrupt"]) == (2, 0)
        assert first["count"].item() == 3
        stand_in = images[5]["image"].getpixel((0, 0))[0]
        assert first["inputs"]["numbers"].tolist()[3:] == [stand_in, stand_in]
    assert sorted(limit.found) == [3, 4]


@pytest.mark.parametrize("workers", [0, 1])
def test_more_corrupt_examples_than_allowed_end_the_run_and_are_named(
    images: ClassFolders, workers: int
) -> None:
    order = Epochs(10, 10, 0, "sequential", micro_batch=5)
    limit = CorruptLimit(0.1, len(images), "my.json")
    made = train_batches(images, order, pixel, collate, 2, 0, 0, workers, 0, limit)
    with pytest.raises(ConfigError) as caught:
        next(made)
    message = str(caught.value)
    assert message.startswith("my.json: data.max_corrupt: found 2 corrupt examples")
    assert "3.jpg" in message
    assert "4.jpg" in message
    assert "allowed: 1 at most" in message


def test_corrupt_examples_of_different_batches_add_up(images: ClassFolders) -> None:
    images.paths[8].write_bytes(b"no image")  # besides 3 and 4, which fall into one search
    batches = eval_batches(images, pixel, collate, 2, 0, 1, 0, 0, CorruptLimit(2))
    assert [next(batches)["corrupt"] for _ in range(4)] == [0, 1, 1, 0]
    with pytest.raises(ConfigError, match="found 3 corrupt examples"):
        next(batches)


def test_evaluation_counts_corrupt_examples_too(images: ClassFolders) -> None:
    limit = CorruptLimit(2)
    batches = list(eval_batches(images, pixel, collate, 4, 0, 1, 0, 0, limit))
    assert [batch["corrupt"] for batch in batches] == [1, 1, 0]
    counted = [place for batch in batches for place in batch["counted"]]
    assert counted == [row not in (3, 4) and row < 10 for row in range(12)]
    assert counted == [bool(w) for batch in batches for w in batch["labels"]["weights"]]
    assert sum(batch["count"].item() for batch in batches) == 8
    with pytest.raises(ConfigError, match="0 at most"):
        list(eval_batches(images, pixel, collate, 4, 0, 1, 0, 0))


def test_a_set_without_one_readable_row_is_an_error_and_no_endless_search(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path in paths:
        path.write_bytes(b"no image")
    with pytest.raises(ConfigError, match="3 corrupt examples"):
        list(eval_batches(ClassFolders(paths), pixel, collate, 1, 0, 1, 0, 0, CorruptLimit(9)))


def test_a_broken_clip_keeps_its_place_and_names_its_file(tmp_path: Path, make_recipe: Any) -> None:
    lines = []
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", np.full(800, 0.1), 8000)
        lines.append(f'{{"file_name": "{number}.wav", "transcript": "a"}}')
    (tmp_path / "2.wav").write_bytes((tmp_path / "2.wav").read_bytes()[:20])
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    files = {"source": "files", "folder": str(tmp_path), "train": "metadata.jsonl"}
    recipe = make_recipe("ctc", **files, max_corrupt=1)
    rows = open_source(recipe).train

    def clip(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": len(row["audio"]), "draw": 0.0}

    limit = CorruptLimit.of(recipe, rows)
    (batch,) = eval_batches(rows, clip, collate, 4, 0, 1, 0, 0, limit)
    assert batch["labels"]["weights"].tolist() == [1, 1, 0, 1]
    assert batch["inputs"]["numbers"].tolist() == [800] * 4
    assert "2.wav" in limit.found[2]


class FailingDisk(ClassFolders):
    """Reading file 6 is refused by the machine, as often as it is said."""

    refusals, error = 0, OSError(errno.EIO, "Input/output error")

    def __getitem__(self, index: int) -> Row:
        if index == 6 and self.refusals:
            self.refusals -= 1
            raise CorruptExample(f"{self.paths[index]} ({self.error})") from self.error
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_machine_is_no_corrupt_row(
    images: ClassFolders, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_AGAIN", (0.0, 0.0))
    rows, limit = FailingDisk(images.paths), CorruptLimit(2, alone=False)
    for refusals in (2, 3):  # the third try is the last
        rows.refusals = refusals
        *found, last = eval_batches(rows, pixel, collate, 2, 0, 1, 0, workers, limit)
        failures = [row for batch in (*found, last) for row, _ in batch["failures"]]
        assert set(failures) <= {3, 4, 5}
        if refusals == 2:
            assert len(found) == 4 and "fault" not in last
        else:
            assert len(found) == 3 and last.keys() == {"failures", "fault"}
            assert "[Errno 5] Input/output error: " in last["fault"] and "6.jpg" in last["fault"]
            assert "\n" not in last["fault"]


def test_what_else_stops_a_process_that_is_not_alone_is_told_in_full(images: ClassFolders) -> None:
    def broken(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": row["nothing"], "draw": 0.0}

    limit, order = CorruptLimit(2, alone=False), Epochs(10, 10, 0, "sequential", micro_batch=5)
    made = train_batches(images, order, broken, collate, 2, 0, 0, 0, 0, limit)
    ((only,),) = made  # one share, cut short, and no more
    assert "KeyError: 'nothing'" in only["fault"] and "Traceback" in only["fault"]
