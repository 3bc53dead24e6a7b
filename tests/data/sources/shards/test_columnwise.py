"""Of parquet on a server the columns come that are read, and nothing else where that is less."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.ipc
import pyarrow.parquet
import pytest

from tests.data.remote.server import Server, serving
from tests.data.sources.shards.making import parquet
from zoo.data.remote.trying import Denied
from zoo.data.source import open_source
from zoo.data.sources.records import UnreadableFile
from zoo.data.sources.shards.columnwise import bring_columns
from zoo.data.sources.shards.shard import Shard
from zoo.data.sources.shards.store import Store

ROWS = [
    {
        "text": f"number {n} " * 40,
        "picture": {"bytes": np.random.default_rng(n).bytes(3000), "path": None},
        "label": n % 2,
        "label.more": np.random.default_rng(n).bytes(500),
    }
    for n in range(600)
]
NAME = "train-00000.parquet"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    parquet(tmp_path / "served" / NAME, ROWS, 100)
    with serving(tmp_path / "served") as one:
        one.parts = True
        yield one


def size(server: Server) -> int:
    return (server.folder / NAME).stat().st_size


def brought(server: Server, target: Path, *columns: str, name: str = NAME) -> bool:
    length = (server.folder / name).stat().st_size if (server.folder / name).exists() else 99
    return bring_columns(f"{server.url}/{name}", length, columns, target, 5.0)


def rows(path: Path) -> list[Any]:
    found: list[Any] = pyarrow.ipc.open_file(str(path)).read_all().to_pylist()
    return found


def test_few_columns_come_alone(server: Server, tmp_path: Path) -> None:
    assert brought(server, tmp_path / "here.part", "text", "label")
    assert rows(tmp_path / "here.part") == [
        {"text": row["text"], "label": row["label"]} for row in ROWS
    ]
    tail = 1 << 16  # which holds the footer
    assert server.sent[NAME] < 2 * tail < size(server) / 10
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["here.part"]


@pytest.mark.parametrize("why", ["most of it is wanted", "the server gives whole files"])
def test_a_file_had_better_come_whole(why: str, server: Server, tmp_path: Path) -> None:
    server.parts = why.startswith("most")
    wanted = ("picture",) if server.parts else ("text",)
    assert not brought(server, tmp_path / "here.part", *wanted)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
    assert server.asked[NAME] == 1


def test_answers_that_break_off_are_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.cut = 2
    assert brought(server, tmp_path / "here.part", "label")
    assert rows(tmp_path / "here.part") == [{"label": row["label"]} for row in ROWS]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["here.part"]


def test_what_is_not_there_and_what_is_no_parquet_is_said_at_once(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(Denied, match="404"):
        brought(server, tmp_path / "here.part", "text", name="none.parquet")
    (server.folder / "odd.parquet").write_bytes(bytes(200_000))
    with pytest.raises(UnreadableFile, match="magic bytes"):
        brought(server, tmp_path / "here.part", "text", name="odd.parquet")


@pytest.mark.parametrize("proved", [False, True])
def test_a_shard_whose_sha256_is_known_comes_whole_to_be_proved(
    proved: bool, server: Server, tmp_path: Path
) -> None:
    path = server.folder / NAME
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if proved else None
    shard = Shard(NAME, f"{server.url}/{NAME}", "parquet", size(server), sha256=sha256)
    opened = Store(tmp_path, None, 5.0, ["text"]).open(shard)
    assert opened.names() == ("text",)
    assert [opened.raw(n, ["text"])["text"] for n in range(600)] == [row["text"] for row in ROWS]
    assert (server.sent[NAME] >= size(server)) == proved


def test_a_source_fetches_its_columns_of_each_shard(server: Server, make_recipe: Any) -> None:
    for number in (1, 2):
        parquet(server.folder / NAME.replace("00000", f"0000{number}"), ROWS, 100)
    files = {"source": "files", "folder": server.url, "train": "train-{00000..00002}.parquet"}
    made = make_recipe("sequence-classification", **files, streaming=True)
    train = open_source(made).train
    found = [(train[n]["text"], train[n]["label"]) for n in range(1800)]
    assert found == [(row["text"], row["label"]) for row in 3 * ROWS]
    assert sum(server.sent.values()) < size(server)


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("length", [True, False])
def test_columns_are_known_also_from_a_server_that_gives_whole_files_only(
    parts: bool, length: bool, server: Server, tmp_path: Path
) -> None:
    server.parts = parts
    assert size(server) > 1 << 20  # a footer is far from its begin
    shard = Shard(NAME, f"{server.url}/{NAME}", "parquet", size(server) if length else None)
    found = Store(tmp_path / "cache", None, 5.0).schema(shard)
    assert found.names == list(ROWS[0])
