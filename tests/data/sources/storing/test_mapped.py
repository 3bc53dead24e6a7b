"""Rows of a table on the disk: what they hold, how they cross, what of them stays in memory."""

import pickle
import sys
from pathlib import Path

import pyarrow
import pytest

from zoo.data.sources.storing.building import batch_of
from zoo.data.sources.storing.mapped import Mapped

SCHEMA = pyarrow.schema([("text", pyarrow.large_string()), ("file", pyarrow.int32())])


def table(file: Path, batches: int, rows: int, letters: int = 3) -> Mapped:
    with pyarrow.OSFile(str(file), "wb") as out, pyarrow.ipc.new_stream(out, SCHEMA) as stream:
        for number in range(batches):
            made = [{"text": f"{number}-{n} " * letters, "file": n} for n in range(rows)]
            stream.write_batch(batch_of(made, SCHEMA))
    return Mapped(file)


@pytest.mark.parametrize("batches", [0, 1, 5])
def test_rows_are_those_of_the_table(batches: int, tmp_path: Path) -> None:
    found = table(tmp_path / "rows.arrow", batches, 4)
    every = found.data.to_pylist()
    assert len(found) == len(every) == 4 * batches
    for index in [*range(len(found)), *reversed(range(len(found)))]:
        assert found[index] == every[index]
        assert found.select_columns(["file"])[index] == {"file": index % 4}


def test_it_crosses_to_another_process_by_its_path_and_opens_it_once(tmp_path: Path) -> None:
    whole = table(tmp_path / "rows.arrow", 50, 100)
    sent = pickle.dumps((whole, whole.select_columns(["text"])))
    assert len(sent) < 1000
    found, texts = pickle.loads(sent)
    assert found[4321] == whole[4321]
    assert texts[4321] == {"text": whole[4321]["text"]}
    assert texts.file is found.file


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which pages it has")
def test_who_reads_all_of_it_holds_one_batch(tmp_path: Path) -> None:
    file = tmp_path / "rows.arrow"
    found = table(file, 16, 100, 4000)
    assert file.stat().st_size > 32e6
    for index in range(len(found)):
        found[index]
    assert held(file) < 6e6
    assert found[3]["text"].startswith("0-3 ")


def held(file: Path) -> int:
    """Bytes of a file's pages that are in this process's memory."""
    total, here = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if not line.split()[0].endswith(":"):
            here = line.endswith(str(file))
        elif here and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total
