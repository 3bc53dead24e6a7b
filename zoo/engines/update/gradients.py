"""What is done to gradients between backward and the update, where DeepSpeed does not do it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from deepspeed.runtime.utils import combine_grad_norm_groups
from torch import Tensor


def gradient_of(parameter: Any) -> Tensor | None:
    """A step's gradient so far: in `grad_accum` where ZeRO 1 sums wider than the weights are.

    runtime/zero/stage_1_and_2.py.
    """
    wide: Tensor | None = getattr(parameter, "grad_accum", None)
    narrow: Tensor | None = parameter.grad
    return narrow if wide is None else wide


def before_reduction(engine: Any, change: Callable[[], None]) -> None:
    """Runs `change` once a step, when all gradients are there and none has been reduced.

    At ZeRO 0 and 1 without overlap, in pipelines too: `allreduce_gradients`, runtime/engine.py.
    """
    reduce = engine.allreduce_gradients

    def reduced(*args: Any, **options: Any) -> None:
        if engine.is_gradient_accumulation_boundary():
            change()
        reduce(*args, **options)

    engine.allreduce_gradients = reduced


def sum_in_fp32(engine: Any) -> None:
    """At ZeRO 0 in half precision: gradients are fp32, which upstream refuses to be asked for.

    Autograd itself adds up in the type that a parameter wants its gradient in. A parameter without
    one gets zeros upstream, of the wrong type: `_get_gradients_for_reduction`, runtime/engine.py.
    """
    trained = [p for p in engine.module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.grad_dtype = torch.float32

    def fill() -> None:
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter, dtype=torch.float32)

    before_reduction(engine, fill)


def norm_of_all_stages(engine: Any, together: Any) -> None:
    """Lets stages have different numbers of optimizer groups under ZeRO; all their ranks call it.

    Upstream adds the norm up group by group over stages and tensor ranks, and would wait for ever
    where one has fewer: `scaled_global_norm`, runtime/zero/stage_1_and_2.py.
    """
    optimizer = engine.optimizer
    most = torch.tensor(len(optimizer.bit16_groups), device=engine.device)
    dist.all_reduce(most, dist.ReduceOp.MAX, group=together)
    elsewhere = int(most) - len(optimizer.bit16_groups)
    own = optimizer.scaled_global_norm

    def of_all(norm_type: int = 2) -> Tensor:
        norms = [own(norm_type)]
        norms += [optimizer.get_grad_norm_direct([], []) for _ in range(elsewhere)]
        found: Tensor = combine_grad_norm_groups(norms, norm_type)
        return found

    optimizer.scaled_global_norm = of_all


def keep_copies_equal(engine: Any, copies: Sequence[Any], group: Any) -> None:
    """Gives parameters that every tensor rank of `group` has whole the mean of their gradients.

    They are the same but for kernels that add up in no fixed order (on GPUs), by which copies would
    part. Once a step in one message; where ZeRO reduces during backward, one by one in its order.
    """
    if engine.zero_optimization_stage() >= 2 or engine.zero_overlap_comm():
        for copy in copies:
            copy.register_hook(lambda gradient: means([gradient], group)[0])
        return

    def average() -> None:
        found = [g for copy in copies if (g := gradient_of(copy)) is not None]
        for gradient, mean in zip(found, means(found, group), strict=True):
            gradient.copy_(mean)

    before_reduction(engine, average)


def means(gradients: Sequence[Tensor], group: Any) -> list[Tensor]:
    """The mean over a group of each gradient, in its type; one message, in fp32."""
    if not gradients:
        return []
    flat = torch.cat([gradient.detach().float().flatten() for gradient in gradients])
    dist.all_reduce(flat, group=group)
    parts = flat.div_(group.size()).split([gradient.numel() for gradient in gradients])
    return [p.view_as(g).to(g.dtype) for p, g in zip(parts, gradients, strict=True)]


def scale_losses(engine: Any) -> None:
    """Multiplies fp16 losses at ZeRO 0 by the factor that its optimizer divides gradients by.

    Upstream scales them under ZeRO only: `backward`, runtime/engine.py; without it the gradients of
    an update are tens of thousands of times too small.
    """
    backward = engine.backward

    def scaled(loss: Tensor, *args: Any, **options: Any) -> Any:
        return backward(loss.float() * engine.optimizer.loss_scale, *args, **options)

    engine.backward = scaled


def unscale_by(engine: Any, scale: Callable[[], float]) -> None:
    """Divides fp16 gradients at ZeRO 0 by the factor that their loss had.

    Upstream raises the factor first and divides by the new one, which halves that step's update:
    runtime/fp16/unfused_optimizer.py: step, unscale_and_clip_grads.
    """
    optimizer = engine.optimizer
    own, scaling = optimizer.unscale_and_clip_grads, optimizer.loss_scale_config

    def unscaled(norm: Any, apply_scale: bool = True) -> Any:
        raised, scaling.cur_scale = scaling.cur_scale, scale()
        try:
            return own(norm, apply_scale)
        finally:
            scaling.cur_scale = raised

    optimizer.unscale_and_clip_grads = unscaled
