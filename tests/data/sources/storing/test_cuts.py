"""Files that are read in pieces hold what they hold when read whole, whoever reads them."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.sources import stored as storing
from zoo.data.sources.opened import Wanted
from zoo.data.sources.records import READERS, Record, UnreadableFile
from zoo.data.sources.storing import cuts
from zoo.data.sources.storing.cuts import Uncut, pieces_of
from zoo.data.sources.storing.making import Making

WANTED = Wanted((("text", "label"),), classes=True)
TEXTS = ["plain", 'say "so"', "two\nlines", "a\r\nb", "", "Gr\u00fc\u00dfe", "x,y;z\t.", '"', "[1]"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "LEAST", 200)
    monkeypatch.setattr(cuts, "MOST", 4000)


def rows_of(seed: int, count: int = 120) -> list[tuple[str, str]]:
    """Some texts and labels, the same for the same seed."""
    draw = random.Random(seed)
    return [(" ".join(draw.choices(TEXTS, k=draw.randrange(6))), str(n)) for n in range(count)]


def csv_of(rows: list[tuple[str, str]], end: str = "\r\n") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end).writerows([("text", "label"), *rows])
    return file.getvalue()


def tsv_of(rows: list[tuple[str, str]]) -> str:
    cells = ["\t".join(" ".join(cell.split()) for cell in row) for row in rows]
    return "\n".join(["text\tlabel", *cells])


def jsonl_of(rows: list[tuple[str, str]]) -> str:
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    return "\n".join(["", *lines[:50], "{broken", " ", *lines[50:]]) + "\n"


WRITERS: dict[str, Callable[[list[tuple[str, str]]], str]] = {
    "csv": csv_of,
    "tsv": tsv_of,
    "jsonl": jsonl_of,
}


def in_pieces(path: Path, kind: str) -> tuple[int, list[Record]]:
    """How many pieces a file has, and their records."""
    pieces = list(pieces_of([(path, kind)], ()))
    stretches = [stretch for piece in pieces for stretch in piece.stretches]
    return len(pieces), [record for one in stretches for record in one.records(["text", "label"])]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", WRITERS)
def test_the_pieces_of_a_file_are_the_file(kind: str, packed: bool, tmp_path: Path) -> None:
    for seed in range(5):
        path = tmp_path / f"{seed}.{kind}{'.gz' * packed}"
        content = ("\ufeff" * (seed % 2) + WRITERS[kind](rows_of(seed))).encode()
        path.write_bytes(gzip.compress(content) if packed else content)
        count, found = in_pieces(path, kind)
        assert count > 5
        assert found == list(READERS[kind](path, ["text", "label"]))


def test_csv_with_line_ends_of_any_kind_keeps_its_numbers_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_of(rows_of(1), "\n"), "utf-8", newline="")
    count, found = in_pieces(path, "csv")
    assert count > 5
    assert found == list(READERS["csv"](path, ["text", "label"]))


def test_a_list_in_a_file_of_lines_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps([{"text": "word " * 9, "label": n} for n in range(50)]), "utf-8")
    count, found = in_pieces(path, "jsonl")
    assert (count, len(found)) == (1, 50)


def table(path: Path, root: Path, kind: str = "csv", processes: int = 1) -> tuple[bytes, Any]:
    """The bytes of the table that is stored of a file, and what is known of it."""
    with prepared_by(Crew(processes)):
        found = storing.stored([(path, kind)], {}, WANTED, root)
    folder = root / found.name
    assert sorted(file.name for file in folder.iterdir()) == ["found.json", "rows.arrow"]
    return (folder / "rows.arrow").read_bytes(), json.loads((folder / "found.json").read_text())


def test_quotes_that_are_none_let_no_record_be_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ['pipe of 5" width,1', *[f'"over two\nlines, {n}",{n}' for n in range(60)]]
    path.write_text("\n".join(["text,label", *rows * 3]) + "\n", "utf-8")
    cut_wrongly = 0
    for piece in pieces_of([(path, "csv")], ()):  # in any order, as processes read them
        try:
            list(piece.stretches[0].records(["text", "label"]))
        except Uncut:
            cut_wrongly += 1
    assert cut_wrongly
    table(path, tmp_path / "cache")
    found = storing.stored([(path, "csv")], {}, WANTED, tmp_path / "cache").rows
    assert found.data.column("text").to_pylist() == [
        r.values["text"] for r in READERS["csv"](path, ["text"])
    ]


def test_a_quote_that_never_closes_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"some words {n},{n}" for n in range(60)]
    path.write_text("\n".join(["text,label", *rows, '"open,1', "b,2"]), "utf-8")
    with pytest.raises(UnreadableFile, match="a quote that opens on line 62 "):
        table(path, tmp_path / "cache")


def test_a_start_after_a_kill_goes_on_and_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_of(rows_of(3)), "utf-8", newline="")
    whole = table(path, tmp_path / "whole")
    made: list[str] = []
    one = Making.__call__

    def dies(self: Making, piece: cuts.Piece) -> Any:
        if len(made) == 4:
            (self.folder / "7.host.1.part").write_bytes(b"cut of")
            raise KeyboardInterrupt
        made.append(piece.name)
        return one(self, piece)

    monkeypatch.setattr(Making, "__call__", dies)
    with pytest.raises(KeyboardInterrupt):
        table(path, tmp_path / "killed")
    before, made[:] = made[:], [""] * 9
    assert table(path, tmp_path / "killed") == whole
    assert not {*made} & {*before}


def test_several_processes_write_what_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl_of(rows_of(4)), "utf-8")
    files = table(path, tmp_path / "one", "jsonl"), table(path, tmp_path / "two", "jsonl", 2)
    assert files[0] == files[1]
