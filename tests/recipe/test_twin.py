"""Tiny twins: what is laid over a recipe, and what stays."""

import pytest

from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.spec.data import BuiltInData
from zoo.recipe.spec.model import TrainedTokenizer


def test_the_twin_lays_tiny_over_model_and_the_kinds_file_over_the_recipe(
    catalog: Catalog,
) -> None:
    model = {"base": "small", "weights": "somebody/gpt2", "freeze": ["*.wte.*"]}
    recipe = load_recipe(catalog.recipe(model=model), tiny=True)
    assert recipe.name == "good-tiny"
    assert recipe.model.config == {"model_type": "gpt2", "n_layer": 1, "n_embd": 64}
    assert (recipe.model.weights, recipe.model.parameters) == (None, None)
    assert recipe.model.freeze == ("*.wte.*",)
    assert isinstance(recipe.data, BuiltInData)
    assert recipe.optimizer.params == {"lr": 0.01, "weight_decay": 0.1}
    assert (recipe.run.steps, recipe.run.batch) == (5, 4)


def test_words_come_after_the_twin(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["run.steps=90", "model.config.n_layer=2"], tiny=True)
    assert recipe.run.steps == 90
    assert recipe.model.config["n_layer"] == 2


def test_a_model_word_beside_tiny_means_that_models_twin(catalog: Catalog) -> None:
    catalog.write(
        "model/other",
        {"config": {"model_type": "llama"}, "tokenizer": "x", "tiny": {"tokenizer": "bytes"}},
    )
    model = load_recipe(catalog.recipe(), ["model=other"], tiny=True).model
    assert (model.config, model.tokenizer) == ({"model_type": "llama"}, "bytes")


def test_a_twins_tokenizer_object_replaces_a_name(catalog: Catalog) -> None:
    tiny = {"tokenizer": {"train": "bpe", "vocab_size": 300}}
    catalog.write("model/named", {"config": {"model_type": "gpt2"}, "tokenizer": "x", "tiny": tiny})
    model = load_recipe(catalog.recipe(model="named"), tiny=True).model
    assert model.tokenizer == TrainedTokenizer(train="bpe", vocab_size=300)


def test_a_twin_has_an_object_of_params_whatever_stood_there(catalog: Catalog) -> None:
    tiny = {
        "optimizer": {"params": {"lr": 0.01}},
        "run": {"steps": 20, "batch": 4, "micro_batch": 2},
    }
    catalog.write("tiny/causal-lm", tiny)
    optimizer = {"type": "OneBitAdam", "params": "lr"}
    recipe = load_recipe(catalog.recipe(optimizer=optimizer), tiny=True)
    assert recipe.optimizer.params == {"lr": 0.01, "freeze_step": 0.2}


def test_a_fragment_that_is_no_text_has_no_twin(catalog: Catalog) -> None:
    (catalog.root / "model" / "broken.json").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"that has a `tiny` object: .*small"):
        load_recipe(catalog.recipe(model="plain"), tiny=True)
