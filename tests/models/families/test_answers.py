"""Heads for questions, which have two logits and none of that name, run in stages too."""

from typing import Any

import pytest
import torch
import transformers

from tests.models.cut_models import GROUPED, TEXT, inputs
from zoo.models.balance import balanced, first_tensor, parameter_weights
from zoo.models.build import on_meta
from zoo.models.families import family_of
from zoo.models.fill import NoWeights, fill
from zoo.models.stage import Stage, layer_names

DISTIL = {"dim": 64, "n_heads": 8, "n_layers": 2, "hidden_dim": 96, "vocab_size": 31}
MODELS: dict[str, dict[str, Any]] = {
    "bert": TEXT,
    "roberta": TEXT | {"pad_token_id": 0},
    "electra": TEXT | {"embedding_size": 32},
    "distilbert": DISTIL,
    "gpt2": {"n_embd": 64, "n_head": 8, "n_layer": 2, "vocab_size": 31},
}


def built(model_type: str, values: dict[str, Any]) -> Any:
    config = transformers.AutoConfig.for_model(model_type, **values)
    model = on_meta(transformers.AutoModelForQuestionAnswering, config, "sdpa")
    fill(model, 0, NoWeights(), torch.device("cpu"))
    return model.eval()


@pytest.mark.parametrize("model_type", MODELS)
def test_stages_in_a_row_are_the_whole_model(model_type: str) -> None:
    model, batch = built(model_type, MODELS[model_type]), inputs("bert")
    family = family_of(model.config)
    assert family is not None
    bounds = balanced(parameter_weights(model, family), 2)
    received: Any = tuple(batch.values())
    with torch.no_grad():
        whole = model(**batch)
        for number in range(2):
            stage = Stage(model, family, bounds, number)
            stage.names = tuple(batch)
            received = stage(received)
    assert set(whole) == set(received) == {"start_logits", "end_logits"}
    for name, wanted in whole.items():
        torch.testing.assert_close(received[name], wanted)
    assert first_tensor(received) is received["start_logits"]


def test_the_layers_of_llamas_head_for_questions_stand_elsewhere() -> None:
    model = built("llama", GROUPED)
    family = family_of(model.config)
    assert family is not None and layer_names(model, family) == []
