"""Where recipes and fragments lie: the catalog is the disk, found without any list kept by hand."""

import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

import zoo
from zoo.errors import ConfigError
from zoo.layout import working_directory
from zoo.recipe.spec.sections import FOLDERS

RECIPES = "recipes"
"""The folder by which a catalog is known; a project's `data/` alone is none."""
OWN = "configs"
"""What a user's catalog is called where it lies beside recipes, or in the working directory."""
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+")


def shipped(folder: str, holds: str) -> Path:
    """A folder that travels with the package: beside it in a checkout, in `_shipped` in a wheel.

    `holds` is what lies in it, by which a checkout is known.
    """
    package = Path(zoo.__file__).resolve().parent
    checkout = package.parent / folder
    return checkout if (checkout / holds).exists() else package / "_shipped" / folder


def shipped_catalog() -> Path:
    """The catalog that travels with the package."""
    return shipped("configs", RECIPES)


def is_shipped(path: Path) -> bool:
    """Whether a file or folder is of the catalog that travels with the package."""
    with suppress(ConfigError):
        path = working_directory() / path
    return shipped_catalog().resolve() in (path.resolve(), *path.resolve().parents)


def catalogs(folder: Path) -> tuple[Path, ...]:
    """Where the names in a recipe of `folder` are looked up; the first that has one counts.

    The user's catalogs come before the shipped one: those at the recipe, then those of the working
    directory. What lies in the shipped catalog means that one alone.
    """
    if is_shipped(folder):
        return (shipped_catalog(),)
    return (*dict.fromkeys([*_own(folder), *own_catalogs()]), shipped_catalog())


def catalogs_of_words(roots: tuple[Path, ...]) -> tuple[Path, ...]:
    """Where the names in words are looked up: the recipe's catalogs, and those of the user here."""
    return (*dict.fromkeys([*roots[:-1], *own_catalogs()]), roots[-1])


def own_catalogs() -> tuple[Path, ...]:
    """The user's catalogs in the working directory."""
    with suppress(ConfigError):
        return _own(working_directory())
    return ()


def _own(folder: Path) -> tuple[Path, ...]:
    """`configs` in a folder, and the nearest catalog at or above it; never the shipped one.

    A catalog holds a folder `recipes` and folders of fragments, one of which is enough for
    `configs`; `folder` itself needs no recipes.
    """
    inner = folder / OWN
    found = [inner] if _holds_fragments(inner) or recipes(inner) else []
    above = (place for place in (folder, *folder.parents) if _holds_fragments(place))
    nearest = (place for place in above if place == folder or (place / RECIPES).is_dir())
    found += list(islice(nearest, 1))
    return tuple(place for place in found if not is_shipped(place))


def _holds_fragments(place: Path) -> bool:
    return any(next((place / name).glob("*.json"), None) for name in FOLDERS)


def fragment(section: str, name: str, roots: tuple[Path, ...]) -> Path | None:
    """The file of a fragment, or None; a name is no path."""
    if not _NAME.fullmatch(name) or name.startswith("."):
        return None
    files = (root / section / f"{name}.json" for root in roots)
    return next((file for file in files if is_file(file)), None)


def fragments(section: str, roots: tuple[Path, ...]) -> list[str]:
    """Names of all fragments of a section, sorted."""
    return sorted({file.stem for root in roots for file in (root / section).glob("*.json")})


def recipes(root: Path | None = None) -> list[Path]:
    """Files of all recipes of a catalog (the shipped one if none is named), sorted."""
    found = ((root or shipped_catalog()) / RECIPES).rglob("*.json")
    return sorted(found, key=lambda file: (file.parent, file.stem))


def own_recipes() -> list[Path]:
    """Files of all recipes of the user's catalogs in the working directory, each name once."""
    found: dict[str, Path] = {}
    for root in own_catalogs():
        for file in recipes(root):
            found.setdefault(file.stem, file)
    return list(found.values())


def recipes_by_name() -> dict[str, Path]:
    """Every recipe that has a name here: yours first, also before a shipped one of that name."""
    own = {file.stem: file for file in own_recipes()}
    return own | {file.stem: file for file in recipes() if file.stem not in own}


def is_recipe(word: str) -> bool:
    """Whether a word means a recipe, be it there or not: a path, or a name of a catalog."""
    return "/" in word or word.endswith(".json") or word in recipes_by_name() or is_run(Path(word))


RECIPE = "recipe.json"
"""In a run's folder and an exported one: the recipe that made it."""
ORIGIN = "origin.json"
"""In a run's folder: of what recipe, and how changed, the run's is."""
LEASES = ".lease"
"""In a run's folder: who holds it."""
_OTHERS = ("status.json", "checkpoints", "metrics.jsonl")


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, and not just anything that holds a recipe.json."""
    others = (is_file(folder / RECIPE) and (folder / name).exists() for name in _OTHERS)
    return (folder / LEASES).is_dir() or any(others)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long for any is not one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def shown(path: Path) -> str:
    """A path as a message says it: from the working directory if it lies below."""
    with suppress(ConfigError, ValueError):
        return str(path.relative_to(working_directory()))
    return str(path)
