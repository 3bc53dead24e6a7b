"""A recipe under construction: its sections as a file writes them, and why each value is so."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.recipe.compose.fragments import absolute
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.compose.words import word_value
from zoo.recipe.provenance import TYPED, Key, split_key
from zoo.recipe.spec.sections import SECTIONS

ABOUT = ("$schema", "description")


@dataclass
class Draft:
    """The sections, the reason of a value by its key, and what is said of the data."""

    sections: dict[str, Any]
    why: dict[Key, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path, folder: Path) -> "Draft":
        """The sections of a recipe's file, for one that will lie in `folder`."""
        content = read_object(file)
        kept = {name: content[name] for name in SECTIONS if name in content}
        if file.parent != folder:
            kept = {name: absolute(name, value, file.parent) for name, value in kept.items()}
        return cls(copy.deepcopy(kept))

    def get(self, key: str) -> Any:
        """What the file itself says at a key, or None."""
        value: Any = self.sections
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def set(self, key: str, value: Any, why: str = "") -> None:
        """Writes a value; a section that was a fragment's name becomes that fragment, changed."""
        self._lay(split_key(key), value)
        if why:
            self.why[split_key(key)] = why

    def first(self, section: str, key: str) -> None:
        """Brings a key to the front of its section."""
        own = self.sections[section]
        self.sections[section] = {key: own.pop(key), **own}

    def drop(self, key: str) -> None:
        """Takes a key away from the file, if it stands there."""
        *above, last = key.split(".")
        place = self.get(".".join(above))
        if isinstance(place, dict):
            place.pop(last, None)

    def word(self, word: str) -> None:
        """Writes what a word of the command line says."""
        key, _, text = word.partition("=")
        value = word_value(text, f"{TYPED}{word}")
        names = split_key(key, ends_in_parameter=not isinstance(value, dict))
        if len(names) == 2 and value != "unset":
            value = absolute(names[0], {names[1]: value}, Path.cwd())[names[1]]
        if names == ("run", "steps") or names == ("run", "epochs"):
            other = "epochs" if names[1] == "steps" else "steps"
            self.drop(f"run.{other}")
        self._lay(names, value)
        self.why = {known: why for known, why in self.why.items() if known != names}

    def _lay(self, names: Key, value: Any) -> None:
        place: Any = self.sections
        for depth, name in enumerate(names[:-1]):
            if isinstance(place.get(name), str) and depth == 0:
                place[name] = {"base": place[name]}
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        place[names[-1]] = value
