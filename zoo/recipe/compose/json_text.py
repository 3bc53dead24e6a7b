"""JSON as recipes need it: with comments, a key once, finite numbers; mistakes in sentences."""

import json
import math
import re
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from zoo.errors import ConfigError, Fault, near
from zoo.recipe.compose.catalog import RECIPE, recipes, shown
from zoo.recipe.compose.json_edits import line_instead
from zoo.recipe.provenance import Key

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_DEEPEST = 20


class _Doubled(dict[str, Any]):
    """An object that was written with some key twice."""

    twice: tuple[str, ...] = ()


def parse(text: str, file: str) -> Any:
    """The value of a JSON text with comments; ConfigError says what is wrong, and where."""
    try:
        value = json.loads(
            _without_comments(text),
            object_pairs_hook=_object,
            parse_constant=_not_finite,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ConfigError([Fault(file, where, *_sentence(error))]) from None
    except _NotFiniteError as error:
        raise ConfigError([Fault(file, "JSON", str(error), "finite numbers")]) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, endless brackets
        raise ConfigError([Fault(file, "JSON", "a value beyond all bounds", "JSON")]) from None
    if _deeper_than(value, _DEEPEST):
        raise ConfigError([Fault(file, "JSON", "more than 20 objects in one another", "20")])
    if doubled := _doubled(value, ()):
        allowed = "a key once in an object"
        raise ConfigError([Fault(file, key, "the key twice", allowed) for key in doubled])
    return value


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ConfigError if it cannot be read or holds something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        found, allowed = getattr(error, "strerror", None), "a JSON file in UTF-8"
        found, way = found or "bytes that are not UTF-8", "" if found else _written_anew(path)
        raise ConfigError([Fault(shown(path), "file", found, allowed, way)]) from None
    try:
        value = parse(text, shown(path))
    except ConfigError as error:
        raise ConfigError([_with_way(fault, text, path) for fault in error.faults]) from None
    if not isinstance(value, dict):
        found, way = brief(value), _written_anew(path)
        raise ConfigError([Fault(shown(path), "file", found, "an object", way)])
    return value


def _with_way(fault: Fault, text: str, path: Path) -> Fault:
    """A fault of a text with the line that it should have."""

    def faults_of(other: str) -> list[Fault]:
        try:
            parse(other, fault.file)
        except ConfigError as error:
            return list(error.faults)
        return []

    if not text.strip():
        return replace(fault, nearest=_written_anew(path))
    plain = _without_comments(text)
    return replace(fault, nearest=line_instead(text, plain, fault, faults_of))


def _written_anew(path: Path) -> str:
    """The command that writes a recipe in the place of a file that holds none, and keeps that."""
    known = [file.stem for file in recipes()]
    base = near(path.stem, known) or next(iter(known), "")
    command = ("zoo", "new", shown(path), "--from", base, "--force")
    return shlex.join(command) if base and path.suffix == ".json" and path.name != RECIPE else ""


def brief(value: Any, width: int = 72) -> str:
    """A value as a message shows it: JSON, cut at `width` characters."""
    text = json.dumps(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def _without_comments(text: str) -> str:
    """Blanks in the place of comments, so that lines and columns stay what they are."""

    def blank(found: re.Match[str]) -> str:
        part = found.group()
        return part if part.startswith('"') else re.sub(r"[^\n]", " ", part)

    return _STRING_OR_COMMENT.sub(blank, text)


def _sentence(error: json.JSONDecodeError) -> tuple[str, str]:
    """What was found and what is allowed, in words that need no knowledge of a parser."""
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if not before and not rest:
        return "an empty file", "a JSON object"
    if rest.startswith("#"):
        return "a comment that begins with #", "comments as // to the end of the line or /* */"
    if rest.startswith("/*"):
        return "a comment without its end", "comments as // to the end of the line or /* */"
    if before.endswith(",") and rest[:1] in ("}", "]"):
        return f"a comma before {rest[0]}", "commas between values only"
    if rest.startswith(",") and rest[1:].lstrip()[:1] in ("}", "]"):
        return f"a comma before {rest[1:].lstrip()[0]}", "commas between values only"
    if error.msg.startswith(("Unterminated string", "Invalid control character")):
        return "a string without its end", "strings in double quotes, on one line"
    if not rest:
        return "the end of the text", "JSON with every bracket and quote closed"
    if rest.startswith("'"):
        return "a single quote", "names and strings in double quotes"
    if error.msg.startswith("Extra data"):
        return f"{brief(rest, 24)} after the value", "one value"
    if error.msg.startswith("Expecting ',' delimiter"):
        return f"{brief(rest, 24)} after a value", "a comma, or a closing bracket"
    if error.msg.startswith("Expecting property name"):
        return brief(rest, 24), "a name in double quotes"
    if error.msg.startswith("Expecting ':'"):
        return f"{brief(rest, 24)} after a name", "a colon"
    if error.msg.startswith("Expecting value"):
        return brief(rest, 24), "a value: an object, a list, a string, a number, true or false"
    return error.msg[:1].lower() + error.msg[1:], "JSON"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    marked = _Doubled(value)
    times = Counter(name for name, _ in pairs)
    marked.twice = tuple(name for name, count in times.items() if count > 1)
    return marked


def _doubled(value: Any, path: Key) -> list[str]:
    """The dotted keys that stand twice, from the outside in."""
    if isinstance(value, list):
        return [key for one in value for key in _doubled(one, path)]
    if not isinstance(value, dict):
        return []
    here = [".".join((*path, name)) for name in getattr(value, "twice", ())]
    return here + [key for name, part in value.items() for key in _doubled(part, (*path, name))]


class _NotFiniteError(Exception):
    pass


def _not_finite(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _not_finite(text)


def _deeper_than(value: Any, levels: int) -> bool:
    """Whether objects and lists stand in one another more than so often."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)
