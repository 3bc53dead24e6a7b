"""From files and a command line of other tools to one recipe with its account."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.importing.account import Account
from zoo.importing.dialects.all import DIALECTS
from zoo.importing.reading import Source, read, read_command
from zoo.importing.settling import settle
from zoo.importing.word import found
from zoo.recipe import load_recipe
from zoo.recipe.spec.sections import SECTIONS
from zoo.telling.page import Page

HEADS = ["file", "key", "value", "what", "here", "why"]


@dataclass(frozen=True)
class Imported:
    """What files became: sections, an account of every key, contradictions."""

    account: Account
    sources: tuple[Source, ...]

    @property
    def sections(self) -> dict[str, Any]:
        """The recipe's sections in their order."""
        said = self.account.sections
        return {one: said[one] for one in SECTIONS if said.get(one)}


def imported(files: Sequence[Path], command: str | None, world: int | None) -> Imported:
    """Reads and combines; the later of two that differ is taken, the command last.

    Raises ConfigError with the faults of every file that cannot be read or is nobody's.
    """
    sources: list[Source] = []
    faults: list[Fault] = []
    for file in files:
        try:
            sources.append(read(file))
        except ConfigError as error:
            faults += error.faults
    if command is not None:
        sources.append(read_command(command))
    if not sources and not faults:
        faults.append(Fault("command line", "FILE", "nothing", "files, --command, or both"))
    if faults:
        raise ConfigError(faults)
    account = Account()
    for source in sources:
        account.take(source)
    _silent(account, sources)
    settle(account, world)
    account.prune()
    return Imported(account, tuple(sources))


def _silent(account: Account, sources: Sequence[Source]) -> None:
    """The defaults of the tools, where no file says otherwise and they differ from the zoo's."""
    said = Account()
    for source in sources:
        dialect = DIALECTS[source.dialect]
        rest = {key: one for key, one in dialect.silent.items() if key not in source.leaves}
        title = f"{dialect.title}, by default"
        said.take(Source(title, source.dialect, rest, source.folder))
    for idea, fact in said.ideas.items():
        if idea not in account.ideas and not idea.startswith("deepspeed."):
            account.ideas[idea] = fact
    for key, entry in said.laid.items():
        if key not in account.laid:
            word = found(DIALECTS["arguments"].words, entry.key)
            reads = word[0].value if word else None
            account.lay(".".join(key), reads(entry.value) if reads else entry.value, entry)


def written(path: Path, text: str) -> list[Fault]:
    """Writes the recipe beside and renames it, an older one before; what the checks say of it."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    if path.exists():
        number = 1
        while (older := path.with_name(f"{path.stem}.{number}{path.suffix}.old")).exists():
            number += 1
        path.rename(older)
    beside.rename(path)
    try:
        load_recipe(path)
    except ConfigError as error:
        return list(error.faults)
    return []


def page(whole: Imported, missing: Sequence[Fault]) -> Page:
    """The account as a table, and for programs."""
    account = whole.account
    rows = [
        [one.file, one.key, str(one.value), one.how, one.to, one.why] for one in account.entries
    ]
    lines = [f"contradiction: {one}" for one in account.contradictions]
    lines += [f"missing: {fault}" for fault in missing] or ["zoo check: no faults"]
    content = {
        "recipe": whole.sections,
        "account": [asdict(one) for one in account.entries],
        "contradictions": account.contradictions,
        "missing": [str(fault) for fault in missing],
    }
    return Page([(HEADS, rows)], lines, content)


def words_page() -> str:
    """Every word of every tool as Markdown."""
    from zoo.telling.page import markdown

    parts = []
    for dialect in DIALECTS.values():
        rows = [[f"`{k}`", w.how, w.to and f"`{w.to}`", w.why] for k, w in dialect.words.items()]
        parts.append(f"### {dialect.title}\n\n{markdown(['there', 'what', 'here', 'how'], rows)}")
    return "\n\n".join(parts)
