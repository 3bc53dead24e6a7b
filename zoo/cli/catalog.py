"""Verbs about recipes as they are written: list, show, check, explain, compat, schema; no torch."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import (
    AcceptBaseOption,
    ChangesArgument,
    JsonOption,
    RecipeArgument,
    TinyOption,
    WorldOption,
    named,
    of_world_size,
)
from zoo.errors import ConfigError, Fault
from zoo.layout import Layout
from zoo.recipe import Recipe, expanded, load_recipe
from zoo.recipe.changes import Change, changes_of, differing, over_bases
from zoo.recipe.compat import answer, asks, matrix
from zoo.recipe.compose.catalog import is_recipe, is_run, own_recipes
from zoo.recipe.derived.batching import batching, layout_of
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.schema import file_schema
from zoo.telling.compat import answer_page, matrix_page
from zoo.telling.explain import explained, is_key, keys_named
from zoo.telling.families import families_page
from zoo.telling.groups import group_rows, schedule_line
from zoo.telling.listing import WHOSE, listed
from zoo.telling.notes import hiding, notes
from zoo.telling.page import markdown, print_page, print_table
from zoo.telling.summary import difference, summary


def list_recipes(
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
) -> None:
    """Show the catalog: task, model, parameters, data, layout and optimizer of each recipe.

    A catalog of yours, the folder `configs` here, is listed first and marked; a recipe of yours
    hides a shipped one of its name.
    """
    heads, rows, faults = listed(changes or (), tiny)
    if as_markdown:
        print(markdown(heads, rows))
    else:
        print_table(heads, rows, whole=("recipe", WHOSE))
    for line in hiding(own_recipes()):
        print(f"note: {line}", file=sys.stderr)
    if faults:
        raise ConfigError(faults)


def show_recipe(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    deepspeed: Annotated[
        bool, typer.Option("--deepspeed", help="The DeepSpeed JSON; optimizer groups on stderr.")
    ] = False,
    world_size: WorldOption = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="What differs: from its bases, its file, or OTHER.")
    ] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Bytes that a rank must hold; opens data and config.")
    ] = False,
) -> None:
    """Print the resolved recipe as JSON (a summary first, on stderr), or the DeepSpeed JSON.

    With --diff only what the recipe says other than the bases of its sections; with changes or
    --tiny, other than its file; with a recipe OTHER as the first word, other than that one (of
    twins its twin). Lines that begin with + may be pasted as changes.
    """
    asked = {"--diff": diff, "--deepspeed": deepspeed, "--memory": memory}
    first, *others = [option for option, said in asked.items() if said] or [""]
    if others:
        allowed = "one of them: what differs, DeepSpeed's JSON, or what ranks hold"
        way = shlex.join(["zoo", "show", recipe, first])
        found = f"beside {' and '.join(others)}"
        raise ConfigError([Fault("command line", first, found, allowed, way)])
    words = list(changes or ())
    other = words.pop(0) if diff and words and is_other(words[0]) else None
    loaded = load_recipe(recipe, words, tiny)
    if diff:
        print("\n".join(difference(_compared(loaded, other))))
    elif memory:
        print_memory(loaded, _laid_on(loaded, world_size))
    elif deepspeed:
        print(json.dumps(deepspeed_config(loaded, _laid_on(loaded, world_size)), indent=2))
        print_table(*group_rows(loaded), to_stderr=True)
        print(schedule_line(loaded), file=sys.stderr)
    else:
        print_table(*summary(loaded), to_stderr=True)
        print(file=sys.stderr, flush=True)
        print(json.dumps(expanded(loaded), indent=2))
    for note in notes(loaded):
        print(f"note: {note}", file=sys.stderr)


def print_memory(recipe: Recipe, layout: Layout) -> None:
    """Parameters, trained and frozen, and the bytes that each kind of rank keeps of them."""
    from zoo.planning.memory import memory_of

    print_page(memory_of(recipe, layout), as_json=False)


def is_other(word: str) -> bool:
    """Whether a word names a recipe and no change."""
    return "=" not in word or is_recipe(word)


def _laid_on(recipe: Recipe, world_size: int | None) -> Layout:
    with of_world_size(recipe, world_size):
        return layout_of(recipe, world_size)


def _compared(recipe: Recipe, other: str | None) -> dict[str, Change]:
    """What differs from another recipe, from the recipe's file, or from its bases."""
    made = recipe.provenance.made
    if other is not None:
        return differing(load_recipe(other, tiny=made.twin and not is_run(Path(other))), recipe)
    return changes_of(recipe) if made.words or made.twin else over_bases(recipe)


def check(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Open the data and the model's config as well.")
    ] = False,
    world_size: WorldOption = None,
    accept_base: AcceptBaseOption = False,
) -> None:
    """Say every fault of a recipe at once; exit code 2 if there is one."""
    loaded = load_recipe(recipe, changes or (), tiny)
    with of_world_size(loaded, world_size):
        if deep:
            from zoo.training.checks import look_anew, ring_two
            from zoo.training.feeding.prepared import check_shards

            look_anew(loaded)
            world = world_size or layout_of(loaded).world
            check_shards(loaded, ring_two(loaded, world, None, any_base=accept_base))
        else:
            batching(loaded, layout_of(loaded, world_size))
    for note in notes(loaded):
        print(f"note: {note}", file=sys.stderr)
    print(f"{loaded.name}: no faults")


def asked(begin: str) -> list[str]:
    """Keys and recipes that begin so, for a shell's completion."""
    return [*keys_named(begin), *named(begin)]


def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RECIPE] section.key [section.key=value ...]",
            help="A key or a section; with a recipe also its value there.",
            autocompletion=asked,
        ),
    ],
    tiny: TinyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a key means, may hold and does on resume; in a recipe its value and whose it is.

    The first word is a key if its first name is a section of recipes, and no path: a recipe that is
    called as a section is named with its folder, as in ./data.json.
    """
    recipe, key, changes = asked_about(words)
    print_page(explained(load_recipe(recipe, changes, tiny) if recipe else None, key), as_json)


def asked_about(words: list[str]) -> tuple[str | None, str, list[str]]:
    """The recipe if one was named, the key, and changes of the recipe.

    Raises ConfigError where a recipe stands alone, or changes without a recipe.
    """
    first, *rest = words
    if is_key(first) or (not rest and not is_recipe(first)):
        if rest:
            allowed = "a recipe before the key: changes are of one"
            raise ConfigError(
                [Fault("command line", rest[0], "no recipe", allowed, f"zoo explain {first}")]
            )
        return None, first, []
    if not rest:
        way = shlex.join(["zoo", "explain", first, "run"])
        raise ConfigError([Fault("command line", "section.key", "nothing", "a key", way)])
    return first, rest[0], rest[1:]


def compat(
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="Absent: what every family can do.")
    ] = None,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show which layouts, precisions and optimizers go with a recipe, and why others do not.

    A change of parallel, optimizer or run.precision is one question, answered in a line: exit
    code 0 is yes, 1 is no.
    """
    if recipe and asks(changes or ()):
        found = answer(recipe, changes or (), tiny)
        print_page(answer_page(found), as_json)
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
        raise typer.Exit(1 if found.reasons else 0)
    page = matrix_page(matrix(recipe, changes or (), tiny)) if recipe else families_page()
    print_page(page, as_json)


def schema() -> None:
    """Print the JSON Schema of a recipe file, for editors."""
    print(json.dumps(file_schema(), indent=1))
