"""What became of each key of the files: laid into one recipe, contradictions named."""

from dataclasses import dataclass, field
from typing import Any

from zoo.importing.dialects.all import DIALECTS
from zoo.importing.reading import Source
from zoo.importing.word import AUTO, OFF, How, Word, Words, filled, found
from zoo.recipe.checks.known import node_at, recipe_schema
from zoo.recipe.checks.nodes import resolve
from zoo.recipe.compose.json_text import brief
from zoo.recipe.provenance import Key

DECIDE = {"task": ("kind", "base"), "data": ("source", "base")}
"""Of which keys a section needs one before anybody knows what else it may hold."""


NOTHING = "asks for nothing"


@dataclass
class Entry:
    """One key of one file: what became of it, under which key of the recipe, and why."""

    file: str
    key: str
    value: Any
    how: How
    to: str = ""
    why: str = ""

    def nothing(self, why: str, how: How = "no effect") -> None:
        """Says why it is nowhere in the recipe."""
        self.how, self.to, self.why = how, "", why


@dataclass
class Account:
    """The recipe as far as it is laid, and an entry for each key of the files."""

    sections: dict[str, Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    reasons: dict[Key, str] = field(default_factory=dict)
    ideas: dict[str, tuple[Any, Entry]] = field(default_factory=dict)
    """What is settled together, with the entry that said it."""
    settled: set[str] = field(default_factory=set)
    """The ideas from which something followed, or of which it was said why nothing did."""
    laid: dict[Key, Entry] = field(default_factory=dict)
    defaults: list[Entry] = field(default_factory=list)
    """What the tools do where nobody says otherwise, and a recipe has to say."""
    notes: list[str] = field(default_factory=list)
    """What whoever reads the recipe should know, of no single key."""

    def take(self, source: Source) -> None:
        """Enters every leaf of a file; a later file rules over an earlier one."""
        words = DIALECTS[source.dialect].words
        for key, value in source.leaves.items():
            match = found(words, key)
            if match is None and value in (None, {}, []) and _is_section(words, key):
                entry = Entry(source.name, key, value, "no effect", "", NOTHING)
            elif match is None:
                entry = Entry(source.name, key, value, "not possible", "", "an unknown key")
            elif key in source.named:
                how, why = source.named[key]
                entry = Entry(source.name, key, value, how, "", why)
            else:
                entry = self._entered(source.name, key, value, *match)
            self.entries.append(entry)

    def _entered(
        self, file: str, key: str, value: Any, word: Word, stars: tuple[str, ...]
    ) -> Entry:
        entry = Entry(file, key, value, word.how, filled(word.to, stars), word.why)
        if word.file:
            asks = not any(value == one for one in OFF)
            entry.nothing(
                "names no file" if asks else NOTHING, "not possible" if asks else "no effect"
            )
        elif any(value == one and type(value) is type(one) for one in word.idle):
            entry.nothing("so here anyway")
        if word.how not in ("taken", "derived") or not (word.idea or entry.to):
            return entry
        if value == AUTO and not word.auto:
            entry.how, entry.why = "derived", "auto: as the other files say"
            return entry
        try:
            read = word.value(value) if word.value else value
        except (TypeError, ValueError):
            entry.nothing("no value that it can have", "not possible")
            return entry
        if read is None or (word.idea and read in (False, "")):
            entry.nothing(NOTHING)
        elif word.idea:
            self.fact(filled(word.idea, stars), read, entry)
        else:
            self.lay(entry.to, read, entry)
        return entry

    def fact(self, idea: str, value: Any, entry: Entry) -> None:
        """Notes what is settled later."""
        if idea in self.ideas:
            self._contradicted(*self.ideas[idea], value, entry)
        self.ideas[idea] = (value, entry)

    def lay(self, to: str, value: Any, entry: Entry | None = None, why: str = "") -> None:
        """Lays a value at a key; an earlier one that differs is named."""
        key = tuple(to.split("."))
        if entry is not None and key in self.laid:
            self._contradicted(self.at(key), self.laid[key], value, entry)
        place: Any = self.sections
        for name in key[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                return
        place[key[-1]] = value
        if entry is not None:
            self.laid[key] = entry
        said = f"{entry.file}: {entry.key} ({entry.how})" if entry is not None else ""
        if reason := ": ".join(part for part in (said, why) if part):
            self.reasons[key] = reason

    def at(self, key: Key) -> Any:
        """What was laid at a key so far; None: nothing."""
        value: Any = self.sections
        for name in key:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def _contradicted(self, before: Any, earlier: Entry, value: Any, entry: Entry) -> None:
        if before == value:
            return
        said = f"{earlier.file}: {earlier.key} says {brief(before)}, "
        said += f"{entry.file}: {entry.key} says {brief(value)}; the later is taken"
        self.contradictions.append(said)
        earlier.nothing(f"{entry.file}: {entry.key} says otherwise")

    def said(self, idea: str, default: Any = None) -> Any:
        """What a file said of an idea."""
        self.settled.add(idea)
        return self.ideas[idea][0] if idea in self.ideas else default

    def choices(self, to: str) -> list[str]:
        """The words that a key of this recipe may be; none where it has no such key."""
        node = node_at(self.sections, tuple(to.split("."))) or {}
        ways = [resolve(way, recipe_schema()["$defs"]) for way in node.get("anyOf", [node])]
        return [word for way in ways for word in way.get("enum", ())]

    def take_away(self, at: Key, why: str) -> None:
        """Takes away an object that was laid, and says of the keys in it why."""
        for key in [key for key in self.laid if key[: len(at)] == at]:
            self.laid.pop(key).nothing(why)
            self.reasons.pop(key, None)
        place = self.at(at[:-1])
        if isinstance(place, dict):
            place.pop(at[-1], None)

    def use(self, idea: str, to: str, value: Any = None, why: str = "") -> bool:
        """Lays one idea at a key as it is, or as another value; whether anybody said it."""
        if idea not in self.ideas:
            return False
        self.settled.add(idea)
        said, entry = self.ideas[idea]
        self.lay(to, said if value is None else value, entry, why)
        entry.to, entry.why = to, why or entry.why
        return True

    def drop(self, idea: str, why: str, how: How = "not possible") -> None:
        """Says of an idea why nothing follows from it."""
        self.settled.add(idea)
        if idea in self.ideas:
            self.ideas[idea][1].nothing(why, how)

    def join(self, idea: str, to: str, value: Any) -> None:
        """Adds what an idea says to the list at a key."""
        self.settled.add(idea)
        entry = self.ideas[idea][1]
        others = self.at(tuple(to.split("."))) or []
        self.lay(to, [*others, *([] if value in others else [value])])
        entry.to, entry.why = to, "added to the others" if others else entry.why

    def refuse_unsettled(self) -> None:
        """Says of what nobody asked about that nothing follows from it."""
        for idea in self.ideas.keys() - self.settled:
            self.drop(idea, "nothing of a recipe follows from it")

    def refuse_what_did_not_follow(self) -> None:
        """Says of what was to be in the recipe, and is not, that it asks for nothing."""
        for entry in [*self.entries, *self.defaults]:
            follows = entry.to and entry.how in ("taken", "derived")
            if follows and self.at(tuple(entry.to.split("."))) is None:
                entry.nothing("no other file says it" if entry.value == AUTO else NOTHING)

    def prune(self) -> None:
        """Takes away what no recipe has; the schema says so, and the entry with it."""
        for key, entry in self.laid.items():
            if node_at(self.sections, key) is not None:
                continue
            place = self.at(key[:-1])
            if isinstance(place, dict):
                place.pop(key[-1], None)
            why = f"a recipe like this has no {'.'.join(key)}"
            decides = DECIDE.get(key[0], ())
            if decides and not any(name in self.sections[key[0]] for name in decides):
                why = f"{key[0]}.{decides[0]}, which no file says, decides about it"
            entry.nothing(why, "not possible")
            self.reasons.pop(key, None)


def _is_section(words: Words, key: str) -> bool:
    """Whether known keys stand below this one."""
    return any(pattern.startswith(f"{key}.") for pattern in words)
