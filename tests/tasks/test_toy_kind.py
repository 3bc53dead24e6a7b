"""A kind of task is one place: a spec class, an entry and a task file make it whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ranks import run_ranks
from tests.runs import furthest, losses, rows
from tests.tasks.length_regression import known
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.compat import matrix
from zoo.recipe.compose import catalog
from zoo.recipe.schema import file_schema
from zoo.telling.listing import catalog_rows
from zoo.training.run import run

KIND = "length-regression"
WORDS = ["a", "model", "learns", "how", "long", "it", "is"]
MODEL = {
    "model_type": "bert",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe of the toy kind with data of its own: a text and how many words it has."""
    lines = [
        {"text": " ".join(WORDS[: 1 + n % 7] * (1 + n % 3)), "label": (1 + n % 7) * (1 + n % 3)}
        for n in range(64)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "train.jsonl").write_text(text, encoding="utf-8")
    content: dict[str, Any] = {
        "task": {"kind": KIND, "sequence_length": 24, "scale": 10.0},
        "model": {"config": MODEL, "tokenizer": "bytes"},
        "data": {
            "source": "files",
            "folder": ".",
            "train": "train.jsonl",
            "valid": 0.2,
            "workers": 0,
        },
        "optimizer": {"type": "AdamW", "params": {"lr": 0.003}},
        "run": {"steps": 40, "batch": 8, "micro_batch": 4, "log_every": 1, "report_to": []},
    }
    path = tmp_path / "recipes" / "toy.json"
    path.parent.mkdir()
    content["data"]["folder"] = str(tmp_path)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def train(path: Path, words: list[str]) -> int:
    """`zoo train` in a process that knows the kind."""
    with known():
        return run(load_recipe(path, words))


@pytest.mark.ranks(2)
def test_it_trains_in_the_zoos_loop_and_is_scored_by_records(recipe: Path, tmp_path: Path) -> None:
    folders = {"one": (1, []), "two": (2, ["parallel.zero.stage=1"])}
    folders["stages"] = (2, ["parallel.pipeline.stages=2"])
    for name, (world, words) in folders.items():
        changes = [f"run.folder={tmp_path / name}", *words]
        assert run_ranks(world, train, recipe, changes) == [0] * world
    found = {name: losses(tmp_path / name) for name in folders}
    curve = list(found["one"].values())
    assert sum(curve[-5:]) < 0.5 * sum(curve[:5]), "nothing was learned"
    assert furthest(found["two"], found["one"]) < 1e-4
    assert furthest(found["stages"], found["one"]) < 1e-4
    scores = {name: rows(tmp_path / name)[-1] for name in folders}
    for name in folders:
        assert scores[name]["valid/examples"] == 13  # a fifth of 64, the padding left out
        assert scores[name]["valid/median_error"] == pytest.approx(
            scores["one"]["valid/median_error"], abs=1e-4
        )
    status = json.loads((tmp_path / "one" / "status.json").read_text())
    assert status["state"] == "done"


def test_it_stands_in_schema_list_and_compat(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with known():
        keys = file_schema()["properties"]["task"]["anyOf"][-1]["properties"]
        assert KIND in keys["kind"]["enum"]
        assert keys["scale"]["description"] == "What labels are divided by."
        with monkeypatch.context() as patched:
            patched.setattr(catalog, "shipped_catalog", lambda: recipe.parents[1])
            rows, faults = catalog_rows((), False)
        assert not faults and [row[:3] for row in rows] == [("toy", KIND, "bert")]
        cells = matrix(str(recipe), ["parallel.zero.stage=0"]).cells
        assert any(not cell.reasons for cell in cells)
    assert KIND not in json.dumps(file_schema())


def test_its_keys_are_checked_like_those_of_any_kind(recipe: Path) -> None:
    with known(), pytest.raises(ConfigError) as caught:
        load_recipe(recipe, ["task.scales=2", "data.source=built-in", "data.name=digits"])
    said = str(caught.value)
    assert "task.scales: found an unknown key" in said and "did you mean task.scale=2?" in said
    assert f'found "digits" with task.kind {KIND}' in said and "stdlib-keywords" in said
    with pytest.raises(ConfigError, match=r"task\.kind"):
        load_recipe(recipe)


@pytest.mark.parametrize("flag", ["labels_enter", "generates"])
def test_a_kind_that_needs_the_whole_model_is_refused_pipelines(flag: str, recipe: Path) -> None:
    with known(**{flag: True}):
        load_recipe(recipe)
        with pytest.raises(ConfigError) as caught:
            load_recipe(recipe, ["parallel.pipeline.stages=2"])
    [fault] = caught.value.faults
    assert fault.key == "parallel.pipeline.stages" and f"2 for task.kind {KIND}" in fault.found
