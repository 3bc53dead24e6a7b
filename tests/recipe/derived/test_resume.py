"""Which keys a resumed run takes, reports or refuses."""

import json
from typing import Any

import pytest

from tests.recipe.conftest import Catalog
from zoo.recipe import expanded, load_recipe
from zoo.recipe.checks.known import recipe_schema
from zoo.recipe.derived.resume import COLUMN, Change, Changes, changes


def compared(catalog: Catalog, *words: str, before: tuple[str, ...] = ()) -> Changes:
    """The changes from the good recipe to the one with these words."""
    file = catalog.recipe()
    old = expanded(load_recipe(file, before))
    return changes(old, expanded(load_recipe(file, (*before, *words))))


def test_the_same_recipe_has_no_changes(catalog: Catalog) -> None:
    assert compared(catalog) == Changes((), (), ())


@pytest.mark.parametrize(
    ("word", "refused", "reported", "free"),
    [
        ("run.batch=32", ["run.batch"], [], []),
        ("run.steps=200", [], ["run.steps"], []),
        ("parallel.zero.stage=3", [], [], ["parallel.zero.stage"]),
        ("parallel.pipeline.stages=2", [], [], ["parallel.pipeline.stages"]),
        ("parallel.tensor=2", [], [], ["parallel.tensor"]),
        ("parallel.gradient_checkpointing=true", [], [], ["parallel.gradient_checkpointing"]),
        ("optimizer.params.lr=1", ["optimizer.params.lr"], [], []),
        ("optimizer.groups.a.*.lr=1", ["optimizer.groups.a.*"], [], []),
        ("model.attention=eager", [], [], ["model.attention"]),
        ("model.config.n_layer=2", ["model.config.n_layer"], [], []),
        ("data.workers=0", [], [], ["data.workers"]),
        ("data.valid=0.2", ["data.valid"], [], []),
        ("data.valid=other.txt", ["data.valid"], [], []),
        ("data.max_train_examples=5", ["data.max_train_examples"], [], []),
        ("data.max_valid_examples=5", [], [], ["data.max_valid_examples"]),
        ("task.sequence_length=8", ["task.sequence_length"], [], []),
        ("run.keep=5", [], [], ["run.keep"]),
        ("run.seed=5", ["run.seed"], [], []),
    ],
)
def test_a_change_is_refused_reported_or_free(
    word: str, refused: list[str], reported: list[str], free: list[str], catalog: Catalog
) -> None:
    found = compared(catalog, word)
    assert [one.key for one in found.refused] == refused
    assert [one.key for one in found.reported] == reported
    assert [one.key for one in found.free] == free


def test_a_key_that_an_older_version_had_not_stood_at_its_default(catalog: Catalog) -> None:
    images = {
        "task": {"kind": "image-classification", "image_size": 32},
        "model": {"config": {"model_type": "vit"}},
        "data": {"source": "built-in", "name": "digits"},
    }
    file = catalog.recipe(**images)
    new, old = (expanded(load_recipe(file)) for _ in range(2))
    del old["task"]["augment"]["hflip"], old["run"]["expected"], old["optimizer"]["groups"]
    assert changes(old, new) == Changes((), (), ())
    other = expanded(load_recipe(file, ["task.augment.hflip=0.5"]))
    assert [one.key for one in changes(old, other).refused] == ["task.augment.hflip"]


def test_a_share_was_cut_by_the_runs_seed_before_it_had_one_of_its_own(catalog: Catalog) -> None:
    file = catalog.recipe()
    words = ["data.valid=0.2", "run.seed=7"]
    new = expanded(load_recipe(file, words))
    old = {**new, "data": {k: v for k, v in new["data"].items() if k != "split_seed"}}
    assert changes(old, new).refused == (Change("data.split_seed", 7, 0),)
    kept = expanded(load_recipe(file, [*words, "data.split_seed=7"]))
    assert changes(old, kept) == Changes((), (), ())


@pytest.mark.parametrize(
    "alone", ["parallel.compression.kind=local-sgd", "optimizer.type=ZeroOneAdam", ""]
)
def test_a_rhythm_is_reported_where_ranks_that_step_alone_meet_for_it(
    alone: str, catalog: Catalog
) -> None:
    before = (alone, "optimizer.params.lr=0.1", "parallel.zero.stage=0") if alone else ()
    for key in ("run.eval_every", "run.save_every"):
        found = compared(catalog, f"{key}=7", before=before)
        assert [one.key for one in (found.reported if alone else found.free)] == [key]


def test_a_change_holds_both_values(catalog: Catalog) -> None:
    assert compared(catalog, "run.batch=32").refused == (Change("run.batch", 16, 32),)


def test_another_micro_batch_is_reported_and_so_is_its_default(catalog: Catalog) -> None:
    found = compared(catalog, "run.micro_batch=2")
    assert [one.key for one in found.reported] == ["run.micro_batch"]
    assert [one.key for one in found.free] == ["run.eval_micro_batch"]


def test_a_named_validation_set_is_free(catalog: Catalog) -> None:
    found = compared(catalog, "data.valid=b.txt", before=("data.valid=a.txt",))
    assert [one.key for one in found.free] == ["data.valid"]


@pytest.mark.parametrize("kind", ["WarmupDecayLR", "WarmupCosineLR"])
def test_another_length_reports_a_schedule_that_knows_it(kind: str, catalog: Catalog) -> None:
    scheduler = {"type": kind, "params": {"warmup_num_steps": 0, "warmup_type": "linear"}}
    before = (f"optimizer.scheduler={json.dumps(scheduler)}",)
    found = compared(catalog, "run.steps=9", before=before)
    assert [one.key for one in found.reported] == ["run.steps", "optimizer.scheduler"]


def test_another_length_reports_a_schedule_of_shares(catalog: Catalog) -> None:
    before = ("optimizer.scheduler.params.warmup_num_steps=0.1",)
    found = compared(catalog, "run.epochs=2", before=before)
    assert [one.key for one in found.reported] == ["run.steps", "run.epochs", "optimizer.scheduler"]


def test_every_key_of_run_is_in_the_column() -> None:
    definitions: dict[str, Any] = recipe_schema()["$defs"]
    keys = {f"run.{key}" for key in definitions["RunSpec"]["properties"]}
    assert keys == {key for key in COLUMN if key.startswith("run.")}


@pytest.mark.parametrize(("model", "refused"), [({}, []), ({"name": "a/b"}, ["task.crop_ratio"])])
def test_a_default_that_older_versions_wrote_out_is_no_change_where_it_still_holds(
    model: dict[str, str], refused: list[str]
) -> None:
    old = {
        "task": {"crop_ratio": 0.875},
        "model": model,
        "data": {"split_seed": 0},
        "optimizer": {},
    }
    found = changes(old, {**old, "task": {}})
    assert [one.key for one in found.refused] == refused
    assert changes({**old, "task": {"crop_ratio": 0.9}}, {**old, "task": {}}).refused
