"""Shards are the same bytes whoever writes them, however often they are broken off."""

import json
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.data.tokens import megatron
from zoo.data.corrupt import CorruptLimit
from zoo.data.joined import Concatenation
from zoo.data.preparing import shards as building
from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.preparing.shards import token_shards
from zoo.data.preparing.shares import Share, shares_of, stretch
from zoo.data.rows import ListRows, Rows, Subset
from zoo.data.sources.file_rows import TextFiles
from zoo.data.tokens.packing import read_shards
from zoo.data.tokens.scheme import Scheme
from zoo.data.tokens.words import WordEncoder
from zoo.errors import ConfigError
from zoo.tasks.text.vocabulary import CAUSAL, trained_tokenizer

LEAST = 1 << 13
WORDS = [
    "a",
    "word",
    "Gr\u00fc\u00dfe",
    "\u6f22\u5b57",
    "x = 3.14\n",
    "\n\n",
    "isn't",
    "\t",
    "end.",
]


def text_of(seed: int, words: int) -> str:
    """Some text, the same for the same seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def inner() -> Tokenizer:
    """A small byte-level BPE."""
    return trained_tokenizer("bpe", [text_of(0, 500)], 300, False, CAUSAL).backend_tokenizer


INNER = inner()
SCHEME = Scheme(WordEncoder(INNER), ([], [0]), 300, "small")


def set_of(folder: Path) -> Rows:
    """Short texts, an empty one, and two long files, the last of which is cut into many shards."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{n}.txt" for n in range(3)]
    for n, file in enumerate(files):
        file.write_text("\ufeff" * (n == 2) + text_of(n, (30, 3000, 20_000)[n]), "utf-8")
    short = ListRows([{"text": text_of(n, n % 50)} for n in range(400)], "short")
    return Concatenation([short, Subset(TextFiles(files), np.array([0, 2, 1]))])


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made(rows: Rows, root: Path, **crew: int | bool) -> Path:
    """The shards of the rows by a crew."""
    with prepared_by(Crew(**crew)):  # type: ignore[arg-type]
        return token_shards(rows, SCHEME, root, CorruptLimit(), LEAST)


def test_the_shards_joined_are_the_tokenizers_own_ids_of_every_document(tmp_path: Path) -> None:
    rows = set_of(tmp_path / "texts")
    folder = made(rows, tmp_path / "cache", processes=1)
    stream, found = read_shards(folder)
    assert len(found["shards"]) > 20
    own = [INNER.encode(rows[n]["text"], add_special_tokens=False).ids for n in range(len(rows))]
    assert stream[:].tolist() == [i for ids in own if ids for i in [*ids, 0]]
    documents: list[list[int]] = []
    for shard in found["shards"]:
        _, here = megatron.read(folder / shard["name"])
        if shard["continues"] and here:
            documents[-1] += here.pop(0)
        documents += here
    assert documents == [[*ids, 0] for ids in own if ids]
    assert sum(shard["continues"] for shard in found["shards"]) > 5
    assert found["text_bytes"] == sum(len(rows[n]["text"].encode()) for n in range(len(rows)))


def test_any_number_of_processes_and_of_ranks_writes_the_same_bytes(tmp_path: Path) -> None:
    rows = set_of(tmp_path / "texts")
    whole = files_of(made(rows, tmp_path / "one", processes=1))
    assert files_of(made(rows, tmp_path / "three", processes=3)) == whole
    ranks = [
        threading.Thread(
            target=made,
            args=(rows, tmp_path / "ranks"),
            kwargs={"processes": 1, "rank": rank, "world": 3, "last": rank == 0},
        )
        for rank in range(3)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    (folder,) = [path for path in (tmp_path / "ranks").iterdir() if not path.suffix]
    assert files_of(folder) == whole


def test_what_a_rank_that_is_gone_leaves_undone_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_STILL", 0.05)
    monkeypatch.setattr(building, "_POLL", 0.01)
    rows = ListRows([{"text": text_of(n, 50)} for n in range(200)], "short")
    folder = made(rows, tmp_path / "alone", processes=1, rank=0, world=9)
    assert files_of(folder) == files_of(made(rows, tmp_path / "one", processes=1))


def test_a_second_start_goes_on_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = set_of(tmp_path / "texts")
    whole = files_of(made(rows, tmp_path / "one", processes=1))
    written: list[int] = []

    def counted(work: building.Work, number: int, share: Share) -> building.Shard:
        written.append(number)
        if written.count(number) == 1 and number in (3, 10):
            (work.folder / f"{number:05d}.gone.1.part.bin").write_bytes(b"killed")
            raise KeyboardInterrupt
        return call(work, number, share)

    call = building.Work.__call__
    monkeypatch.setattr(building.Work, "__call__", counted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            made(rows, tmp_path / "two", processes=1)
    folder = made(rows, tmp_path / "two", processes=1)
    assert files_of(folder) == whole
    shards = len(json.loads((folder / "shards.json").read_text())["shards"])
    assert sorted(written) == sorted([*range(shards), 3, 10])


@pytest.mark.parametrize("processes", [1, 2])
def test_corrupt_texts_are_counted_over_all_shards_and_refused_beyond_the_limit(
    tmp_path: Path, processes: int
) -> None:
    files = [tmp_path / f"{n:03d}.txt" for n in range(60)]
    for n, file in enumerate(files):
        broken = b"\xff" if n % 20 == 7 else b""
        file.write_bytes(text_of(n, 200).encode() + broken)
    rows, encode = TextFiles(files), SCHEME
    with prepared_by(Crew(processes)):
        for _ in range(2):  # a refusal leaves nothing that a later start takes for whole
            with pytest.raises(ConfigError, match=r"007\.txt"):
                token_shards(rows, encode, tmp_path / "cache", CorruptLimit(), LEAST)
        limit = CorruptLimit(3)
        folder = token_shards(rows, encode, tmp_path / "cache", limit, LEAST)
    assert len(limit.found) == 3
    found = json.loads((folder / "shards.json").read_text())["corrupt"]
    assert [name.split(".txt")[0][-3:] for name in found] == ["007", "027", "047"]


def test_a_long_file_that_is_broken_is_one_corrupt_text(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(text_of(1, 5000), "utf-8")
    bad.write_bytes(text_of(2, 20_000).encode() + b"\xff")
    limit = CorruptLimit(1)
    with prepared_by(Crew(1)):
        folder = token_shards(TextFiles([bad, good]), SCHEME, tmp_path / "cache", limit, LEAST)
    ids = INNER.encode(good.read_text("utf-8"), add_special_tokens=False).ids
    assert read_shards(folder)[0][:].tolist() == [*ids, 0]
    assert len(limit.found) == 1


@pytest.mark.parametrize("cuts", [[1, 2, 3], [500, 501, 90_000], [10**9]])
def test_stretches_of_a_file_joined_are_the_file(tmp_path: Path, cuts: list[int]) -> None:
    file = tmp_path / "text.txt"
    file.write_text("\ufeff" + text_of(5, 20_000), "utf-8")
    places = [0, *cuts]
    parts = [
        "".join(stretch(file, start, stop))
        for start, stop in zip(places, [*cuts, None], strict=True)
    ]
    assert "".join(parts) == file.read_text("utf-8-sig")
    assert all(not part or part[0] in " \n" for part in parts[1:])


def test_shares_follow_the_sizes_of_texts() -> None:
    sizes = [10, 100_000, 10, 10, 50_000] + [100] * 3000
    rows = ListRows([{"text": "x" * size} for size in sizes], "sizes")
    shares, total = shares_of(rows, True, 20_000)
    assert total == sum(sizes)
    assert [share.start for share in shares[1:]] == [share.stop for share in shares[:-1]]
    assert shares[0].start == (0, 0)
    assert shares[-1].stop == (len(rows), 0)
    heavy = [sum(sizes[row] for row, _, _ in share.texts()) for share in shares]
    assert sum(heavy) == total
    assert sorted(heavy)[-3] < 31_000  # but for the two that cannot be cut
