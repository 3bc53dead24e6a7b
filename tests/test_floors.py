"""The law of the house: imports go one way, and each room knows only its own third parties."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ZOO = Path(__file__).parents[1] / "zoo"
MAY = {
    "errors": set(),
    "layout": {"errors"},
    "compression": {"errors"},
    "recipe": {"layout", "errors"},
    "data": {"recipe", "layout", "errors"},
    "models": {"recipe", "layout", "errors"},
    "tasks": {"data", "models", "recipe", "layout", "errors"},
    "engines": {"compression", "tasks", "data", "models", "recipe", "layout", "errors"},
    "launching": {"recipe", "layout", "errors"},
    "training": {"engines", "tasks", "data", "models", "recipe", "launching", "layout", "errors"},
    "planning": {
        *("training", "engines", "compression", "tasks", "data", "models", "recipe", "layout"),
        "errors",
    },
}
HEAVY = {"torch", "transformers", "deepspeed", "datasets", "accelerate"}
LIGHT = ("errors", "layout", "recipe", "launching")
FILES = sorted(path for path in ZOO.rglob("*.py") if path.stem not in ("cli", "__main__"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(path: Path) -> str:
    """The room of a file."""
    return path.relative_to(ZOO).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ZOO)))
def test_a_file_imports_only_from_the_floors_below(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert not list(imported(path))
        return
    for module in imported(path):
        top, *rest = module.split(".")
        if top == "zoo" and rest:
            assert rest[0] in MAY[here] | {here}, f"{here} imports {module}"
        assert top != "deepspeed" or here == "engines", f"{here} imports deepspeed"
        assert not (here in LIGHT and top in HEAVY), f"{here} imports {module}"
        assert not (here == "data" and top in ("transformers",)), f"data imports {module}"
