"""A rank that finds a fault takes all others with it: saved, with one exit code and one message."""

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.commands import forked_ranks
from tests.ranks import run_ranks
from tests.runs import losses, run_twin, train, twin
from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.training.world import SAME_REQUEST, StopSignals, world

PATH = twin("image-classification")
BAD = 10  # of step 2, counted from 0, and there of rank 1


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A small run over sixteen images in their order, of which one is damaged."""
    noise = np.random.default_rng(0)
    for number in range(18):
        split = "train" if number < 16 else "valid"
        path = tmp_path / "images" / split / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
    names = sorted((tmp_path / "images" / "train").glob("*/*.png"))
    names[BAD].write_bytes(names[BAD].read_bytes()[:300])
    data = {"source": "files", "folder": str(tmp_path / "images"), "sampling": "sequential"}
    data |= {"train": "train", "valid": "valid"}
    return [
        *("data=" + json.dumps(data), "data.workers=0", f"run.folder={tmp_path / 'run'}"),
        *("run.steps=4", "run.batch=4", "run.micro_batch=2", "run.log_every=1"),
        *("run.eval_every=0", "run.save_every=0", "run.report_to=[]"),
    ]


@pytest.mark.ranks(2)
def test_a_corrupt_file_beyond_the_limit_ends_all_ranks_with_its_name(
    words: list[str], tmp_path: Path
) -> None:
    ranks = forked_ranks(2, "train", str(PATH), "--tiny", *words)
    assert [rank.returncode for rank in ranks] == [2, 2]
    said = (
        f"05.png (image file is truncated) (rank 1 on {socket.gethostname()}); allowed: 0 at most"
    )
    assert said in ranks[0].stderr and "05.png" not in ranks[1].stderr
    folder = tmp_path / "run"
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["step"]) == ("failed", 2, 2)
    assert said in status["error"]
    assert (folder / "latest").read_text().strip() == "step-00000002"
    assert list(losses(folder)) == [1, 2]
    train(1, PATH, folder, *words[:1], "data.max_corrupt=1", *words[1:])
    progress = folder / "checkpoints" / "step-00000004" / "progress.json"
    found = json.loads(progress.read_text())["progress"]
    assert (list(losses(folder)), found["unread"]) == ([1, 2, 3, 4], [BAD])
    with pytest.raises(ConfigError, match="1 found before; allowed: 0 at most"):
        run_twin(PATH, [*words, "run.steps=6"])  # in its second epoch it is not counted anew


def crash_of(rank: int) -> None:
    """One rank raises what nobody has agreed on; the other waits for it."""
    with world(Place.from_environment()) as here:
        if here.place.rank == rank:
            raise ZeroDivisionError("a bug of one rank")
        here.gather(None)


@pytest.mark.ranks(2)
def test_a_rank_that_crashes_alone_does_not_wait_for_the_others() -> None:
    started = time.monotonic()
    with pytest.raises(AssertionError, match=r"rank 1:(?s:.)*ZeroDivisionError: a bug of one rank"):
        run_ranks(2, crash_of, 1)
    assert time.monotonic() - started < 60


def test_a_notice_comes_long_before_the_signal_that_insists(monkeypatch: Any) -> None:
    now, ends = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "_exit", ends.append)
    signals = StopSignals()
    for number, later in (
        *((signal.SIGUSR1, 100.0), (signal.SIGUSR1, 1.0), (signal.SIGTERM, 1.0)),
        *((signal.SIGTERM, SAME_REQUEST), (signal.SIGINT, 0.0)),
    ):
        assert not ends
        signals(number, None)
        now[0] += later
    assert (signals.number, ends) == (signal.SIGUSR1, [128 + signal.SIGINT])
