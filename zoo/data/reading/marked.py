"""Text with marks on it, in the forms that it comes in, and what does not fit together in a row."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.data.reading.lists import Span
from zoo.data.reading.packed import open_text
from zoo.data.rows import Row, Rows, Wrapped, digest

OUTSIDE, BEGIN, INSIDE = "O", "B-", "I-"
_WORD = re.compile(r"\w+|[^\w\s]")
_JSON = re.compile(r'\[?\{".*[}\]],?\s*')
_DOCUMENT = "-DOCSTART-"  # CoNLL's line between two documents


def conll_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    """(line, `tokens` and `tags`, what is wrong) of each sentence of a CoNLL file: a word a line,
    the tag last, blank lines between sentences (Tjong Kim Sang and De Meulder 2003).
    """
    words: list[str] = []
    tags: list[str] = []
    first, columns, fault = 0, 0, ""
    with open_text(path) as file:
        for number, line in enumerate((*file, ""), 1):
            fields = line.split()
            if fields and fields[0] != _DOCUMENT:
                first = first or number
                columns = columns or len(fields)
                if len(fields) == 1:
                    fault = fault or f"a word without a tag on line {number}"
                elif _JSON.fullmatch(line):
                    fault = fault or f"no word with a tag, but JSON on line {number}"
                elif len(fields) != columns:
                    fault = fault or f"{len(fields)} columns on line {number}, after {columns}"
                words.append(fields[0])
                tags.append(fields[-1])
            elif first:
                yield first, {} if fault else {"tokens": words, "tags": tags}, fault
                words, tags, first, columns, fault = [], [], 0, 0, ""


def misfit(row: Row) -> str:
    """What of a row does not go with the rest of it: tags and words, stretches or answers and the
    text that they are of.
    """
    if "tags" in row and len(row["tags"]) != len(row["tokens"]):
        return f"{len(row['tags'])} tags for {len(row['tokens'])} words"
    if "entities" in row:
        size, before = len(row["text"]), 0
        for start, end, _ in row["entities"]:
            if not before <= start < end <= size:
                return f"a stretch {start}..{end}, which overlaps or is none of {size} characters"
            before = end
    for start, answer in row.get("answers", ()):
        stands = row["context"][max(start, 0) : max(start, 0) + len(answer)]
        if start < 0 or stands != answer:
            return f"an answer {answer[:40]!r} at {start}, where {stands[:40]!r} stands"
    return ""


def squad_rows(rows: Sequence[Any]) -> Iterator[Any]:
    """Rows as they are, and an article of SQuAD (Rajpurkar et al. 2016), which has its questions in
    the `qas` of its `paragraphs`, as a row a question.
    """
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("paragraphs"), list):
            yield row
            continue
        for paragraph in row["paragraphs"]:
            whole = isinstance(paragraph, Mapping) and isinstance(paragraph.get("qas"), list)
            for one in paragraph["qas"] if whole else ({},):
                yield {**one, "context": paragraph.get("context")} if whole else one


def words_of(text: str) -> list[tuple[str, int, int]]:
    """The words of a text and where they begin and end: letters and digits, or one other sign."""
    return [(match[0], *match.span()) for match in _WORD.finditer(text)]


class TaggedRows(Wrapped):
    """Texts with named stretches as words with tags: B- on the first word of a stretch, I- on the
    others, O elsewhere (IOB2). A word belongs to the stretch that any of it lies in.
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.roles = rows.roles - {"text", "entities"} | {"tokens", "tags"}
        self.fingerprint = digest("tagged", rows.fingerprint)

    def __getitem__(self, index: int) -> Row:
        row = self.rows[index]
        words = words_of(row["text"])
        places = [(start, end) for _, start, end in words]
        kept = {role: value for role, value in row.items() if role not in ("text", "entities")}
        return {
            **kept,
            "tokens": tuple(word for word, _, _ in words),
            "tags": _tags(places, row["entities"]),
        }

    def value(self, index: int, role: str) -> Any:
        return self[index][role]


def names_in(value: Any) -> frozenset[Any]:
    """The names of classes in a value: a label, several, or those of stretches, whose words become
    tags.
    """
    if not isinstance(value, tuple):
        return frozenset({value})
    if value and isinstance(value[0], list | tuple):
        return tag_names(label for _, _, label in value)
    return frozenset(value)


def tag_names(labels: Iterable[str]) -> frozenset[str]:
    """The tags of words in stretches with these labels."""
    return frozenset({OUTSIDE} | {mark + label for label in labels for mark in (BEGIN, INSIDE)})


def _tags(words: Sequence[tuple[int, int]], spans: Sequence[Span]) -> tuple[str, ...]:
    tags = [OUTSIDE] * len(words)
    for start, end, label in spans:
        inside = [n for n, (a, b) in enumerate(words) if max(a, start) < min(b, end)]
        for number in inside:
            tags[number] = (BEGIN if number == inside[0] else INSIDE) + label
    return tuple(tags)
