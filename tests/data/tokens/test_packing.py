"""Text packed into blocks of tokens."""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.pack import pack
from zoo.data.rows import ListRows, pieces_of_text
from zoo.data.sources.file_rows import TextFiles
from zoo.data.tokens.packing import PackedRows
from zoo.data.tokens.scheme import Scheme
from zoo.errors import ConfigError

TEXTS = ["Grüße und ein wenig Text.\n" * 7, "another document\n" * 5, "z"]
ROWS = ListRows([{"text": text} for text in TEXTS], "texts")
EOS = 256


def as_bytes(text: str) -> list[int]:
    return list(text.encode())


def each(encode: Callable[[str], list[int]]) -> Callable[[Iterable[str]], Iterator[list[int]]]:
    """Piece by piece, whatever stands around it."""
    return lambda pieces: map(encode, pieces)


def ends(eos: int | None) -> tuple[list[int], list[int]]:
    """Nothing before a document, and this behind it."""
    return [], [] if eos is None else [eos]


def packed(root: Path, length: int = 16, overlap: int = 1, eos: int | None = EOS) -> PackedRows:
    return pack(ROWS, Scheme(each(as_bytes), ends(eos), 257, "bytes"), length, overlap, root)


def test_blocks_joined_give_the_text_back(tmp_path: Path) -> None:
    rows = packed(tmp_path, overlap=0)
    tokens = np.concatenate([rows[i]["input_ids"] for i in range(len(rows))])
    whole = [token for text in TEXTS for token in [*as_bytes(text), EOS]]
    assert tokens.dtype == np.int64
    assert tokens.tolist() == whole[: len(whole) // 16 * 16]
    assert rows.tokens[:].tolist() == whole


def test_a_block_begins_where_the_last_one_ends_less_the_overlap(tmp_path: Path) -> None:
    rows = packed(tmp_path, length=16, overlap=5)
    for index in range(len(rows) - 1):
        assert rows[index]["input_ids"][-5:].tolist() == rows[index + 1]["input_ids"][:5].tolist()
    assert (len(rows) - 1) * 11 + 16 <= len(rows.tokens) < len(rows) * 11 + 16


def test_the_bytes_of_all_new_tokens_add_up_to_the_bytes_of_the_text(tmp_path: Path) -> None:
    rows = packed(tmp_path)
    total = sum(len(text.encode()) for text in TEXTS)
    assert rows.text_bytes == total
    covered = len(rows) * 15 / len(rows.tokens)
    assert sum(rows[i]["bytes"] for i in range(len(rows))) == pytest.approx(total * covered)


def test_text_is_tokenized_once_for_all_lengths(tmp_path: Path) -> None:
    first = packed(tmp_path, length=16)

    def never(text: str) -> list[int]:
        raise AssertionError("tokenized again")

    again = pack(ROWS, Scheme(each(never), ends(EOS), 257, "bytes"), 8, 0, tmp_path)
    assert np.array_equal(first.tokens[:], again.tokens[:])
    assert first.fingerprint != again.fingerprint


def test_another_tokenizer_or_end_token_makes_another_cache(tmp_path: Path) -> None:
    assert len(packed(tmp_path).tokens) == len(packed(tmp_path, eos=None).tokens) + len(TEXTS)
    other = pack(
        ROWS, Scheme(each(lambda text: [7] * len(text)), ends(EOS), 257, "sevens"), 16, 1, tmp_path
    )
    assert 7 in other.tokens[:]


def test_tokens_beyond_two_bytes_fit(tmp_path: Path) -> None:
    rows = pack(
        ROWS,
        Scheme(each(lambda text: [70_000] * len(text)), ends(None), 70_001, "big"),
        16,
        0,
        tmp_path,
    )
    assert rows[0]["input_ids"].tolist() == [70_000] * 16


def test_long_documents_are_encoded_in_pieces_cut_at_line_ends(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(200_000)) + "no line end"
    sizes: list[int] = []

    def encode(piece: str) -> list[int]:
        sizes.append(len(piece))
        return as_bytes(piece)

    rows = pack(
        ListRows([{"text": text}], "long"),
        Scheme(each(encode), ends(None), 256, "b"),
        16,
        0,
        tmp_path,
    )
    assert bytes(rows.tokens[:].astype(np.uint8)).decode() == text
    assert len(sizes) == 3
    assert max(sizes) < (1 << 20) + 20


@pytest.mark.parametrize("text", ["", "\n", "a", "ab\ncd\n", "abcdefgh", "a\n\n\nb"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pieces_joined_are_the_text(text: str, size: int) -> None:
    cut = list(pieces_of_text(text, size))
    assert "".join(cut) == text
    assert all(piece.endswith("\n") for piece in cut[:-1])
    assert all(cut)


def test_a_piece_that_is_full_at_a_line_end_ends_there() -> None:
    assert list(pieces_of_text("ab\ncd\nef", 3)) == ["ab\n", "cd\n", "ef"]


def test_a_text_shorter_than_a_block_is_a_fault_that_says_how_short(tmp_path: Path) -> None:
    rows = ListRows([{"text": "abc"}], "short")
    with pytest.raises(
        ConfigError, match=r"task\.sequence_length: found 16 for a text of 3 tokens"
    ):
        pack(rows, Scheme(each(as_bytes), ends(None), 256, "bytes"), 16, 1, tmp_path)


def test_a_document_that_is_no_text_is_counted_and_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("good text of some length")
    bad.write_bytes(b"\xff\xfe\xff")
    rows = TextFiles([bad, good])
    with pytest.raises(ConfigError, match=r"bad\.txt"):
        pack(rows, Scheme(each(as_bytes), ends(None), 256, "bytes"), 8, 0, tmp_path / "cache")
    for _ in range(2):  # built, and from the cache
        limit = CorruptLimit(1)
        kept = pack(
            rows, Scheme(each(as_bytes), ends(None), 256, "bytes"), 8, 0, tmp_path / "cache", limit
        )
        assert bytes(kept.tokens[:].tolist()) == b"good text of some length"
        assert list(limit.found) == [0]


def test_of_a_large_file_one_piece_at_a_time_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.txt"
    line, size = "a line of a large text\r\n", 40 << 20
    path.write_bytes(line.encode() * (size // len(line)) + b"x" * (5 << 20))
    monkeypatch.delattr(TextFiles, "__getitem__")
    monkeypatch.setattr(TextFiles, "__abstractmethods__", frozenset())
    longest = 0

    def encode(piece: str) -> list[int]:
        nonlocal longest
        longest = max(longest, len(piece))
        return [len(piece) % 251]

    tracemalloc.start()
    rows = pack(TextFiles([path]), Scheme(each(encode), ends(None), 256, "one"), 4, 0, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.text_bytes == path.stat().st_size
    assert longest <= 2 << 20
    assert peak < 16 << 20


def test_a_file_keeps_its_line_ends_and_loses_its_mark_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "dos.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert TextFiles([path])[0] == {"text": "one\r\ntwo\rthree\n"}


def test_a_file_that_goes_wrong_in_its_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("good text of some length")
    bad.write_bytes(b"bad\n" * (1 << 19) + b"\xff")
    rows, limit = TextFiles([good, bad, good]), CorruptLimit(1)
    kept = pack(
        rows, Scheme(each(as_bytes), ends(EOS), 257, "bytes"), 8, 0, tmp_path / "cache", limit
    )
    assert kept.tokens[:].tolist() == [*good.read_bytes(), EOS] * 2
    assert kept.text_bytes == 2 * good.stat().st_size


def test_texts_without_tokens_take_no_place_and_nothing_else_is_a_fault(tmp_path: Path) -> None:
    def rows(*texts: str) -> ListRows:
        return ListRows([{"text": text} for text in texts], repr(texts))

    kept = pack(
        rows("", "ab", "", "cd"), Scheme(each(as_bytes), ends(EOS), 257, "bytes"), 2, 0, tmp_path
    )
    assert kept.tokens[:].tolist() == [*b"ab", EOS, *b"cd", EOS]
    with pytest.raises(ConfigError, match="found 2 texts without a token"):
        pack(rows("", ""), Scheme(each(as_bytes), ends(EOS), 257, "bytes"), 2, 0, tmp_path)
