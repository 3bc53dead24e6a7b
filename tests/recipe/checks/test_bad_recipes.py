"""A corpus of broken recipes: every one is refused with exactly the messages it deserves."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo
import zoo.recipe.compose.catalog
from tests.recipe.conftest import Catalog
from zoo.data.sources.built_in import BUILT_IN
from zoo.errors import ConfigError, Fault
from zoo.recipe import load_recipe
from zoo.recipe.checks.rules.data import built_in_of_kinds
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.provenance import Key, split_key
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.roles import ROLES

WORDS = {
    "{kinds}": ", ".join(sorted(KINDS)),
    "{roles}": ", ".join(ROLES),
    "{built-in}": ", ".join(BUILT_IN),
    "{built-in of kinds}": built_in_of_kinds(),
}
"""What grows with every kind, and stands in messages in its place."""


def corpus() -> list[dict[str, Any]]:
    """The cases of the file, with what their words stand for."""
    text = (Path(__file__).parent / "bad_recipes.json").read_text(encoding="ascii")
    for word, meaning in WORDS.items():
        text = text.replace(word, meaning)
    found: list[dict[str, Any]] = json.loads(text)
    return found


CORPUS = corpus()


def laid(catalog: Catalog, case: dict[str, Any]) -> Path:
    """Write a case's files; the path of its recipe."""
    path = catalog.recipe(**case.get("sections", {}))
    for name, text in case.get("files", {}).items():
        catalog.write(name, text)
    return path


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_a_bad_recipe_is_refused_with_exactly_these_messages(
    case: dict[str, Any], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the shipped fragments, whose names would stand in the messages.
    monkeypatch.setattr(
        zoo.recipe.compose.catalog, "shipped_catalog", lambda: catalog.root / "none"
    )
    path = laid(catalog, case)
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, case.get("words", []), case.get("tiny", False))
    assert [str(fault) for fault in caught.value.faults] == case["faults"]


def hints(case: dict[str, Any], catalog: Catalog) -> list[Fault]:
    """A case's faults that propose words in the place of others."""
    with pytest.raises(ConfigError) as caught:
        load_recipe(laid(catalog, case), case.get("words", []), case.get("tiny", False))
    return [fault for fault in caught.value.faults if "did you mean" in str(fault)]


def left(
    case: dict[str, Any], words: list[str], without: Key, catalog: Catalog
) -> set[tuple[str, str]]:
    """The faults of a case with other words, and its file without a key."""
    content = read_object(laid(catalog, case))
    inner: Any = content
    for name in without[:-1]:
        inner = inner.get(name, {}) if isinstance(inner, dict) else {}
    if without and isinstance(inner, dict):
        inner.pop(without[-1], None)
    try:
        load_recipe(catalog.write("recipes/good", content), words, case.get("tiny", False))
    except ConfigError as error:
        return {(fault.key, fault.found) for fault in error.faults}
    return set()


HINTED = [case for case in CORPUS if any("did you mean" in fault for fault in case["faults"])]


@pytest.mark.parametrize("case", HINTED, ids=lambda case: case["name"])
def test_what_is_proposed_mends_its_fault_and_makes_no_other(
    case: dict[str, Any], catalog: Catalog
) -> None:
    before = {(fault.key, fault.found) for fault in hints(case, catalog)}
    everything = before | left(case, case.get("words", []), (), catalog)
    for fault in hints(case, catalog):
        pasted, typed = shlex.split(fault.nearest), case.get("words", [])
        wrong = fault.file.removeprefix("command line: ")
        rest = [word for word in typed if word not in pasted]
        at = rest.index(wrong) if wrong in rest else len(rest)
        instead = [*rest[:at], *pasted, *rest[at + 1 :]]
        mended = [
            left(case, instead, (), catalog),
            left(case, [*typed, *pasted], (), catalog),
            left(case, [*typed, *pasted], split_key(fault.key), catalog),
        ]
        assert any((fault.key, fault.found) not in now and now <= everything for now in mended)


def test_the_corpus_is_large_enough() -> None:
    assert len({case["name"] for case in CORPUS}) >= 40


@pytest.mark.parametrize(
    "name", ["a key of run misspelt", "a word without a value", "broken JSON", "a ragged batch"]
)
def test_the_command_line_says_them_on_stderr_without_traceback_or_torch(
    name: str, catalog: Catalog
) -> None:
    case = next(case for case in CORPUS if case["name"] == name)
    path = laid(catalog, case)
    program = (
        "import sys, zoo.cli, atexit;"
        "atexit.register(lambda: print('torch' in sys.modules));"
        "zoo.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "check", str(path), *case.get("words", [])],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parents[1])},
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == case["faults"]
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("run.batch=" + "9" * 5000, "a whole number"),
        ("model.config=" + '[{"a":' * 3000, "an object"),
        ('model.name="\\ud800"', "UTF-8"),
        ("run=" + '{"a":' * 30 + "1" + "}" * 30, "20"),
    ],
)
def test_input_made_to_break_a_parser_is_only_a_fault(
    word: str, found: str, catalog: Catalog
) -> None:
    with pytest.raises(ConfigError, match=f"allowed: {found}"):
        load_recipe(catalog.recipe(), [word])


def test_a_missing_recipe_names_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("gpt2-small-openwebtex")
    assert str(caught.value) == (
        "gpt2-small-openwebtex: RECIPE: found no such file; allowed: a recipe's file, or the name"
        " of a recipe that `zoo list` shows; did you mean gpt2-small-openwebtext?"
    )


def test_paths_that_do_not_exist_are_left_to_the_second_ring(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), ["data.folder=/no/such/place"])
    assert recipe.data.folder == "/no/such/place"  # type: ignore[union-attr]


def test_unknown_keys_do_not_hide_broken_rules(catalog: Catalog) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(), ["run.stepz=3", "run.batch=18"])
    assert [fault.key for fault in caught.value.faults] == ["run.stepz", "run.batch"]
