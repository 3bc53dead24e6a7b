"""Text files of records (csv, tsv, json, jsonl): the characters that stand in them, retyped never.

A record that is none (not UTF-8, no object, fields too many) is handed on as such, in its place.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from zoo.data.reading.manifests import kaldi_rows, manifest_row
from zoo.data.reading.marked import conll_rows, squad_rows
from zoo.data.reading.packed import open_bytes, open_text
from zoo.data.sources.coco import coco_classes, coco_document, coco_rows
from zoo.data.sources.values import Written, is_text, spoken

_LONGEST = (1 << 31) - 1  # characters of a field; Python's csv refuses 131,073
_DELIMITERS = ",;\t|"
_DECODER = json.JSONDecoder(
    parse_int=Written, parse_float=Written, parse_constant=lambda word: None
)
_BLANK = b"\xef\xbb\xbf \t\r\n"  # what may stand before JSON: a mark of the encoding, too


@dataclass(frozen=True)
class Record:
    """One record: its values by column, or why there are none; `place` as a message names it, and
    the class names of its file where that lists them.
    """

    place: str
    values: Mapping[str, Any]
    fault: str = ""
    classes: tuple[str, ...] | None = None


class UnreadableFile(Exception):
    """A file that is not what its name says; the message says why, and what would be right."""


def csv_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """Records of comma-separated values with quotes; the header may use another delimiter.

    Semicolons, tabs or bars separate where the header has no comma (as spreadsheets write it where
    the comma is the decimal point).
    """
    before = csv.field_size_limit(_LONGEST)
    try:
        with open_text(path, newline="") as file:
            delimiter = _delimiter(file.readline(), wanted)
        with open_text(path, newline="") as file:
            yield from _tabular(_quoted(csv.reader(file, delimiter=delimiter, strict=True)))
    finally:
        csv.field_size_limit(before)


def tsv_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """Records of tab-separated values: a quote is a character like any other."""
    with open_text(path, newline="\n") as file:
        lines = (line.rstrip("\r\n") for line in file)
        yield from _tabular(
            (number, line.split("\t")) for number, line in enumerate(lines, 1) if line
        )


def json_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """Records of one JSON document: a list of objects, one such list under a key, or columns.

    A file of this name that holds an object a line is read as one that does, COCO's instances are a
    row an image, and SQuAD's articles a row a question.
    """
    content = _content(path)
    if coco := coco_document(content):
        yield from _coco(path, coco)
        return
    try:
        document = _parsed(content)
    except (ValueError, RecursionError) as error:
        lines = list(jsonl_records(path, wanted))
        if len(lines) < 2 or lines[0].fault:
            raise UnreadableFile(str(error)) from None
        yield from lines
        return
    for number, row in enumerate(squad_rows(_listed(document, wanted)), 1):
        yield _record(f"row {number}", row)


def jsonl_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """Records of an object a line; a file of this name that begins a list is read as one."""
    with open_bytes(path) as file:
        filled = ((n, line) for n, line in enumerate(file, 1) if line.strip(_BLANK))
        first = next(filled, None)
        if first is None:
            return
        if not first[1].lstrip(_BLANK).startswith(b"["):
            yield _on_line(*first)
            yield from (_on_line(number, line) for number, line in filled)
            return
    yield from _list_records(path)


def conll_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """A record of `tokens` and `tags` for each sentence."""
    for number, values, fault in conll_rows(path):
        yield Record(f"line {number}", values, fault)


def kaldi_records(path: Path, wanted: frozenset[str]) -> Iterator[Record]:
    """A record of `audio` and `transcript` for each utterance of a wav.scp."""
    for place, values, fault in kaldi_rows(path):
        yield Record(place, values, fault)


READERS: dict[str, Callable[[Path, frozenset[str]], Iterator[Record]]] = {
    "csv": csv_records,
    "tsv": tsv_records,
    "json": json_records,
    "jsonl": jsonl_records,
    "conll": conll_records,
    "kaldi": kaldi_records,
}
"""By format: called with the file and the columns that somebody reads; raises UnreadableFile."""


def _coco(path: Path, document: dict[str, Any]) -> Iterator[Record]:
    """The images of a file of COCO's."""
    classes = coco_classes(document)
    try:
        for place, values, fault in coco_rows(path, document):
            yield Record(place, values, fault, classes)
    except ValueError as error:
        raise UnreadableFile(str(error)) from None


def _delimiter(header: str, wanted: frozenset[str]) -> str:
    """The comma, unless the header is one name to it that nobody wants."""
    names = next(csv.reader([header]), [])
    if len(names) > 1 or wanted & set(names):
        return ","
    return next((one for one in _DELIMITERS if one in header), ",")


def _quoted(reader: Any) -> Iterator[tuple[int, list[str] | str]]:
    """(line, fields or what is wrong) of every record of a csv.reader."""
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise UnreadableFile(
                    f"a quote that opens on line {line} and never closes; a .tsv has no quotes"
                ) from None
            yield line, str(error)
        else:
            if fields:
                yield line, fields


def _tabular(lines: Iterator[tuple[int, list[str] | str]]) -> Iterator[Record]:
    """Records of rows of fields under a header."""
    _, header = next(lines, (0, []))
    if isinstance(header, str):
        raise UnreadableFile(f"a header that cannot be read: {header}")
    if not all(map(is_text, header)):
        raise UnreadableFile("not UTF-8; save it as UTF-8")
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UnreadableFile(f"a header that names {', '.join(twice)} twice")
    for number, fields in lines:
        place = f"line {number}"
        if isinstance(fields, str):
            yield Record(place, {}, fields)
        elif len(fields) > len(header):
            yield Record(place, {}, f"{len(fields)} fields for {len(header)} columns")
        else:
            yield Record(place, dict(zip_longest(header, fields)))


def _on_line(number: int, line: bytes) -> Record:
    try:
        return _record(f"line {number}", _parsed(line))
    except (ValueError, RecursionError) as error:
        return Record(f"line {number}", {}, f"no JSON: {error}")


def _record(place: str, row: Any) -> Record:
    if isinstance(row, Mapping):
        return Record(place, *manifest_row(row))
    return Record(place, {}, f"{spoken(row)}, no object")


def _content(path: Path) -> bytes:
    with open_bytes(path) as file:
        return file.read()


def _parsed(content: bytes) -> Any:
    """A JSON document whose numbers keep their characters, and in which NaN is nothing."""
    return _DECODER.decode(content.decode().removeprefix("\ufeff"))


def _list_records(path: Path) -> Iterator[Record]:
    try:
        rows = _parsed(_content(path))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(str(error)) from None
    yield from (_record(f"row {number}", row) for number, row in enumerate(rows, 1))


def _listed(document: Any, wanted: frozenset[str]) -> Sequence[Any]:
    """The rows of a JSON document."""
    if isinstance(document, list):
        return document
    if not isinstance(document, Mapping):
        raise UnreadableFile(f"{spoken(document)}, no list of objects")
    if wanted & document.keys():
        columns = [v for v in document.values() if isinstance(v, list) and not _objects(v)]
        if len(columns) == len(document) and len({len(column) for column in columns}) == 1:
            return [
                dict(zip(document, values, strict=True)) for values in zip(*columns, strict=True)
            ]
        return [document]
    lists = [key for key, value in document.items() if _objects(value)]
    if len(lists) != 1:
        found = ", ".join(list(document)[:10]) or "nothing"
        raise UnreadableFile(
            f"an object of {found}; rows are a list of objects, or the only one in it"
        )
    return list(document[lists[0]])


def _objects(value: Any) -> bool:
    """Whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)
