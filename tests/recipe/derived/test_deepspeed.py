"""What follows from a recipe: batching, DeepSpeed's JSON, schedules and groups."""

from typing import Any

import pytest

from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.layout import Layout
from zoo.recipe import load_recipe
from zoo.recipe.derived.batching import Batching, batching, layout_of
from zoo.recipe.derived.deepspeed import bucketed, deepspeed_config
from zoo.recipe.derived.exchange import steps_of
from zoo.recipe.derived.groups import parameter_groups
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.recipe.vocabulary.optimizers import algorithm, hyper_parameters
from zoo.telling.notes import notes

LR = "optimizer.params.lr=0.1"


def test_data_ranks_share_out_whole_micro_batches(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["run.batch=24", "run.eval_micro_batch=5"])
    assert batching(recipe, Layout.fit(2)) == Batching(24, 4, 6, 3, 5)
    assert batching(recipe, Layout.fit(6)).accumulation == 1


def test_micro_batches_that_cannot_be_shared_are_a_fault_with_all_numbers(
    catalog: Catalog,
) -> None:
    recipe = load_recipe(catalog.recipe(), ["run.batch=24"])
    with pytest.raises(ConfigError) as caught:
        batching(recipe, Layout.fit(4))
    assert str(caught.value) == (
        "command line: run.batch=24: run.batch: found 24 examples = 6 micro-batches of 4 on 4 data"
        " ranks; allowed: a multiple of run.micro_batch x data ranks = 16; did you mean"
        " run.batch=32?"
    )


def test_the_config_says_what_the_recipe_says_in_deepspeeds_words(catalog: Catalog) -> None:
    words = ["run.precision=bf16", "optimizer.gradient_clipping=0.5", "parallel.zero.stage=2"]
    config = deepspeed_config(load_recipe(catalog.recipe(), words), Layout.fit(2))
    assert config["train_batch_size"] == 16
    assert config["train_micro_batch_size_per_gpu"] == 4
    assert config["gradient_accumulation_steps"] == 2
    assert config["gradient_clipping"] == 0.5
    assert config["zero_optimization"] == {"stage": 2}
    assert (config["bf16"], config["fp16"]) == ({"enabled": True}, {"enabled": False})
    assert "optimizer" not in config
    assert "scheduler" not in config


def test_zero_3_keeps_torchs_linear_layer_unless_the_recipe_wants_deepspeeds(
    catalog: Catalog,
) -> None:
    def said(*words: str) -> Any:
        recipe = load_recipe(catalog.recipe(), ["parallel.zero.stage=3", *words])
        config = deepspeed_config(recipe, Layout.fit(2))
        return config["zero_optimization"]["memory_efficient_linear"]

    assert said() is False
    assert said("parallel.zero.memory_efficient_linear=true") is True


def test_deepspeed_takes_the_config(catalog: Catalog) -> None:
    from deepspeed.runtime.config import DeepSpeedConfig

    words = ["run.precision=fp16", "parallel.zero.reduce_bucket_size=5e6"]
    recipe = load_recipe(catalog.recipe(), words)
    parsed = DeepSpeedConfig(deepspeed_config(recipe, Layout.fit(1)))
    assert parsed.train_batch_size == 16
    assert parsed.gradient_accumulation_steps == 4
    assert parsed.zero_config.reduce_bucket_size == 5_000_000
    assert parsed.float16_config.enabled
    assert parsed.zero_force_ds_cpu_optimizer is False
    assert parsed.timers_config.enabled is False, "its clock waits for the device"


@pytest.mark.parametrize(("elements", "size"), [(0, 1), (7, 7), (10**9, 500_000_000)])
def test_the_reduction_bucket_is_no_larger_than_what_is_reduced(
    elements: int, size: int, catalog: Catalog
) -> None:
    config = deepspeed_config(load_recipe(catalog.recipe()), Layout.fit(1))
    assert bucketed(config, elements)["zero_optimization"]["reduce_bucket_size"] == size
    words = ["parallel.zero.reduce_bucket_size=5"]
    said = deepspeed_config(load_recipe(catalog.recipe(), words), Layout.fit(1))
    assert bucketed(said, elements)["zero_optimization"]["reduce_bucket_size"] == 5


def test_data_ranks_are_what_stages_and_tensor_ranks_leave(catalog: Catalog) -> None:
    words = ["parallel.pipeline.stages=2", "parallel.tensor=2"]
    recipe = load_recipe(catalog.recipe(), words)
    assert layout_of(recipe) == Layout.of(pipe=2, tensor=2)
    assert layout_of(recipe, 8) == Layout.of(pipe=2, data=2, tensor=2)
    config = deepspeed_config(recipe, layout_of(recipe, 8))
    assert (config["train_batch_size"], config["gradient_accumulation_steps"]) == (16, 2)
    with pytest.raises(ConfigError) as caught:
        layout_of(recipe, 6)
    assert str(caught.value) == (
        "launcher: parallel: found 2 stages x 2 tensor ranks on 6 processes; allowed: a number of"
        " processes that 4 divides"
    )


@pytest.mark.parametrize(
    ("count", "total", "steps"), [(0.1, 1000, 100), (7, 1000, 7), (0.001, 10, 1), (0.5, 3, 2)]
)
def test_a_share_of_the_run_becomes_steps(count: float, total: int, steps: int) -> None:
    assert steps_of(count, total) == steps


def test_a_schedule_gets_integer_steps_and_its_total(catalog: Catalog) -> None:
    words = [
        "optimizer.scheduler.type=WarmupCosineLR",
        "optimizer.scheduler.params.warmup_num_steps=0.05",
        "optimizer.scheduler.params.warmup_type=log",
    ]
    assert resolve_scheduler(load_recipe(catalog.recipe(), words), 400) == {
        "type": "WarmupCosineLR",
        "params": {
            "warmup_min_ratio": 0.0,
            "warmup_num_steps": 20,
            "warmup_type": "log",
            "cos_min_ratio": 1e-4,
            "total_num_steps": 400,
        },
    }


def test_milestones_may_be_shares(catalog: Catalog) -> None:
    words = [
        "optimizer.scheduler.type=WarmupMultiStepLR",
        "optimizer.scheduler.params.milestones=[0.5, 90]",
        "optimizer.scheduler.params.warmup_num_steps=0",
    ]
    resolved = resolve_scheduler(load_recipe(catalog.recipe(), words), 100)
    assert resolved is not None
    assert resolved["params"]["milestones"] == [50, 90]
    assert "total_num_steps" not in resolved["params"]


def test_no_schedule_is_a_constant_rate(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.scheduler=false"])
    assert resolve_scheduler(recipe, 100) is None


def test_groups_are_matrices_the_rest_and_each_pattern(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.groups.lm_head.*.lr=0.5"])
    rows = parameter_groups(recipe)
    assert [row.which for row in rows] == [
        "two or more dimensions",
        "fewer than two dimensions",
        "lm_head.*",
    ]
    assert [row.params["weight_decay"] for row in rows] == [0.1, 0.0, 0.1]
    assert [row.params["lr"] for row in rows] == [0.002, 0.002, 0.5]
    assert [row.vectors for row in rows] == [None, None, 0.0]


def test_weight_decay_on_all_makes_one_group(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.weight_decay_on=all"])
    assert [row.which for row in parameter_groups(recipe)] == ["all parameters"]


def test_adam_means_adamw_as_in_deepspeed_and_show_says_so(catalog: Catalog) -> None:
    adam = load_recipe(catalog.recipe(), ["optimizer.type=adam", LR])
    assert (adam.optimizer.type, algorithm(adam.optimizer)) == ("Adam", "AdamW")
    assert notes(adam)[1:] == [
        "optimizer.type Adam runs AdamW: DeepSpeed's Adam is AdamW"
        " unless params.adam_w_mode is false"
    ]
    words = ["optimizer.type=adam", LR, "optimizer.params.adam_w_mode=false"]
    assert algorithm(load_recipe(catalog.recipe(), words).optimizer) == "Adam"


def test_defaults_are_those_of_the_class_that_deepspeed_would_take(catalog: Catalog) -> None:
    adam = load_recipe(catalog.recipe(), ["optimizer.type=adam", LR]).optimizer
    assert hyper_parameters(adam, {})["weight_decay"] == 0.0
    words = ["optimizer.type=adam", LR, "optimizer.params.torch_adam=true"]
    plain = load_recipe(catalog.recipe(), words).optimizer
    assert hyper_parameters(plain, {})["weight_decay"] == 0.01
    assert hyper_parameters(plain, {"weight_decay": 0.3})["weight_decay"] == 0.3
