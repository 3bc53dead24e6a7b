"""The shipped tables against the real classes of DeepSpeed, torch and transformers."""

import inspect
from typing import Any

import pytest
import torch

from tests.recipe.vocabulary.make_tables import TABLE_MAKERS, TABLES, as_text
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.recipe.vocabulary.tables import table

# What a class takes beside its hyper-parameters, and what the zoo's own classes do not do.
NOT_WORDS = {"self", "params", "model_params", "optimizer", "last_batch_iteration"}
KERNELS = {"foreach", "maximize", "capturable", "differentiable", "fused", "set_grad_none"}
OF_LATER_VERSIONS = {"bias_correction"}


def signature(owner: Any) -> dict[str, Any]:
    """Keywords of a class with their defaults."""
    parameters = inspect.signature(owner.__init__).parameters.values()
    return {one.name: one.default for one in parameters if one.name not in NOT_WORDS | KERNELS}


def defaults(name: str) -> dict[str, Any]:
    """Our defaults, lists as the tuples that the classes have."""
    values = {key: one.default for key, one in OPTIMIZERS[name].parameters.items()}
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


@pytest.mark.parametrize("name", TABLE_MAKERS)
def test_a_shipped_table_is_what_the_installed_classes_say(name: str) -> None:
    made = as_text(TABLE_MAKERS[name]())
    assert (TABLES / f"{name}.json").read_text(encoding="ascii") == made
    assert len(made) < 300_000


def test_the_zero_table_is_accepted_by_deepspeed() -> None:
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    samples = {"boolean": True, "integer": 1, "number": 0.5, "string": "x", "array": []}
    plain = {key: node for key, node in table("zero").items() if node.get("type") in samples}
    config = {key: samples[node["type"]] for key, node in plain.items()}
    assert DeepSpeedZeroConfig(**config, stage=3).stage == 3
    assert len(plain) > 25


def test_a_model_type_knows_its_nested_configs() -> None:
    entry = table("model")["types"]["parakeet_ctc"]
    assert entry["nested"] == {"encoder_config": "parakeet_encoder"}
    assert "hidden_size" in table("model")["types"]["parakeet_encoder"]["keys"]


@pytest.mark.parametrize("name", ["AdamW", "Adam"])
def test_adam_has_the_parameters_and_defaults_of_deepspeeds_fused_adam(name: str) -> None:
    from deepspeed.ops.adam import FusedAdam

    theirs = signature(FusedAdam)
    ours = {key: value for key, value in defaults(name).items() if key != "torch_adam"}
    assert ours == {key: v for key, v in theirs.items() if key not in OF_LATER_VERSIONS}
    assert set(ours) - {"adam_w_mode"} <= set(signature(torch.optim.AdamW))


def test_sgd_has_the_parameters_and_defaults_of_torch() -> None:
    assert defaults("SGD") == signature(torch.optim.SGD)


def test_lamb_has_the_parameters_and_defaults_of_deepspeed() -> None:
    from deepspeed.ops.lamb import FusedLamb

    theirs = signature(FusedLamb)
    for refused in ("eps_inside_sqrt", "max_grad_norm", "amsgrad"):
        assert not theirs.pop(refused)
    assert defaults("Lamb") == theirs


def test_lion_has_the_parameters_and_defaults_of_deepspeed() -> None:
    from deepspeed.ops.lion import FusedLion

    assert defaults("Lion") == signature(FusedLion)


def test_adagrad_has_the_parameters_and_defaults_of_torch() -> None:
    theirs = signature(torch.optim.Adagrad)
    assert not theirs.pop("lr_decay")
    assert not theirs.pop("initial_accumulator_value")
    assert defaults("Adagrad") == theirs


def test_muon_has_the_keys_of_both_halves_of_deepspeeds() -> None:
    from deepspeed.runtime.engine import DeepSpeedEngine

    halves = {*DeepSpeedEngine._MUON_HALF_KEYS, *DeepSpeedEngine._ADAM_HALF_KEYS}
    assert halves | {"muon_lr", "adam_lr"} <= set(OPTIMIZERS["Muon"].parameters)
    ours = set(OPTIMIZERS["Muon"].parameters) - halves - {"muon_lr", "adam_lr"}
    assert ours <= set(signature(torch.optim.Muon))


@pytest.mark.parametrize(
    "name", ["LRRangeTest", "OneCycle", "WarmupLR", "WarmupDecayLR", "WarmupCosineLR"]
)
def test_a_schedule_of_deepspeed_has_its_parameters_and_defaults(name: str) -> None:
    from deepspeed.runtime import lr_schedules

    theirs = signature(getattr(lr_schedules, name))
    followed = {"total_num_steps", "warmup_max_lr"}  # filled in from the run and the groups
    required = {key for key, value in theirs.items() if value is inspect.Parameter.empty}
    parameters = SCHEDULERS[name].parameters
    written = {"warmup_type"} & set(theirs)  # its default is not what published recipes mean
    required |= written
    assert required - followed == {key for key, one in parameters.items() if one.required}
    ours = {key: one.default for key, one in parameters.items()}
    assert ours == {
        key: None if key in required else value
        for key, value in theirs.items()
        if key not in followed
    }
