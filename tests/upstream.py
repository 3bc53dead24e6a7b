"""How a name of a library is looked for: each check is a small truth about a subject, written
`module`, `module:Class` or `module:Class.method`, and one name.
"""

import ast
import dataclasses
import importlib.util
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[str, str], bool]


def has(subject: str, name: str) -> bool:
    """A module, class or namespace has an attribute."""
    return hasattr(resolve_name(subject), name)


def made_with(subject: str, name: str) -> bool:
    """Instances of a class have an attribute."""
    return hasattr(resolve_name(subject)(), name)


def field(subject: str, name: str) -> bool:
    """A dataclass has a field."""
    return name in {one.name for one in dataclasses.fields(resolve_name(subject))}


def takes(subject: str, name: str) -> bool:
    """A function or class takes a parameter by name."""
    found = inspect.signature(resolve_name(subject)).parameters.get(name)
    return found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)


def begins(subject: str, names: str) -> bool:
    """A function's first parameters are these, in this order."""
    wanted = names.split(",")
    return list(inspect.signature(resolve_name(subject)).parameters)[: len(wanted)] == wanted


def declares(subject: str, name: str) -> bool:
    """The source of a function has a parameter of this name, whatever a decorator made of it."""
    node = source(subject)
    assert isinstance(node, ast.FunctionDef)
    return name in {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}


def sets(subject: str, name: str) -> bool:
    """The source assigns to an attribute, of whatever object."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(source(subject))
    )


def reads(subject: str, name: str) -> bool:
    """The source reads an attribute, of whatever object."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(source(subject))
    )


def calls(subject: str, name: str) -> bool:
    """The source calls a function or method."""
    called = (node.func for node in ast.walk(source(subject)) if isinstance(node, ast.Call))
    return name in {getattr(one, "attr", getattr(one, "id", None)) for one in called}


def stands(subject: str, check: Check, name: str) -> bool:
    """Whether a check finds a name; not where its subject is gone."""
    try:
        return check(subject, name)
    except (ImportError, AttributeError, AssertionError):
        return False


def says(subject: str, text: str) -> bool:
    """The source holds a string, whole and as code: not within a comment or a docstring."""
    return any(
        isinstance(node, ast.Constant) and node.value == text for node in ast.walk(source(subject))
    )


@cache
def source(subject: str) -> ast.AST:
    """The syntax tree of `module`, `module:Class` or `module:Class.method`, without a run of it."""
    module, _, path = subject.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, f"{module} is gone"
    node: Any = parsed(spec.origin)
    for part in filter(None, path.split(".")):
        node = next((one for one in node.body if getattr(one, "name", None) == part), None)
        assert node is not None, f"{subject}: no {part}"
    return node


@cache
def parsed(file: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(Path(file).read_text(encoding="utf-8"))
