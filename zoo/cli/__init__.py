"""The command line: verbs only; every user error leaves through one door, with exit code 2."""

import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from zoo.cli import catalog, data, export, launch, new, predict, report, runs, sweep
from zoo.cli.examples import epilog
from zoo.cli.leaving import leave, speaks
from zoo.cli.messages import UsageError, misused, tell
from zoo.errors import Told

app = typer.Typer(
    name="zoo",
    help="Train Hugging Face models from JSON recipes, on any layout.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def say_version(asked: bool) -> None:
    """Prints the version and ends."""
    if asked:
        print(f"zoo {metadata.version('zoo')}")
        raise typer.Exit


@app.callback()
def root(
    local_rank: Annotated[int, typer.Option("--local_rank", "--local-rank", hidden=True)] = 0,
    version: Annotated[
        bool, typer.Option("--version", help="The version.", callback=say_version, is_eager=True)
    ] = False,
) -> None:
    """Train Hugging Face models from JSON recipes, on any layout."""
    del (
        local_rank,
        version,
    )  # the deepspeed launcher puts it before the verb; LOCAL_RANK says the same


def flowing(verb: Callable[..., None]) -> str:
    """A verb's docstring whose paragraphs are broken where the terminal ends, not where its source
    does.
    """
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(verb) or "")


VERBS: dict[str, dict[str, Callable[..., None]]] = {
    "Recipes": {
        "new": new.new,
        "import": new.import_files,
        "list": catalog.list_recipes,
        "show": catalog.show_recipe,
        "explain": catalog.explain,
        "check": catalog.check,
        "compat": catalog.compat,
        "schema": catalog.schema,
    },
    "Data": {"data": data.look_at_data, "prepare": runs.prepare},
    "Runs": {
        "train": runs.train,
        "sweep": sweep.sweep,
        "launch": launch.launch,
        "advise": launch.advise,
        "eval": runs.evaluate_folder,
        "report": report.report,
    },
    "Models": {"export": export.export_run, "predict": predict.predict},
}
"""What can be asked for, by the subject under which `--help` lists it."""
for _group, _verbs in VERBS.items():
    for _name, _verb in _verbs.items():
        app.command(_name, help=flowing(_verb), rich_help_panel=_group, epilog=epilog(_name))(_verb)
app.command("train-encoded", hidden=True)(launch.train_encoded)


def main() -> None:
    """Run the command line; faults go to stderr one a line, without a traceback."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        if len(sys.argv) == 1:
            print(error)  # the help, for `zoo` alone
        else:
            tell(misused(error, [verb for verbs in VERBS.values() for verb in verbs]))
        leave(2)
    except typer.Abort:
        print("stopped", file=sys.stderr)
        leave(1)
    except Told as error:
        if speaks(error, os.environ):
            tell(error)
        leave(error.code)
    except Exception:
        traceback.print_exc()
        leave(1)
