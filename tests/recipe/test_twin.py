"""Tiny twins: what is laid over a recipe, and what stays."""

import json
from pathlib import Path
from typing import Any

import pytest

import zoo.recipe.compose.catalog
from tests.recipe.conftest import GOOD, Catalog
from zoo.errors import ConfigError
from zoo.recipe import Recipe, load_recipe, origin
from zoo.recipe.spec.data import BuiltInData, FilesData
from zoo.recipe.spec.model import TrainedTokenizer
from zoo.recipe.spec.tasks.detection import ObjectDetectionSpec


@pytest.fixture
def shipped(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The catalog as though it travelled with the package."""
    monkeypatch.setattr(zoo.recipe.compose.catalog, "shipped_catalog", lambda: catalog.root)
    return catalog


def test_the_twin_lays_tiny_over_model_and_the_kinds_file_over_the_recipe(
    shipped: Catalog,
) -> None:
    catalog = shipped
    model = {"base": "small", "weights": "somebody/gpt2", "freeze": ["*.wte.*"]}
    recipe = load_recipe(catalog.recipe(model=model), tiny=True)
    assert recipe.name == "good-tiny"
    assert recipe.model.config == {"model_type": "gpt2", "n_layer": 1, "n_embd": 64}
    assert (recipe.model.weights, recipe.model.parameters) == (None, None)
    assert recipe.model.freeze == ("*.wte.*",)
    assert isinstance(recipe.data, BuiltInData)
    assert recipe.optimizer.params == {"lr": 0.01, "weight_decay": 0.1}
    assert (recipe.run.steps, recipe.run.batch) == (5, 4)


def test_the_twin_of_an_adapter_stands_on_random_weights_and_is_exported_whole(
    shipped: Catalog,
) -> None:
    model = {"base": "small", "weights": "somebody/gpt2", "lora": {"r": 4}}
    recipe = load_recipe(shipped.recipe(model=model), tiny=True)
    assert recipe.model.lora is not None and recipe.model.weights is None
    assert recipe.run.export_merged


def own_twin(catalog: Catalog, **data: Any) -> Recipe:
    """The twin of a recipe of texts in a folder of one's own."""
    files = {"source": "files", "folder": "texts", "train": "*.txt", "valid": 0.1, **data}
    run = {"epochs": 3, "batch": 16, "micro_batch": 4, "best_metric": "valid/loss"}
    path = catalog.recipe(data=files, run={**run, "folder": "there"})
    return load_recipe(path, tiny=True)


def test_the_twin_of_ones_own_data_reads_less_of_them_for_a_few_steps(catalog: Catalog) -> None:
    recipe = own_twin(catalog, columns={"text": "body"}, max_valid_examples=9, workers=3)
    assert isinstance(recipe.data, FilesData)
    assert recipe.data.folder == str(catalog.root / "recipes" / "texts")
    assert (recipe.data.columns, recipe.data.workers) == ({"text": "body"}, 3)
    assert (recipe.data.max_train_examples, recipe.data.max_valid_examples) == (256, 9)
    assert recipe.model.config["n_layer"] == 1 and recipe.optimizer.params["lr"] == 0.01
    assert (recipe.run.steps, recipe.run.epochs, recipe.run.batch) == (50, None, 4)
    assert recipe.run.best_metric == "valid/loss"
    assert recipe.run.folder == str(catalog.root / "recipes" / "there-tiny")
    assert origin(recipe, "data.max_train_examples") == "--tiny (your own data, cut small)"


def test_the_twin_of_ones_own_data_without_a_set_to_score_passes_the_checks(
    catalog: Catalog,
) -> None:
    run = {"steps": 9, "batch": 8, "micro_batch": 4}
    files = {"source": "files", "folder": "texts", "train": "*.txt"}
    recipe = load_recipe(catalog.recipe(data=files, run=run), tiny=True)
    assert recipe.data.valid is False


def test_a_users_fragment_of_data_is_his_own_and_a_shipped_one_is_not(catalog: Catalog) -> None:
    assert isinstance(load_recipe(catalog.recipe(), tiny=True).data, FilesData)
    squad = {"source": "hub", "name": "squad", "train": "train"}
    whole = {**GOOD, "model": "llama-mini", "optimizer": "adamw"}
    for data, source in ((squad, "hub"), ("wikipedia", "built-in"), ("openwebtext", "built-in")):
        path = catalog.recipe(**{**whole, "data": data})
        assert load_recipe(path, tiny=True).data.source == source


def test_how_ones_own_rows_are_read_stays_in_the_twin(tmp_path: Path) -> None:
    recipe = {
        "task": {"kind": "object-detection", "image_size": 96, "box_format": "yolo"},
        "model": "rt-detr-mini",
        "data": {"source": "files", "folder": ".", "train": "a.jsonl", "valid": "b.jsonl"},
        "optimizer": "adamw-small",
        "run": {"steps": 9, "batch": 8, "micro_batch": 4},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(recipe))
    task = load_recipe(path, tiny=True).task
    assert isinstance(task, ObjectDetectionSpec)
    assert (task.box_format, task.image_size) == ("yolo", 64)


def test_a_recipe_that_names_a_chat_template_has_a_twin_of_chats(shipped: Catalog) -> None:
    catalog = shipped
    texts, chats = (
        {"source": "built-in", "name": name} for name in ("stdlib-text", "docstring-chats")
    )
    tiny = {"run": {"steps": 90, "batch": 4, "micro_batch": 2}, "data": texts}
    more = {"data": chats, "task": {"sequence_length": 8}}
    catalog.write("tiny/causal-lm", {**tiny, "chats": more})
    task = {"kind": "causal-lm", "sequence_length": 64}
    for template, name, length in (("chatml", "docstring-chats", 8), (None, "stdlib-text", 64)):
        model = {"base": "small"} | ({"chat_template": template} if template else {})
        found = load_recipe(catalog.recipe(task=task, model=model), tiny=True)
        assert isinstance(found.data, BuiltInData) and found.data.name == name
        assert found.task.sequence_length == length  # type: ignore[union-attr]
        assert found.run.steps == 90


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


def test_data_that_a_word_names_beside_tiny_are_cut_as_those_of_a_file(catalog: Catalog) -> None:
    mine = {"source": "files", "folder": "texts", "train": "*.txt", "valid": 0.1, "workers": 3}
    catalog.write("data/mine", {**mine, "max_train_examples": 9000})
    path = catalog.recipe(run={"epochs": 3, "batch": 16, "micro_batch": 4})
    there = json.dumps(mine)
    for word in ("data=mine", f"data={there}", 'data={"base": "mine"}'):
        recipe = load_recipe(path, [word], tiny=True)
        assert (recipe.data.max_train_examples, recipe.data.max_valid_examples) == (256, 64)
        assert (recipe.run.steps, recipe.run.epochs, recipe.data.workers) == (50, None, 3)
    built_in = '{"source": "built-in", "name": "stdlib-text"}'
    assert load_recipe(path, [f"data={built_in}"], tiny=True).data.max_train_examples is None


@pytest.mark.parametrize("first", [True, False])
def test_single_keys_that_were_typed_win_over_what_tiny_cuts_of_named_data(
    first: bool, catalog: Catalog
) -> None:
    mine = {"source": "files", "folder": "texts", "train": "*.txt", "max_train_examples": 700}
    catalog.write("data/mine", mine)
    runs = ["run.epochs=2", "run.log_every=7", "run.folder=here"]
    words = [*runs, "data=mine"] if first else ["data=mine", *runs]
    recipe = load_recipe(catalog.recipe(), [*words, "data.max_train_examples=500"], tiny=True)
    assert (recipe.run.steps, recipe.run.epochs, recipe.run.log_every) == (None, 2, 7)
    assert Path(str(recipe.run.folder)).name == "here"
    assert recipe.data.max_train_examples == 500
    said = json.dumps({**mine, "max_valid_examples": 100})
    recipe = load_recipe(catalog.recipe(), [f"data={said}"], tiny=True)
    assert (recipe.data.max_train_examples, recipe.data.max_valid_examples) == (700, 100)
    based = json.dumps({"base": "mine", "max_train_examples": 300})
    recipe = load_recipe(catalog.recipe(), [f"data={based}"], tiny=True)
    assert recipe.data.max_train_examples == 300


def test_rows_of_data_that_a_word_names_are_read_as_the_recipe_says(tmp_path: Path) -> None:
    recipe = {
        "task": {"kind": "object-detection", "image_size": 96, "box_format": "yolo"},
        "model": "rt-detr-mini",
        "data": {"source": "built-in", "name": "shapes"},
        "optimizer": "adamw-small",
        "run": {"steps": 9, "batch": 8, "micro_batch": 4},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(recipe))
    files = '{"source": "files", "folder": ".", "train": "a.jsonl", "valid": "b.jsonl"}'
    for words, form in (([], "coco"), ([f"data={files}"], "yolo")):
        task = load_recipe(path, words, tiny=True).task
        assert isinstance(task, ObjectDetectionSpec)
        assert (task.box_format, task.image_size) == (form, 64)
