"""How faults are told: three lines each on a terminal, where, what and try; one in a pipe."""

import os
import shlex
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

import typer

from zoo.cli.leaving import finder, spoken
from zoo.errors import ConfigError, Fault, Told, near, printable
from zoo.recipe.compose.nearby import LISTED, of_a_run, recipe_here, run_meant

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""click's, of which typer carries a copy under a private name."""


def tell(error: Told, environment: Mapping[str, str] = os.environ) -> None:
    """Says an error on stderr."""
    if not sys.stderr.isatty():
        print(spoken(error, environment), file=sys.stderr)
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not isinstance(error, ConfigError):
        console.print(f"error: {spoken(error, environment)}", style="bold red")
        return
    for fault in error.faults:
        where, *rest = in_lines(fault, console.width)
        console.print(f"{finder(error, environment)}{where}", style="bold red")
        for line in rest:
            console.print(line)


def in_lines(fault: Fault, width: int) -> list[str]:
    """Where, what, and what may be tried instead; folded between words, so that what is copied
    stands in one piece.
    """
    found = printable(f"found {fault.found}; allowed: {fault.allowed}")
    folded = textwrap.wrap(
        found,
        width,
        break_long_words=False,
        break_on_hyphens=False,
        initial_indent="  ",
        subsequent_indent="  ",
    )
    where = printable(f"error: {fault.file}: {fault.key}")
    return [where, *folded, *([f"  try: {printable(fault.nearest)}"] if fault.nearest else [])]


def misused(error: Any, verbs: Sequence[str]) -> ConfigError:
    """A word that no verb takes, as a fault with what was meant."""
    if hasattr(error, "possibilities"):
        fault = unknown_option(error)
    elif _verb(error) is None and not hasattr(error, "option_name"):
        fault = unknown_verb(verbs)
    elif hasattr(error, "param_type"):
        fault = missing_argument(error)
    else:
        fault = bad_value(error)
    return ConfigError([fault])


def unknown_option(error: Any) -> Fault:
    """The nearest option; a key without the dashes that were typed before it; or all options."""
    word, options = error.option_name, [*_options(error), "--help"]
    bare = word.lstrip("-")
    key = next((one.lstrip("-") for one in sys.argv if one.startswith(f"--{bare}=")), "")
    lists = shlex.join(("zoo", *filter(None, [_verb(error)]), "--help"))
    nearest = near(word, options) or (key if "." in bare else "") or lists
    return _misuse(word, "an option that is none", ", ".join(options), nearest)


def unknown_verb(verbs: Sequence[str]) -> Fault:
    """The nearest verb, or all."""
    typed = next((one for one in sys.argv[1:] if not one.startswith("-")), "")
    return _misuse("VERB", typed or "none", ", ".join(verbs), near(typed, verbs) or "zoo --help")


def missing_argument(error: Any) -> Fault:
    """An argument or option that was left out, with what lies here for it."""
    param = error.param
    key = param.metavar or max(param.opts, key=len)
    way = EXAMPLES_OF_ARGUMENTS.get(key, lambda: "")() or _value_of(param)
    return _misuse(key, "nothing", "a value (required)", way or f"zoo {_verb(error)} --help")


EXAMPLES_OF_ARGUMENTS: dict[str, Callable[[], str]] = {
    "RECIPE": lambda: recipe_here() or LISTED,
    "FOLDER": lambda: run_meant(is_one=of_a_run),
    "RUN...": run_meant,
    "FILE": lambda: "my.json",
    "section.key": lambda: "run",
}
"""By what an argument is called: a word for it, or the command that lists what may be one."""


def bad_value(error: Any) -> Fault:
    """An option without its value, or with one that is none of its kind."""
    named = getattr(error, "option_name", None)
    params = error.ctx.command.params if error.ctx is not None else []
    param = getattr(error, "param", None) or next((p for p in params if named in p.opts), None)
    if param is None:
        typed = next((one for one in sys.argv if f"'{one}'" in error.message), "words")
        return _misuse(typed, error.message.removesuffix("."), "no such word", _without(typed))
    key = max(param.opts, key=len)
    key = key if key.startswith("-") else param.metavar or key
    value, lists = _value_of(param), f"zoo {_verb(error)} --help"
    way = f"{key} {value}" if key.startswith("-") and value else value or lists
    return _misuse(key, error.message.removesuffix("."), f"what {lists} says", way)


def _value_of(param: Any) -> str:
    """A value that an option takes: of a few the first, of numbers the least; else nothing."""
    kind = getattr(getattr(param, "type_descriptor", None), "annotation", str)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    least = getattr(param, "min", None)
    return str(1 if least is None else least) if kind in (int, float) else ""


def _without(word: str) -> str:
    """The command that was typed, without a word."""
    return shlex.join(("zoo", *(one for one in sys.argv[1:] if one != word)))


def _verb(error: Any) -> str | None:
    """The verb whose words are wrong; None where that is wrong itself."""
    context = error.ctx
    return context.info_name if context is not None and context.parent is not None else None


def _misuse(key: str, found: str, allowed: str, nearest: str) -> Fault:
    return Fault("command line", key, found, allowed or "none", nearest)


def _options(error: Any) -> list[str]:
    """The options of the verb that was asked for."""
    params = error.ctx.command.params if error.ctx is not None else []
    shown = [one for one in params if not getattr(one, "hidden", False)]
    found = [name for one in shown for name in (*one.opts, *one.secondary_opts)]
    return [name for name in found if name.startswith("--")]
