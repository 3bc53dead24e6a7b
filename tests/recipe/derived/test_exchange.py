"""Recipes that compress: tutorials' sections word for word, twins, idle words, faults by word."""

from typing import Any

import pytest

from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.derived.exchange import without_effect
from zoo.telling.notes import notes

# DeepSpeed 0.18's pages onebit-adam.md, zero-one-adam.md, onebit-lamb.md and config-json.md.
TUTORIALS: dict[str, dict[str, Any]] = {
    "onebit-adam": {
        "type": "OneBitAdam",
        "params": {
            "lr": 4e-4,
            "freeze_step": 23000,
            "bias_correction": False,
            "cuda_aware": False,
            "comm_backend_name": "nccl",
        },
    },
    "config-json": {
        "type": "OneBitAdam",
        "params": {
            "lr": 0.001,
            "betas": [0.8, 0.999],
            "eps": 1e-8,
            "weight_decay": 3e-7,
            "freeze_step": 400,
            "cuda_aware": False,
            "comm_backend_name": "nccl",
        },
    },
    "zero-one-adam": {
        "type": "ZeroOneAdam",
        "params": {
            "lr": 1e-3,
            "weight_decay": 0.01,
            "bias_correction": False,
            "var_freeze_step": 1000,
            "var_update_scaler": 16,
            "local_step_scaler": 1000,
            "local_step_clipper": 16,
            "cuda_aware": False,
            "comm_backend_name": "nccl",
        },
    },
    "onebit-lamb": {
        "type": "OneBitLamb",
        "params": {
            "lr": 11e-3,
            "max_coeff": 0.3,
            "min_coeff": 0.01,
            "freeze_step": 1000,
            "cuda_aware": False,
            "comm_backend_name": "nccl",
            "coeff_beta": 0.9,
            "factor_max": 4.0,
            "factor_min": 0.5,
            "factor_threshold": 0.1,
        },
    },
}
RUN = {"steps": 150000, "batch": 16, "micro_batch": 4}


@pytest.mark.parametrize("section", TUTORIALS.values(), ids=TUTORIALS)
def test_a_tutorials_optimizer_is_taken_unchanged_and_idle_words_are_explained_once(
    section: dict[str, Any], catalog: Catalog
) -> None:
    file = catalog.recipe(optimizer=section, parallel={"zero": {"stage": 0}}, run=RUN)
    recipe = load_recipe(file)
    assert recipe.optimizer.type == section["type"]
    assert recipe.optimizer.params == section["params"]
    said = without_effect(recipe)
    reason = "has no effect: messages travel over torch's process group"
    assert said == [
        f"optimizer.params.{key} {reason}" for key in ("comm_backend_name", "cuda_aware")
    ]
    assert set(said) <= set(notes(recipe))  # `zoo show` says so too


@pytest.mark.parametrize("recipe", ["resnet50-imagenet-top-k", "resnet50-imagenet-power-sgd"])
def test_a_twin_compresses_the_momentum_of_its_recipe_from_a_fifth_on(recipe: str) -> None:
    whole, twin = load_recipe(recipe), load_recipe(recipe, tiny=True)
    assert twin.optimizer.type == "SGD"
    assert twin.optimizer.params == whole.optimizer.params
    assert twin.parallel.compression.kind == whole.parallel.compression.kind
    assert twin.parallel.compression.start == 0.2


def test_a_twin_keeps_how_its_recipe_communicates_and_takes_its_own_rates() -> None:
    recipe = "gpt2-small-openwebtext-onebit-adam"
    whole, twin = (load_recipe(recipe, tiny=tiny).optimizer.params for tiny in (False, True))
    assert twin["parameter_codec"] == whole["parameter_codec"] == "int8"
    assert twin["freeze_step"] == 0.2
    assert twin["lr"] != whole["lr"]


def test_zero_words_under_an_optimizer_that_shards_itself_are_said_to_be_idle() -> None:
    words = ["parallel.zero.stage=1", "parallel.zero.overlap_comm=true"]
    recipe = load_recipe("gpt2-small-openwebtext-onebit-adam", words, tiny=True)
    [said] = without_effect(recipe)
    assert said.startswith("parallel.zero.overlap_comm has no effect: ")


def test_a_fault_of_the_freeze_names_the_word_that_set_it() -> None:
    word = "optimizer.params.freeze_step=99999"
    with pytest.raises(ConfigError) as caught:
        load_recipe("gpt2-small-openwebtext-onebit-adam", [word], tiny=True)
    [fault] = caught.value.faults
    assert (fault.file, fault.key) == (f"command line: {word}", "optimizer.params.freeze_step")
