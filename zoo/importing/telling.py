"""The account as it is read: by whoever asked, in the recipe itself, and by programs."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from zoo.errors import Fault, printable
from zoo.importing.account import Account, Entry
from zoo.importing.dialects.all import DIALECTS
from zoo.importing.whole import Imported
from zoo.importing.word import How, Word
from zoo.recipe.checks.ways_out import word_of
from zoo.recipe.compose.json_text import brief
from zoo.recipe.key_table import meanings
from zoo.telling.page import Page, markdown

HEADINGS: dict[How, str] = {
    "taken": "taken as it is",
    "derived": "derived",
    "no effect": "without effect here",
    "not possible": "not possible here",
}
"""In the order in which they are told: what asks for a decision stands last."""
PLAIN = (
    "as it is", "by its name", "of the hub", "a part each", "the column of a role", "whole steps",
    "unless steps are said", "settled with its strategy", "settled with warm-up and lr",
    "settled with schedule, warm-up and lr", "what the script trains", "those that the zoo has",
    "the first of two", "the second of two", "all or completions", "all of them",
    "all is all-linear", "an epoch, where it is one",
)  # fmt: skip
"""Reasons that the key and its value say themselves."""
Row = list[str]


def page(whole: Imported, out: Path, missing: Sequence[Fault], older: Path | None = None) -> Page:
    """The account file by file and by what became of each key, what is missing, what comes next."""
    account = whole.account
    counts = [sum(one.how == how for one in account.entries) for how in HEADINGS]
    said = ", ".join(f"{n} {text}" for n, text in zip(counts, HEADINGS.values(), strict=True) if n)
    verb = "check" if missing else "train"
    below = [
        [str(out), f"{len(account.entries)} keys: {said}"],
        *([["older", f"the recipe that was there is now {older}"]] if older else []),
        *(["contradiction", one] for one in account.contradictions),
        *(["note", one] for one in account.notes),
        *(["missing", one] for one in _together(missing)),
        ["next", f"zoo {verb} {shlex.quote(str(out))}" + (" once that is said" * bool(missing))],
    ]
    content = {
        "recipe": whole.sections,
        "account": [asdict(one) for one in account.entries],
        "defaults": [asdict(one) for one in account.defaults],
        "contradictions": account.contradictions,
        "notes": account.notes,
        "missing": [str(fault) for fault in missing],
    }
    return Page([(["", ""], list(_by_file(whole))), (["", ""], below)], [], content)


def remarks(account: Account) -> str:
    """What of the files stands nowhere in the recipe, as the lines above it."""
    lines = ["zoo import"]
    for how in ("not possible", "no effect"):
        entries = [one for one in account.entries if one.how == how and one.value is not None]
        lines += [f"{HEADINGS[how]}:"] if entries else []
        lines += [f"  {one.file}: {one.key}: {_reason(one)}" for one in entries]
    return "\n// ".join(printable(line) for line in lines)


def _by_file(whole: Imported) -> Iterator[Row]:
    told: list[Entry] = []
    for place, source in enumerate(whole.sources):
        if place:
            yield ["", ""]
        title = DIALECTS[source.dialect].title
        yield [f"{source.name}, {title}", ""]
        own = [one for one in whole.account.entries if one.file == source.name]
        for how, heading in HEADINGS.items():
            entries = [one for one in own if one.how == how]
            yield from _group(whole, heading, entries)
            if how == "derived":
                silent = [one for one in whole.account.defaults if one.to and one not in told]
                silent = [one for one in silent if one.file.startswith(title)]
                yield from _group(whole, "so there by default", silent)
                told += silent


def _group(whole: Imported, heading: str, entries: Sequence[Entry]) -> Iterator[Row]:
    if entries:
        yield [heading, ""]
    empty = [one.key for one in entries if one.value is None and not one.to]
    if empty:
        yield ["  left empty", ", ".join(empty)]
    for one in entries:
        if one.key in empty:
            continue
        yield [f"  {one.key}", _followed(whole, one) if one.to else _reason(one)]


def _followed(whole: Imported, entry: Entry) -> str:
    """The key of the recipe with its value, as a command line would say it, and why."""
    value = whole.account.at(tuple(entry.to.split(".")))
    word = entry.to if isinstance(value, dict) else word_of(tuple(entry.to.split(".")), value)
    plain = not entry.why or entry.why in PLAIN or value in (entry.value, entry.why)
    return word if plain else f"{word} ({entry.why})"


def _reason(entry: Entry) -> str:
    shown = entry.value if isinstance(entry.value, str) else brief(entry.value)
    return f"{shown}: {entry.why}" if shown else entry.why


def _together(faults: Sequence[Fault]) -> list[str]:
    """Faults in few lines: keys of which the same is said stand side by side."""
    keys: dict[str, list[str]] = {}
    for fault in faults:
        hint = f"; did you mean {fault.nearest}?" if fault.nearest else ""
        said = f"found {fault.found}; allowed: {fault.allowed}{hint}"
        keys.setdefault(said, []).append(fault.key)
    return [f"{', '.join(those)}: {said}" for said, those in keys.items()]


def words_page() -> str:
    """Every word of every tool as Markdown."""
    parts = []
    for dialect in DIALECTS.values():
        rows = [_word_row(key, word) for key, word in dialect.words.items()]
        parts.append(f"### {dialect.title}\n\n{markdown(['there', 'what', 'here', 'how'], rows)}")
    return "\n\n".join(parts)


def _word_row(key: str, word: Word) -> Row:
    """What becomes of a word, unless no recipe has the key that it would be."""
    if word.to and "*" not in word.to and not meanings(tuple(word.to.split("."))):
        return [f"`{key}`", "not possible", "", f"no recipe has {word.to}"]
    return [f"`{key}`", word.how, word.to and f"`{word.to}`", word.why]
