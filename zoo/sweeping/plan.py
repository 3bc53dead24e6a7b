"""The runs of a sweep: a pure function of its words, so that every process numbers them alike."""

import math
import random
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.layout import working_directory
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.derived.resume import changes
from zoo.recipe.recipe import expanded
from zoo.sweeping.axes import Axis, axes_of, faults_of_lists

SEED, FOLDER = "run.seed", "run.folder"
MOST = 10_000
"""Runs of a sweep: each is checked before the first starts."""
_LONGEST = 100  # characters of a run's folder that are its values


@dataclass(frozen=True)
class Member:
    """One run: its number from 0, its setting (keys, values as typed), seed, folder and words."""

    number: int
    setting: tuple[tuple[str, str], ...]
    seed: int
    folder: Path
    words: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """What was asked for, and the runs that it means: all settings with one seed, then the next."""

    recipe: str
    tiny: bool
    words: tuple[str, ...]
    keys: tuple[str, ...]
    folder: Path
    members: tuple[Member, ...]


def planned(
    recipe: str, words: Sequence[str], tiny: bool, seeds: int, at_most: int | None,
    folder: Path | None,
) -> Sweep:  # fmt: skip
    """The sweep of a recipe over the lists in `words`, each setting with `seeds` seeds from the
    recipe's on; of more than `at_most` settings so many are drawn, the same every time.

    Raises ConfigError where there is nothing to try.
    """
    axes = axes_of(recipe, words, tiny)
    count = math.prod(len(axis.words) for axis in axes)
    taken = min(count, at_most or count)
    of_lists = faults_of_lists(recipe, words, tiny) if taken * seeds < 2 else []
    faults = [*_faults_of_words(words, axes), *(of_lists or _faults_of_number(taken, seeds))]
    if faults:
        raise ConfigError(faults)
    settings = [_setting(axes, number) for number in _drawn(count, taken)]
    names = _names(axes)
    base = load_recipe(recipe, _with(words, axes, settings[0]), tiny)
    root = folder or Path("runs", "-".join([f"{base.name}-by", *(names or ["seed"])]))
    root = working_directory() / root.expanduser()
    members: list[Member] = []
    for seed in range(base.run.seed, base.run.seed + seeds):
        for setting in settings:
            own = root / _folder_name(names, setting, seed)
            told = tuple(
                (axis.key, text.partition("=")[2]) for axis, text in zip(axes, setting, strict=True)
            )
            all_words = (*_with(words, axes, setting), f"{SEED}={seed}", f"{FOLDER}={own}")
            members.append(Member(len(members), told, seed, own, all_words))
    keys = tuple(axis.key for axis in axes)
    return Sweep(recipe, tiny, tuple(words), keys, root, tuple(members))


def _faults_of_words(words: Sequence[str], axes: Sequence[Axis]) -> Iterator[Fault]:
    """Keys that a sweep sets itself, and the options by which it is told how."""
    said = {word.partition("=")[0]: word for word in words}
    if FOLDER in said:
        way = shlex.join(("--folder", said[FOLDER].partition("=")[2]))
        yield Fault("command line", FOLDER, said[FOLDER], "--folder", way)
    for axis in axes:
        if axis.key == SEED:
            way = f"--seeds {len(axis.words)}"
            yield Fault("command line", SEED, said[SEED], "--seeds: how many", way)


def _faults_of_number(taken: int, seeds: int) -> Iterator[Fault]:
    """Too few runs, or too many."""
    if taken * seeds < 2:
        allowed = "a list of values for some key (optimizer.params.lr=[1e-4,3e-4]), or --seeds 3"
        yield Fault("command line", "sweep", "one run", allowed, "--seeds 3")
    if taken * seeds > MOST:
        found, allowed = f"{taken * seeds} runs", f"at most {MOST}: fewer values, or --at-most"
        way = f"--at-most {max(1, MOST // seeds)}"
        yield Fault("command line", "sweep", found, allowed, way)


def checked(sweep: Sweep) -> dict[int, Recipe]:
    """Every run's recipe by its number; a ConfigError with all faults of all, each once.

    A folder that holds a run of another recipe is one.
    """
    found: dict[int, Recipe] = {}
    faults: list[Fault] = []
    for member in sweep.members:
        try:
            found[member.number] = load_recipe(sweep.recipe, member.words, sweep.tiny)
            faults += _foreign(member, found[member.number])
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return found


def _foreign(member: Member, recipe: Recipe) -> list[Fault]:
    """What a run in the folder was trained with that a run does not go on with."""
    path = member.folder / RECIPE
    if not path.exists():
        return []
    return [
        Fault(str(path), one.key, f"{one.old!r}, this sweep has {one.new!r}", "--folder ANOTHER")
        for one in changes(read_object(path), expanded(recipe)).refused
    ]


def _drawn(count: int, taken: int) -> list[int]:
    """Numbers of settings; more of them begin with those that fewer are."""
    if taken == count:
        return list(range(count))
    draws, found = random.Random(0), dict[int, None]()
    while len(found) < taken:
        found[draws.randrange(count)] = None
    return list(found)


def _setting(axes: Sequence[Axis], number: int) -> tuple[str, ...]:
    """A word of each axis; the last one turns fastest."""
    words = []
    for axis in reversed(axes):
        number, place = divmod(number, len(axis.words))
        words.append(axis.words[place])
    return tuple(reversed(words))


def _with(words: Sequence[str], axes: Sequence[Axis], setting: Sequence[str]) -> tuple[str, ...]:
    """The sweep's words with one value in the place of each list."""
    chosen = {axis.place: word for axis, word in zip(axes, setting, strict=True)}
    return tuple(chosen.get(place, word) for place, word in enumerate(words))


def _names(axes: Sequence[Axis]) -> list[str]:
    """What keys are called in a folder's name: their last name, where only one ends so."""
    last = [axis.key.rpartition(".")[2] for axis in axes]
    return [
        name if last.count(name) == 1 else axis.key for name, axis in zip(last, axes, strict=True)
    ]


def _folder_name(names: Sequence[str], setting: Sequence[str], seed: int) -> str:
    """Readable, and equal only for equal settings: what a name cannot hold is told by a digest."""
    values = [word.partition("=")[2] for word in setting]
    plain = "_".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    safe = re.sub(r"[^A-Za-z0-9._+=-]+", "-", plain)[:_LONGEST]
    if safe != plain:
        safe += f"-{sha256(plain.encode()).hexdigest()[:8]}"
    return f"{safe}_seed={seed}" if safe else f"seed={seed}"
