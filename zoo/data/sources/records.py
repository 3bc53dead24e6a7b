"""Text files of records (csv, tsv, json, jsonl): the characters that stand in them, retyped never.

A record that is none (not UTF-8, no object, fields too many) is handed on as such, in its place.
"""

import csv
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from zoo.data.reading.manifests import kaldi_rows, manifest_row
from zoo.data.reading.marked import conll_rows, squad_rows
from zoo.data.reading.packed import as_characters, open_bytes
from zoo.data.sources.coco import coco_classes, coco_document, coco_rows
from zoo.data.sources.values import Written, is_text, spoken

_LONGEST = (1 << 31) - 1  # characters of a field; Python's csv refuses 131,073
_DELIMITERS = ",;\t|"
_DECODER = json.JSONDecoder(
    parse_int=Written, parse_float=Written, parse_constant=lambda word: None
)
BLANK = b"\xef\xbb\xbf \t\r\n"  # what may stand before JSON: a mark of the encoding, too


class Record(NamedTuple):
    """One record: its values by column, or why there are none; `place` as a message names it, and
    the class names of its file where that lists them.
    """

    place: str
    values: Mapping[str, Any]
    fault: str = ""
    classes: tuple[str, ...] | None = None


class UnreadableFile(Exception):
    """A file that is not what its name says; the message says why, and what would be right."""


def csv_lines(file: BinaryIO, wanted: Collection[str], skipped: int = 0) -> Iterator[Record]:
    """Records of comma-separated values with quotes; the header may use another delimiter.

    Semicolons, tabs or bars separate where the header has no comma (as spreadsheets write it where
    the comma is the decimal point). `skipped` lines of the file are not here, behind the header.
    """
    before = csv.field_size_limit(_LONGEST)
    try:
        text = as_characters(file, newline="")
        header = text.readline()
        reader = csv.reader(
            chain([header], text), delimiter=_delimiter(header, wanted), strict=True
        )
        yield from _tabular(_quoted(reader, skipped), wanted)
    finally:
        csv.field_size_limit(before)


def tsv_lines(file: BinaryIO, wanted: Collection[str], skipped: int = 0) -> Iterator[Record]:
    """Records of tab-separated values: a quote is a character like any other."""
    lines = (line.rstrip("\r\n") for line in as_characters(file, newline="\n"))
    numbered = enumerate(lines, 1 + skipped)
    yield from _tabular(((n, line.split("\t")) for n, line in numbered if line), wanted)


def jsonl_lines(
    file: Iterable[bytes], wanted: Collection[str], skipped: int = 0
) -> Iterator[Record]:
    """Records of an object a line."""
    for number, line in enumerate(file, 1 + skipped):
        if line.strip(BLANK):
            yield _on_line(number, line)


def _all_lines(kind: str, path: Path, wanted: Collection[str]) -> Iterator[Record]:
    with open_bytes(path) as file:
        yield from LINES[kind](file, wanted, 0)


def json_records(path: Path, wanted: Collection[str]) -> Iterator[Record]:
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


def jsonl_records(path: Path, wanted: Collection[str]) -> Iterator[Record]:
    """Records of an object a line; a file of this name that begins a list is read as one."""
    with open_bytes(path) as file:
        before, first = next(((n, one) for n, one in enumerate(file) if one.strip(BLANK)), (0, b""))
        if not first.lstrip(BLANK).startswith(b"["):
            yield from jsonl_lines(chain([first], file), wanted, before)
            return
    try:
        rows = _parsed(_content(path))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(str(error)) from None
    yield from (_record(f"row {number}", row) for number, row in enumerate(rows, 1))


def conll_records(path: Path, wanted: Collection[str]) -> Iterator[Record]:
    """A record of `tokens` and `tags` for each sentence."""
    for number, values, fault in conll_rows(path):
        yield Record(f"line {number}", values, fault)


def kaldi_records(path: Path, wanted: Collection[str]) -> Iterator[Record]:
    """A record of `audio` and `transcript` for each utterance of a wav.scp."""
    for place, values, fault in kaldi_rows(path):
        yield Record(place, values, fault)


LINES: dict[str, Callable[[BinaryIO, Collection[str], int], Iterator[Record]]] = {
    "csv": csv_lines,
    "tsv": tsv_lines,
    "jsonl": jsonl_lines,
}
"""Formats of lines, read from an open file that may lack some behind the header: so many."""
READERS: dict[str, Callable[[Path, Collection[str]], Iterator[Record]]] = {
    "csv": partial(_all_lines, "csv"),
    "tsv": partial(_all_lines, "tsv"),
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


def _delimiter(header: str, wanted: Collection[str]) -> str:
    """The comma, unless the header is one name to it that nobody wants."""
    names = next(csv.reader([header]), [])
    if len(names) > 1 or set(wanted).intersection(names):
        return ","
    return next((one for one in _DELIMITERS if one in header), ",")


def _quoted(reader: Any, skipped: int) -> Iterator[tuple[int, list[str] | str]]:
    """(line, fields or what is wrong) of every record of a csv.reader."""
    while True:
        line = reader.line_num + 1 + skipped
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


def _tabular(lines: Iterator[tuple[int, Any]], wanted: Collection[str]) -> Iterator[Record]:
    """Records of rows of fields under a header; what nobody reads may stand there twice."""
    header: Any = next(lines, (0, []))[1]
    if isinstance(header, str):
        raise UnreadableFile(f"a header that cannot be read: {header}")
    if not all(map(is_text, header)):
        raise UnreadableFile("not UTF-8; save it as UTF-8")
    if twice := sorted({name for name in wanted if header.count(name) > 1}):
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


def _listed(document: Any, wanted: Collection[str]) -> Sequence[Any]:
    """The rows of a JSON document."""
    if isinstance(document, list):
        return document
    if not isinstance(document, Mapping):
        raise UnreadableFile(f"{spoken(document)}, no list of objects")
    if document.keys() & wanted:
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
