"""Scores are the same on every layout and every rank, by sums or by records of single examples."""

import socket
from typing import Any

import numpy as np
import pytest
import torch.distributed as dist

from tests.engines.doubles import BROKEN, COUNT, CPU, Doubling, Evaluating, Numbers, Told, contract
from tests.ranks import run_ranks
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches
from zoo.errors import ConfigError
from zoo.layout import Layout, Place
from zoo.training.disk.unread import Unread
from zoo.training.scoring import ScoredSet, Stopped, score_set
from zoo.training.world import Here, StopSignals, world

ROWS = [row for row in range(COUNT) if row != BROKEN]


def scored(
    task: Doubling,
    layout: Layout,
    here: Here,
    signal: int = 0,
    workers: int = 0,
    allowed: int = 1,
) -> dict[str, float]:
    """The scores of the numbers; micro-batches of 4, so that the last are padded."""
    rank, signals = here.place.rank, StopSignals()
    signals.number = signal
    limit = CorruptLimit(allowed, alone=False)
    numbers = ScoredSet(
        lambda: eval_batches(
            Numbers(), task.example, task.collate, 4, layout.data_rank(rank), layout.data, 1,
            workers, limit,
        ),
        Unread(limit, here),
    )  # fmt: skip
    return score_set(Evaluating(contract(task, layout, rank)), task, numbers, here, signals)


def on_layouts(layouts: list[Layout]) -> list[dict[str, Any]]:
    """Scores, and the records that scoring was given here, for each layout."""
    found = []
    with world(Place.from_environment()) as here:
        for layout in layouts:
            task = Told()
            scores = scored(task, layout, here)
            given = [{key: list(values) for key, values in one.items()} for one in task.given]
            found.append({"scores": scores, "given": given})
    return found


def alone() -> dict[str, Any]:
    """The same in one process."""
    task = Told()
    scores = scored(task, Layout.of(), Here(Place(), CPU))
    return {"scores": scores, "given": [dict(one) for one in task.given]}


def test_records_are_every_example_once_in_the_order_of_its_rows() -> None:
    ((given,), scores) = alone()["given"], alone()["scores"]
    assert given["name"] == [f"row {row}" for row in ROWS]
    assert [float(guess) for guess in given["guess"]] == [2.0 * row for row in ROWS]
    assert np.array_equal(np.stack(given["pair"]), [[row, row + 1] for row in ROWS])
    weighted = sum(2.0 * row * (place + 1) for place, row in enumerate(ROWS))
    assert scores == {"loss": 0.0, "count": len(ROWS), "weighted": weighted}


@pytest.mark.ranks(2)
def test_every_layout_gives_the_records_and_scores_of_one_process() -> None:
    layouts = [Layout.of(**{axis: 2}) for axis in ("data", "tensor", "pipe")]
    first, second = run_ranks(2, on_layouts, layouts)
    one = alone()
    for here, there in zip(first, second, strict=True):
        assert here["scores"] == there["scores"] == one["scores"]
        assert repr(here["given"]) == repr(one["given"])
        assert there["given"] == [], "only rank 0 scores"


def test_workers_hand_over_what_counts() -> None:
    assert scored(Told(), Layout.of(), Here(Place(), CPU), workers=1) == alone()["scores"]


class Unscorable(Told):
    """Scoring fails, and only rank 0 scores."""

    def score(self, totals: Any, records: Any = None) -> dict[str, float]:
        raise ZeroDivisionError("nothing to divide by")


def ends() -> list[str]:
    """How evaluation ends on this rank: without records, stopped by another rank, unscorable, and
    with more corrupt rows than may be.
    """
    layout = Layout.of(data=2)
    with world(Place.from_environment()) as here:
        gather, dist.gather_object = dist.gather_object, None  # type: ignore[assignment]
        said = [str(scored(Doubling(), layout, here))]
        dist.gather_object = gather
        for task, signal in ((Told(), 15 * here.place.rank), (Unscorable(), 0)):
            try:
                scored(task, layout, here, signal)
            except (Stopped, ArithmeticError, RuntimeError) as error:
                said.append(f"{type(error).__name__}: {error}")
        with pytest.raises(ConfigError) as refused:
            scored(Told(), layout, here, allowed=0)
        said.append(str(refused.value))
    return said


@pytest.mark.ranks(2)
def test_ranks_score_stop_and_fail_together_and_sums_alone_gather_nothing() -> None:
    first, second = run_ranks(2, ends)
    scores = str({"loss": 0.0, "count": float(len(ROWS))})
    assert first[:2] == second[:2] == [scores, "Stopped: stopped by signal 15"]
    assert first[2] == "ZeroDivisionError: nothing to divide by"
    assert second[2].startswith("RuntimeError: rank 0 failed: ZeroDivisionError")
    assert first[3] == second[3]
    assert f"row {BROKEN} (rank 1 on {socket.gethostname()}); allowed: 0 at most" in first[3]
