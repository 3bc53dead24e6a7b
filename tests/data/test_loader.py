"""Batches: the same whatever the ranks and workers, and honest about what cannot be read."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from zoo.data.corrupt import CorruptLimit
from zoo.data.loader import Batch, eval_batches, train_batches
from zoo.data.order import Order
from zoo.data.rows import ListRows, Row, Rows
from zoo.data.source import open_source
from zoo.data.sources.file_rows import ClassFolders
from zoo.errors import ConfigError

COUNT = 53
ROWS = ListRows([{"text": str(number)} for number in range(COUNT)], "numbers")


def example(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
    """The row's number and, in training, a draw, as an augmentation would make it."""
    return {"number": int(row["text"]), "draw": rng.random() if training else 0.0}


def collate(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
    weights = torch.tensor([example["weight"] for example in examples])
    draws = torch.tensor([example["draw"] for example in examples]) + rng.random()
    numbers = torch.tensor([example["number"] for example in examples])
    return {
        "inputs": {"numbers": numbers, "draws": draws},
        "labels": {"weights": weights},
        "count": weights.sum(dtype=torch.float64),
    }


def train(
    ranks: int = 1, rank: int = 0, workers: int = 0, start: int = 0, micro_batch: int = 2
) -> Iterator[list[Batch]]:
    batching = SimpleNamespace(micro_batch=micro_batch, accumulation=8 // micro_batch // ranks)
    return train_batches(
        ROWS,
        Order(COUNT, 8, 1),
        example,
        collate,
        batching,
        rank,
        1,
        workers,
        start,
        CorruptLimit(),
    )


def flat(batches: list[Batch]) -> list[Any]:
    """Everything in the batches, as plain numbers."""
    return [
        [b["ids"], b["corrupt"], b["count"].item()]
        + [t.tolist() for part in ("inputs", "labels") for t in b[part].values()]
        for b in batches
    ]


def test_the_micro_batches_of_all_ranks_together_are_the_global_batch() -> None:
    one = [flat(step) for step in itertools.islice(train(), 15)]
    for ranks in (2, 4):
        shares = [itertools.islice(train(ranks, rank), 15) for rank in range(ranks)]
        joined = [
            [batch for share in step for batch in flat(share)] for step in zip(*shares, strict=True)
        ]
        assert joined == one


def test_a_step_holds_the_rows_of_the_order() -> None:
    order = Order(COUNT, 8, 1)
    for step, batches in enumerate(itertools.islice(train(), 15)):
        assert [row for batch in batches for row in batch["ids"]] == order.batch_of(step).tolist()
        for batch in batches:
            assert batch["inputs"]["numbers"].tolist() == batch["ids"]


def test_starting_at_a_step_gives_what_running_up_to_it_gives() -> None:
    straight = [flat(step) for step in itertools.islice(train(), 15)]
    for start in (1, 7, 13):
        resumed = [flat(step) for step in itertools.islice(train(start=start), 15 - start)]
        assert resumed == straight[start:]


def test_workers_change_no_bit_of_any_batch() -> None:
    alone = [flat(step) for step in itertools.islice(train(workers=0), 12)]
    helped = [flat(step) for step in itertools.islice(train(workers=2), 12)]
    assert helped == alone


def test_the_loader_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(itertools.islice(train(workers=1), 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_draws_of_a_row_differ_between_epochs_and_those_of_a_batch_between_steps() -> None:
    def apart(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        draws = torch.tensor([example["draw"] for example in examples])
        return {"inputs": {"rows": draws, "batch": torch.tensor(rng.random())}, "labels": {}}

    batching, order = SimpleNamespace(micro_batch=2, accumulation=4), Order(COUNT, 8, 1)
    made = train_batches(ROWS, order, example, apart, batching, 0, 1, 0, 0, CorruptLimit())
    batches = [batch for step in itertools.islice(made, 12) for batch in step]
    rows = [draw for batch in batches for draw in batch["inputs"]["rows"].tolist()]
    assert len({row for batch in batches for row in batch["ids"]}) < len(rows)  # two epochs
    assert len(set(rows)) == len(rows)
    assert len({batch["inputs"]["batch"].item() for batch in batches}) == len(batches)


def test_large_tensors_come_through_workers_unchanged_and_writable() -> None:
    def wide(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        pixels = torch.from_numpy(rng.random((2, 3, 256, 256)))
        return {**collate(examples, rng, training), "inputs": {"pixels": pixels}}

    def first(workers: int) -> Batch:
        batching = SimpleNamespace(micro_batch=2, accumulation=4)
        order, limit = Order(COUNT, 8, 1), CorruptLimit()
        made = train_batches(ROWS, order, example, wide, batching, 0, 1, workers, 0, limit)
        return next(made)[0]

    alone, helped = first(0), first(1)
    assert torch.equal(alone["inputs"]["pixels"], helped["inputs"]["pixels"])
    helped["labels"]["weights"] += 1


def evaluated(ranks: int, workers: int = 0, rows: Rows = ROWS) -> list[list[Batch]]:
    return [
        list(eval_batches(rows, example, collate, 4, rank, ranks, 1, workers))
        for rank in range(ranks)
    ]


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_every_rank_evaluates_as_many_batches_and_each_row_counts_once(ranks: int) -> None:
    shares = evaluated(ranks)
    assert len({len(share) for share in shares}) == 1
    counted = [
        row
        for share in shares
        for batch in share
        for row, weight in zip(batch["ids"], batch["labels"]["weights"].tolist(), strict=True)
        if weight
    ]
    assert sorted(counted) == list(range(COUNT))
    assert sum(batch["count"].item() for share in shares for batch in share) == COUNT
    assert all(len(batch["ids"]) == 4 for share in shares for batch in share)


def test_evaluation_is_the_same_with_workers() -> None:
    assert flat(evaluated(1, workers=2)[0]) == flat(evaluated(1)[0])


def test_evaluating_fewer_rows_than_ranks_gives_padding_only_to_the_rest() -> None:
    rows = ListRows([{"text": "0"}], "one")
    assert [batch["count"].item() for share in evaluated(3, rows=rows) for batch in share] == [
        1,
        0,
        0,
    ]


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
    batching = SimpleNamespace(micro_batch=5, accumulation=2)
    order = Order(10, 10, 0, "sequential")
    made = train_batches(images, order, pixel, collate, batching, 0, 0, workers, 0, limit)
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
    batching = SimpleNamespace(micro_batch=5, accumulation=2)
    order = Order(10, 10, 0, "sequential")
    limit = CorruptLimit(0.1, len(images), "my.json")
    made = train_batches(images, order, pixel, collate, batching, 0, 0, workers, 0, limit)
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


def test_workers_ignore_the_interrupt_key_and_end_at_sigterm() -> None:
    def handlers(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        default = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        return {"number": os.getpid() if ignored and default else 0, "draw": 0.0}

    previous = signal.signal(signal.SIGTERM, lambda *_: None)  # as a run's own handler
    try:
        batches = eval_batches(ROWS, handlers, collate, 4, 0, 1, 0, 1)
        worker = next(batches)["inputs"]["numbers"][0].item()
        assert worker not in (0, os.getpid())
        os.kill(worker, signal.SIGINT)
        assert len(list(batches)) == 13  # all the others still come
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_worker_that_a_launcher_terminates_does_not_disturb_the_step_at_hand() -> None:
    def worker(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": os.getpid(), "draw": 0.0}

    batches = eval_batches(ROWS, worker, collate, 4, 0, 1, 0, 1)
    number = next(batches)["inputs"]["numbers"][0].item()
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:  # the step: Python code, where a signal's handler may run
        pass
    with pytest.raises(RuntimeError, match="worker"):
        list(batches)


def test_leaving_a_loader_ends_its_workers() -> None:
    def worker(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": os.getpid(), "draw": 0.0}

    batches = eval_batches(ROWS, worker, collate, 4, 0, 1, 0, 1)
    number = next(batches)["inputs"]["numbers"][0].item()
    batches.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{number}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{number}").exists()


def test_the_main_process_does_not_grow_while_it_reads() -> None:
    resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096  # noqa: E731
    steps = train(workers=1)
    for _ in range(200):
        next(steps)
    before = resident()
    for _ in range(800):
        next(steps)
    assert resident() - before < 8 << 20
