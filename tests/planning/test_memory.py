"""What `zoo show --memory` says is what an engine holds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.ranks import run_ranks
from tests.runs import LAYOUTS
from zoo.engines.build import build_engine
from zoo.engines.state import torch_optimizer
from zoo.layout import Layout, Place
from zoo.planning.memory import memory_of, shares
from zoo.recipe import load_recipe
from zoo.telling.memory import BY_TIME, Kept, memory_page
from zoo.training.checks import ring_two
from zoo.training.feeding.batches import training_batches
from zoo.training.feeding.prepared import prepare
from zoo.training.world import world

TARGETS = ["q_proj", "v_proj", "down_proj"]
LORA = {"r": 5, "target_modules": TARGETS}  # of a rank that two do not divide
NF4 = "model.lora.bnb_4bit.quant_type=nf4"
EVERY = {
    "one": (1, ()),
    "one in bf16": (1, ("run.precision=bf16",)),
    "bf16 in halves": (2, ("run.precision=bf16", "parallel.zero.stage=2")),
    "zero-3 of halves": (
        *(2, ("parallel.zero.stage=3", "parallel.zero.stage3_param_persistence_threshold=1000")),
    ),
    "one in 4 bits": (1, ("run.precision=bf16", NF4)),
    "zero-3 in 4 bits": (2, ("parallel.zero.stage=3", NF4)),
    "pipeline-2 in 4 bits": (2, ("parallel.pipeline.stages=2", NF4)),
} | {name: LAYOUTS[name] for name in ("zero-1", "zero-2", "zero-3", "pipeline-2", "tensor-2")}


def measured(path: Path, words: tuple[str, ...]) -> tuple[tuple[int, int], list[Kept]]:
    """This rank's bytes of weights and of the optimizer after a step, and what was said of each
    stage.
    """
    place = Place.from_environment()
    recipe = load_recipe(path, words)
    checked = ring_two(recipe, place.world)
    said = [one.trained + one.frozen for one in shares(recipe, checked.layout, checked.model)]
    prepared = prepare(recipe, checked)
    with world(place) as here:
        engine: Any = build_engine(
            recipe, checked.layout, place, checked.task, checked.model, checked.weights,
            here.device, prepared.steps,
        )  # fmt: skip
        batches = training_batches(recipe, checked, prepared.train, prepared.order, 0, here, 0)
        engine.train_batch(next(batches))
        inner = engine.wrapped.inner
        held = [p for p in checked.model.parameters() if not p.is_meta]
        found = sum(map(weight, held)), sum(map(bytes_in, kept_of(inner)))
        engine.close()
    return found, said


def weight(parameter: Any) -> int:
    """The bytes of a parameter that this rank keeps, its share under ZeRO 3 and the whole, and the
    scales of one in 4 bits.
    """
    share, packed = getattr(parameter, "ds_tensor", None), getattr(parameter, "quant_state", None)
    scales = [one.absmax for one in (packed, packed.state2 if packed else None) if one]
    return sum(one.nbytes for one in (parameter.data, share, *scales) if one is not None)


def kept_of(inner: Any) -> list[Any]:
    """What the optimizer keeps: moments, and masters where they are no weights."""
    states = torch_optimizer(inner).state.values()
    names = ("fp32_groups", "single_partition_of_fp32_groups", "fp32_partitioned_groups_flat")
    masters = [getattr(inner.optimizer, name, []) for name in names]
    return [*[value for state in states for value in state.values()], *masters]


def bytes_in(kept: Any) -> int:
    """The bytes of tensors, however nested; a count of steps is none."""
    if isinstance(kept, torch.Tensor):
        return kept.nbytes if kept.numel() > 1 else 0
    return sum(map(bytes_in, kept)) if isinstance(kept, list | tuple) else 0


@pytest.fixture
def path(small_data: Path, tmp_path: Path) -> Path:
    """A recipe of an adapter on a checkpoint."""
    (tmp_path / "text.txt").write_text("I dreamed of a river that ran uphill to the moon.\n" * 40)
    files = {"source": "files", "folder": str(tmp_path), "train": "text.txt", "valid": "text.txt"}
    recipe = {
        "task": {"kind": "causal-lm", "sequence_length": 16},
        "model": {"name": str(small_data / "ckpt_aidreams260k"), "lora": LORA},
        "data": files | {"workers": 0},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 2, "batch": 4, "micro_batch": 1, "folder": str(tmp_path / "run")},
    }
    found = tmp_path / "recipe.json"
    found.write_text(json.dumps(recipe))
    return found


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("name", EVERY)
def test_a_rank_holds_the_bytes_that_are_said_of_it(name: str, path: Path) -> None:
    world, words = EVERY[name]
    ranks = run_ranks(world, measured, path, words)
    for number, ((weights, optimizer), said) in enumerate(ranks):
        mine = said[min(number, len(said) - 1)]
        print(f"{name} rank {number}: weights {weights}, optimizer {optimizer}, said {mine}")
        assert optimizer == mine.optimizer
        assert weights == mine.weights


def test_of_an_adapter_the_optimizer_counts_what_is_trained(path: Path) -> None:
    recipe = load_recipe(path)
    model = ring_two(recipe, 1).model
    (alone,) = shares(recipe, Layout.of(data=1), model)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert alone.trained == Kept(trained, 4 * trained, 4 * trained, 8 * trained)
    assert alone.frozen.optimizer == alone.frozen.gradients == 0
    page = memory_page("one process", [alone], trained, alone.frozen.parameters)
    assert page.tables[0][1][0][:3] == ["the process", "trained", f"{trained:,}"]
    assert [row[1] for row in page.tables[0][1]] == ["trained", "frozen", "both"]


def test_stages_that_a_run_cuts_by_time_are_said_to_be_taken_as_if_by_parameters(
    path: Path,
) -> None:
    layout = Layout.of(data=1, pipe=2)
    words = ["parallel.pipeline.stages=2", "parallel.pipeline.balance=time"]
    assert BY_TIME in memory_of(load_recipe(path, words), layout).lines
    assert BY_TIME not in memory_of(load_recipe(path, words[:1]), layout).lines
