"""The verb about a recipe's data: what is in it, before anything is trained."""

import json
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import (
    ChangesArgument,
    JsonOption,
    RecipeArgument,
    TinyOption,
    choose_accelerator,
)
from zoo.errors import ConfigError, Fault


def look_at_data(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The page; else NAME.data.html.")
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="How many the page shows.")] = 10,
    most: Annotated[
        int,
        typer.Option("--rows", min=1, help="Read for classes and copies at most so many of a set."),
    ] = 20_000,
    as_json: JsonOption = False,
) -> None:
    """Show a recipe's data: sizes, lengths, classes, padding, copies of test rows in train, and
    examples as the model gets them, on a page that opens offline.
    """
    from zoo.recipe import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    choose_accelerator()
    from zoo.inspecting.inspect import inspect
    from zoo.inspecting.page import terminal_page, write_page
    from zoo.telling.page import print_page

    found = inspect(loaded, examples, most)
    if as_json and out is None:
        print(json.dumps(found.content(), indent=2))
        return
    path = out or Path(f"{loaded.name}.data.html")
    try:
        write_page(found, path)
    except OSError as error:
        unfit = Fault("command line", "--out", f"{path} ({error.strerror})", "a file to write")
        raise ConfigError([unfit]) from None
    print_page(terminal_page(found), as_json)
    if not as_json:
        print(f"the page lies in {path}")
