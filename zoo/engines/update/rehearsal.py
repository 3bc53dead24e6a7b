"""A step that changes nothing: forward, backward and reduction without the update."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from zoo.engines import state

_COUNTS = ("global_steps", "skipped_steps", "global_samples", "micro_steps", "micro_batches")


@contextmanager
def unchanged(engine: Any, module: nn.Module, micro_batches: int) -> Iterator[None]:
    """While it is open, DeepSpeed's engine is before the last of a step's micro-batches (in a
    pipeline before the first of `micro_batches`), and the update of that step is dropped.

    At its end counters, loss scaler and buffers are as before, and no gradient is left; all ranks
    call it between two steps. runtime/engine.py, runtime/pipe/engine.py.
    """
    counts = {name: getattr(engine, name) for name in _COUNTS if hasattr(engine, name)}
    scaler, take = state.scaler_state(engine), engine._take_model_step
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    engine.micro_steps = engine.gradient_accumulation_steps() - 1
    if "micro_batches" in counts:
        engine.micro_batches = micro_batches
    engine._take_model_step = lambda lr_kwargs=None: _dropped(engine)
    try:
        yield
    finally:
        engine._take_model_step = take
        for name, value in counts.items():
            setattr(engine, name, value)
        state.set_scaler(engine, scaler)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def _dropped(engine: Any) -> None:
    """Drops the gradients of a step as DeepSpeed drops those that overflow, on all ranks.

    `step`, runtime/zero/{stage_1_and_2,stage3}.py; at ZeRO 0 they are the parameters'.
    """
    optimizer = engine.optimizer
    if not engine.zero_optimization():
        engine.zero_grad()
        return

    def overflown(*args: Any, **options: Any) -> bool:
        optimizer.overflow = True
        return True

    own = {"check_overflow": overflown, "_overflow_check_and_loss_scale_update": overflown}
    own["_update_scale"] = lambda *args: True
    asked = vars(optimizer).get("check_grad_overflow")
    optimizer.check_grad_overflow = True
    vars(optimizer).update(own)
    try:
        optimizer.step()
    finally:
        for name in own:
            delattr(optimizer, name)
        optimizer.check_grad_overflow, optimizer.overflow = asked, False
    engine.optimizer.zero_grad()
    state.forget_gradients(engine)
