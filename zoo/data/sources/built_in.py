"""The data that the package makes itself, offline and the same every time."""

from collections.abc import Callable
from pathlib import Path

from zoo.data.builtin.chats import open_chats
from zoo.data.builtin.constants import open_constants
from zoo.data.builtin.digits import open_digits
from zoo.data.builtin.keywords import open_keywords
from zoo.data.builtin.morse import open_morse
from zoo.data.builtin.numbers import open_numbers
from zoo.data.builtin.preferences import open_preferences
from zoo.data.builtin.shapes import open_shapes
from zoo.data.builtin.text import open_text
from zoo.data.builtin.tokens import open_tokens
from zoo.data.faults import Faults
from zoo.data.sources.opened import Opened, RenamedRows, Wanted, check_columns
from zoo.recipe.spec.data import BuiltInData

SPLITS = ("train", "validation", "test")
BUILT_IN: dict[str, Callable[[str, Path, Wanted], Opened]] = {
    "stdlib-text": open_text,
    "stdlib-keywords": open_keywords,
    "digits": open_digits,
    "morse": open_morse,
    "shapes": open_shapes,
    "numbers": open_numbers,
    "python-tokens": open_tokens,
    "constants": open_constants,
    "docstring-chats": open_chats,
    "docstring-preferences": open_preferences,
}
"""By `data.name`: called with the split, the cache and what the task reads of a row."""


class BuiltInReader:
    """Opens splits of one built-in set."""

    def __init__(self, data: BuiltInData, root: Path, faults: Faults) -> None:
        self.data, self.root, self.faults = data, root, faults

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        if entry not in SPLITS:
            self.faults.add(key, entry, "one of", SPLITS)
            return None
        part = BUILT_IN[self.data.name](entry, self.root, wanted)
        columns = self.data.columns
        if not columns:
            return part
        if not check_columns(part.rows.roles, columns, self.faults):
            return None
        return Opened(RenamedRows(part.rows, columns), part.label_values, part.label_names)
