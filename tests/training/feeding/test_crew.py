"""Data workers are there before a run has anything that they should not hold."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from tests.runs import run_twin, twin
from zoo.training import run as running


class Reached(Exception):
    """The run has come to its process group."""


def test_workers_are_made_before_the_process_group_and_end_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[int] = []

    @contextmanager
    def world(place: Any) -> Iterator[Any]:
        assert not dist.is_initialized()
        there.extend(child.pid or 0 for child in multiprocessing.active_children())
        raise Reached
        yield

    before = {child.pid for child in multiprocessing.active_children()}
    monkeypatch.setattr(running, "world", world)
    words = [f"run.folder={tmp_path / 'run'}", "data.workers=2", "data.max_valid_examples=1"]
    with pytest.raises(Reached):
        run_twin(twin("image-classification"), words)
    assert len(set(there) - before) == 2 + 1  # of one example one process makes its batch
    assert {child.pid for child in multiprocessing.active_children()} == before
