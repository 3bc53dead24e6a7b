"""Which typed words still have an effect when all are laid; those that do not are faults."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import Fault
from zoo.recipe.compose.json_text import brief
from zoo.recipe.compose.merge import UNSET, Composition
from zoo.recipe.provenance import TYPED, Key, split_key

WORD = "section.key=value"


@dataclass
class Typed:
    """The words of a command line so far: what each one says, and which later word took it away."""

    said: dict[tuple[str, Key], Any] = field(default_factory=dict)
    took: dict[tuple[str, Key], str] = field(default_factory=dict)

    def lay(self, word: str, path: Key, value: Any, composition: Composition) -> None:
        """Note what a word said that has just been laid, and which earlier words it undid."""
        for (earlier, leaf), old in self.said.items():
            if not _stands(leaf, old, composition):
                self.took.setdefault((earlier, leaf), word)
        for leaf, part in _leaves(path, value):
            self.said[word, leaf] = part

    def faults(self, composition: Composition) -> list[Fault]:
        """One fault for each word that a later one undid."""
        found = []
        for (word, leaf), later in self.took.items():
            value = self.said[word, leaf]
            if not _stands(leaf, value, composition):
                said = f"{brief(value)}, which {later} after it takes away"
                allowed = f"{later.partition('=')[0]} before it"
                both = shlex.join((later, word))
                found.append(Fault(f"{TYPED}{word}", ".".join(leaf), said, allowed, both))
        return found


def by_sign(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Words of the command line one by one; together those between which and `=` stand blanks."""
    at = 0
    while at < len(words):
        one, *after = words[at : at + 3]
        follows = after[0] if after else ""
        is_key = "=" not in one
        taken = 1
        if is_key and follows == "=":
            taken = len(after) + 1
        elif (is_key and follows[:1] == "=") or (one[-1:] == "=" and "=" not in (follows or "=")):
            taken = 2
        yield tuple(words[at : at + taken])
        at += taken


def malformed(words: Sequence[str], composition: Composition) -> Fault:
    """The fault of words that say no value of a key, with what was meant, or stands there."""
    typed = " ".join(words)
    key, equals, value = "".join(words).partition("=")
    meant = ""
    if equals and all(key.split(".")):
        meant = f"{key}={value}"
    elif (stands := composition.get(split_key(key))) is not None and not isinstance(stands, dict):
        meant = f"{key}={stands if isinstance(stands, str) else json.dumps(stands)}"
    nearest = shlex.join((meant,)) if meant else ""
    return Fault(f"{TYPED}{typed}", "change", brief(typed), WORD, nearest)


def _stands(leaf: Key, value: Any, composition: Composition) -> bool:
    """Whether a typed value still decides: its own, or that of a later word for the same key."""
    if composition.origins.get(leaf, "").startswith(TYPED):
        return True
    return value == UNSET and composition.get(leaf) is None


def _leaves(path: Key, value: Any) -> Iterator[tuple[Key, Any]]:
    """What a word says below its key; of a whole section's name there is nothing to say."""
    if isinstance(value, dict):
        for name, part in value.items():
            key = (*path[1:], name)
            if key == ("base",) or (key[:1] == ("parts",) and isinstance(part, str)):
                continue  # a fragment's name, which is no key
            yield from _leaves((*path, name), part)
    elif len(path) > 1:
        yield path, value
