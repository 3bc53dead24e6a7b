"""What is to be predicted: words of the command line become rows, each under a name.

A word is a file or, where a kind reads text, the text itself. `-` is the standard input. A table
(jsonl, csv, tsv) holds a row a line, with the columns of the training data or under the roles' own
names; another file of text holds an input a line.
"""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from zoo.data.reading.roles import reading
from zoo.data.rows import Row
from zoo.data.sources.values import Odd, as_said
from zoo.recipe.vocabulary.roles import ROLES

STDIN = "-"
JSONL = ".jsonl"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
_FILES = {JSONL, *SEPARATORS, ".txt", ".json", ".png", ".jpg", ".jpeg", ".wav", ".flac", ".mp3"}
"""What a word that ends so is taken for: a file, though it may not be there, and never a text."""


@dataclass(frozen=True)
class Input:
    """One row to answer, by role, and what a message calls it."""

    name: str
    row: Row


@dataclass(frozen=True)
class Refused:
    """What is no input, and why."""

    name: str
    why: str


Found = Iterator[Input | Refused]


class Unusable(Exception):
    """A row that lacks what is asked for; the message says what."""


@dataclass(frozen=True)
class Wanted:
    """What a row must hold: any of `choices` of roles; `columns` are the training data's names, and
    the texts of `may_be_chats` turns of a chat too, those of `may_be_blank` empty.
    """

    choices: Sequence[tuple[str, ...]]
    columns: Mapping[str, str]
    may_be_chats: Collection[str] = ()
    may_be_blank: Collection[str] = ()

    @property
    def lone(self) -> str | None:
        """The role that a word alone fills; None where each choice takes several."""
        return next((one[0] for one in reversed(self.choices) if len(one) == 1), None)

    @property
    def literal(self) -> bool:
        """Whether a word may be the text itself."""
        return self.lone is not None and ROLES[self.lone].how == "text"

    def column(self, role: str, there: Iterable[str]) -> str:
        """What a role's column is called where these columns are there."""
        named = self.columns.get(role, role)
        return named if named in there else role

    def row(self, values: Mapping[str, Any], base: Path) -> Row:
        """The roles of the first choice that `values`, by column, has whole; raises Unusable.

        Paths are relative to `base`.
        """
        for choice in self.choices:
            names = {role: self.column(role, values) for role in choice}
            if set(names.values()) <= values.keys():
                return {role: self._value(role, values[name], base) for role, name in names.items()}
        wanted = " or ".join(
            " and ".join(self.columns.get(role, role) for role in choice) for choice in self.choices
        )
        raise Unusable(f"a row of {', '.join(map(str, values)) or 'nothing'}; it needs {wanted}")

    def _value(self, role: str, value: Any, base: Path) -> Any:
        read = reading(role, False, False)
        if role in self.may_be_chats:
            read = partial(as_said, may_be_blank=role in self.may_be_blank)
        try:
            found = read(value)
        except Odd as error:
            raise Unusable(f"{role}: {error}") from None
        if found is None and not ROLES[role].optional:
            raise Unusable(f"an empty {role}")
        if ROLES[role].how in ("image", "audio") and isinstance(found, str):
            found = base / found
            if not found.is_file():
                raise Unusable(f"{found}: {'a folder' if found.is_dir() else 'no such file'}")
        return found


def inputs(words: Iterable[str], wanted: Wanted, stdin: TextIO) -> Found:
    """Every input that the words name, in their order, read only when asked for."""
    for word in words:
        path = Path(word)
        if word == STDIN:
            yield from _lines(stdin, word, wanted)
        elif path.suffix.lower() in (JSONL, *SEPARATORS) and _is_file(path):
            yield from _opened(path, wanted)
        elif not wanted.literal:
            yield _one(word, wanted, word)
        elif _is_file(path) or (path.suffix.lower() in _FILES and not _has_spaces(word)):
            yield from _opened(path, wanted)
        else:
            yield _one(word, wanted, word)


def _has_spaces(word: str) -> bool:
    return len(word.split()) > 1


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text that is longer than a name may be
        return False


def _one(name: str, wanted: Wanted, value: str) -> Input | Refused:
    """A word or a line as the one role that it fills."""
    if wanted.lone is None:
        whole = " and ".join(wanted.choices[0])
        return Refused(name, f"one word, where {whole} are needed: a row of a jsonl or csv")
    return _row(name, wanted, {wanted.lone: value}, Path())


def _row(name: str, wanted: Wanted, values: Any, base: Path) -> Input | Refused:
    if not isinstance(values, Mapping):
        return Refused(name, "no object with a value a column")
    try:
        return Input(name, wanted.row(values, base))
    except Unusable as error:
        return Refused(name, str(error))


def _opened(path: Path, wanted: Wanted) -> Found:
    """The inputs of a table, or of a text a line each."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            suffix = path.suffix.lower()
            if suffix in SEPARATORS:
                yield from _table(file, path, wanted, SEPARATORS[suffix])
            elif suffix == JSONL:
                for number, line in enumerate(file, 1):
                    yield _object(f"{path}:{number}", wanted, line, path.parent)
            else:
                yield from _lines(file, str(path), wanted)
    except UnicodeDecodeError:
        yield Refused(str(path), "no text in UTF-8")
    except csv.Error as error:
        yield Refused(str(path), f"no table ({error})")
    except FileNotFoundError:
        yield Refused(str(path), "no such file")
    except OSError as error:
        yield Refused(str(path), error.strerror.lower() if error.strerror else "unreadable")


def _table(file: TextIO, path: Path, wanted: Wanted, separator: str) -> Found:
    for number, values in enumerate(csv.DictReader(file, delimiter=separator), 2):
        named = {name: value for name, value in values.items() if name is not None}
        yield _row(f"{path}:{number}", wanted, named, path.parent)


def _lines(file: TextIO, name: str, wanted: Wanted) -> Found:
    """An input a line; of the standard input a line may be a row, an object of JSON."""
    for number, line in enumerate(file, 1):
        text, here = line.rstrip("\r\n"), f"{name}:{number}"
        if name == STDIN and text.lstrip().startswith("{") and text.rstrip().endswith("}"):
            yield _object(here, wanted, text, Path())
        else:
            yield _one(here if wanted.literal or not text.strip() else text, wanted, text)


def _object(name: str, wanted: Wanted, line: str, base: Path) -> Input | Refused:
    try:
        values = json.loads(line)
    except ValueError as error:
        return Refused(name, f"no JSON ({error})")
    return _row(name, wanted, values, base)
