"""What `zoo explain` says of every key that a recipe's file may have."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.terminal import screen
from zoo.cli.catalog import asked_about
from zoo.errors import ConfigError
from zoo.recipe import changes, expanded, load_recipe
from zoo.recipe.derived.resume import MEANS
from zoo.recipe.key_table import keys_below, kinds
from zoo.recipe.schema import file_schema
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.telling.explain import explained, keys_named

RECIPE = "gpt2-small-openwebtext"
NAME = "any"
Node = dict[str, Any]


def written(node: Node, names: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Node]]:
    """Every key that the editors' schema knows, and its node; a free name is called `any`."""
    if "$ref" in node:
        node = {**names[node["$ref"].rsplit("/", 1)[-1]], **node}
    for several in ("anyOf", "oneOf"):
        for one in node.get(several, ()):
            yield from written(one, names, path)
    inside = dict(node.get("properties", {}))
    if isinstance(node.get("additionalProperties"), dict) and "propertyNames" not in node:
        inside[NAME] = node["additionalProperties"]
    for name, one in inside.items():
        whole = names[one["$ref"].rsplit("/", 1)[-1]] if "$ref" in one else {}
        yield ".".join((*path, name)), {**whole, **one}
        yield from written(one, names, (*path, name))


SCHEMA = file_schema()
WRITTEN: dict[str, list[Node]] = {}
for _key, _node in written(SCHEMA, SCHEMA["$defs"]):
    WRITTEN.setdefault(_key, []).append(_node)


@cache
def told(key: str) -> list[dict[str, Any]]:
    """What is said of a key, once for each meaning."""
    found: list[dict[str, Any]] = explained(None, key).content["meanings"]
    return found


def test_the_walk_of_the_schema_meets_what_files_alone_have() -> None:
    assert {"model.base", "model.tiny.config", "data.parts.any.name", "optimizer.params.lr"} <= set(
        WRITTEN
    )
    assert len(WRITTEN) > 300


def test_every_key_of_the_schema_is_explained() -> None:
    for key in WRITTEN:
        found = told(key)
        assert found, key
        for one in found:
            assert one["meaning"] and one["type"] and one["allowed"], key
            assert one["on_resume"].split(":")[0] in (*MEANS, "as its keys say", BROUGHT), key


BROUGHT = "as the keys say that it brings"


def test_an_editor_shows_what_explain_says() -> None:
    for key, nodes in WRITTEN.items():
        parts = [part for node in nodes for part in (node, *node.get("anyOf", ()))]
        shown = " ".join(" ".join(part.get("description", "").split()) for part in parts)
        for one in told(key) if shown.strip() else ():
            assert one["meaning"] in shown, key


def test_a_default_of_the_schema_is_that_of_the_explanation() -> None:
    for key, nodes in WRITTEN.items():
        if key.startswith("parallel.zero.") or "tiny" in key:
            continue
        defaults = [one["default"] for one in told(key)]
        for node in nodes:
            assert "default" not in node or node["default"] in defaults, key


def test_a_unit_of_the_schema_is_that_of_the_explanation() -> None:
    for key, nodes in WRITTEN.items():
        counted = [said for node in nodes if " Unit: " in (said := node.get("description", ""))]
        for said in counted:
            unit = said.split(" Unit: ")[1].removesuffix(".")
            assert unit in " ".join(one["unit"] or "" for one in told(key)), key


@pytest.mark.parametrize(
    ("place", "entries"),
    [("optimizer", OPTIMIZERS), ("optimizer.scheduler", SCHEDULERS)],
)
def test_every_parameter_is_explained_as_its_entry_has_it(
    place: str, entries: dict[str, Any]
) -> None:
    for name, entry in entries.items():
        for parameter, one in entry.parameters.items():
            found = told(f"{place}.params.{parameter}")
            own = [each for each in found if name in each["with"].get(f"{place}.type", [name])]
            assert [each["meaning"] for each in own] == [" ".join(one.doc.split())], parameter
            assert (own[0]["default"], own[0]["required"]) == (one.default, one.required)


def test_what_a_deciding_word_may_be_is_told_value_by_value() -> None:
    words = {
        "task.kind": KINDS,
        "optimizer.type": OPTIMIZERS,
        "optimizer.scheduler.type": SCHEDULERS,
        "parallel.compression.kind": COMPRESSORS,
    }
    for word, entries in words.items():
        said = kinds(tuple(word.split(".")))
        assert set(said) == set(entries) and all(said.values()), word
        assert [row[0] for row in explained(None, word).tables[-1][1]] == list(said)


def test_a_section_is_a_table_of_all_its_keys() -> None:
    for section in ("task", "data", "optimizer", "run"):
        rows = explained(None, section).tables[-1][1]
        assert {row[0] for row in rows} == {one.key for one in keys_below((section,))}


def test_a_section_of_a_recipe_has_its_values_and_where_they_are_from() -> None:
    recipe = load_recipe(RECIPE, ["run.steps=7000"])
    page = explained(recipe, "run")
    rows = {row[0].removeprefix("run."): row for row in page.tables[-1][1]}
    assert rows["steps"][1] == "7000"
    number = rows["steps"][2]
    assert f"{number}  command line: run.steps=7000" in page.lines
    assert any(line.startswith("run.steps was 600000 of ") for line in page.lines)
    said = {one["key"]: one["value"] for one in page.content["keys"] if one["value"] is not None}
    run = expanded(recipe)["run"]
    wanted = run | {f"expected.{name}": band for name, band in run["expected"].items()}
    assert said == {f"run.{name}": one for name, one in wanted.items()}


def test_a_value_that_stands_where_an_object_may_is_shown() -> None:
    rows = {row[0]: row for row in explained(load_recipe(RECIPE, tiny=True), "model").tables[-1][1]}
    assert rows["model.tokenizer"][1] == '"bytes"'
    assert rows["model.config"][1] == "" and rows["model.config.n_layer"][1] == "2"


def test_every_value_of_a_recipe_is_explained() -> None:
    for name in ("conditional-detr-r50-coco", "conformer-ctc-small-librispeech", RECIPE):
        recipe = load_recipe(name)
        for key in changes.leaves(expanded(recipe)):
            assert explained(recipe, ".".join(key)).content["meanings"], key


def test_keys_are_completed_name_by_name() -> None:
    assert keys_named("run.ba") == ["run.batch", "run.batch_unit"]
    assert "optimizer.params" in keys_named("optimizer.pa")
    assert "optimizer.params.lr" not in keys_named("optimizer.pa")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("optimiser.params.lr", "optimizer.params.lr"),
        ("run.bach", "run.batch"),
        ("warmup_num_stpes", "optimizer.scheduler.params.warmup_num_steps"),
        ("gradient_accumulation_steps", "run.batch"),
        ("data.parts.web.wieght", "data.parts.web.weight"),
        ("xyzzy", "zoo explain --help"),
    ],
)
def test_a_misspelt_key_is_a_fault_with_the_nearest(key: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explained(None, key)
    (fault,) = caught.value.faults
    assert (fault.key, fault.nearest) == (key, meant) and fault.allowed


def test_a_key_of_another_kind_says_of_which() -> None:
    with pytest.raises(ConfigError, match=r"goes with task\.kind masked-lm"):
        explained(load_recipe(RECIPE), "task.mask_probability")


def test_the_first_word_is_a_key_or_a_recipe() -> None:
    assert asked_about(["run.batch"]) == (None, "run.batch", [])
    assert asked_about(["data"]) == (None, "data", [])
    assert asked_about([RECIPE, "run"]) == (RECIPE, "run", [])
    own = ["./data.json", "run.steps", "run.steps=7"]
    assert asked_about(own) == ("./data.json", "run.steps", ["run.steps=7"])
    assert asked_about(["data.json", "run"]) == ("data.json", "run", [])
    for words in ([RECIPE], ["./data.json"], ["run.steps", "run.steps=7"]):
        with pytest.raises(ConfigError):
            asked_about(words)


def test_no_key_and_no_value_of_a_table_is_cut() -> None:
    shown = " ".join(screen(60, "explain", RECIPE, "optimizer")).split()
    recipe = load_recipe(RECIPE)
    for row in explained(recipe, "optimizer").tables[-1][1]:
        assert row[0] in shown
    assert json.dumps(recipe.optimizer.type) in shown
