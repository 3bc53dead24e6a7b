"""The hub reads what a card says; what nobody knows it does not say."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from zoo.recipe import expanded, load_recipe
from zoo.recipe.vocabulary.kinds import KINDS, kind_named
from zoo.recipe.vocabulary.kinds.problems import PROBLEMS
from zoo.telling.card import card

ROW = {"step": 9, "valid/accuracy": 0.5, "valid/loss": None, "valid/macro_f1": 0.4}


def read(name: Any, *words: str, tiny: bool = False, row: Any = ROW, base: Any = None) -> ModelCard:
    """The card of a recipe, read back by the hub's own library."""
    recipe = load_recipe(name, words, tiny)
    text = card(recipe, expanded(recipe), recipe.provenance.made, 12, row, (), base)
    return ModelCard(text)


def test_a_finetuned_model_names_its_base_data_scores_and_the_licence_of_its_base() -> None:
    row = {"step": 9, "valid/validation_matched/accuracy": 0.84, "valid/validation_matched/loss": 1}
    base = {"license": "apache-2.0", "language": "en", "tags": ["exbert"]}
    data = read("bert-base-mnli-finetune", 'run.tags=["mine"]', row=row, base=base).data
    assert data.base_model == "google-bert/bert-base-uncased"
    assert data.base_model_relation == "finetune" and data.license == "apache-2.0"
    assert data.language == "en" and data.datasets == ["nyu-mll/glue"]
    assert data.library_name == "transformers" and data.pipeline_tag == "text-classification"
    assert data.tags == ["zoo", "sequence-classification", "mine"]
    first, second = data.eval_results
    assert (first.task_type, first.dataset_type) == ("text-classification", "nyu-mll/glue")
    assert (first.dataset_config, first.dataset_split) == ("mnli", "validation_matched")
    assert (first.metric_type, first.metric_value) == ("accuracy", 0.84)
    assert (second.metric_type, second.metric_name) == ("loss", "loss")


def test_what_nobody_knows_is_not_said() -> None:
    data = read("gpt2-small-openwebtext", row={}).data
    for name in ("license", "language", "base_model", "eval_results", "model_name"):
        assert getattr(data, name) is None, name
    assert not hasattr(data, "base_model_relation")
    said = read("gpt2-small-openwebtext", "model.license=mit", 'model.language=["en"]').data
    assert said.license == "mit" and said.language == ["en"]
    kept = read("bert-base-mnli-finetune", "model.license=mit", base={"license": "other"}).data
    assert kept.license == "mit"


def test_a_twin_is_a_toy_and_has_neither_base_nor_datasets_of_its_recipe() -> None:
    made = read("bert-base-mnli-finetune", tiny=True)
    assert made.data.tags[2:] == ["toy", "twin"] and made.data.base_model is None
    assert made.data.datasets is None and "**A toy.**" in made.text
    (result, other) = made.data.eval_results  # not the loss, which is not finite
    assert result.dataset_type == "built-in" and "made by the zoo" in result.dataset_name
    assert (other.metric_type, other.metric_name) == ("f1", "macro_f1")


def test_weights_of_a_folder_are_no_base_on_the_hub(tmp_path: Path) -> None:
    made = read("bert-base-mnli-finetune", f"model.weights={tmp_path}")
    assert made.data.base_model is None
    assert "| started from | weights of another folder |" in made.text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_its_task_and_how_it_is_used(kind: str) -> None:
    entry = KINDS[kind]
    assert entry.pipeline
    others = [kind_named(kind, problem).usage for problem in PROBLEMS]
    for usage in {entry.usage, entry.usage_of_chats, *others}:
        compile(usage, kind, "exec")
        assert all(len(line) <= 100 for line in usage.splitlines())


def test_an_adapter_is_of_peft_and_names_the_base_that_it_is_loaded_on() -> None:
    lora = 'model.lora={"r": 4, "modules_to_save": ["classifier"]}'
    made = read("bert-base-mnli-finetune", lora)
    assert made.data.library_name == "peft" and made.data.base_model_relation == "adapter"
    assert made.data.base_model == "google-bert/bert-base-uncased" and "lora" in made.data.tags
    assert 'AutoModelForSequenceClassification.from_pretrained("google-bert/' in made.text
    merged = read("bert-base-mnli-finetune", lora, "run.export_merged=true")
    assert merged.data.library_name == "transformers" and "PeftModel" not in merged.text
    assert merged.data.base_model_relation == "finetune"
