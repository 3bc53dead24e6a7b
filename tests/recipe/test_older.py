"""Recipes that an older version wrote out mean what they meant then."""

from typing import Any

from tests.recipe.conftest import Catalog
from zoo.recipe import expanded, load_recipe
from zoo.recipe.derived.resume import Change, changes


def older(catalog: Catalog, scheduler: str) -> dict[str, Any]:
    """An expanded recipe as versions before `warmup_type` had to be written left it."""
    params = {"warmup_num_steps": 10, "warmup_type": "log"}
    optimizer = {
        "type": "AdamW",
        "params": {"lr": 1e-3},
        "scheduler": {"type": scheduler, "params": params},
    }
    whole = expanded(load_recipe(catalog.recipe(optimizer=optimizer)))
    del whole["optimizer"]["scheduler"]["params"]["warmup_type"]
    del whole["optimizer"]["params"]["lr"]
    return whole


def test_an_expanded_recipe_without_a_warm_up_shape_means_log(catalog: Catalog) -> None:
    for kind in ("WarmupInverseSqrtLR", "WarmupLR"):
        old = older(catalog, kind)
        recipe = load_recipe(catalog.write("recipes/old", old))
        assert recipe.optimizer.scheduler is not None
        assert recipe.optimizer.scheduler.params["warmup_type"] == "log"
        assert recipe.optimizer.params["lr"] == 1e-3
        assert changes(old, expanded(recipe)).refused == ()


def test_a_recipe_by_hand_means_linear_and_may_not_resume_the_older_run(catalog: Catalog) -> None:
    optimizer = {
        "type": "AdamW",
        "params": {"lr": 1e-3},
        "scheduler": {"type": "WarmupInverseSqrtLR", "params": {"warmup_num_steps": 10}},
    }
    recipe = load_recipe(catalog.recipe(optimizer=optimizer))
    found = changes(older(catalog, "WarmupInverseSqrtLR"), expanded(recipe))
    key = "optimizer.scheduler.params.warmup_type"
    assert found.refused == (Change(key, "log", "linear"),)


def test_a_moved_folder_of_data_is_reported_and_not_refused(catalog: Catalog) -> None:
    before = expanded(load_recipe(catalog.recipe()))
    after = expanded(load_recipe(catalog.recipe(), ["data.folder=/elsewhere"]))
    found = changes(before, after)
    assert [one.key for one in found.reported] == ["data.folder"] and found.refused == ()
