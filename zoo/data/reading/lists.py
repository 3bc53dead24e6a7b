"""Values that are several: lists of words or tags, stretches of a text, answers in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoo.data.sources.values import Odd, Written, as_label, as_number, as_text, spoken

Span = tuple[int, int, str]
"""The first character of a stretch, the first behind it, and its label."""


def as_list(value: Any, one: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The elements of a list, each read by `one`; a text is cut at spaces. None where there is
    none. Raises Odd, and where an element is nothing.
    """
    if isinstance(value, str) and not isinstance(value, Written):
        value = value.split()
    if value is not None and not isinstance(value, list | tuple):
        raise Odd(f"{spoken(value)}, no list")
    found = [one(element) for element in value or ()]
    if None in found:
        raise Odd(f"nothing at place {found.index(None)} of a list")
    return tuple(found) or None


def as_spans(value: Any, names: Sequence[str] | None = None) -> tuple[Span, ...] | None:
    """(start, end, label) in order, of objects that say so or of one object of lists; none of them
    is one, too. Raises Odd.
    """
    fields = as_fields(value, ("start", "end", "label"))
    if fields is None:
        return None
    spans: list[Span] = []
    for first, last, label in fields:
        start, end, name = as_number(first), as_number(last), as_label(label, names)
        if not (isinstance(start, int) and isinstance(end, int) and name):
            raise Odd("a stretch that lacks its start, end or label")
        spans.append((start, end, name))
    return tuple(sorted(spans))


def as_answers(value: Any) -> tuple[tuple[int, str], ...] | None:
    """(first character, text) of each answer, of SQuAD's `text` and `answer_start`; none of them is
    one, too. Raises Odd.
    """
    fields = as_fields(value, ("answer_start", "text"))
    if fields is None:
        return None
    answers: list[tuple[int, str]] = []
    for first, said in fields:
        start, text = as_number(first), as_text(said)
        if not isinstance(start, int) or not text:
            raise Odd("an answer that lacks its text or answer_start")
        answers.append((start, text))
    return tuple(answers)


def as_fields(value: Any, keys: Sequence[str]) -> list[tuple[Any, ...]] | None:
    """The values of these keys, of a list of objects or of one object of lists. Raises Odd."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        columns: list[list[Any]] = [value.get(key, ()) for key in keys]
        if not all(isinstance(column, list) for column in columns):
            raise Odd(f"an object without lists {', '.join(keys)}")
        if len({len(column) for column in columns}) > 1:
            raise Odd(f"lists {', '.join(keys)} of different lengths")
        return list(zip(*columns, strict=True))
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise Odd(f"{spoken(value)}, no list of objects")
    return [tuple(one.get(key) for key in keys) for one in value]
