"""How faults are told: three lines each on a terminal, where, what and try; one in a pipe."""

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from zoo.cli.leaving import finder, spoken
from zoo.errors import ConfigError, Fault, Told, near, printable

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
    """A word that no verb takes, as a fault: the option or argument, and the help that lists all.

    What is near to it is proposed: a verb, an option, a key without its dashes.
    """
    context = error.ctx
    verb = context.info_name if context is not None and context.parent is not None else None
    lists = f"zoo {verb} --help" if verb else "zoo --help"
    if hasattr(error, "possibilities"):
        word, options = error.option_name, _options(error)
        bare = word.lstrip("-")
        key = next((one.lstrip("-") for one in sys.argv if one.startswith(f"--{bare}=")), "")
        nearest = near(word, options) or (key if "." in bare else "")
        return _misuse(word, "an option that is none", ", ".join(options), nearest or lists)
    if verb is None and not hasattr(error, "option_name"):
        typed = next((one for one in sys.argv[1:] if not one.startswith("-")), "")
        allowed = ", ".join(verbs)
        return _misuse("VERB", typed or "none", allowed, near(typed, verbs) or lists)
    param = getattr(error, "param", None)
    named = max(getattr(param, "opts", None) or [getattr(error, "option_name", "")], key=len)
    key = named if named.startswith("-") else getattr(param, "metavar", None) or named
    key = key or next((one for one in sys.argv if error.message.find(f"'{one}'") >= 0), "words")
    if hasattr(error, "param_type"):
        return _misuse(key, "nothing", "a value (required)", lists)
    return _misuse(key, error.message.removesuffix("."), f"what {lists} says", lists)


def _misuse(key: str, found: str, allowed: str, nearest: str) -> ConfigError:
    return ConfigError([Fault("command line", key, found, allowed or "none", nearest)])


def _options(error: Any) -> list[str]:
    """The options of the verb that was asked for."""
    params = error.ctx.command.params if error.ctx is not None else []
    shown = [one for one in params if not getattr(one, "hidden", False)]
    found = [name for one in shown for name in (*one.opts, *one.secondary_opts)]
    return [name for name in found if name.startswith("--")] + ["--help"]
