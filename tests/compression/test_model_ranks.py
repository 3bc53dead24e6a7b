"""Two stages of two data ranks each: one norm, one clipping factor, and all skip together."""

from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.compression.learner import (
    BIAS_RATE,
    DECAY,
    flat,
    parameters_of,
    rate,
    set_gradients,
)
from tests.compression.optimizer_simulation import BETA1, BETA2, Run, onebit_adam
from tests.ranks import run_ranks
from zoo.compression.optimizers.onebit_adam import OneBitAdam
from zoo.compression.optimizers.sharded import ShardedOneBitAdam

FREEZE, STEPS = 10, 40
COMMON = {"freeze_step": FREEZE, "codec": "identity", "denominator_floor": 0.0, "clipping": 0.3}


def stages(kind: Any, overflow_at: int = 0, **changes: Any) -> dict[str, Any]:
    """Ranks 0 and 1 hold the first three tensors, ranks 2 and 3 the third too and the others."""
    rank = dist.get_rank()
    stage, data = divmod(rank, 2)
    pairs = [dist.new_group(ranks) for ranks in ([0, 1], [2, 3])]
    models = [dist.new_group(ranks) for ranks in ([0, 2], [1, 3])]
    parameters = parameters_of()
    held = parameters[:3] if stage == 0 else parameters[2:]
    optimizer = kind(
        [{"params": [p], "weight_decay": DECAY if p.ndim == 2 else 0.0} for p in held],
        betas=(BETA1, BETA2),
        group=pairs[stage],
        model_group=models[data],
        counted=lambda p: stage == 0 or p is not parameters[2],
        **COMMON | changes,
    )
    skipped = []
    for step in range(1, STEPS + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate(step) * (1 if group["params"][0].ndim == 2 else BIAS_RATE)
        set_gradients(parameters, data, step)
        if step == overflow_at and rank == 3:
            parameters[2].grad.fill_(torch.inf)  # type: ignore[union-attr]
        optimizer.step()
        skipped.append(optimizer.skipped)
        for source, piece in enumerate([0, 0, 0, 2, 2]):  # as one stage hands on to the other
            dist.broadcast(parameters[source].data, piece)
    return {"end": flat(parameters).numpy(), "norm": optimizer.last_norm, "skipped": skipped}


def world_of_stages() -> dict[str, Any]:
    dist.init_process_group("gloo")
    return {
        "replicated": stages(OneBitAdam),
        "sharded": stages(ShardedOneBitAdam, parameter_codec="identity"),
        "overflow": stages(OneBitAdam, overflow_at=FREEZE + 3)["skipped"],
    }


@pytest.mark.ranks(4)
def test_stages_clip_by_the_norm_of_the_whole_model_and_skip_together() -> None:
    world = run_ranks(4, world_of_stages)
    run = Run(2, codec="identity", floor=0.0, clipping=0.3)
    wanted = list(onebit_adam(run, FREEZE, STEPS))[-1]
    for rank in world:
        for kind in ("replicated", "sharded"):
            distance = (torch.from_numpy(rank[kind]["end"]) - wanted).norm() / wanted.norm()
            assert distance < 1e-10, kind
            assert abs(rank[kind]["norm"] / world[0][kind]["norm"] - 1) < 1e-12
        assert rank["overflow"] == [step == FREEZE + 3 for step in range(1, STEPS + 1)]
