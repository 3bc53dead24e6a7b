"""From files and a command line of other tools to one recipe with its account."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.importing.account import Account
from zoo.importing.dialects.all import DIALECTS
from zoo.importing.reading import Source, read, read_command, with_named
from zoo.importing.settling import settle
from zoo.recipe.checks.known import names_at
from zoo.recipe.compose.fragments import FOLDER_KEYS, NAME_KEYS
from zoo.recipe.spec.sections import SECTIONS


@dataclass(frozen=True)
class Imported:
    """What files became: sections, an account of every key, contradictions."""

    account: Account
    sources: tuple[Source, ...]

    @property
    def sections(self) -> dict[str, Any]:
        """The recipe's sections, and the keys in each, in their order."""
        said = self.account.sections
        return {one: _in_order(said, one) for one in SECTIONS if said.get(one)}


def _in_order(said: dict[str, Any], section: str) -> dict[str, Any]:
    """The keys of a section as its spec has them."""
    names = ["base", *(names_at(said, (section,)) or [])]
    order = sorted(said[section], key=lambda name: names.index(name) if name in names else 0)
    return {name: said[section][name] for name in order}


def imported(
    files: Sequence[Path], command: str | None, world: int | None, out: Path = Path("my.json")
) -> Imported:
    """Reads and combines; the later of two that differ is taken, the command last.

    A file that another one names is read before it. Paths become those of a recipe at `out`.
    Raises ConfigError with the faults of every file that cannot be read or is nobody's.
    """
    sources: list[Source] = []
    faults: list[Fault] = []
    given = [file.resolve() for file in files]
    reads = [partial(read, file) for file in files]
    if command is not None:
        reads.append(partial(read_command, command))
    for read_one in reads:
        try:
            sources += with_named(read_one(), given)
        except ConfigError as error:
            faults += error.faults
    if not sources and not faults:
        faults.append(Fault("command line", "FILE", "nothing", "files, --command, or both"))
    if faults:
        raise ConfigError(faults)
    whole = combined(sources, world)
    seen_from(whole.account.sections, out.absolute().parent)
    return whole


def combined(sources: Sequence[Source], world: int | None) -> Imported:
    """One recipe of all files: as they say it, settled, and without what no recipe has."""
    account = Account()
    for source in sources:
        account.take(source)
    _silent(account, sources)
    settle(account, world)
    account.refuse_unsettled()
    account.prune()
    account.refuse_what_did_not_follow()
    if {source.dialect for source in sources} <= {"deepspeed", "accelerate"}:
        account.notes.append(
            "such a file leaves the model and its data to a script: hand its command line over as "
            "well, as in --command 'run_clm.py --model_name_or_path gpt2'"
        )
    return Imported(account, tuple(sources))


def _silent(account: Account, sources: Sequence[Source]) -> None:
    """The defaults of the tools, where no file says otherwise and they differ from the zoo's."""
    said = Account()
    for source in sources:
        dialect = DIALECTS[source.dialect]
        silent = {**dialect.silent, **dialect.silent_of.get(str(source.leaves.get("script")), {})}
        rest = {key: one for key, one in silent.items() if key not in source.leaves}
        title = f"{dialect.title}, by default"
        said.take(Source(title, source.dialect, rest, source.folder))
    for idea, fact in said.ideas.items():
        if idea not in account.ideas and not idea.startswith("deepspeed."):
            account.ideas[idea] = fact
            account.defaults.append(fact[1])
    for key, entry in said.laid.items():
        if key not in account.laid:
            account.lay(".".join(key), said.at(key), entry)
            account.defaults.append(entry)


def seen_from(sections: dict[str, Any], folder: Path) -> None:
    """Paths of the working directory, as a recipe in another folder has to name them."""
    here = Path.cwd()
    if folder == here:
        return
    parts = sections.get("data", {}).get("parts", {}).values()
    places = [*sections.items(), *(("data", part["data"]) for part in parts)]
    for keys_of in (FOLDER_KEYS, NAME_KEYS):
        for name, section in places:
            for key in keys_of.get(name, ()):
                value = section.get(key)
                if is_relative(name, key, value):
                    moved = os.path.relpath(here / value, folder)
                    section[key] = moved if moved.startswith("..") else f"./{moved}"


def is_relative(section: str, key: str, value: Any) -> bool:
    """Whether a value is a path that depends on where its file lies."""
    if not isinstance(value, str) or "://" in value or value.startswith(("/", "~")):
        return False
    return key in FOLDER_KEYS.get(section, ()) or value.startswith(".")
