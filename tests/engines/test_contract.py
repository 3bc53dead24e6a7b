"""What is ours in a step stands without DeepSpeed, and makes ranks count and stop as one."""

import subprocess
import sys
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from tests.engines.doubles import Doubling, Told, contract
from tests.ranks import run_ranks
from zoo.engines.contract import MOST_SKIPPED
from zoo.engines.engine import NonFiniteLoss, Record
from zoo.engines.sums import QUIET, Notice
from zoo.layout import Layout
from zoo.tasks.task import Lost

ALONE = Layout.of()
BATCH: dict[str, Any] = {"count": torch.tensor(3.0).double(), "corrupt": 1, "ids": [5, 6, 7, 8]}
BATCH |= {"examples": 4, "places": (6, 8)}


def test_it_is_there_without_deepspeed() -> None:
    lines = "import sys; sys.modules['deepspeed'] = None; import zoo.engines.contract"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def draws(layout: Layout, rank: int, index: int, micro_batches: int, step: int = 0) -> list[float]:
    """What a model would draw in one micro-batch, from both generators."""
    ours = contract(Doubling(), layout, rank)
    ours.step = step
    ours.seed_generators(index, [BATCH] * micro_batches)
    return [*torch.rand(2).tolist(), np.random.random()]


def test_a_micro_batch_draws_the_same_wherever_it_is_computed() -> None:
    whole = [draws(ALONE, 0, index, 4) for index in range(4)]
    assert len({tuple(one) for one in whole}) == 4
    halves = [draws(Layout.of(data=2), rank, index, 2) for rank in range(2) for index in range(2)]
    assert halves == whole
    tensor = Layout.of(data=2, tensor=2)
    assert [draws(tensor, rank, 1, 2) for rank in range(4)] == [whole[1], whole[1], *[whole[3]] * 2]
    assert draws(ALONE, 0, 0, 4, step=1) not in whole


def test_stages_take_up_a_micro_batch_with_the_same_numbers() -> None:
    stages = [draws(Layout.of(pipe=2), rank, 0, 1) for rank in range(2)]
    assert stages == [draws(ALONE, 0, 0, 1)] * 2, "layers tell theirs apart: tests/models"


def test_a_step_is_the_sum_of_losses_over_the_count_of_targets() -> None:
    ours = contract(Doubling(), ALONE)
    counting = ours.counts([BATCH, BATCH], Notice(15))
    total = ours.checked(ours.loss_of_all(torch.tensor(3.0).double()), 3.0, [BATCH])
    step = ours.finished(total, 2.0, 0.1, False, counting, [BATCH])
    assert (step.examples, step.places) == (8, (12, 16))
    assert (step.loss, step.grad_norm, step.lr, step.skipped) == (0.5, 2.0, 0.1, False)
    assert (step.targets, step.corrupt, step.signal, step.sent) == (6, 2, 15, 0)
    assert ours.step == 1


def test_a_loss_that_is_not_finite_stops_before_anybody_updates_unless_fp16_skips() -> None:
    bad = torch.tensor(float("nan")).double()
    ours = contract(Doubling(), ALONE)
    with pytest.raises(NonFiniteLoss, match=r"rank 0: loss nan, examples \[5, 6, 7, 8\]"):
        ours.checked(ours.loss_of_all(bad), float("nan"), [BATCH])
    half = contract(Doubling(), ALONE, dtype=torch.float16)
    assert np.isnan(half.checked(half.loss_of_all(bad), float("nan"), [BATCH]))


def test_fifty_skipped_steps_in_a_row_are_a_loss_that_is_not_finite() -> None:
    ours = contract(Doubling(), ALONE)

    def step(skipped: bool) -> None:
        ours.finished(1.0, 1.0, 0.1, skipped, ours.counts([BATCH], QUIET), [BATCH])

    for skipped in [True] * (MOST_SKIPPED - 1) + [False] + [True] * (MOST_SKIPPED - 1):
        step(skipped)
    again = contract(Doubling(), ALONE)
    again.restore(ours.step, ours.counters())
    assert (again.step, again.skipped_in_a_row) == (2 * MOST_SKIPPED - 1, MOST_SKIPPED - 1)
    with pytest.raises(NonFiniteLoss):
        step(True)


class Losing(Doubling):
    """Examples may lose their targets for two reasons."""

    lost = MappingProxyType({"dropped": Lost("task", ""), "cut": Lost("task", "")})


def lossy(targets: float, dropped: int, cut: int) -> dict[str, Any]:
    """A micro-batch that lost some of its targets."""
    return BATCH | {"count": torch.tensor(targets), "lost": {"cut": cut, "dropped": dropped}}


def test_examples_that_lost_targets_are_counted_by_reason() -> None:
    ours = contract(Losing(), ALONE)
    batches = [lossy(3.0, 1, 0), lossy(0.0, 2, 4)]
    counting = ours.counts(batches, QUIET)
    assert ours.has_targets(counting, batches)
    step = ours.finished(1.0, 1.0, 0.1, False, counting, batches)
    assert (step.targets, dict(step.lost)) == (3, {"dropped": 3, "cut": 4})


def test_steps_without_a_target_are_counted_and_stop_no_run() -> None:
    ours, batches = contract(Losing(), ALONE), [lossy(0.0, 2, 0)]
    for number in range(MOST_SKIPPED + 1):
        counting = ours.counts(batches, Notice(15))
        assert not ours.has_targets(counting, batches)
        step = ours.without_targets(0.1, counting, batches)
        assert ours.step == number + 1
    assert (step.skipped, step.targets, step.signal, step.lr) == (True, 0, 15, 0.1)
    assert np.isnan(step.loss) and step.lost["dropped"] == 2


def one_rank_has_targets() -> list[Any]:
    """What two ranks find of a step in which the second alone has a target, or nobody."""
    dist.init_process_group("gloo")
    ours, found = contract(Losing(), Layout.of(data=2), dist.get_rank()), []
    for targets in (5.0 * dist.get_rank(), 0.0):
        counting = ours.counts([lossy(targets, 1, 0)], QUIET)
        found.append(ours.has_targets(counting, [lossy(targets, 1, 0)]))
        found.append(ours.finished(1.0, 1.0, 0.1, False, counting, []).lost["dropped"])
    dist.destroy_process_group()
    return found


@pytest.mark.ranks(2)
def test_all_ranks_agree_whether_a_step_has_a_target() -> None:
    assert run_ranks(2, one_rank_has_targets) == [[True, 2, False, 2]] * 2


def test_an_overflow_in_the_forward_of_a_skipped_step_leaves_no_running_statistics() -> None:
    norm = torch.nn.BatchNorm1d(2)
    ours = contract(Doubling(), ALONE, dtype=torch.float16)
    ours.module = torch.nn.Sequential(norm)
    for skipped, value in ((False, 3.0), (True, torch.inf), (True, torch.nan)):
        counting = ours.begin([BATCH], QUIET)
        norm(torch.full((4, 2), value))
        ours.finished(1.0, 1.0, 0.1, skipped, counting, [BATCH])
    assert norm.running_mean.tolist() == pytest.approx([0.3, 0.3])
    assert norm.running_var.tolist() == pytest.approx([0.9, 0.9])


def test_one_rank_of_a_model_speaks_and_one_counts() -> None:
    layout = Layout.of(pipe=2, data=2, tensor=2)
    all_of_them = [contract(Doubling(), layout, rank) for rank in range(layout.world)]
    assert [one.rank for one in all_of_them if one.counts_targets] == [0, 2]
    assert [one.rank for one in all_of_them if one.speaks] == [4, 6]


def together(layouts: list[Layout]) -> list[dict[str, Any]]:
    """What two ranks make of their counts, losses and tallies, layout by layout."""
    dist.init_process_group("gloo")
    rank, found = dist.get_rank(), []
    for layout in layouts:
        ours = contract(Doubling(), layout, rank)
        (targets, corrupt, *_), told = ours.counts([BATCH], Notice(15 * rank, rank == 0)).found
        loss = ours.checked(ours.loss_of_all(torch.tensor(4.0).double()), 4.0, [BATCH])
        tallies = {"table": torch.ones(2, 2), "loss": torch.ones(())}
        totals, stop = ours.joined(tallies, Notice(15 * rank))
        sums = {name: value.tolist() for name, value in totals.items()}
        own = float("inf") if ours.speaks else 1.0
        with pytest.raises(NonFiniteLoss) as caught:
            ours.checked(ours.loss_of_all(torch.tensor(own).double()), own, [BATCH])
        found.append(
            {
                "counts": (targets, corrupt, *told),
                "loss": loss,
                "tallies": (sums, stop),
                "culprits": str(caught.value).count("loss inf"),
            }
        )
    dist.destroy_process_group()
    return found


@pytest.mark.ranks(2)
def test_ranks_of_one_model_count_once_and_data_ranks_add_up() -> None:
    cuts = {"data": 2, "tensor": 1, "pipe": 1}
    by_rank = run_ranks(2, together, [Layout.of(**{axis: 2}) for axis in cuts])
    for rank in by_rank:
        for share, found in zip(cuts.values(), rank, strict=True):
            assert found == {
                "counts": (3.0 * share, 1.0 * share, 15, True),
                "loss": 4.0 * share,
                "tallies": ({"loss": 1.0 * share, "table": [[1.0 * share] * 2] * 2}, (15, False)),
                "culprits": share,
            }


def entries_of(task: Doubling, layout: Layout, rank: int) -> list[Record]:
    """The records of one micro-batch of four, its last two places padding and a stand-in."""
    batch = {
        "inputs": {"numbers": torch.arange(4.0)},
        "ids": [5, 6, 7, 8],
        "counted": [True, True, False, False],
    }
    outputs = {"doubles": 2 * torch.arange(4.0)}
    return contract(task, layout, rank).records(outputs, batch)


def test_records_are_of_what_counts_and_from_who_speaks() -> None:
    layout = Layout.of(pipe=2, tensor=2)
    assert [len(entries_of(Told(), layout, rank)) for rank in range(4)] == [0, 0, 2, 0]
    (first, told), (second, _) = entries_of(Told(), layout, 2)
    assert (first, second) == (5, 6)
    assert (told["guess"], told["pair"].tolist(), told["name"]) == (0.0, [0.0, 1.0], "row 0")
    assert entries_of(Doubling(), layout, 2) == []
