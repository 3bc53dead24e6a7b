"""Measures here what a step costs: the model's passes, and each way's own classes at work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Optimizer
from transformers import PreTrainedModel

from zoo.compression.fused import Fused
from zoo.compression.gradients.compressor import Dense
from zoo.engines.exchange.build import build_exchange
from zoo.engines.exchange.kept import Exchange
from zoo.engines.exchange.reductions import Compressed
from zoo.engines.groups import Groups
from zoo.engines.holdings import full_shapes, holdings
from zoo.engines.update.optimizer import build_optimizer
from zoo.engines.upstream import quiet_deepspeed
from zoo.layout import Layout, Place
from zoo.planning.advice import Calibration, Cost
from zoo.planning.loopback import loopback
from zoo.planning.passes import fastest, filled_model, measured_passes
from zoo.planning.ways import Question, Way, in_full_effect
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import batching
from zoo.training.checks import ring_two
from zoo.training.feeding.prepared import prepare
from zoo.training.world import device_of

MOST = 64_000_000  # elements whose exchange is measured; more are scaled
CALLS = 4  # of an exchange at least: other processes disturb the first ones


def calibrate(question: Question) -> Calibration:
    """Opens data and model, and measures passes and every legal way, in this process alone.

    Raises ConfigError where ring two does; no process group is left behind.
    """
    quiet_deepspeed()
    recipe, link = question.recipe, question.link
    device = device_of(Place())
    checked = ring_two(recipe, link.ranks, device.type, any_base=True)
    prepared = prepare(recipe, checked)
    model = filled_model(recipe, checked, device)
    with own_threads(link.per_node) as threads:
        passes = measured_passes(recipe, checked, prepared, model)
        total, part = shrink(model)
        with loopback(link.ranks):
            costs = {
                way.name: scaled(measured(way, model, link.ranks), total / part)
                for way in question.ways
                if way.recipe is not None
            }
    steps, accumulation = prepared.steps, batching(recipe, checked.layout).accumulation
    return Calibration(passes, accumulation, costs, total, part, steps, str(device), threads)


@contextmanager
def own_threads(per_node: int) -> Iterator[int]:
    """As many threads as `zoo launch` leaves a process: one, where several share a machine."""
    before = torch.get_num_threads()
    found = 1 if per_node > 1 and "OMP_NUM_THREADS" not in os.environ else before
    torch.set_num_threads(found)
    try:
        yield found
    finally:
        torch.set_num_threads(before)


def shrink(model: PreTrainedModel) -> tuple[int, int]:
    """Leaves whole fp32 parameters of at most MOST elements in training; all and those left."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    left = 0
    for parameter in trained:
        if left and left + parameter.numel() > MOST:
            parameter.requires_grad_(False)
            continue
        left += parameter.numel()
        parameter.data = parameter.data.float()
    return sum(parameter.numel() for parameter in trained), left


def scaled(cost: Cost, factor: float) -> Cost:
    """What the whole model costs, from what a part of it does."""
    return replace(cost, seconds=cost.seconds * factor, sent=cost.sent * factor)


def measured(way: Way, model: PreTrainedModel, ranks: int) -> Cost:
    """Seconds and bytes a step of a way's exchange and update, once it compresses."""
    assert way.recipe is not None
    recipe = in_full_effect(way.recipe)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    generator = torch.Generator(trained[0].device).manual_seed(recipe.run.seed)
    for parameter in trained:
        parameter.grad = torch.empty_like(parameter).normal_(0, 1e-3, generator=generator)
    exchange, optimizer = built(recipe, model, ranks)
    period = getattr(recipe.parallel.compression, "every", 1)
    steps = stepping(exchange, optimizer)

    def once() -> None:
        for _ in range(period):
            next(steps)

    for _ in range(2 if period == 1 else 1):  # the first is dense, the second makes what is kept
        once()
    before = exchange.sent
    once()
    sent = (exchange.sent - before) / period
    return Cost(fastest(once, trained[0].device, CALLS) / period, sent)


def built(recipe: Recipe, model: PreTrainedModel, ranks: int) -> tuple[Exchange, Optimizer]:
    """The exchange and the optimizer of a run; one all-reduce stands in for DeepSpeed's."""
    layout = Layout.of(data=ranks)
    held = holdings(model, layout, 0, full_shapes(model), {}, {})
    optimizer = build_optimizer(recipe, model, None, 100)
    exchange = build_exchange(recipe, model, held, optimizer, Groups(layout, 0), 100)
    if not exchange.averages:
        trained = [one for one in held.parameters if one.tensor.requires_grad]
        tensors: list[Tensor] = [one.tensor for one in trained]
        whole, unused = (Dense(Fused(tensors), None, tensors[0].device) for _ in range(2))
        exchange = Compressed(whole, unused, trained, ranks, 0, agreed=bool)
    return exchange, optimizer


def stepping(exchange: Exchange, optimizer: Optimizer) -> Iterator[None]:
    """Takes steps without end, as an engine does once gradients are there."""
    step = 0
    while True:
        step += 1
        exchange.average(step)
        optimizer.step()
        exchange.stepped(step)
        yield
