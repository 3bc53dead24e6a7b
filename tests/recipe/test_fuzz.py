"""Any JSON at any key, in a file or a word, is a recipe or a ConfigError; never another exception.

And a recipe that loads goes through everything that is pure: its expanded form, DeepSpeed's JSON,
the schedule, the groups, the rules once epochs are steps, resuming itself, and all that is told.
"""

import copy
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.conftest import GOOD, Catalog
from tests.recipe.strategies import Change, changes
from zoo.errors import ConfigError
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.derived.batching import layout_of
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.derived.resume import Changes
from zoo.recipe.derived.resume import changes as resume_changes
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.recipe.load import faults_at_length, load_recipe
from zoo.recipe.recipe import Recipe, expanded
from zoo.telling.card import card
from zoo.telling.explain import explained
from zoo.telling.groups import group_rows, schedule_line
from zoo.telling.listing import recipe_row
from zoo.telling.notes import notes

SHIPPED = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in recipes()}
CONTENTS = {"small": GOOD, **SHIPPED}
COMMON = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
QUICK = settings(COMMON, max_examples=700)
LONG = settings(COMMON, max_examples=20000)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for all examples of this file, which is also the working directory."""
    root, before = tmp_path_factory.mktemp("fuzz"), Path.cwd()
    os.chdir(root)
    yield Catalog(root)
    os.chdir(before)


def laid(content: Any, change: Change) -> Any:
    """A recipe's content with one value replaced; a fragment's name on the way is its base."""
    path, value = change
    content = copy.deepcopy(content)
    inner = content
    for name in path[:-1]:
        part = inner.get(name)
        inner[name] = {"base": part} if isinstance(part, str) else part
        inner = inner.setdefault(name, {}) if isinstance(inner[name], dict) else {}
    inner[path[-1]] = value
    return content


def word(change: Change) -> str:
    """A change as the command line writes it."""
    path, value = change
    return f"{'.'.join(path)}={value if isinstance(value, str) else json.dumps(value)}"


def told(recipe: Recipe, keys: Sequence[str]) -> None:
    """Goes through all that follows from a recipe; only a ConfigError may be raised."""
    for processes in (None, 1, 2, 6):
        try:
            json.dumps(deepspeed_config(recipe, layout_of(recipe, processes)))
        except ConfigError as error:
            assert_said(error)
    for steps in (recipe.run.steps or 1, 1, 977):
        resolve_scheduler(recipe, steps)
        faults_at_length(recipe, steps)
    whole = expanded(recipe)
    assert resume_changes(whole, whole) == Changes((), (), ())
    for key in keys:
        try:
            assert explained(recipe, key)
        except ConfigError as error:
            assert_said(error)
    json.dumps([group_rows(recipe), schedule_line(recipe), notes(recipe), recipe_row(recipe)])
    assert card(recipe, {})


def assert_said(error: ConfigError) -> None:
    """Every fault says where, what was found and what is allowed, and can be printed."""
    assert error.faults
    for fault in error.faults:
        assert fault.file and fault.found and fault.allowed, fault
        str(fault).encode("utf-8", "backslashreplace")


def assert_recipe_or_fault(file: Path, words: Sequence[str], tiny: bool) -> None:
    """Loads, goes through everything, and loads the expanded form to an equal recipe."""
    try:
        recipe = load_recipe(file, words, tiny)
    except ConfigError as error:
        assert_said(error)
        return
    sections = ("task", "model", "data", "parallel", "optimizer", "run", "description", "$schema")
    told(recipe, [*sections, *(one.partition("=")[0] for one in words)])
    again = file.with_name("expanded.json")
    again.write_text(json.dumps(expanded(recipe)), encoding="utf-8")
    assert load_recipe(again) == recipe


def check_any_json(
    place: Catalog, name: str, in_file: list[Change], in_words: list[Change], tiny: bool
) -> None:
    content = CONTENTS[name]
    for change in in_file:
        content = laid(content, change)
    text = json.dumps(content)
    file = place.write("recipes/fuzzed", text)
    assert_recipe_or_fault(file, [word(change) for change in in_words], tiny)


def over_any_json(test: Any) -> Any:
    """The arguments of a test: which recipe, what changes in its file and in words, the twin."""
    few = st.lists(changes(), max_size=2)
    return given(
        name=st.sampled_from(sorted(CONTENTS)), in_file=few, in_words=few, tiny=st.booleans()
    )(test)


@QUICK
@over_any_json
def test_any_json_at_any_key_is_a_fault_or_a_recipe(
    place: Catalog, name: str, in_file: list[Change], in_words: list[Change], tiny: bool
) -> None:
    check_any_json(place, name, in_file, in_words, tiny)
