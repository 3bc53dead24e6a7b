"""Words of the command line: what they may say, what becomes of the earlier ones, what is off."""

import json
from pathlib import Path

import pytest

from tests.recipe.conftest import GOOD, Catalog
from zoo.errors import ConfigError
from zoo.recipe import expanded, load_recipe
from zoo.recipe.compose.catalog import own_catalogs, shipped_catalog
from zoo.recipe.compose.nearby import find_recipe
from zoo.telling.explain import explained
from zoo.telling.listing import catalog_rows, listed
from zoo.telling.notes import notes

LR = "optimizer.params.lr=0.1"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([LR, "optimizer.type=SGD"], "0.1, which optimizer.type=SGD after it takes away"),
        (["model.attention=eager", "model=plain"], '"eager", which model=plain after it'),
        (["run.steps=50", "run.epochs=2"], "50, which run.epochs=2 after it takes away"),
        (['optimizer.params={"eps":1}', "optimizer.params=unset", LR], "1, which optimizer.params"),
        (["parallel.zero.stage=2", "parallel.zero=unset"], "2, which parallel.zero=unset"),
        (["data.test=unset", "data.test=b.txt", "data=corpus"], '"b.txt", which data=corpus'),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_typed_word_that_a_later_one_undoes_is_a_fault(
    words: list[str], why: str, catalog: Catalog
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(), words)
    assert any(why in fault.found for fault in caught.value.faults)


@pytest.mark.parametrize(
    "words",
    [
        ["run.batch=32", "run.batch=64"],
        ["optimizer.type=SGD", LR],
        ["optimizer.type=SGD", LR, "optimizer.type=SGD"],
        ["model.attention=eager", 'model={"base":"plain","attention":"sdpa"}'],
        ["parallel=unset", "parallel.zero.stage=1"],
        ["data.test=unset", "data.test=a.txt"],
    ],
    ids=" ".join,
)
def test_a_later_word_for_the_same_key_and_the_right_order_are_none(
    words: list[str], catalog: Catalog
) -> None:
    load_recipe(catalog.recipe(), words)


def test_what_a_word_makes_meaningless_in_a_file_is_a_note(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["optimizer.type=SGD", LR])
    [note] = notes(recipe)
    assert note.startswith('optimizer.params {"lr": 0.002, "weight_decay": 0.1} of optimizer/')
    assert "fell away: optimizer.type became" in note
    assert notes(load_recipe(catalog.recipe(), ["optimizer.scheduler=unset"])) == []


def test_words_of_the_program_undo_typed_ones_in_silence(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), [LR], last=["optimizer.type=SGD", LR])
    assert recipe.optimizer.params == {"lr": 0.1}
    assert load_recipe(catalog.recipe(), ["model=plain"], first=["model.attention=eager"])


def test_a_path_that_is_unset_is_no_folder_of_that_name(catalog: Catalog) -> None:
    recipe = catalog.recipe(optimizer={"base": "adam-like", "state": "runs/first"})
    assert str(load_recipe(recipe).optimizer.state).endswith("/runs/first")
    unset = load_recipe(recipe, first=["optimizer.state=unset", "run.folder=unset"])
    assert unset.optimizer.state is None and unset.run.folder is None


def test_any_key_that_a_base_sets_can_be_unset(catalog: Catalog) -> None:
    words = ["optimizer.params.weight_decay=unset", "optimizer.scheduler=unset", "parallel=unset"]
    recipe = load_recipe(catalog.recipe(), [*words, "data.columns=unset"])
    assert recipe.optimizer.params == {"lr": 0.002}
    assert (recipe.optimizer.scheduler, recipe.parallel.zero) == (None, {"stage": 0})
    assert recipe.data.columns == {}
    in_file = {"base": "adam-like", "params": {"weight_decay": "unset"}}
    assert load_recipe(catalog.recipe(optimizer=in_file)).optimizer.params == {"lr": 0.1}
    assert "was unset by" in explained(recipe, "optimizer.scheduler").lines[-1]


def test_validation_and_test_sets_have_an_off_value(catalog: Catalog) -> None:
    data = {"source": "built-in", "name": "stdlib-text"}
    recipe = load_recipe(catalog.recipe(data=data), ["data.valid=false", "data.test=false"])
    assert (recipe.data.valid, recipe.data.test) == (False, False)
    again = catalog.write("recipes/again", expanded(recipe))
    assert load_recipe(again) == recipe


def test_a_pattern_whose_value_is_an_object_is_whole(catalog: Catalog) -> None:
    words = ['optimizer.groups.*.bias={"weight_decay":0}', "optimizer.groups.lm.*.lr=1"]
    recipe = load_recipe(catalog.recipe(), words)
    assert recipe.optimizer.groups == {"*.bias": {"weight_decay": 0}, "lm.*": {"lr": 1}}
    gone = load_recipe(catalog.recipe(), [*words[:1], "optimizer.weight_decay_on=all"])
    assert explained(gone, "optimizer.groups.*.bias.weight_decay").above[0].endswith("_decay = 0")
    based = {"base": "adam-like", "groups": {"*.bias": {"lr": 1}}}
    words = ["optimizer.groups.*.bias=unset"]
    assert load_recipe(catalog.recipe(optimizer=based), words).optimizer.groups == {}


def test_whole_numbers_may_be_written_as_floats_everywhere(catalog: Catalog) -> None:
    words = ["run.batch=1.6e1", "run.steps=1e3", "optimizer.scheduler.params.warmup_num_steps=1e2"]
    recipe = load_recipe(catalog.recipe(), words)
    assert (recipe.run.batch, recipe.run.steps) == (16, 1000)
    assert recipe.optimizer.scheduler is not None
    assert type(recipe.optimizer.scheduler.params["warmup_num_steps"]) is int
    assert (
        type(load_recipe(catalog.recipe(), ["optimizer.params.lr=1.0"]).optimizer.params["lr"])
        is float
    )


def test_a_named_task_beside_tiny_means_the_small_one(catalog: Catalog) -> None:
    catalog.write("task/long", {"kind": "causal-lm", "sequence_length": 4096})
    tiny = json.loads((catalog.root / "tiny" / "causal-lm.json").read_text())
    catalog.write("tiny/causal-lm", {**tiny, "task": {"sequence_length": 8}})
    for word in ("task=long", 'task={"base":"long"}'):
        task = load_recipe(catalog.recipe(), [word], tiny=True).task
        assert task.sequence_length == 8  # type: ignore[union-attr]
    own = 'task={"base":"long","sequence_length":16}'
    assert load_recipe(catalog.recipe(), [own], tiny=True).task.sequence_length == 16  # type: ignore[union-attr]


def test_names_in_words_are_looked_up_where_the_user_is(
    catalog: Catalog, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, mine = catalog.recipe().absolute(), Catalog(tmp_path_factory.mktemp("mine"))
    mine.write("configs/parallel/own", {"zero": {"stage": 2}})
    (mine.root / "configs" / "recipes").mkdir()
    monkeypatch.chdir(mine.root)
    assert load_recipe(file, ["parallel=own"]).parallel.zero == {"stage": 2}


def test_the_catalog_called_configs_here_comes_before_the_shipped_one_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, shipped = "gpt2-small-openwebtext", find_recipe("gpt2-small-openwebtext")
    mine = Catalog(tmp_path / "configs")
    recipe = {**GOOD, "parallel": "zero-2", "data": {"base": "corpus", "test": False}}
    mine.write(f"recipes/{name}", recipe)
    mine.write("parallel/zero-2", {"zero": {"stage": 1}})
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name) == tmp_path / "configs" / "recipes" / f"{name}.json"
    loaded = load_recipe(name)
    assert loaded.parallel.zero == {"stage": 1}
    assert sum("is yours" in note for note in notes(loaded)) == 2
    (tmp_path / "my.json").write_text(json.dumps(recipe))
    assert load_recipe("my.json").data == loaded.data
    assert load_recipe(shipped).model.config["n_layer"] == 12  # which means its own fragments
    heads, rows, _ = listed((), False)
    assert heads[:2] == ("recipe", "whose")
    assert {row[0]: row[1] for row in rows}[name] == "yours"
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)


def test_the_shipped_catalog_is_nobodys_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").symlink_to(shipped_catalog())
    monkeypatch.chdir(tmp_path)
    assert own_catalogs() == ()


def test_a_folder_called_data_is_no_catalog(catalog: Catalog) -> None:
    project = catalog.root / "project" / "deep"
    project.mkdir(parents=True)
    (catalog.root / "project" / "data").mkdir()
    (catalog.root / "project" / "data" / "annotations.json").write_text("{}")
    (project / "x.json").write_text(json.dumps(GOOD))
    assert load_recipe(project / "x.json").parallel.zero == {"stage": 1}


def test_comments_and_a_mark_at_the_beginning_are_read(catalog: Catalog) -> None:
    text = (
        "\ufeff{ // steps\n"
        + json.dumps(GOOD)[1:-1]
        + ', "description": "//no /*comment*/" /* end */}'
    )
    recipe = load_recipe(catalog.write("recipes/good", text))
    assert recipe.description == "//no /*comment*/"


def test_a_fault_of_all_recipes_is_said_once_and_others_say_of_which() -> None:
    rows, faults = catalog_rows(["run.stepz=3"], tiny=False)
    assert rows == [] and [fault.file for fault in faults] == ["command line: run.stepz=3"]
    _, faults = catalog_rows(["task.sequence_length=0"], tiny=False)
    assert any("(of bert-base-" in fault.file for fault in faults)


def test_code_of_a_model_runs_only_if_that_was_typed(catalog: Catalog) -> None:
    file = catalog.recipe(model={"base": "small", "trust_remote_code": True})
    with pytest.raises(ConfigError, match="true in a file"):
        load_recipe(file)
    assert load_recipe(file, ["model.trust_remote_code=true"]).model.trust_remote_code


def test_nothing_that_is_said_steers_a_terminal(catalog: Catalog) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(), ["run.\x1b]0;x\x07\u202e=3", "model=\x1b[2J", "\n=1"])
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert len(str(caught.value).split("\n")) == len(caught.value.faults)


def test_schema_places_are_absolute_in_what_is_expanded(catalog: Catalog) -> None:
    file = catalog.write("recipes/good", {"$schema": "../schema/recipe.json", **GOOD})
    assert Path(expanded(load_recipe(file))["$schema"]) == catalog.root / "schema" / "recipe.json"
    typed = expanded(load_recipe(file, ["$schema=./own.json"]))["$schema"]
    assert Path(typed) == catalog.root / "own.json"
