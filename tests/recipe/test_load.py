"""Composition, changes and origins of recipes."""

import json
from pathlib import Path

import pytest

from tests.recipe.conftest import GOOD, Catalog
from zoo.errors import ConfigError
from zoo.recipe import expanded, load_recipe, origin
from zoo.recipe.compose.catalog import fragments, recipes, shipped_catalog
from zoo.recipe.compose.nearby import find_recipe
from zoo.recipe.spec.data import BuiltInData, FilesData
from zoo.recipe.spec.optimizer import Scheduler
from zoo.recipe.spec.tasks.text import CausalLMSpec
from zoo.telling.explain import explained
from zoo.telling.listing import HEADS, recipe_row
from zoo.telling.notes import notes, unchecked


def test_a_section_may_be_the_name_of_a_fragment(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe())
    assert recipe.model.config == {"model_type": "gpt2", "n_layer": 4, "n_embd": 64}
    assert recipe.parallel.zero == {"stage": 1}


def test_an_object_changes_keys_of_its_base_deeply(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe())
    assert recipe.optimizer.params == {"lr": 0.002, "weight_decay": 0.1}
    assert recipe.optimizer.scheduler == Scheduler(
        type="WarmupLR", params={"warmup_num_steps": 10, "warmup_type": "linear"}
    )


def test_lists_replace_and_are_not_merged(catalog: Catalog) -> None:
    catalog.write("model/frozen", {**json.loads(Path("model/plain.json").read_text())})
    file = catalog.recipe(model={"base": "frozen", "freeze": ["a", "b"]})
    assert load_recipe(file, ['model.freeze=["c"]']).model.freeze == ("c",)


def test_a_new_optimizer_type_drops_the_old_params(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.type=SGD", "optimizer.params.lr=0.9"])
    assert recipe.optimizer.params == {"lr": 0.9}
    assert recipe.optimizer.scheduler is not None


def test_the_same_optimizer_type_in_other_letters_drops_nothing(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.type=adamw"])
    assert recipe.optimizer.type == "AdamW"
    assert recipe.optimizer.params["lr"] == 0.002


def test_a_new_schedule_drops_the_old_params(catalog: Catalog) -> None:
    params = {"warmup_type": "log"}
    words = [
        "optimizer.scheduler.type=WarmupCosineLR",
        "optimizer.scheduler.params.warmup_type=log",
    ]
    recipe = load_recipe(catalog.recipe(run={**GOOD["run"], "steps": 1000}), words)
    assert recipe.optimizer.scheduler == Scheduler(type="WarmupCosineLR", params=params)


def test_a_schedule_is_switched_off_by_false(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.scheduler=false"])
    assert recipe.optimizer.scheduler is None


def test_a_new_source_drops_the_other_keys_of_data(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["data.source=built-in", "data.name=stdlib-text"])
    assert isinstance(recipe.data, BuiltInData)
    assert recipe.data.columns == {}
    assert recipe.data.valid == "validation"


def test_a_new_kind_drops_the_other_keys_of_task(catalog: Catalog) -> None:
    file = catalog.recipe(task={"kind": "causal-lm", "sequence_length": 8, "loss_on": "all"})
    changed = load_recipe(file, ["task.kind=masked-lm", "task.sequence_length=9"])
    assert expanded(changed)["task"] == {
        "kind": "masked-lm",
        "sequence_length": 9,
        "mask_probability": 0.15,
        "whole_word": False,
    }


def test_steps_and_epochs_unset_each_other(catalog: Catalog) -> None:
    run = load_recipe(catalog.recipe(), ["run.epochs=2.5"]).run
    assert (run.steps, run.epochs) == (None, 2.5)
    run = load_recipe(catalog.recipe(run={**GOOD["run"], "epochs": 2.5}), ["run.steps=70"]).run
    assert (run.steps, run.epochs) == (70, None)


def test_changes_apply_from_left_to_right(catalog: Catalog) -> None:
    words = ["run.batch=32", "run.batch=64", "run.precision=bf16"]
    run = load_recipe(catalog.recipe(), words).run
    assert (run.batch, run.precision) == (64, "bf16")


def test_a_word_for_a_section_replaces_it(catalog: Catalog) -> None:
    model = {"base": "small", "attention": "eager"}
    recipe = load_recipe(catalog.recipe(model=model), ["model=plain"])
    assert recipe.model.attention == "sdpa"
    assert recipe.model.config == {"model_type": "gpt2"}


def test_a_pattern_of_a_group_keeps_its_dots(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.groups.lm_head.*.lr=1e-3"])
    assert recipe.optimizer.groups == {"lm_head.*": {"lr": 1e-3}}


def test_paths_of_a_file_are_relative_to_that_file(catalog: Catalog) -> None:
    recipe = load_recipe(
        catalog.recipe(run={"steps": 10, "batch": 4, "micro_batch": 4, "folder": "r"})
    )
    assert isinstance(recipe.data, FilesData)
    assert recipe.data.folder == str(catalog.root / "data" / "texts")
    assert recipe.run.folder == str(catalog.root / "recipes" / "r")


def test_paths_of_words_are_relative_to_the_working_directory(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = catalog.recipe()
    (catalog.root / "elsewhere").mkdir()
    monkeypatch.chdir(catalog.root / "elsewhere")
    recipe = load_recipe(file, ["data.folder=../x", "model.weights=./w", "model.tokenizer=t/t"])
    assert isinstance(recipe.data, FilesData)
    assert recipe.data.folder == str(catalog.root / "x")
    assert recipe.model.weights == str(catalog.root / "elsewhere" / "w")
    assert recipe.model.tokenizer == "t/t"


def test_a_fragment_of_the_own_catalog_hides_the_shipped_one(catalog: Catalog) -> None:
    catalog.write("parallel/zero-1", {"zero": {"stage": 3}})
    assert load_recipe(catalog.recipe(parallel="zero-1")).parallel.zero == {"stage": 3}
    assert load_recipe(catalog.recipe(parallel="zero-2")).parallel.zero == {"stage": 2}


def test_a_fragment_may_carry_a_description(catalog: Catalog) -> None:
    catalog.write("parallel/told", {"description": "why", "$schema": "x", "zero": {"stage": 2}})
    assert load_recipe(catalog.recipe(parallel="told")).parallel.zero == {"stage": 2}


@pytest.mark.parametrize("name", fragments("parallel", (shipped_catalog(),)))
def test_a_shipped_layout_says_when_to_use_it_and_loads(name: str) -> None:
    file = shipped_catalog() / "parallel" / f"{name}.json"
    assert json.loads(file.read_text(encoding="ascii"))["description"].endswith(".")
    words = [f"parallel={name}", "run.precision=fp32"]
    row = recipe_row(load_recipe("gpt2-small-openwebtext", words))
    layout = dict(zip(HEADS, row, strict=True))["layout"]
    for part in ("pipeline", "tensor"):
        assert (part in layout) == (part in name or "hybrid" in name)


def test_a_layout_is_listed_with_its_stages_and_tensor_ranks(catalog: Catalog) -> None:
    words = ["parallel.pipeline.stages=4", "parallel.tensor=2"]
    row = recipe_row(load_recipe(catalog.recipe(), words))
    assert "ZeRO-1 + pipeline 4 + tensor 2" in row


def test_an_expanded_recipe_loads_to_an_equal_one(catalog: Catalog) -> None:
    words = ["model.config.pad_token_id=null", "optimizer.groups.a.b*.lr=0.1", "run.epochs=3"]
    recipe = load_recipe(catalog.recipe(), words)
    (catalog.root / "away").mkdir()
    file = catalog.write("away/recipe", expanded(recipe))
    again = load_recipe(file)
    assert again == recipe
    assert again.model.config["pad_token_id"] is None
    assert again.name == "away"


def test_a_beam_without_a_language_model_is_one_in_the_expanded_recipe_too(
    catalog: Catalog,
) -> None:
    recipe = load_recipe(find_recipe("conformer-mini-fsdd"), ["task.decoder.beam=8"])
    again = load_recipe(catalog.write("again", expanded(recipe)))
    assert again.task == recipe.task


def test_zero_without_a_stage_is_stage_0(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(parallel={"zero": {"reduce_bucket_size": 5e8}}))
    assert recipe.parallel.zero["stage"] == 0
    assert load_recipe(catalog.recipe(parallel=None)).parallel.zero == {"stage": 0}


def test_sizes_of_evaluation_follow_those_of_training(catalog: Catalog) -> None:
    file = catalog.recipe(
        task={"kind": "image-classification", "image_size": 96},
        model={"config": {"model_type": "vit"}},
    )
    recipe = load_recipe(file)
    assert recipe.task.eval_image_size == 96  # type: ignore[union-attr]
    assert recipe.run.eval_micro_batch == recipe.run.micro_batch


def test_origin_names_the_file_or_the_word(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["run.batch=8", "optimizer.groups.a.*.lr=1"])
    assert origin(recipe, "run.batch") == "command line: run.batch=8"
    assert origin(recipe, "run.steps") == "recipes/good.json"
    assert origin(recipe, "model.config.n_layer") == "model/small.json"
    assert origin(recipe, "optimizer.params.weight_decay") == "optimizer/adam-like.json"
    assert origin(recipe, "optimizer.params.lr") == "recipes/good.json"
    assert origin(recipe, "optimizer.groups.a.*.lr").startswith("command line: optimizer.groups")
    assert origin(recipe, "data.test") == "recipes/good.json"
    tiny = load_recipe(catalog.recipe(), tiny=True)
    assert origin(tiny, "model.config.n_layer") == "model/small.json (tiny)"


def test_explain_says_value_source_and_what_a_discriminator_dropped(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.type=SGD", 'optimizer.params={"lr": 1}'])
    assert explained(recipe, "optimizer.type").above == [
        'optimizer.type = "SGD"',
        "  from command line: optimizer.type=SGD",
        '  over "AdamW" of optimizer/adam-like.json',
    ]
    params = explained(recipe, "optimizer.params")
    (row,) = [row for row in params.tables[-1][1] if row[0] == "optimizer.params.lr"]
    assert row[1:3] == ["1", "1"]
    assert params.lines == [
        '1  command line: optimizer.params={"lr": 1}',
        "optimizer.params.lr was 0.1 of optimizer/adam-like.json",
        'dropped: optimizer.params = {"lr": 0.002, "weight_decay": 0.1}',
        '  from optimizer/adam-like.json, because optimizer.type became "SGD" by command line:'
        " optimizer.type=SGD",
    ]
    assert explained(recipe, "model.name").above == ["model.name is not set"]
    with pytest.raises(ConfigError, match=r"did you mean run\.batch"):
        explained(recipe, "run.bach")


def test_a_recipe_of_the_catalog_is_found_by_its_name() -> None:
    assert load_recipe("gpt2-small-openwebtext").task == CausalLMSpec(
        kind="causal-lm", sequence_length=1024
    )


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize("file", recipes(), ids=lambda file: file.stem)
def test_every_shipped_recipe_loads_and_so_does_what_it_expands_to(
    file: Path, tiny: bool, tmp_path: Path
) -> None:
    recipe = load_recipe(file, tiny=tiny)
    copy = tmp_path / f"{recipe.name}.json"
    copy.write_text(json.dumps(expanded(recipe)), encoding="utf-8")
    assert load_recipe(copy) == recipe


def test_a_model_type_that_no_table_knows_is_a_note_and_not_a_fault(catalog: Catalog) -> None:
    words = ["model.config.model_type=gpt9", "model.config.n_horn=2"]
    recipe = load_recipe(catalog.recipe(), words)
    [note] = unchecked(recipe)
    assert "model.config.model_type gpt9" in note and note in notes(recipe)
    assert unchecked(load_recipe(catalog.recipe())) == []


def test_a_count_of_zero_may_be_written_as_a_float(catalog: Catalog) -> None:
    words = ["parallel.zero.stage=2.0", "parallel.zero.reduce_bucket_size=5e8"]
    recipe = load_recipe(catalog.recipe(), words)
    zero = recipe.parallel.zero
    assert zero == {"stage": 2, "reduce_bucket_size": 500_000_000}
    assert {type(value) for value in zero.values()} == {int}
    assert "ZeRO-2" in recipe_row(recipe)


def test_without_a_working_directory_only_words_are_refused(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = catalog.recipe().absolute()
    gone = catalog.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load_recipe(file).name == "good"
    with pytest.raises(ConfigError, match="working directory: found a folder that was deleted"):
        load_recipe(file, ["run.steps=5"])
