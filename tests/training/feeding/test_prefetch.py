"""What is read and moved ahead: the same, in the same order, and no further ahead than one step."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, losses, rows, run_twin, twin
from zoo.data.rows import Batch
from zoo.engines.engine import each_tensor
from zoo.training.feeding import batches, prefetch
from zoo.training.feeding.prefetch import one_ahead, prefetched

CPU = torch.device("cpu")


class Stays:
    """Moves nothing, and tells where a share was taken up."""

    def begin(self, share: list[Batch]) -> Any:
        return share, threading.current_thread()

    def arrived(self, begun: Any) -> list[Batch]:
        share, thread = begun
        assert thread is not threading.current_thread()
        found: list[Batch] = share
        return found


def counted(read: list[int], last: int, fault: Exception | None = None) -> Iterator[list[Batch]]:
    """Shares by number, noted as they are read; at the end the fault, if there is one."""
    try:
        for number in range(last):
            read.append(number)
            yield [{"number": number}]
        if fault:
            raise fault
    finally:
        read.append(-1)


def until(true: Any) -> None:
    """Waits for what becomes true soon."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_cpu_reads_nothing_ahead() -> None:
    shares = counted([], 3)
    assert prefetched(shares, CPU) is shares


def test_one_share_is_read_while_another_is_worked_on_and_no_more() -> None:
    read: list[int] = []
    shares = one_ahead(counted(read, 9), Stays())
    assert read == []  # nobody has asked
    for number in range(4):
        assert next(shares) == [{"number": number}]
        until(lambda: read[-1] == number + 1)  # noqa: B023
    time.sleep(0.05)
    assert read == [0, 1, 2, 3, 4]
    assert [share[0]["number"] for share in shares] == [4, 5, 6, 7, 8]


def test_what_reading_raises_comes_in_its_turn() -> None:
    shares = one_ahead(counted([], 2, OSError("the disk is gone")), Stays())
    assert [next(shares)[0]["number"], next(shares)[0]["number"]] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(shares)


def test_who_leaves_early_leaves_no_thread_and_no_reader_behind() -> None:
    before, read = threading.active_count(), list[int]()
    shares = one_ahead(counted(read, 9), Stays())
    next(shares)
    assert threading.active_count() == before + 1
    del shares
    assert threading.active_count() == before
    assert read == [0, 1, -1]


def run_ahead(path: Path, words: list[str]) -> int:
    """A run that reads ahead as on a GPU."""
    batches.prefetched = lambda shares, device: one_ahead(shares, Stays())  # type: ignore[assignment]
    return run_twin(path, words)


@pytest.mark.slow
@pytest.mark.ranks(4)
@pytest.mark.parametrize("name", ["one", "data-2", "pipeline-2 x tensor-2"])
def test_a_run_that_reads_ahead_is_the_same_bit_by_bit(name: str, tmp_path: Path) -> None:
    world, layout = LAYOUTS.get(name, (1, ()))
    words = [*layout, "run.steps=6", "run.eval_every=3", "run.batch=8", "run.micro_batch=2"]
    words += ["data.max_valid_examples=24", "data.workers=1", "run.log_every=1"]
    for folder, run in (("plain", run_twin), ("ahead", run_ahead)):
        made = [*words, f"run.folder={tmp_path / folder}"]
        assert run_ranks(world, run, twin("causal-lm"), made) == [0] * world
    assert len(losses(tmp_path / "plain")) == 6
    assert losses(tmp_path / "plain") == losses(tmp_path / "ahead")
    scores = [
        [row["valid/loss"] for row in rows(tmp_path / folder) if "valid/loss" in row]
        for folder in ("plain", "ahead")
    ]
    assert scores[0] == scores[1] and len(scores[0]) == 2


def made(number: int) -> list[Batch]:
    """Two micro-batches of all that tensors may be, other ones for each number."""
    draw = torch.Generator().manual_seed(number)
    pixels = torch.randint(0, 256, (8, 3, 64, 64), generator=draw, dtype=torch.uint8)
    return [
        {
            "inputs": {
                "pixels": pixels.to(memory_format=torch.channels_last),
                "more": [{"mask": pixels[0] > 128}, torch.zeros(0), "a word"],
                "turned": torch.rand(5, 7, generator=draw).bfloat16().T,
            },
            "labels": {"labels": torch.randint(0, 9, (8,), generator=draw)},
            "count": torch.tensor(float(number)),
            "ids": [number, micro],
        }
        for micro in range(2)
    ]


ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.gpu
@ON_GPU
def test_shares_arrive_whole_on_a_gpu_that_is_busy() -> None:
    gpu = torch.device("cuda", 0)
    compared: list[torch.Tensor] = []
    for number, share in enumerate(prefetched(map(made, range(60)), gpu)):
        torch.cuda._sleep(3_000_000)  # the step: its memory is asked for by the copies meanwhile
        for batch, wanted in zip(share, made(number), strict=True):
            assert batch["ids"] == wanted["ids"] and batch["count"].device == CPU
            for key in ("inputs", "labels"):
                pairs: list[list[torch.Tensor]] = [[], []]
                for value, found in zip((batch[key], wanted[key]), pairs, strict=True):
                    each_tensor(value, found.append)
                for there, here in zip(*pairs, strict=True):
                    assert there.device == gpu and there.dtype == here.dtype
                    assert there.stride() == here.stride()
                    compared.append((there == here.to(gpu)).all())
    assert len(compared) == 60 * 2 * 5
    assert bool(torch.stack(compared).all())


@pytest.mark.gpu
@ON_GPU
def test_a_large_share_is_on_a_gpu_ahead_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(prefetch, "_MOST", 150_000)  # bytes: one of the two, of 110,000 each
    (share,) = prefetched(iter([made(0)]), gpu)
    assert [batch["inputs"]["pixels"].device for batch in share] == [gpu, CPU]
