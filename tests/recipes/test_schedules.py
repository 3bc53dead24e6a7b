"""Every recipe's learning rate is its source's, at ten steps of the run.

`schedules.json` holds the rates that the source's own formula gives (steps counted from 0), and
where that formula stands; `within` is the share of the peak by which it may
differ: 0.003 if absent, more where two updates of warm-up are more or a description says so.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.engines.update.schedule import build_schedule, restore_schedule
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.telling.groups import schedule_line

TABLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "schedules.json").read_text(encoding="ascii")
)
SHORT = ["optimizer.scheduler.params.warmup_num_steps=10"]
ROWS = [(name, row) for row in TABLE for name in row["recipes"]]


def rate(recipe: Recipe, total: int, step: int) -> float:
    """The rate of the update number `step`, from 0."""
    peak = recipe.optimizer.params["lr"]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = build_schedule(optimizer, resolve_scheduler(recipe, total))
    if step:  # a fresh schedule stands before its first step
        first = schedule.state_dict()["last_batch_iteration"]
        restore_schedule(schedule, {"last_batch_iteration": first + step}, optimizer)
    return float(optimizer.param_groups[0]["lr"])


def test_every_recipe_of_the_catalog_stands_in_the_table() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(file.stem for file in recipes())
    assert all(len(row["lr"]) == 10 and row["source"] for row in TABLE)


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_recipes_rates_are_those_of_its_source(name: str, row: dict[str, Any]) -> None:
    recipe = load_recipe(name)
    total = recipe.run.steps or row["steps"] or 10**6
    assert row["steps"] in (None, total)
    peak = max(row["lr"].values())
    near = row.get("within", 0.003) * peak  # DeepSpeed's classes are two updates behind
    for step, wanted in row["lr"].items():
        assert rate(recipe, total, int(step)) == pytest.approx(wanted, abs=near), step


@pytest.mark.parametrize("kind", ["WarmupLR", "WarmupDecayLR", "WarmupCosineLR"])
def test_a_schedule_of_deepspeed_without_warm_up_starts_at_its_peak(kind: str) -> None:
    scheduler = {
        "type": kind,
        "params": {"warmup_num_steps": 0, "warmup_type": "linear"},
    }
    recipe = load_recipe(
        "gpt2-small-openwebtext", [f"optimizer.scheduler={json.dumps(scheduler)}", "run.steps=10"]
    )
    rates = [rate(recipe, 10, step) / 6e-4 for step in range(10)]
    assert rates[0] > 0.97
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == (1 if kind == "WarmupLR" else 10)


def test_what_deepspeeds_classes_make_of_a_start_is_said_where_a_schedule_is_shown() -> None:
    line = schedule_line(load_recipe("gpt2-small-openwebtext"))
    assert line.endswith("its first 2 updates are at 0: DeepSpeed counts from the one before")
    words = ["optimizer.scheduler.params.warmup_num_steps=0"]
    assert "updates are at 0" not in schedule_line(load_recipe("gpt2-small-openwebtext", words))
    recipe = load_recipe("gpt2-small-openwebtext", ["run.steps=100", *SHORT])
    assert [rate(recipe, 100, step) for step in (0, 1)] == [0.0, 0.0]
    assert rate(recipe, 100, 2) > 0


def test_a_schedule_of_epochs_is_shown_with_how_it_warms_up() -> None:
    line = schedule_line(load_recipe("conformer-ctc-small-librispeech"))
    assert '"warmup_type": "linear"' in line and "updates are at" not in line
