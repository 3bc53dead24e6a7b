"""The law of the house: imports go one way, each room knows only its own third parties, and no
room, file or function is more than a reader takes in at a glance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ZOO = Path(__file__).parents[1] / "zoo"
LOW = {"errors", "layout", "recipe"}
MIDDLE = LOW | {"telling", "launching"}
MAY = {
    "errors": set(),
    "layout": {"errors"},
    "compression": {"errors"},
    "recipe": {"layout", "errors"},
    "telling": LOW,
    "launching": LOW,
    "data": MIDDLE,
    "models": MIDDLE,
    "tasks": MIDDLE | {"data", "models"},
    "engines": MIDDLE | {"data", "models", "tasks", "compression"},
    "training": MIDDLE | {"data", "models", "tasks", "engines"},
    "predicting": MIDDLE | {"data", "models", "tasks"},
    "planning": MIDDLE | {"data", "models", "tasks", "engines", "compression", "training"},
    "inspecting": MIDDLE | {"data", "models", "tasks", "training", "predicting"},
    "publishing": MIDDLE | {"data", "models", "tasks", "training"},
    "reporting": MIDDLE | {"data", "models", "tasks", "training", "predicting"},
    "drafting": MIDDLE | {"data"},
    "importing": MIDDLE,
    "sweeping": MIDDLE | {"training"},
    "cli": MIDDLE
    | {"training", "planning", "predicting", "inspecting", "publishing", "reporting", "drafting"}
    | {"sweeping", "importing"},
    "__main__": {"cli"},
    "__init__": set(),
}
HEAVY = {"torch", "transformers", "deepspeed", "datasets", "accelerate"}
LIGHT = ("errors", "layout", "recipe", "telling", "launching", "cli")

# Inside recipe: what a sub-room may import of the others.
BELOW = {
    "provenance": {"spec", "vocabulary"},
    "spec": set(),
    "vocabulary": {"spec"},
    "recipe": {"spec", "vocabulary", "provenance"},
    "compose": {"spec", "vocabulary", "recipe", "provenance"},
    "derived": {"spec", "vocabulary", "recipe", "provenance"},
    "checks": {"spec", "vocabulary", "recipe", "provenance", "compose", "derived"},
}
BELOW["load"] = {*BELOW["checks"], "checks"}
BELOW["schema"] = BELOW["meaning"] = BELOW["load"]
BELOW["key_table"] = {*BELOW["load"], "meaning"}
BELOW["changes"] = {*BELOW["key_table"], "key_table"}
BELOW["instead"] = BELOW["load"]
BELOW["compat"] = {*BELOW["load"], "load"}
BELOW["__init__"] = {"recipe", "load"}

FILES = sorted(ZOO.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
MOST_FILES, MOST_LINES, LONGEST = 14, 250, 45


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(path: Path) -> Iterator[str]:
    """The modules of the zoo that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if file_of(inner) else node.module


def file_of(module: str) -> Path | None:
    """The file of one of our modules."""
    path = ZOO.parent / module.replace(".", "/")
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((one for one in found if one.is_file()), None)


def place(path: Path) -> tuple[str, ...]:
    """The rooms of a file from the outside in, its own name last."""
    return path.relative_to(ZOO).with_suffix("").parts


def named(path: Path) -> str:
    """A file as a test's name shows it."""
    return str(path.relative_to(ZOO))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_imports_only_from_the_floors_below(path: Path) -> None:
    here = place(path)[0]
    for module in imported(path):
        top, *rest = module.split(".")
        if top == "zoo" and rest:
            assert rest[0] in MAY[here] | {here}, f"{here} imports {module}"
        assert top != "deepspeed" or here == "engines", f"{here} imports deepspeed"
        assert not (here in LIGHT and top in HEAVY), f"{here} imports {module}"
        assert not (here == "data" and top == "transformers"), f"data imports {module}"
        assert not (here == "compression" and top in HEAVY - {"torch"}), f"{here} imports {module}"


@pytest.mark.parametrize("path", sorted((ZOO / "recipe").rglob("*.py")), ids=named)
def test_a_room_of_the_recipe_imports_only_from_those_below(path: Path) -> None:
    here = place(path)[1]
    for module in imported(path):
        parts = module.split(".")
        if parts[:2] == ["zoo", "recipe"]:
            assert len(parts) > 2, "modules of the recipe name the room that they mean"
            assert parts[2] in BELOW[here] | {here}, f"recipe/{here} imports {module}"


KINDS = {path.stem.replace("-", "_") for path in (ZOO.parent / "configs" / "tiny").glob("*.json")}


@pytest.mark.parametrize("room", ["text", "vision", "speech"])
def test_what_kinds_share_knows_no_kind(room: str) -> None:
    assert {path.stem for path in (ZOO / "tasks" / "kinds").glob("*.py")} >= KINDS
    for path in (ZOO / "tasks" / room).glob("*.py"):
        known = [module for module in imported(path) if module.startswith("zoo.tasks.kinds")]
        assert not known, f"{named(path)} knows {known}"


def test_there_is_no_circle() -> None:
    modules = {".".join(("zoo", *place(path))).removesuffix(".__init__"): path for path in FILES}
    arrows = {name: set(at_import(path)) & set(modules) for name, path in modules.items()}
    done: set[str] = set()
    while rest := [name for name, targets in arrows.items() if name not in done]:
        free = [name for name in rest if not (arrows[name] - done - {name})]
        assert free, f"a circle among {sorted(rest)}"
        done.update(free)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ZOO.parent)))
def test_a_room_can_be_taken_in_at_a_glance(folder: Path) -> None:
    files = [path.name for path in folder.glob("*.py")]
    assert len(files) <= MOST_FILES, sorted(files)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_file_and_no_function_is_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= LONGEST, f"{node.name} has {lines} lines"
