"""What a line of a JSON file should be where the text cannot be read: a small edit, tried first."""

import re
from collections.abc import Callable, Iterator

from zoo.errors import Fault

Edit = tuple[int, int, str]
"""Where a piece of the text begins and ends, and what stands there instead."""
_PLACE = re.compile(r"line (\d+) column (\d+)")
_WORD = re.compile(r"[A-Za-z_$][\w.$-]*")
_PYTHONS = {"True": "true", "False": "false"}
_QUOTED = re.compile(r"'((?:[^'\\\n]|\\.)*)'")
_LONGEST = 200  # characters of a line that a message shows


def line_instead(
    text: str, plain: str, fault: Fault, faults_of: Callable[[str], list[Fault]]
) -> str:
    """The line, with its number, that takes a fault away; nothing where no small edit does.

    `plain` is the text with blanks for comments, and `faults_of` says what is wrong with another.
    """
    for begin, end, put in _edits(plain, fault):
        new = text[:begin] + put + text[end:]
        number = text.count("\n", 0, begin)
        line = new.split("\n")[number].strip()
        within = "\n" not in text[begin:end]
        longer = len(put) - (end - begin)
        if within and len(line) <= _LONGEST and _is_gone(fault, text, longer, faults_of(new)):
            return f"line {number + 1}: {line}"
    return ""


def _is_gone(fault: Fault, text: str, longer: int, after: list[Fault]) -> bool:
    """Whether a fault is not there any more, and what is there lies behind it, in a text that is
    so many characters longer.
    """
    before = _place(fault)
    return all(
        one.key != fault.key and (before is None or _behind(_place(one), before, longer))
        for one in after
    )


def _behind(place: tuple[int, int] | None, other: tuple[int, int], longer: int) -> bool:
    """Whether a line and column are those of something further on."""
    return place is None or place > (other[0], other[1] + max(longer, 0))


def _place(fault: Fault) -> tuple[int, int] | None:
    """The line and column where a fault stands, if it says them."""
    match = _PLACE.fullmatch(fault.key)
    return None if match is None else (int(match[1]), int(match[2]))


def _offset(text: str, fault: Fault) -> int | None:
    """Where in a text a fault stands, if it says line and column."""
    place = _place(fault)
    if place is None:
        return None
    return sum(len(line) + 1 for line in text.split("\n")[: place[0] - 1]) + place[1] - 1


def _edits(plain: str, fault: Fault) -> Iterator[Edit]:
    """Small edits that may take a fault away."""
    at = _offset(plain, fault)
    if at is None:
        name = re.escape(fault.key.rpartition(".")[2])
        value = re.escape(fault.found)
        twice = rf'"{name}"\s*:\s*(?:"(?:[^"\\\n]|\\.)*"|[^\s,{{}}\[\]"]+)'
        pattern = rf'"[^"\n]*"\s*:\s*{value}' if fault.key == "JSON" else twice
        for match in re.finditer(pattern, plain):
            yield _without(plain, *match.span())
        return
    if plain[at : at + 1] == "\n":  # within a string
        closed = len(plain[:at].rstrip(" ,"))
        yield closed, closed, '"'
        return
    rest = plain[at:]
    start = at + len(rest) - len(rest.lstrip())
    last = len(plain[:at].rstrip())
    if start == len(plain):
        yield last, last, _closing(plain)
        return
    yield from _of_letter(plain, start)
    yield from _of_comma(plain, start, last)
    yield start, _line_end(plain, start), ""  # what stands behind the value


def _of_letter(plain: str, start: int) -> Iterator[Edit]:
    """Edits of other languages' words: comments, quotes, names."""
    letter, end = plain[start], _line_end(plain, start)
    if letter == "#":
        yield start, start + 1, "//"
    if letter == "'":
        yield start, end, _QUOTED.sub(r'"\1"', plain[start:end])
    if letter == "=":
        yield start, start + 1, ":"
    if letter == '"':  # a string that never closes
        closed = plain[start:end].rstrip(" ,")
        yield start + len(closed), start + len(closed), '"'
    word = _WORD.match(plain, start)
    if word is None:
        return
    name = re.search(r'"[^"\n]*"\s*:\s*$', plain[:start])
    if word[0] == "None" and name:
        yield _without(plain, name.start(), word.end())
    yield start, word.end(), _PYTHONS.get(word[0], f'"{word[0]}"')


def _of_comma(plain: str, start: int, last: int) -> Iterator[Edit]:
    """Edits of commas and colons before a place, or there."""
    if plain[start] == ",":
        yield start, start + 1, ""
    if plain[last - 1 : last] == ",":
        yield last - 1, last, ""
    yield last, last, ","
    yield last, last, ":"


def _without(plain: str, begin: int, end: int) -> Edit:
    """An object without a member of it, and without the comma behind or before that."""
    behind = re.compile(r"\s*,[ \t]*").match(plain, end)
    if behind:
        return begin, behind.end(), ""
    before = re.search(r",\s*$", plain[:begin])
    return before.start() if before else begin, end, ""


def _closing(plain: str) -> str:
    """The brackets and the quote that were opened and not closed."""
    opened: list[str] = []
    quoted = False
    for match in re.finditer(r'\\.|["{}\[\]\n]', plain):
        letter = match[0]
        if letter == '"':
            quoted = not quoted
        elif letter == "\n":
            quoted = False
        elif not quoted and letter in "{[":
            opened.append("}" if letter == "{" else "]")
        elif not quoted and letter in "}]" and opened:
            opened.pop()
    return "".join(reversed(opened))


def _line_end(plain: str, at: int) -> int:
    end = plain.find("\n", at)
    return len(plain) if end < 0 else end
