"""A gradient that is not finite on one rank: all ranks skip the step, and nothing keeps it."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tests.ranks import run_ranks
from tests.runs import NO_DROPOUT, twin
from zoo.data.rows import Batch
from zoo.engines.build import build_engine
from zoo.engines.engine import Engine, Step
from zoo.layout import Place
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two
from zoo.training.feeding.batches import training_batches
from zoo.training.run import prepare
from zoo.training.world import Here, world

SMALL = (
    *("run.steps=20", "data.workers=0", "run.batch=4", "run.micro_batch=1"),
    *("model.config.n_embd=16", "model.config.n_layer=2", "task.sequence_length=16"),
    *("optimizer.scheduler=false", "parallel.zero.stage=0"),
    *(f"model.config.{key}=0.0" for key in NO_DROPOUT["gpt2"]),
)
RATE = "optimizer.params.lr=1e-2"
SGD = {"type": "SGD", "params": {"lr": 0.1, "momentum": 0.9}}
SGD_WORDS = ("optimizer=" + json.dumps(SGD | {"gradient_clipping": 1.0}),)
KIND = "parallel.compression.kind"
AVERAGE = "optimizer.ema.decay=0.9"
FREEZE = "optimizer.params.freeze_step=3"
BAD = 5
"""The step, from 0, whose gradient is poisoned."""

HOW: dict[str, tuple[str, ...]] = {
    "ZeRO 0": (AVERAGE,),
    "ZeRO 0 with SGD": SGD_WORDS,
    "2 stages": ("parallel.pipeline.stages=2",),
    "2 tensor ranks": ("parallel.tensor=2",),
    "int8": (f"{KIND}=int8",),
    "fp16": (f"{KIND}=fp16",),
    "top-k": (f"{KIND}=top-k", "parallel.compression.ratio=0.05"),
    "top-k with SGD": (*SGD_WORDS, f"{KIND}=top-k"),
    "local-sgd": (  # without momentum, as reading the state makes ranks meet
        *(f"{KIND}=local-sgd", "parallel.compression.every=4"),
        *("parallel.compression.outer_lr=1", "parallel.compression.outer_momentum=0"),
    ),
    "OneBitAdam": ("optimizer.type=OneBitAdam", FREEZE),
    "ZeRO 0 in bf16": ("run.precision=bf16",),
    "ZeRO 1": ("parallel.zero.stage=1",),
    "ZeRO 2 in bf16": ("parallel.zero.stage=2", "run.precision=bf16"),
    "ZeRO 3": ("parallel.zero.stage=3", AVERAGE),
    "2 stages in bf16": (
        *("parallel.pipeline.stages=2", "parallel.zero.stage=1", "run.precision=bf16"),
    ),
    "2 stages with ZeRO 1": ("parallel.pipeline.stages=2", "parallel.zero.stage=1"),
    "bf16": (f"{KIND}=bf16",),
    "int8 in bf16": (f"{KIND}=int8", "run.precision=bf16"),
    "int4": (f"{KIND}=int4",),
    "power-sgd": (f"{KIND}=power-sgd",),
    "OneBitAdam, ZeRO 1": ("optimizer.type=OneBitAdam", FREEZE, "parallel.zero.stage=1"),
    "ZeroOneAdam": (
        *("optimizer.type=ZeroOneAdam", "optimizer.params.var_freeze_step=3"),
        *("optimizer.params.local_step_scaler=2", "optimizer.params.local_step_clipper=4"),
    ),
    "OneBitLamb": ("optimizer.type=OneBitLamb", FREEZE),
}


def built(how: str, here: Here) -> tuple[Engine, Iterator[list[Batch]]]:
    """The engine of a way to exchange, and this rank's micro-batches."""
    types = [word for word in HOW[how] if word.startswith(("optimizer=", "optimizer.type"))]
    rest = [word for word in HOW[how] if word not in types]
    rate = "optimizer.params.lr=1e-3" if types else RATE
    rates = [] if any("params" in word for word in types) else [rate]
    words = [*types, *rates, *SMALL, *rest]
    recipe = load_recipe(twin("causal-lm"), words, tiny=True)
    checked = ring_two(recipe, here.place.world)
    prepared = prepare(recipe, checked)
    engine = build_engine(
        recipe, checked.layout, here.place, checked.task, checked.model, checked.weights,
        here.device, prepared.steps,
    )  # fmt: skip
    batches = training_batches(recipe, checked, prepared.train, prepared.order, 0, here, 0)
    return engine, batches


def poisoned(engine: Any, poisons: bool) -> Callable[[], None]:
    """One element of one gradient is infinite, where this rank `poisons`, until what is returned
    is called.
    """
    if not poisons:
        return lambda: None
    module = engine.wrapped.inner.module
    trained = next(p for n, p in module.named_parameters() if n.endswith("c_fc.weight"))

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        spoilt = gradient.clone()
        spoilt.view(-1)[0] = torch.inf
        return spoilt

    return trained.register_hook(spoil).remove


def state(engine: Any) -> dict[str, Any]:
    """All that a checkpoint would hold, but for how far ranks were apart when they last met: to
    read the state makes them meet.
    """
    found: dict[str, Any] = {f.key: f.tensor.detach().clone() for f in engine.fragments()}
    met = {key: value for key, value in found.items() if not key.startswith("outer_momentum")}
    counters = engine.counters()
    return met | {key: counters[key] for key in ("schedule", "average")}


def different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The keys whose values differ."""
    return [
        key
        for key, value in one.items()
        if not (torch.equal(value, other[key]) if torch.is_tensor(value) else value == other[key])
    ]


def skip_one(names: list[str]) -> dict[str, Any]:
    """For each way: what a poisoned step changed, what it told, and the losses that follow."""
    found = {}
    with world(Place.from_environment()) as here:
        for how in names:
            engine, batches = built(how, here)
            shares = [next(batches) for _ in range(BAD + 4)]
            for share in shares[:BAD]:
                engine.train_batch(share)
            before = state(engine)
            # stage 0 is the hard one: from a later stage what is not finite flows on to it
            well = poisoned(engine, here.place.rank == (0 if "stages" in how else 1))
            step = engine.train_batch(shares[BAD])
            well()
            changed = different(before, state(engine))
            after = [engine.train_batch(share) for share in shares[BAD + 1 :]]
            found[how] = (changed, step, after)
            engine.close()
    return found


def check(how: str, by_rank: list[dict[str, Any]]) -> None:
    """Nothing changed, so the run goes on as if the step had not been, and all ranks say so."""
    steps: list[Step] = []
    for found in by_rank:
        changed, step, after = found[how]
        assert changed == [], how
        assert step.skipped and math.isfinite(step.loss), (how, step)
        assert not math.isfinite(step.grad_norm), (how, step)
        assert not any(one.skipped for one in after), (how, after)
        assert all(math.isfinite(one.loss + one.grad_norm) for one in after), (how, after)
        steps.append(step)
    told = [(one.loss, one.grad_norm, one.skipped) for one in steps]
    assert len(set(map(str, told))) == 1, (how, told)


MODEL_RANKS = [how for how in HOW if "stages" in how or "tensor" in how]
QUICK = {"ZeRO 0", "2 stages", "int8", "top-k with SGD", "local-sgd", "OneBitAdam"}
WORLDS = [
    [how for how in HOW if how in QUICK and how not in MODEL_RANKS],
    [how for how in HOW if how not in QUICK and how not in MODEL_RANKS],
    *([how] for how in MODEL_RANKS),  # DeepSpeed's own groups are of a process
]


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "names", [pytest.param(n, marks=[] if set(n) <= QUICK else pytest.mark.slow) for n in WORLDS]
)
def test_a_gradient_that_is_not_finite_on_one_rank_leaves_no_trace(names: list[str]) -> None:
    by_rank = run_ranks(2, skip_one, names, timeout=500)
    for how in names:
        check(how, by_rank)
