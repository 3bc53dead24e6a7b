"""The verbs that begin a recipe: for a user's own data, and from files of other tools."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.messages import tell
from zoo.cli.words import ChangesArgument, JsonOption, WorldOption
from zoo.errors import ConfigError, Fault
from zoo.recipe.compose.nearby import LISTED, table_here
from zoo.telling.notes import notes

if TYPE_CHECKING:
    from zoo.drafting.look import Look
    from zoo.drafting.recipes import Base


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recipe to write: my.json.")],
    changes: ChangesArgument = None,
    base: Annotated[
        str | None,
        typer.Option("--from", metavar="RECIPE", help="To start from; else one that suits."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="DATA", help="A file or a folder, as often as needed."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Rename a FILE that is there, and write anew.")
    ] = False,
) -> None:
    """Write a recipe for your own data, having looked at it.

    Columns, labels, lengths and sets are found; what was chosen stands in the file as comments.
    DATA is a table (csv, tsv, json, jsonl, parquet, conll), texts, a folder of classes, of images
    with metadata or masks, of COCO's or Kaldi's, or hub:NAME.
    """
    from zoo.drafting.new import Asked, drafted, looked
    from zoo.drafting.writing import as_text, refuse_if_there, write

    refuse_if_there(file, force)
    asked_for_data = tuple(data or ())
    if not asked_for_data and base is None:
        if not _on_terminal():
            allowed = "--data FILE, --from RECIPE, or both"
            table = table_here()
            way = f"--data {table}" if table else LISTED
            raise ConfigError([Fault("command line", "--data", "nothing", allowed, way)])
        asked_for_data = _asked_data()
    found = looked(asked_for_data) if asked_for_data else None
    start = _base(base, found)
    asked = Asked(file, asked_for_data, tuple(changes or ()))
    draft = drafted(asked, start, found)
    words = " ".join(["zoo new", str(file), *(f"--data {one}" for one in asked_for_data)])
    text = as_text(draft.sections, draft.why, f"{words} --from {start.name}")
    recipe, older = write(file, text)
    _tell(file, older, start, draft.said)
    for note in notes(recipe):
        print(f"note: {note}", file=sys.stderr)


def _asked_data() -> tuple[str, ...]:
    """The data that an answer names; asks until it can be looked into."""
    from zoo.drafting.new import looked

    while True:
        named = (_ask("where is your data (a file, a folder or hub:NAME)?", ""),)
        try:
            looked(named)
            return named
        except ConfigError as error:
            tell(error)


def _base(name: str | None, found: "Look | None") -> "Base":
    """The recipe to start from: that of `--from`, of two answers, or the one that suits best."""
    from zoo.drafting.asking import asked_base, asked_kind, nothing_suits
    from zoo.drafting.new import base_named, default_base

    if name is not None:
        return base_named(name)
    if _on_terminal():
        return asked_base(asked_kind(found, _ask, print), _ask, print)
    chosen = default_base(found) if found else None
    if chosen is None:
        raise nothing_suits(found)
    others = " (others: zoo list; --from RECIPE takes one)"
    print(f"task: {chosen.recipe.task.kind}, as the data tells{others}")
    return chosen


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default or None)).strip()


def _tell(file: Path, older: Path | None, start: "Base", said: list[str]) -> None:
    """What was chosen and why, and what comes next."""
    print(f"{file}: from {start.name}")
    if older is not None:
        print(f"  the file that was there is now {older}")
    for line in said:
        print(f"  {line}")
    if start.hub:
        print(f"  of the hub: {', '.join(start.hub)}")
    print(f"next: zoo check {file} --deep; zoo data {file}; zoo train {file}")


def import_files(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE ...]", help="JSON, YAML or a script.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="A command line, in quotes.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The recipe to write.")] = Path("my.json"),
    force: Annotated[
        bool, typer.Option("--force", help="Rename a recipe that is there, and write anew.")
    ] = False,
    world_size: WorldOption = None,
    as_json: JsonOption = False,
    words: Annotated[bool, typer.Option("--words", help="Every known word, as Markdown.")] = False,
) -> None:
    """Write a recipe from files of DeepSpeed, accelerate, transformers, axolotl, LLaMA-Factory.

    Every key is accounted for; of two files that differ the later is taken, and it is said.
    """
    from zoo.drafting.writing import as_text, refuse_if_there, write_anyway
    from zoo.importing.telling import page, remarks, words_page
    from zoo.importing.whole import imported
    from zoo.telling.page import print_page

    if words:
        print(words_page())
        return
    refuse_if_there(out, force)
    whole = imported(tuple(files or ()), command, world_size, out)
    text = as_text(whole.sections, whole.account.reasons, remarks(whole.account))
    print_page(page(whole, out, *write_anyway(out, text)), as_json)
