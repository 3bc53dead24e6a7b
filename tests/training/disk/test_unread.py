"""What one rank cannot read, all ranks know; they leave for it together, and one says it."""

import socket
from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.ranks import run_ranks
from zoo.data.corrupt import CorruptLimit
from zoo.errors import Told
from zoo.layout import Place
from zoo.training.disk.unread import Unread
from zoo.training.world import Here, world

GOOD: dict[str, Any] = {"inputs": {}, "failures": []}


def met(*rows: int) -> dict[str, Any]:
    """A micro-batch in which rows could not be read."""
    return GOOD | {"failures": [(row, f"{row}.jpg") for row in rows]}


def outcome(unread: Unread, batches: list[dict[str, Any]]) -> str:
    """What settling ends with."""
    try:
        unread.settle(batches)
    except Told as error:
        return f"{type(error).__name__} {error.code} {error.everywhere}: {error}"
    return f"{unread.rows}"


def settled(limit: int) -> list[Any]:
    """Two ranks that meet row 3 and row 8, then the same again, then what ends a run."""
    with world(Place.from_environment()) as here:
        rank, unread = here.place.rank, Unread(CorruptLimit(limit, 0, "my.json", False), here, [1])
        found: list[Any] = [unread.news([GOOD, met(3 + 5 * rank)]), unread.news([GOOD])]
        found.append(outcome(unread, [GOOD, met(3 + 5 * rank)]))
        found.append(unread.news([met(3, 8)]))
        found.append(outcome(unread, [met(3, 8), met(9)] if rank else []))
        found.append(outcome(unread, [{"failures": [], "fault": "OSError: gone"}] if rank else []))
        if dist.get_rank() == 0:
            found.append(unread.news([{"failures": [], "fault": "OSError: gone"}]))
    return found


@pytest.mark.ranks(2)
def test_the_limit_counts_the_rows_of_all_ranks_and_resumes_once() -> None:
    host = socket.gethostname()
    for limit in (3, 4):
        first, second = run_ranks(2, settled, limit)
        assert first[:4] == second[:4] == [True, False, "[1, 3, 8]", False]
        assert first[4] == second[4] and first[5] == second[5]
        if limit == 3:
            assert first[4] == (
                "ConfigError 2 True: my.json: data.max_corrupt: found 4 corrupt examples: 3.jpg "
                f"(rank 0 on {host}); 8.jpg (rank 1 on {host}); 9.jpg (rank 1 on {host}) and 1 "
                "found before; allowed: 3 at most; did you mean data.max_corrupt=4?"
            )
        else:
            assert first[4] == "[1, 3, 8, 9]"
            assert first[5] == f"DataError 1 True: rank 1 on {host} cannot read on: OSError: gone"
        assert first[6] is True


def test_a_set_without_a_row_that_could_stand_in_ends_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unread = Unread(CorruptLimit(9, alone=False), Here(Place(), torch.device("cpu")))
    batch = {"failures": [(0, "a.jpg"), (1, "b.jpg")]}
    assert unread.news([batch]) and unread.told() == {}
    assert "found 2 corrupt examples: a.jpg; b.jpg; allowed" in outcome(unread, [batch])
    assert (unread.told(), unread.told()) == ({0: "a.jpg", 1: "b.jpg"}, {})
    assert capsys.readouterr().err.splitlines()[0] == "corrupt, left out: a.jpg"
