"""Reward models: the loss of a pair, what of it is read, and that it is a kind's other problem."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.recipe.checks.rules import broken_rules
from zoo.tasks.build import build_task
from zoo.tasks.preferences.reward import RewardModel

KIND = "sequence-classification"
ROWS = [
    {"prompt": "ab", "chosen": "cde", "rejected": "f"},
    {"prompt": "", "chosen": "bad", "rejected": "dab"},
]
LLAMA = {
    **{"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"intermediate_size": 16, "max_position_embeddings": 64},
}


@pytest.fixture
def made(make_recipe: Any, make_source: Any) -> Any:
    """made(rows, **model keys): a task and its model."""

    def make(rows: Any = ROWS, **model: Any) -> Any:
        task = build_task(make_recipe(KIND, {"problem": "pairs"}, **model), make_source(KIND, rows))
        torch.manual_seed(0)
        return task, AutoModelForSequenceClassification.from_config(task.config).eval()

    return make


@pytest.mark.parametrize("config", [None, LLAMA], ids=["bert", "llama"])
def test_the_loss_of_a_batch_is_that_of_answers_read_one_by_one(
    made: Any, make_batch: Any, config: Any
) -> None:
    task, model = made(**({"config": config, "tokenizer": "bytes"} if config else {}))
    batch = make_batch(task, ROWS, 2)
    wanted, right = 0.0, 0
    for row in ROWS:
        gap = 0.0
        for sign, name in ((1, "chosen"), (-1, "rejected")):
            ids = task.tokenizer(row["prompt"] + row[name]).input_ids
            with torch.no_grad():
                gap += sign * float(model(input_ids=torch.tensor([ids])).logits[0, 0])
        wanted += math.log(1 + math.exp(-gap))
        right += gap > 0
    outputs = model(**batch["inputs"])
    assert outputs.logits.shape == (4, 1)
    assert task.loss(outputs, batch).item() == pytest.approx(wanted, rel=1e-5)
    scores = task.score(task.tally(outputs, batch))
    assert scores["accuracy"] == right / 2 and scores["loss"] == pytest.approx(wanted / 2, rel=1e-5)


def test_a_pair_of_weight_zero_is_no_part_of_any_sum(made: Any, make_batch: Any) -> None:
    task, model = made()
    padded, alone = make_batch(task, ROWS, 2, padding=1), make_batch(task, ROWS, 1)
    first, second = (task.tally(model(**one["inputs"]), one) for one in (padded, alone))
    assert all(float(first[name]) == pytest.approx(float(second[name]), abs=1e-5) for name in first)


def test_pairs_are_a_problem_of_classification_with_its_own_data_and_scores() -> None:
    content: dict[str, Any] = {
        "task": {"kind": KIND, "sequence_length": 32, "problem": "pairs"},
        "model": {"config": {"model_type": "bert"}, "tokenizer": "characters"},
        "data": {"source": "built-in", "name": "docstring-preferences"},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 4, "micro_batch": 4, "best_metric": "valid/margin"},
    }
    recipe = Recipe.model_validate_json(json.dumps(content))
    assert not broken_rules(recipe)
    content["data"]["name"] = "stdlib-keywords"
    other = Recipe.model_validate_json(json.dumps(content))
    [(rule, found)] = broken_rules(other)
    assert rule.key == "data.name" and "problem pairs" in found


def test_an_exported_reward_model_gives_one_number(made: Any, tmp_path: Path) -> None:
    task, model = made()
    assert isinstance(task, RewardModel)
    model.save_pretrained(tmp_path)
    task.save(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert again.config.num_labels == 1 and again.config.id2label == {0: "reward"}


def test_labels_without_pairs_are_refused(make_recipe: Any, make_source: Any) -> None:
    with pytest.raises(ConfigError, match="chosen"):
        build_task(make_recipe(KIND, {"problem": "pairs"}), make_source(KIND))
