"""Where recipes and fragments lie: the catalog is the disk, found without any list kept by hand."""

import difflib
from pathlib import Path

import zoo
from zoo.errors import ConfigError, Fault

FOLDERS = ("task", "model", "data", "parallel", "optimizer")


def shipped_catalog() -> Path:
    """The catalog that travels with the package: `configs` in a checkout, `_shipped` in a wheel."""
    package = Path(zoo.__file__).resolve().parent
    checkout = package.parent / "configs"
    return checkout if (checkout / "recipes").is_dir() else package / "_shipped" / "configs"


def catalogs(folder: Path) -> tuple[Path, ...]:
    """The nearest catalog at or above `folder`, then the shipped one."""
    shipped = shipped_catalog()
    own = next((place for place in (folder, *folder.parents) if _holds_fragments(place)), None)
    return (shipped,) if own is None or own == shipped else (own, shipped)


def _holds_fragments(place: Path) -> bool:
    return any(next((place / name).glob("*.json"), None) for name in FOLDERS)


def fragment(section: str, name: str, roots: tuple[Path, ...]) -> Path | None:
    """The file of a fragment, or None."""
    files = (root / section / f"{name}.json" for root in roots)
    return next((file for file in files if file.is_file()), None)


def fragments(section: str, roots: tuple[Path, ...]) -> list[str]:
    """Names of all fragments of a section, sorted."""
    return sorted({file.stem for root in roots for file in (root / section).glob("*.json")})


def recipes(root: Path | None = None) -> list[Path]:
    """Files of all recipes of a catalog (the shipped one if none is named), sorted."""
    return sorted(((root or shipped_catalog()) / "recipes").rglob("*.json"))


def find_recipe(word: str) -> Path:
    """The file that a user means: a path, or the name of a recipe of the shipped catalog.

    Raises ConfigError with the nearest name when there is none.
    """
    path = Path(word).expanduser()
    if path.is_file():
        return path.absolute()
    if path.is_dir() and (path / "recipe.json").is_file():
        return (path / "recipe.json").absolute()
    known = {file.stem: file for file in recipes()}
    if path.name == word and word in known:
        return known[word]
    near = difflib.get_close_matches(path.stem, known, 1)
    allowed = "a recipe's file, or the name of a recipe that `zoo list` shows"
    raise ConfigError([Fault(word, "RECIPE", "no such file", allowed, near[0] if near else "")])


def shown(path: Path) -> str:
    """A path as a message says it: from the working directory if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
