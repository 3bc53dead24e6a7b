"""A launcher's own DeepSpeed settings against a recipe's."""

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import Fault
from zoo.launching.conflicts import launcher_conflicts
from zoo.layout import Layout
from zoo.recipe import load_recipe
from zoo.recipe.derived.deepspeed import deepspeed_config

CHANGES = (
    "run.batch=16",
    "run.micro_batch=4",
    "run.precision=bf16",
    "parallel=zero-2-offload",
    "optimizer.gradient_clipping=0.5",
)
DEEPSPEED = {"ACCELERATE_USE_DEEPSPEED": "true"}


def conflicts(environment: dict[str, str], changes: tuple[str, ...] = CHANGES) -> list[Fault]:
    recipe = load_recipe("gpt2-small-openwebtext", changes=changes, tiny=True)
    layout = Layout.fit(2)
    return launcher_conflicts(recipe, deepspeed_config(recipe, layout), environment)


@pytest.mark.parametrize(
    ("variable", "same", "other", "ours"),
    [
        ("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2", "3", "2, the recipe's parallel.zero.stage"),
        (
            "ACCELERATE_GRADIENT_ACCUMULATION_STEPS",
            "2",
            "1",
            "2, the recipe's run.batch and run.micro_batch",
        ),
        (
            "ACCELERATE_GRADIENT_CLIPPING",
            "0.50",
            "1.0",
            "0.5, the recipe's optimizer.gradient_clipping",
        ),
        (
            "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE",
            "cpu",
            "none",
            "cpu, the recipe's parallel.zero.offload_optimizer.device",
        ),
        (
            "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE",
            "none",
            "cpu",
            "none, the recipe's parallel.zero.offload_param.device",
        ),
        (
            "ACCELERATE_MIXED_PRECISION",
            "bf16",
            "fp16",
            "no, or bf16, the recipe's run.precision",
        ),
    ],
)
def test_both_values_of_a_contradiction_are_named(
    variable: str, same: str, other: str, ours: str
) -> None:
    assert conflicts(DEEPSPEED | {variable: same}) == []
    assert conflicts(DEEPSPEED | {variable: "auto"}) == []
    (fault,) = conflicts(DEEPSPEED | {variable: other})
    assert fault.file == "accelerate launch"
    assert variable in fault.key
    assert (fault.found, fault.allowed) == (other, ours)


def test_without_deepspeed_only_the_precision_counts() -> None:
    environment = {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "ACCELERATE_MIXED_PRECISION": "no"}
    assert conflicts(environment) == []
    (fault,) = conflicts({"ACCELERATE_MIXED_PRECISION": "fp8"})
    assert fault.found == "fp8"


@pytest.mark.parametrize(
    ("variable", "value", "off"),
    [
        ("ACCELERATE_USE_FSDP", "true", "false"),
        ("ACCELERATE_USE_MEGATRON_LM", "true", ""),
        ("ACCELERATE_USE_PARALLELISM_CONFIG", "true", "False"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "NO"),
        ("ACCELERATE_USE_CPU", "True", "False"),
    ],
)
def test_another_engine_that_accelerate_asks_for_is_refused(
    variable: str, value: str, off: str
) -> None:
    (fault,) = conflicts({variable: value})
    assert (fault.file, fault.found) == ("accelerate launch", value)
    assert variable in fault.key
    assert conflicts({variable: off}) == []


def test_accelerates_cpu_is_no_conflict_where_the_run_is_on_one() -> None:
    assert conflicts({"ACCELERATE_USE_CPU": "True", "DS_ACCELERATOR": "cpu"}) == []


def test_one_process_of_several_that_accelerate_was_asked_for_is_refused() -> None:
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils.launch import prepare_simple_launcher_cmd_env

    words = ["--cpu", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    exported = []
    for count in ("1", "2"):
        args = launch_command_parser().parse_args(
            [*words, "--num_processes", count, "--num_cpu_threads_per_process", "1", "zoo"]
        )
        environment = prepare_simple_launcher_cmd_env(args)[1]
        kept = {"ACCELERATE_USE_CPU", "MASTER_ADDR"} & environment.keys()
        exported.append({name: environment[name] for name in kept} | {"DS_ACCELERATOR": "cpu"})
    assert conflicts(exported[0]) == []
    (fault,) = conflicts(exported[1])
    assert fault.key == "num_processes"
    assert conflicts(exported[1] | {"RANK": "0"}) == []


def test_offloading_that_the_recipe_does_not_ask_for_is_refused() -> None:
    brought = {"ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "cpu"}
    (fault,) = conflicts(DEEPSPEED | brought, changes=())
    assert fault.allowed == "none, the recipe's parallel.zero.offload_optimizer.device"


FULL = {
    "train_batch_size": 16,
    "train_micro_batch_size_per_gpu": 4,
    "gradient_accumulation_steps": 2,
    "gradient_clipping": 0.5,
    "zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}},
    "bf16": {"enabled": True},
    "fp16": {"enabled": False},
}


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({}, "", ""),
        ({"train_batch_size": "auto", "gradient_clipping": "auto"}, "", ""),
        ({"train_batch_size": 32}, "train_batch_size", "32"),
        ({"train_micro_batch_size_per_gpu": 8}, "train_micro_batch_size_per_gpu", "8"),
        ({"gradient_accumulation_steps": 4}, "gradient_accumulation_steps", "4"),
        ({"gradient_clipping": 1.0}, "gradient_clipping", "1.0"),
        ({"zero_optimization": {"stage": 3}}, "zero_optimization.stage", "3"),
        ({"bf16": {"enabled": False}}, "bf16.enabled", "false"),
        ({"fp16": {"enabled": True}}, "fp16.enabled", "true"),
        ({"optimizer": {"type": "adamw", "params": {"lr": "auto"}}}, "", ""),
        ({"optimizer": {"type": "Lion", "params": {"lr": "auto"}}}, "optimizer.type", "Lion"),
        ({"optimizer": {"params": {"lr": 7.0}}}, "optimizer.params.lr", "7.0"),
        ({"scheduler": {"type": "OneCycle"}}, "scheduler.type", "OneCycle"),
        ({"scheduler": {"params": {"steps": 9}}}, "scheduler.params.steps", "9"),
    ],
)
def test_a_deepspeed_file_is_read_for_the_same_values(
    tmp_path: Path, change: dict[str, Any], key: str, found: str
) -> None:
    file = tmp_path / "ds.json"
    file.write_text(json.dumps(FULL | change))
    faults = conflicts(DEEPSPEED | {"ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)})
    expected = [(str(file), key, found)] if key else []
    assert [(fault.file, fault.key, fault.found) for fault in faults] == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [(None, "No such file"), ("{", "the end of the text"), ("[1]", "[1]")],
)
def test_a_deepspeed_file_that_cannot_be_read_says_why(
    tmp_path: Path, text: str | None, found: str
) -> None:
    file = tmp_path / "ds.json"
    if text is not None:
        file.write_text(text)
    (fault,) = conflicts(DEEPSPEED | {"ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)})
    assert fault.file == str(file)
    assert fault.found.startswith(found)
