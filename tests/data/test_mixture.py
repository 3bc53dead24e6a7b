"""Data of several sources: rows, names and faults of each part."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.conftest import MakeRecipe
from zoo.data.joined import Mixed
from zoo.data.ordering.build import order_of, said_of_parts, shares_of
from zoo.data.rows import ListRows
from zoo.data.source import Source, open_source
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.recipe.spec.data import MixtureData


def written(folder: Path, name: str, rows: int, label: str = "yes") -> None:
    folder.mkdir(exist_ok=True)
    lines = [{"text": f"{name} {n}", "label": label if n % 2 else "no"} for n in range(rows)]
    text = "\n".join(map(json.dumps, lines))
    (folder / f"{name}.jsonl").write_text(text)


def files(folder: Path, train: str, **more: Any) -> dict[str, Any]:
    return {"source": "files", "folder": str(folder), "train": f"{train}.jsonl", **more}


def opened(make: MakeRecipe, kind: str, parts: dict[str, Any], **more: Any) -> Source:
    return open_source(make(kind, source="mixture", parts=parts, **more))


def test_a_part_has_rows_and_validation_sets_by_its_name(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    for name, rows in (("a", 40), ("b", 10), ("c", 6)):
        written(tmp_path, name, rows)
    parts = {
        "web": {"data": files(tmp_path, "a", valid=0.25), "weight": 1},
        "books": {"data": files(tmp_path, "b", valid="c.jsonl", max_train_examples=7), "weight": 1},
        "two": {"data": files(tmp_path, "c", valid=["b.jsonl", "c.jsonl"]), "weight": 1},
    }
    source = opened(make_recipe, "causal-lm", parts)
    assert isinstance(source.train, Mixed)
    sizes = {name: len(rows) for name, rows in source.train.by_name.items()}
    assert sizes == {"books": 7, "two": 6, "web": 30}
    assert source.train[8]["text"] == "c 1"
    scored = {name: len(rows) for name, rows in source.valid.items()}
    assert scored == {"books": 6, "two/b.jsonl": 10, "two/c.jsonl": 6, "web": 10}
    recipe = make_recipe("causal-lm", source="mixture", parts=parts)
    assert set(recipe.data.valid) == set(source.valid)  # type: ignore[arg-type]


def test_one_validation_set_alone_needs_no_name(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    written(tmp_path, "a", 8)
    parts = {
        "one": {"data": files(tmp_path, "a", valid="a.jsonl"), "weight": 1},
        "two": {"data": files(tmp_path, "a"), "weight": 1},
    }
    assert list(opened(make_recipe, "causal-lm", parts).valid) == ["valid"]


def test_what_is_wrong_with_a_part_is_said_under_its_key_and_all_at_once(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    written(tmp_path, "a", 8)
    parts = {
        "one": {"data": files(tmp_path / "gone", "a"), "weight": 1},
        "two": {"data": files(tmp_path, "b"), "weight": 1},
        "three": {"data": files(tmp_path, "a", columns={"text": "body"}), "weight": 1},
    }
    with pytest.raises(ConfigError) as caught:
        opened(make_recipe, "causal-lm", parts)
    keys = {fault.key for fault in caught.value.faults}
    assert keys == {
        "data.parts.one.data.folder",
        "data.parts.two.data.train",
        "data.parts.three.data.columns.text",
    }
    assert "data.parts.one.data.folder=PATH" in str(caught.value)


def test_parts_agree_on_their_classes_or_the_recipe_names_them(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    written(tmp_path, "a", 8)
    written(tmp_path, "b", 8, label="maybe")
    parts = {name: {"data": files(tmp_path, name), "weight": 1} for name in "ab"}
    with pytest.raises(ConfigError, match=r"data\.labels: found a without maybe; allowed"):
        opened(make_recipe, "sequence-classification", parts)
    source = opened(make_recipe, "sequence-classification", parts, labels=["no", "yes", "maybe"])
    assert [source.train[n]["label"] for n in (0, 1, 8, 9)] == [0, 1, 0, 2]
    same = {name: {"data": files(tmp_path, "a"), "weight": 1} for name in "xy"}
    assert opened(make_recipe, "sequence-classification", same).labels == ("no", "yes")


def rows_of(**counts: int) -> Mixed:
    return Mixed({n: ListRows([{"text": ""}] * count, n) for n, count in counts.items()})


def mixed(make: MakeRecipe, steps: int = 30, **more: Any) -> Recipe:
    text = {"source": "built-in", "name": "stdlib-text"}
    weights = more.pop("weights", (None, None))
    parts = {
        name: {"data": text} | ({} if weight is None else {"weight": weight})
        for name, weight in zip("ab", weights, strict=True)
    }
    recipe = make("causal-lm", source="mixture", parts=parts, **more)
    return recipe.model_copy(update={"run": recipe.run.model_copy(update={"steps": steps})})


def test_a_temperature_makes_small_parts_larger(make_recipe: MakeRecipe) -> None:
    rows = rows_of(a=900, b=100)
    for temperature, share in ((1, 0.1), (2, 0.25), (1e9, 0.5)):
        data = mixed(make_recipe, temperature=temperature).data
        assert isinstance(data, MixtureData)
        assert shares_of(data, rows)["b"] == pytest.approx(share)


def test_a_part_that_is_gone_through_too_often_is_refused_with_its_epochs(
    make_recipe: MakeRecipe,
) -> None:
    rows = rows_of(a=10**4, b=50)
    with pytest.raises(ConfigError) as caught:
        order_of(mixed(make_recipe, 1000, weights=(9, 1)), rows)
    [fault] = caught.value.faults
    assert (fault.key, fault.found) == ("data.parts.b.weight", "8 epochs of the 50 examples of b")
    order = order_of(mixed(make_recipe, 1000, weights=(9, 1), max_epochs=8.0), rows)
    assert said_of_parts(order, 1000)[1] == (
        "part b: 10.0% of each batch, 8 epochs of 50 examples in 1000 steps"
    )


def test_more_of_one_part_changes_the_others_only_in_how_often_they_come(
    make_recipe: MakeRecipe,
) -> None:
    rows = rows_of(a=500, b=500)
    orders = [
        order_of(mixed(make_recipe, weights=w, max_epochs=False), rows) for w in ((1, 1), (3, 1))
    ]
    drawn = [
        np.concatenate([one.rows for step in range(30) for one in order.micro_batches(step)])
        for order in orders
    ]
    first, second = ({*found[found < 500].tolist()} for found in drawn)
    assert first < second
