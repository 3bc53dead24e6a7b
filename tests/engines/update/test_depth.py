"""Rates that fall with depth: hand-made tables of places, and what has no layers."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

from tests.runs import twin
from zoo.engines.update.optimizer import parameter_groups
from zoo.errors import ConfigError
from zoo.recipe import load_recipe

DECAY = ["optimizer.layer_decay=0.5", "optimizer.params.lr=1.0"]
TEXTS, IMAGES = AutoModelForSequenceClassification, AutoModelForImageClassification
TWO = {"num_hidden_layers": 2}

# One parameter of each part of a model, and the power of the decay that its rate has.
TABLES: dict[str, tuple[Any, dict[str, Any], dict[str, int]]] = {
    "bert": (
        TEXTS,
        TWO,
        {
            "bert.embeddings.word_embeddings.weight": 3,
            "bert.embeddings.LayerNorm.bias": 3,
            "bert.encoder.layer.0.attention.self.query.weight": 2,
            "bert.encoder.layer.1.output.dense.bias": 1,
            "bert.pooler.dense.weight": 0,
            "classifier.weight": 0,
        },
    ),
    "vit": (
        IMAGES,
        TWO,
        {
            "vit.embeddings.cls_token": 3,
            "vit.embeddings.patch_embeddings.projection.weight": 3,
            "vit.layers.0.mlp.fc1.weight": 2,
            "vit.layers.1.layernorm_before.weight": 1,
            "vit.layernorm.weight": 0,
            "classifier.weight": 0,
        },
    ),
    "electra": (
        TEXTS,
        TWO,
        {
            "electra.embeddings.word_embeddings.weight": 3,
            "electra.embeddings_project.weight": 3,
            "electra.encoder.layer.0.attention.self.query.weight": 2,
            "electra.encoder.layer.1.output.LayerNorm.weight": 1,
            "classifier.dense.weight": 0,
        },
    ),
    "swin": (
        IMAGES,
        {"depths": [1, 2], "num_heads": [1, 1], "embed_dim": 8},
        {
            "swin.embeddings.norm.weight": 4,
            "swin.encoder.layers.0.blocks.0.layernorm_before.weight": 3,
            "swin.encoder.layers.0.downsample.norm.weight": 3,
            "swin.encoder.layers.1.blocks.0.layernorm_before.weight": 2,
            "swin.encoder.layers.1.blocks.1.layernorm_before.weight": 1,
            "classifier.weight": 0,
        },
    ),
}


def rates(model: PreTrainedModel, *words: str) -> dict[str, float]:
    """Each parameter's own rate."""
    recipe = load_recipe(twin("sequence-classification"), [*DECAY, *words], tiny=True)
    groups = parameter_groups(recipe, model)
    return {name: group["lr"] for group in groups for name in group["names"]}


def on_meta(kind: str) -> PreTrainedModel:
    """The small model of a table."""
    head, changes, _ = TABLES[kind]
    with torch.device("meta"):
        model: PreTrainedModel = head.from_config(AutoConfig.for_model(kind, **changes))
    return model


@pytest.mark.parametrize("kind", TABLES)
def test_rates_fall_by_one_power_a_layer_from_the_head_to_the_embeddings(kind: str) -> None:
    found = rates(model := on_meta(kind))
    assert found.keys() == {name for name, _ in model.named_parameters()}
    for name, power in TABLES[kind][2].items():
        assert found[name] == 0.5**power, name


def test_a_rate_that_a_group_names_stays() -> None:
    found = rates(on_meta("bert"), "optimizer.groups.*.bias.lr=3.0")
    assert found["bert.encoder.layer.0.attention.self.query.bias"] == 3.0
    assert found["bert.encoder.layer.0.attention.self.query.weight"] == 0.25


class Flat(PreTrainedModel):
    """No list of layers: torch's own modules in one make none."""

    config_class = PreTrainedConfig

    def __init__(self) -> None:
        super().__init__(PreTrainedConfig())
        self.parts = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])


def test_a_model_without_layers_is_a_fault() -> None:
    with pytest.raises(
        ConfigError, match=r"optimizer\.layer_decay: found 0\.5.*no lists of layers"
    ):
        rates(Flat())
