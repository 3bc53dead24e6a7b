"""Data workers are there before a run has anything that they should not hold."""

import gc
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from tests.runs import run_twin, twin
from zoo.training import run as running
from zoo.training.feeding.crew import crew_of


class Reached(Exception):
    """The run has come to its process group."""


def processes() -> set[int | None]:
    return {child.pid for child in multiprocessing.active_children()}


def test_workers_are_made_before_the_process_group_and_end_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: set[int | None] = set()
    asked: list[Any] = []

    @contextmanager
    def world(place: Any) -> Iterator[Any]:
        assert not dist.is_initialized()
        there.update(processes() - before)
        raise Reached
        yield

    def noted(*words: Any) -> Any:
        asked[:] = words
        return crew_of(*words)

    before = processes()
    monkeypatch.setattr(running, "world", world)
    monkeypatch.setattr(running, "crew_of", noted)
    words = [f"run.folder={tmp_path / 'run'}", "data.workers=2", "data.max_valid_examples=1"]
    with pytest.raises(Reached):
        run_twin(twin("image-classification"), words)
    assert len(there) == 2 + 1  # of one example one process makes its batch
    gc.collect()
    before = processes()
    with crew_of(*asked):
        assert len(processes() - before) == 3
    assert processes() == before
