"""Megatron's .bin and .idx, against a writer and a reader that know only their description."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.data.tokens import megatron
from zoo.data.tokens.indexed import IndexWriter, UnreadableTokens, dtype_of, read_index
from zoo.data.tokens.stream import TokenStream

DOCUMENTS = [[1, 2, 3], [65_000, 0], [7] * 100]


@pytest.mark.parametrize("vocab_size, code", [(65_001, 8), (65_499, 8), (65_500, 4), (200_000, 4)])
def test_what_is_written_is_read_back_by_a_reader_of_the_description(
    tmp_path: Path, vocab_size: int, code: int
) -> None:
    dtype = dtype_of(vocab_size)
    with IndexWriter(tmp_path / "a.b", dtype) as writer:
        for ids in DOCUMENTS:
            writer.add(np.array(ids[:1], dtype).tobytes())
            writer.add(np.array(ids[1:], dtype).tobytes())
            assert writer.end() == len(ids)
        assert writer.end() == 0  # nothing is no document
        writer.add(b"\1\0\0\0")
        writer.drop()
    assert megatron.read(tmp_path / "a.b") == (code, DOCUMENTS)
    index = read_index(tmp_path / "a.b")
    assert index.documents.tolist() == [0, 3, 5, 105]


@pytest.mark.parametrize("code", sorted(megatron.CODES))
def test_what_others_write_is_read_whatever_its_integers(tmp_path: Path, code: int) -> None:
    documents = [[[1, 2], [3]], [[4]], [], [[100, 5, 6]]]  # sequences of documents, one without
    megatron.write(tmp_path / "x", documents, code)
    index = read_index(tmp_path / "x")
    assert index.documents.tolist() == [0, 3, 4, 4, 7]
    assert TokenStream([tmp_path / "x"], [index])[:].tolist() == [1, 2, 3, 4, 100, 5, 6]


def test_a_slice_may_lie_in_several_shards_of_several_types(tmp_path: Path) -> None:
    parts = [list(range(10)), [], [300, 301], list(range(400, 420))]
    for number, part in enumerate(parts):
        megatron.write(tmp_path / str(number), [[part]] if part else [], (1, 8, 8, 4)[number])
    prefixes = [tmp_path / str(number) for number in range(4)]
    stream = TokenStream(prefixes, [read_index(prefix) for prefix in prefixes])
    whole = [token for part in parts for token in part]
    assert len(stream) == len(whole)
    stream = pickle.loads(pickle.dumps(stream))
    for start in range(len(whole) + 1):
        for stop in range(start, len(whole) + 1):
            assert stream[start:stop].tolist() == whole[start:stop]
    assert stream[0:5].dtype == np.int64
    assert stream.ends() == (0, 419)
    assert len(pickle.dumps(stream)) < 2000  # names, not tokens


BROKEN = {
    "other": lambda idx, bin_: (b"something else" * 9, bin_),
    "cut": lambda idx, bin_: (idx[:-9], bin_),
    "version": lambda idx, bin_: (idx[:9] + b"\2" + idx[10:], bin_),
    "floats": lambda idx, bin_: (idx[:17] + b"\7" + idx[18:], bin_),
    "short .bin": lambda idx, bin_: (idx, bin_[:-2]),
    "apart": lambda idx, bin_: (idx[:42] + b"\4" + idx[43:], bin_),
    "documents": lambda idx, bin_: (idx[:-8] + b"\1" + idx[-7:], bin_),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_pair_that_is_not_what_it_says_is_told_and_not_read(tmp_path: Path, how: str) -> None:
    megatron.write(tmp_path / "x", [[[1, 2, 3]], [[4]]], 8)
    files = tmp_path / "x.idx", tmp_path / "x.bin"
    for file, content in zip(files, BROKEN[how](*(f.read_bytes() for f in files)), strict=True):
        file.write_bytes(content)
    with pytest.raises(UnreadableTokens):
        read_index(tmp_path / "x")
