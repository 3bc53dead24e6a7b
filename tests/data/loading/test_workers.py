"""Worker processes: no bit of a batch depends on them, and they end as they should."""

import itertools
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.batches import COUNT, ROWS, collate, evaluated, example, flat, train
from tests.ranks import started
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading import room
from zoo.data.loading.loader import MicroBatches, eval_batches, train_batches
from zoo.data.loading.workers import Workers
from zoo.data.ordering.epochs import Epochs
from zoo.data.rows import Batch, Row


def test_workers_change_no_bit_of_any_batch() -> None:
    alone = [flat(step) for step in itertools.islice(train(workers=0), 12)]
    helped = [flat(step) for step in itertools.islice(train(workers=2), 12)]
    assert helped == alone


def test_the_loader_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(itertools.islice(train(workers=1), 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_large_tensors_come_through_workers_unchanged_and_writable() -> None:
    def wide(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        pixels = torch.from_numpy(rng.random((2, 3, 256, 256)))
        return {**collate(examples, rng, training), "inputs": {"pixels": pixels}}

    def first(workers: int) -> Batch:
        order, limit = Epochs(COUNT, 8, 1, micro_batch=2), CorruptLimit()
        made = train_batches(ROWS, order, example, wide, 4, 0, 1, workers, 0, limit)
        return next(made)[0]

    alone, helped = first(0), first(1)
    assert torch.equal(alone["inputs"]["pixels"], helped["inputs"]["pixels"])
    helped["labels"]["weights"] += 1


def test_evaluation_is_the_same_with_workers() -> None:
    assert flat(evaluated(1, workers=2)[0]) == flat(evaluated(1)[0])


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


def test_a_worker_that_is_killed_in_the_middle_of_a_batch_ends_the_wait_for_it() -> None:
    def worker(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": os.getpid(), "draw": 0.0}

    def long(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        return {**collate(examples, rng, training), "more": torch.zeros(100_000)}  # 6 pipes full

    limit = CorruptLimit(alone=False)
    batches = eval_batches(ROWS, worker, long, 4, 0, 1, 0, 1, limit)
    number = next(batches)["inputs"]["numbers"][0].item()
    time.sleep(0.3)
    os.kill(number, signal.SIGKILL)
    *_, last = batches
    assert last["fault"].startswith("RuntimeError: data worker") and f"{number}" in last["fault"]


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


def dies(path: Path) -> int:
    """A process that ends at once, while its worker waits for room to write the next batches."""

    def worker(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        return {"number": os.getpid(), "draw": 0.0}

    def long(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        return {**collate(examples, rng, training), "more": torch.zeros(100_000)}

    batches = eval_batches(ROWS, worker, long, 4, 0, 1, 0, 1)
    path.write_text(str(next(batches)["inputs"]["numbers"][0].item()))
    time.sleep(0.5)
    os._exit(3)


def test_a_worker_ends_with_a_process_that_has_no_time_to_end_it(tmp_path: Path) -> None:
    process = started(dies, tmp_path / "worker")
    process.join(60)
    assert process.exitcode == 3
    number, deadline = (tmp_path / "worker").read_text(), time.monotonic() + 3
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


class Numbers:
    """Batches with the number of the process, and as many doubles as the cell says."""

    def __getitem__(self, cell: int) -> Batch:
        return {"pid": os.getpid(), "cell": cell, "wide": torch.full((cell,), 1.0).double()}


def test_workers_are_kept_from_one_way_through_the_rows_to_the_next() -> None:
    workers = Workers(Numbers(), 2)
    first = list(workers.batches(iter(range(9))))
    cut = workers.batches(iter(range(100, 200)))
    assert next(cut)["cell"] == 100  # and the others are on their way
    cut.close()
    again = list(workers.batches(iter(range(9))))
    assert [batch["cell"] for batch in again] == [*range(9)]
    assert {batch["pid"] for batch in first} == {batch["pid"] for batch in again}
    numbers = [worker.process.pid for worker in workers.workers]
    del workers, cut
    assert not any(Path(f"/proc/{number}").exists() for number in numbers)


SIZE = 400_000
"""Doubles: 3.2 MB."""


@pytest.mark.parametrize(
    ("free", "ahead", "piped"),
    [(1 << 30, 4, False), (90 << 20, 4, False), (64 << 20, 2, False), (20 << 20, 1, True)],
)
def test_workers_are_less_far_ahead_where_shared_memory_is_small_and_pipes_are_the_last_resort(
    free: int, ahead: int, piped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda: free)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    workers = Workers(Numbers(), 2)
    cells, asked = itertools.count(), list[int]()
    batches = workers.batches(asked.append(next(cells)) or SIZE for _ in range(20))  # type: ignore[func-returns-value]
    assert torch.equal(next(batches)["wide"], torch.full((SIZE,), 1.0).double())
    assert len(asked) == 1 + 2 * ahead
    assert sum(1 for _ in batches) == 19
    assert workers.room.piped == (SIZE * 8 if piped else 0)
    told = {4: "", 2: "a worker is 2 ahead instead of 4", 1: "they come through pipes"}[ahead]
    assert (told in workers.room.told) if told else workers.room.told == ""
    workers.close()


def test_eval_batches_of_kept_workers_are_those_of_the_process_itself() -> None:
    workers = Workers(MicroBatches(ROWS, example, collate, 1, False, 0), 2)
    alone = flat(evaluated(1)[0])
    for _ in range(2):
        assert flat(list(eval_batches(ROWS, example, collate, 4, 0, 1, 1, workers))) == alone
