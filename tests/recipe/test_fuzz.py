"""Any JSON at any key, in a file or a word, is a recipe or a ConfigError; never another exception.

And a recipe that loads goes through everything that is pure: its expanded form, DeepSpeed's JSON,
the schedule, the groups, the rules once epochs are steps, resuming itself, and all that is told.
"""

import copy
import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.conftest import FILES, GOOD, Catalog
from tests.recipe.strategies import (
    ANYTHING,
    DOTTED,
    NAMES,
    NUMBERS,
    SHAPES,
    STRINGS,
    Change,
    changes,
)
from zoo.errors import ConfigError
from zoo.recipe import Recipe, expanded, load_recipe
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.derived.batching import layout_of
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.derived.groups import parameter_groups
from zoo.recipe.derived.resume import Changes
from zoo.recipe.derived.resume import changes as resume_changes
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.recipe.load import faults_at_length
from zoo.recipe.vocabulary.parameters import counts
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.telling.card import card
from zoo.telling.explain import explained
from zoo.telling.groups import group_rows, schedule_line
from zoo.telling.listing import recipe_row
from zoo.telling.notes import notes

SHIPPED = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in recipes()}
CONTENTS = {"small": GOOD, **SHIPPED}
SECTIONS = ("task", "model", "data", "parallel", "optimizer", "run", "description", "$schema")


def profile(examples: int) -> settings:
    """So many examples, the same ones every time, however long they take."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


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


def assert_said(error: ConfigError) -> None:
    """Every fault says what was found and what is allowed, and can be printed."""
    assert error.faults
    for fault in error.faults:
        assert fault.found and fault.allowed, fault
        assert str(fault).isprintable(), fault
        shlex.split(fault.nearest)


def assert_only_faults(ask: Callable[[], object]) -> None:
    """It goes well or raises ConfigError."""
    try:
        ask()
    except ConfigError as error:
        assert_said(error)


def assert_told(recipe: Recipe, keys: Iterable[str]) -> None:
    """All that follows from a recipe follows, with whole numbers of steps, and is said."""
    for processes in (None, 1, 2, 6):
        assert_only_faults(
            lambda n=processes: json.dumps(deepspeed_config(recipe, layout_of(recipe, n)))  # type: ignore[misc]
        )
    for steps in (recipe.run.steps or 1, 1, 977):
        resolved = resolve_scheduler(recipe, steps) or {"type": "", "params": {}}
        entry = SCHEDULERS.get(resolved["type"])
        for name in counts(entry.parameters) if entry else ():
            assert isinstance(resolved["params"].get(name, 1), int)
        faults_at_length(recipe, steps)
    whole = expanded(recipe)
    assert resume_changes(whole, whole) == Changes((), (), ())
    for key in (*SECTIONS, *keys):
        assert_only_faults(lambda key=key: explained(recipe, key))  # type: ignore[misc]
    assert parameter_groups(recipe)
    json.dumps([group_rows(recipe), schedule_line(recipe), notes(recipe), recipe_row(recipe)])
    assert card(recipe, whole, recipe.provenance.made, 1, {})


def assert_recipe_or_fault(
    file: Path, words: Sequence[str], tiny: bool, keys: Iterable[str] = ()
) -> None:
    """It loads, all follows from it and its expanded form loads to an equal one; or ConfigError."""
    try:
        recipe = load_recipe(file, words, tiny)
    except ConfigError as error:
        assert_said(error)
        return
    assert_told(recipe, [*keys, *(one.partition("=")[0] for one in words)])
    again = file.with_name("expanded.json")
    again.write_text(json.dumps(expanded(recipe)), encoding="utf-8")
    trusted = ["model.trust_remote_code=true"] if recipe.model.trust_remote_code else []
    assert load_recipe(again, trusted) == recipe


def check_any_json(
    place: Catalog, name: str, in_file: list[Change], in_words: list[Change], tiny: bool
) -> None:
    """One example: a recipe with some keys changed in its file and some by words."""
    content = CONTENTS[name]
    for change in in_file:
        content = laid(content, change)
    file = place.write("recipes/fuzzed", json.dumps(content))
    keys = [".".join(path) for path, _ in in_file]
    assert_recipe_or_fault(file, [word(change) for change in in_words], tiny, keys)


def over_any_json(test: Any) -> Any:
    """The arguments of a test: which recipe, what changes in its file and in words, the twin."""
    few = st.lists(changes(), max_size=2)
    return given(
        name=st.sampled_from(sorted(CONTENTS)), in_file=few, in_words=few, tiny=st.booleans()
    )(test)


@profile(800)
@over_any_json
def test_any_json_at_any_key_is_a_recipe_or_a_fault(place: Catalog, **example: Any) -> None:
    check_any_json(place, **example)


@pytest.mark.slow
@profile(15000)
@over_any_json
def test_so_it_is_in_a_longer_search(place: Catalog, **example: Any) -> None:
    check_any_json(place, **example)


TYPED_KEYS = (*DOTTED, *SECTIONS, "optimizer.groups.a.*", "optimizer.groups.*.lr", "steps", "base")
TYPED = (
    *STRINGS,
    *(json.dumps(value) for value in (*NUMBERS, *SHAPES)),
    *(name for names in NAMES.values() for name in names),
)


@profile(150)
@given(
    words=st.lists(
        st.text(max_size=20)
        | st.builds(
            "{}={}".format, st.sampled_from(TYPED_KEYS), st.sampled_from(TYPED) | st.text()
        ),
        max_size=3,
    ),
    tiny=st.booleans(),
)
def test_any_words_are_a_recipe_or_a_fault(place: Catalog, words: list[str], tiny: bool) -> None:
    assert_recipe_or_fault(place.recipe(), words, tiny)


@profile(100)
@given(name=st.sampled_from(STRINGS) | st.text(), end=st.sampled_from(("", ".json", "/", "/x")))
def test_any_name_of_a_recipe_is_one_or_a_fault(place: Catalog, name: str, end: str) -> None:
    assert_only_faults(lambda: load_recipe(name + end))


@profile(100)
@given(
    file=st.sampled_from(("recipes/good", "model/small", "tiny/causal-lm")),
    content=st.binary(max_size=20)
    | st.sampled_from((b"\xff", b"\xef\xbb\xbf{}", b"", b"{}", b"null", b"[" * 100000, b"9" * 5000))
    | ANYTHING.map(lambda value: json.dumps(value).encode()),
    tiny=st.booleans(),
)
def test_any_bytes_in_a_file_are_a_recipe_or_a_fault(
    place: Catalog, file: str, content: bytes, tiny: bool
) -> None:
    before = place.write(file, FILES[file]).read_bytes()
    path = place.root / f"{file}.json"
    try:
        path.write_bytes(content)
        assert_recipe_or_fault(place.root / "recipes" / "good.json", [], tiny)
    finally:
        path.write_bytes(before)
