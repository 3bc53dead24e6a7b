"""Gradients on their way: equal copies on tensor ranks, sums in fp32, fp16 with its own scale."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from deepspeed.comm.torch import TorchBackend
from deepspeed.runtime.fp16 import unfused_optimizer
from torch import nn

from tests.ranks import run_ranks
from zoo.engines.groups import Groups
from zoo.engines.update.gradients import keep_copies_equal, scale_losses, sum_in_fp32, unscale_by
from zoo.engines.upstream import norm_as_summed, patient_groups
from zoo.layout import Layout, Place
from zoo.training.world import world

MINUTES = 7


def engine(stage: int, *parameters: nn.Parameter) -> Any:
    """As much of DeepSpeed's engine as is asked, on its last micro-batch."""
    return SimpleNamespace(
        module=nn.ParameterList(parameters),
        zero_optimization_stage=lambda: stage,
        zero_overlap_comm=lambda: False,
        is_gradient_accumulation_boundary=lambda: True,
        allreduce_gradients=lambda: None,
    )


def copies_of(stage: int, place: Place, group: Any) -> list[float]:
    """The gradient of a parameter and of one kept in fp32, both other on every rank before."""
    one, wide = (nn.Parameter(torch.zeros(2, dtype=torch.bfloat16)) for _ in range(2))
    inner = engine(stage, one, wide)
    keep_copies_equal(inner, [one, wide], group)
    (one * (place.rank + 1)).sum().backward()
    if stage < 2:
        wide.grad_accum = torch.full((2,), 4.0 * place.rank)  # type: ignore[attr-defined]
    else:
        (wide * 4.0 * place.rank).sum().backward()
    inner.allreduce_gradients()
    last = wide.grad_accum if stage < 2 else wide.grad  # type: ignore[attr-defined]
    assert one.grad is not None and last is not None
    return [*one.grad.tolist(), *last.tolist()]


def on_tensor_ranks() -> tuple[list[list[float]], set[float]]:
    """Both ways to average, and how long each group waits, DeepSpeed's too."""
    place = Place.from_environment()
    with world(place):
        group = Groups.of(Layout.of(tensor=2), place.rank).along("tensor")
        found = [copies_of(stage, place, group) for stage in (1, 2)]
        with patient_groups():
            theirs = TorchBackend.new_group(SimpleNamespace(), [0, 1])  # type: ignore[arg-type]
        groups = (dist.group.WORLD, group, theirs)
        waits = {g._get_backend(torch.device("cpu")).options._timeout for g in groups}  # type: ignore[union-attr]
    return found, {wait.total_seconds() / 60 for wait in waits}


@pytest.mark.ranks(2)
def test_copies_on_tensor_ranks_get_one_gradient_and_every_group_one_time_out() -> None:
    for found, waits in run_ranks(2, patiently):
        assert found == [[1.5, 1.5, 2.0, 2.0]] * 2
        assert waits == {MINUTES}


def patiently() -> Any:
    """With a time-out of its own: ranks come from a server that started before the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPSPEED_TIMEOUT", str(MINUTES))
        return on_tensor_ranks()


def test_micro_batches_are_added_up_in_fp32_and_a_missing_gradient_is_zero() -> None:
    used, unused = (nn.Parameter(torch.zeros(1, dtype=torch.bfloat16)) for _ in range(2))
    inner = engine(0, used, unused)
    sum_in_fp32(inner)
    for part in (256.0, 1.0, 1.0):  # bf16 has 8 bits: 256 + 1 is 256
        (used * part).sum().backward()
    inner.allreduce_gradients()
    assert used.grad is not None and unused.grad is not None
    assert (used.grad.item(), unused.grad.item()) == (258.0, 0.0)
    assert used.grad.dtype == unused.grad.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_norm_without_zero_is_that_of_the_sums_and_not_of_what_the_weights_can_hold(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfused_optimizer.dist, "get_rank", lambda: 0)
    weight = nn.Parameter(torch.zeros(1, dtype=dtype))
    wrapped = unfused_optimizer.FP16_UnfusedOptimizer(
        torch.optim.SGD([weight], lr=1.0), low_precision_dtype=dtype, clip_grad=1.0
    )
    norm_as_summed(SimpleNamespace(optimizer=wrapped))
    weight.grad_dtype = torch.float32
    weight.grad = torch.tensor([70001.0])  # fp16 ends at 65,504, bf16 has 8 bits
    wrapped.step()
    assert wrapped._global_grad_norm == pytest.approx(70001.0, rel=1e-6)
    assert wrapped.fp32_groups[0][0].item() == pytest.approx(-1.0)


def test_an_fp16_loss_is_multiplied_by_what_its_gradients_are_divided_by() -> None:
    seen: list[float] = []
    optimizer = SimpleNamespace(loss_scale=8.0)
    inner = SimpleNamespace(optimizer=optimizer, backward=lambda loss: seen.append(loss.item()))
    scale_losses(inner)
    inner.backward(torch.tensor(3.0, dtype=torch.float16))
    assert seen == [24.0]


def test_a_step_in_which_fp16_raises_its_scale_is_not_halved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unfused_optimizer.dist, "get_rank", lambda: 0)
    weight = nn.Parameter(torch.ones(3, dtype=torch.float16))
    inner = torch.optim.SGD([weight], lr=1.0)
    wrapped = unfused_optimizer.FP16_UnfusedOptimizer(inner, dynamic_loss_scale=True)
    (master,) = inner.param_groups[0]["params"]
    scaling, before = wrapped.loss_scale_config, 8.0
    scaling.cur_scale, scaling.cur_iter, scaling.last_overflow_iter = before, 2, 0
    scaling.scale_window = 1
    unscale_by(SimpleNamespace(optimizer=wrapped), lambda: before)
    start = master.detach().clone()
    weight.grad = torch.full_like(weight, 0.25 * before)
    wrapped.step()
    assert wrapped.loss_scale == 2 * before
    assert (start - master).tolist() == [0.25] * 3
