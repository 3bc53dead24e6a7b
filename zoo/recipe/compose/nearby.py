"""Which recipe a word of the command line means, and what lies near one, or a folder, that is not
there.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from zoo.errors import ConfigError, Fault, near
from zoo.recipe.compose.catalog import RECIPE, is_file, is_run, recipes_by_name, shown

LISTED = "zoo list"
"""The command that shows what there is, where nothing is near."""
_MOST = 1000  # names of a folder that are looked at
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def find_recipe(word: str) -> Path:
    """The file that a user means: a path, or a name of the user's catalog or the shipped one.

    Raises ConfigError with the nearest name when there is none.
    """
    path = Path(word)
    with suppress(
        RuntimeError, ValueError
    ):  # nobody is called so, and `~nobody` is a name like any other
        path = path.expanduser()
    for file in (path, path / RECIPE):
        if is_file(file):
            return file.absolute()
    known = recipes_by_name()
    if path.name == word and word in known:
        return known[word]
    allowed = "a recipe's file, or the name of a recipe that `zoo list` shows"
    raise ConfigError([Fault(word, "RECIPE", "no such file", allowed, recipe_meant(word))])


def recipe_meant(word: str) -> str:
    """The recipe that is called most alike, of the catalog or beside the path, as a word; else the
    command that lists them.
    """
    path = Path(word)
    if spelled := near(path.stem, recipes_by_name()):
        return spelled
    files = {one.name: one for one in _inside(path.parent) if _may_be_recipe(one)}
    spelled = near(path.name, files) or near(f"{path.name}.json", files)
    return shlex.quote(shown(files[spelled])) if spelled else LISTED


def recipe_here() -> str:
    """The only file here that may be a recipe, as a word, or nothing."""
    found = [one for one in _inside(Path()) if one.is_file() and _may_be_recipe(one)]
    return shlex.quote(shown(found[0])) if len(found) == 1 else ""


def _may_be_recipe(path: Path) -> bool:
    if path.is_dir():
        return (path / RECIPE).is_file()
    with suppress(OSError):
        return path.suffix == ".json" and b'"task"' in path.read_bytes()[: 1 << 16]
    return False


def of_a_run(folder: Path) -> bool:
    """Whether a folder is a run's or an exported one."""
    return (folder / RECIPE).is_file()


def run_meant(folder: Path | None = None, is_one: Callable[[Path], bool] = is_run) -> str:
    """The folder, called most alike or else the newest, that a verb takes, as a word: beside the
    named one, in `runs` or here. The command that lists recipes where none was trained.
    """
    named = Path("runs", "run") if folder is None else folder
    places = dict.fromkeys([named.parent, *named.parent.parents, Path("runs"), Path()])
    found = {one.name: one for place in places for one in _inside(place) if is_one(one)}
    if not found:
        return LISTED
    newest = max(found.values(), key=lambda one: one.stat().st_mtime)
    return shlex.quote(shown(found.get(near(named.name, found), newest)))


def no_run(folder: Path) -> Fault:
    """The fault of a folder that is neither a run's nor an exported one."""
    found = f"{folder}, which holds no {RECIPE}"
    allowed = "a run's folder or an exported one"
    return Fault("command line", "FOLDER", found, allowed, run_meant(folder, of_a_run))


def table_here() -> str:
    """The only table here, as a word, or nothing."""
    found = [one.name for one in _inside(Path()) if one.suffix.lower() in _TABLES]
    return shlex.quote(found[0]) if len(found) == 1 else ""


def _inside(folder: Path) -> Iterator[Path]:
    """What a folder holds, if it can be read; of much the first."""
    with suppress(OSError, ValueError):
        yield from sorted(islice(folder.iterdir(), _MOST))
