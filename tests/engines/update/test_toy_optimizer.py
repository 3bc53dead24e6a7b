"""An optimizer is one place: an entry, and a class where torch has none."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.ranks import run_ranks
from tests.runs import SHORT, furthest, losses, twin
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.compat import matrix
from zoo.recipe.schema import file_schema
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import AMOUNT, RATIO, Parameter
from zoo.training.run import run

RECIPE = twin("sequence-classification")
WORDS = (
    *SHORT,
    "run.steps=6",
    "optimizer.type=calm",
    "optimizer.params.lr=0.1",
    "optimizer.params.pull=0.8",
)


class Calm(torch.optim.Optimizer):
    """A step along a slow mean of the gradient."""

    state_names = ("mean",)

    def __init__(self, params: Any, **defaults: Any) -> None:
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    if "mean" not in state:
                        state["mean"] = torch.zeros_like(p)
                    state["mean"].lerp_(p.grad, 1 - group["pull"])
                    p.sub_(state["mean"], alpha=group["lr"])


ENTRY = Optimizer(
    "A step along a slow mean.",
    {
        "lr": Parameter(AMOUNT, "Learning rate.", 0.1, per_group=True),
        "pull": Parameter(RATIO, "Share of the old mean.", 0.9),
        "weight_decay": Parameter(AMOUNT, "None is taken.", 0.0, per_group=True),
    },
    "tests.engines.update.test_toy_optimizer:Calm",
    "calm",
)


def train(path: Path, words: list[str]) -> int:
    """`zoo train --tiny` in a process that knows the optimizer."""
    OPTIMIZERS["Calm"] = ENTRY
    return run(load_recipe(path, words, tiny=True))


@pytest.mark.ranks(2)
def test_it_trains_on_partitions_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for name, (world, words) in {
        "one": (1, ["parallel.zero.stage=0"]),
        "two": (2, ["parallel.zero.stage=2"]),
        "again": (2, ["parallel.zero.stage=2", "run.steps=3"]),
    }.items():
        changes = [f"run.folder={tmp_path / name}", *WORDS, *words]
        assert run_ranks(world, train, RECIPE, changes) == [0] * world
    changes = [f"run.folder={tmp_path / 'again'}", *WORDS, "parallel.zero.stage=0"]
    assert run_ranks(1, train, RECIPE, changes) == [0]
    one = losses(tmp_path / "one")
    assert len(set(one.values())) == 6
    for name in ("two", "again"):
        assert furthest(losses(tmp_path / name), one) < 1e-4


def test_it_stands_in_schema_compat_and_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "Calm", ENTRY)
    properties = file_schema()["properties"]["optimizer"]["anyOf"][2]["properties"]
    assert "Calm" in properties["type"]["examples"]
    assert (
        properties["params"]["properties"]["pull"]["description"] == "Calm: Share of the old mean."
    )
    cells = [cell for cell in matrix(str(RECIPE), tiny=True).cells if cell.optimizer == "Calm"]
    assert any(not cell.reasons for cell in cells)
    with pytest.raises(ConfigError) as caught:
        load_recipe(RECIPE, [*WORDS, "optimizer.params.pull=2", "optimizer.params.pul=1"], True)
    said = str(caught.value)
    assert (
        "a number of at least 0 and at most 1" in said
        and "did you mean optimizer.params.pull=1?" in said
    )


def test_without_the_entry_its_name_is_unknown() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.type"):
        load_recipe(RECIPE, WORDS, tiny=True)
